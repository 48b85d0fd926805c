"""Music at the microphones, rendered block by block."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal

from cadenza import audio
from cadenza.challenges import at_mic
from cadenza.challenges.at_mic import AtMicRenderer
from cadenza.challenges.heads import RecordedHeads
from cadenza.challenges.icassp_2024 import TRACKS, AtMicSample, HeadPosition
from cadenza.challenges.metadata import Track
from cadenza.hrtf import read_head_response, render
from cadenza.loudness import LoudnessMeter, match_loudness

RATE = 44100
POSITION = {"microphone": "BTE", "subject": "A", "left_angle_deg": -30.0, "right_angle_deg": 30.0}


@pytest.fixture
def song(tmp_path, rng):
    """A song of 1.5 s with a silent stem, and the head that hears it."""
    for side in "np":
        response = 0.3 * rng.standard_normal((2, 100)) * np.exp(-np.arange(100) / 20)
        soundfile.write(tmp_path / f"BTE-A-{side}30.0.wav", response.T, RATE, subtype="FLOAT")
    for track in TRACKS:
        scale = 0.0 if track == "bass" else 0.2
        audio.write_wav(
            tmp_path / "song" / f"{track}.wav", scale * rng.standard_normal((2, 66_000)), RATE
        )
    track = Track(name="song", split="train", folder=tmp_path / "song")
    return AtMicSample("song-hlp_1", track, "hlp_1", HeadPosition(**POSITION))


def _codes(path):
    return soundfile.read(path, dtype="int16")[0].T


def test_blocks_give_what_whole_songs_give(tmp_path, song):
    clipped = AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / "out", RATE)(song)
    assert list(clipped) == list(TRACKS)
    head = read_head_response(tmp_path, **POSITION, sample_rate=RATE)
    for track, path in song.targets(tmp_path / "out").items():
        music, _ = audio.read(tmp_path / "song" / f"{track}.wav")
        expected = match_loudness(render(music, head), music, RATE)
        assert_array_equal(_codes(path), audio.to_int16(expected))
        assert clipped[track] == audio.clip(expected)[1] / expected.size
    assert not np.any(_codes(song.targets(tmp_path / "out")["bass"]))


def test_the_result_does_not_depend_on_what_is_kept(tmp_path, song, monkeypatch):
    AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / "kept", RATE)(song)
    for n_frames in (0, 20_000):
        monkeypatch.setattr(at_mic, "_KEPT_FRAMES", n_frames)
        AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / f"kept_{n_frames}", RATE)(song)
        for track in TRACKS:
            whole, again = (
                song.targets(tmp_path / f)[track].read_bytes() for f in ("kept", f"kept_{n_frames}")
            )
            assert whole == again


def test_dry_files_are_measured_once(tmp_path, song, monkeypatch):
    meters = []
    measure = LoudnessMeter.integrated_lufs
    monkeypatch.setattr(
        LoudnessMeter, "integrated_lufs", lambda meter: meters.append(meter) or measure(meter)
    )
    renderer = AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / "out", RATE)
    renderer(song)
    assert len(meters) == 9  # five rendered files; the four dry ones that are not silent
    renderer(song)
    assert len(meters) == 14


def test_music_without_a_loudness_keeps_its_level(tmp_path, song, caplog):
    for path in song.sources().values():
        audio.write_wav(path, np.full((2, 1000), 0.1), RATE)
    AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / "out", RATE)(song)
    head = read_head_response(tmp_path, **POSITION, sample_rate=RATE)
    music, _ = audio.read(song.sources()["drums"])
    found = _codes(song.targets(tmp_path / "out")["drums"])
    assert_array_equal(found, audio.to_int16(audio.clip(render(music, head))[0]))
    assert "loudness not matched: signals must be at least 0.4 s long" in caplog.messages


def test_memory_does_not_grow_with_the_song(tmp_path, song, monkeypatch):
    monkeypatch.setattr(at_mic, "_KEPT_FRAMES", 60_000)
    rng = np.random.default_rng(3)
    for path in song.sources().values():
        audio.write_wav(path, 0.1 * rng.standard_normal((2, 20 * RATE)), RATE)
    AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / "out", RATE)(song)  # compiles
    tracemalloc.start()
    AtMicRenderer(RecordedHeads(tmp_path, RATE), tmp_path / "out", RATE)(song)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20 * RATE * 2 * 8 / 2  # half of one file as float64
