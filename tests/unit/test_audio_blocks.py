"""Reading and writing audio files block by block."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_array_equal

from cadenza import audio
from cadenza.audio_blocks import AudioBlocks, write_wav_blocks
from cadenza.errors import InputError

RATE = 44100


def _joined(path, *, n_frames=700, sample_rate=RATE, channels=2):
    music = AudioBlocks(path, sample_rate=sample_rate, channels=channels)
    blocks = list(music.blocks(n_frames))
    assert [block.shape for block in blocks[:-1]] == [(channels, n_frames)] * (len(blocks) - 1)
    joined = np.concatenate(blocks, axis=1)
    assert joined.shape[1] == music.n_frames
    assert_array_equal(np.concatenate(list(music.blocks(n_frames)), axis=1), joined)
    return joined


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "PCM_U8"), ("flac", "PCM_16")],
)
def test_blocks_are_what_a_whole_file_holds(tmp_path, rng, suffix, subtype):
    path = tmp_path / f"x.{suffix}"
    soundfile.write(path, rng.uniform(-1, 1, (2000, 2)), RATE, subtype=subtype)
    assert_array_equal(_joined(path), audio.read(path)[0])


def test_what_has_to_be_changed_is_read_as_a_whole(tmp_path, rng):
    mono, scaled = tmp_path / "mono.wav", tmp_path / "scaled.flac"
    audio.write_wav(mono, rng.uniform(-1, 1, 5000), 32000)
    audio.write_flac(scaled, rng.uniform(-3, 3, (2, 5000)), RATE, scale=True)
    assert_array_equal(_joined(mono), audio.read(mono, sample_rate=RATE, channels=2)[0])
    assert_array_equal(_joined(scaled), audio.read(scaled)[0])


def test_damaged_files_are_named(tmp_path, rng):
    path = tmp_path / "x.flac"
    audio.write_flac(path, rng.uniform(-1, 1, (2, 200_000)), RATE)
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(InputError, match=r"x\.flac: damaged audio file: "):
        _joined(path, n_frames=16384)
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.full((100, 2), np.nan), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"nan\.wav: expected finite samples"):
        _joined(path)
    soundfile.write(path, np.zeros((100, 3)), RATE)
    with pytest.raises(InputError, match=r"expected 2 channel\(s\), found 3"):
        AudioBlocks(path, sample_rate=RATE, channels=2)


@pytest.mark.parametrize("shape", [(1, 50_000), (2, 50_000), (2, 0), (5, 100)])
def test_the_file_is_that_of_libsndfile(tmp_path, rng, shape):
    signal = rng.normal(size=shape)
    ours, whole, theirs = (tmp_path / f"{name}.wav" for name in ("ours", "whole", "theirs"))
    blocks = [signal[:, :1000], signal[:, 1000:]]
    clipped = write_wav_blocks(ours, blocks, RATE)
    assert clipped == audio.write_wav(whole, signal, RATE)
    assert clipped == (np.mean(np.abs(signal) > 1) if signal.size else 0)
    soundfile.write(theirs, audio.to_int16(audio.clip(signal)[0]).T, RATE, subtype="PCM_16")
    assert ours.read_bytes() == whole.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "cannot encode 0 channel"),
        ([np.zeros((2, 9)), np.zeros((1, 9))], "expected 2 channel.s., got 1"),
        ([np.zeros((2, 9)), np.full((2, 9), np.nan)], "signal must be finite"),
        ([np.full((2, 9), -np.inf)], "signal must be finite"),
    ],
)
def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path, blocks, message):
    with pytest.raises(ValueError, match=message):
        write_wav_blocks(tmp_path / "x.wav", blocks, RATE)
    assert not list(tmp_path.iterdir())


def test_a_wav_file_ends_at_4_gb(tmp_path, monkeypatch):
    monkeypatch.setattr("cadenza._blocks._LARGEST", 100)
    with pytest.raises(ValueError, match="too long for a WAV file"):
        write_wav_blocks(tmp_path / "x.wav", [np.zeros((2, 26))], RATE)
    assert write_wav_blocks(tmp_path / "x.wav", [np.zeros((2, 25))], RATE) == 0
