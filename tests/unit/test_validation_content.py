"""Music that can be read but is odd: silence, and stems that do not add up to their mixture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.command import main
from cadenza.datasets.validation import validate
from cadenza.datasets.validation_content import BLOCK_FRAMES, Content, content_of, snr_db
from cadenza.stems import STEMS
from tests.recipes.conftest import write_json, write_song

from .challenge_roots import write_cad1, write_cad2

RATE = 44100
FRAMES = 2 * BLOCK_FRAMES + 999


def of(signal: np.ndarray) -> Content:
    """As it is found when a file is read."""
    starts = range(0, signal.shape[1], BLOCK_FRAMES)
    blocks = [signal[:, start : start + BLOCK_FRAMES] for start in starts]
    return content_of(blocks, signal.shape[1])


@pytest.fixture
def stems(rng) -> list[np.ndarray]:
    """Noise, a tone and a click, whose errors are spread over time in different ways."""
    t = np.arange(FRAMES) / RATE
    click = np.zeros(FRAMES)
    click[1000:1100] = click[-1100:-1000] = 5
    signals = [rng.normal(0, 0.1, FRAMES), 0.1 * np.sin(2 * np.pi * 100 * t), click]
    return [np.stack([signal, 0.5 * signal[::-1]]) for signal in signals]


def test_sums_add_up(stems):
    mixture = of(sum(stems))
    assert mixture.sums == pytest.approx(sum(of(stem).sums for stem in stems), abs=1e-9)
    assert snr_db(mixture, [of(stem) for stem in stems]) > 200


@pytest.mark.parametrize("error_db", [-40, -20, -10, 0, 10])
@pytest.mark.parametrize("which", [0, 1])
def test_the_snr_is_estimated(stems, error_db, which):
    """Also of a tone, which has the same phase in many blocks."""
    music, error = np.zeros_like(stems[0]), stems[which]
    music[:, ::7] = stems[2][:, ::7] + stems[0][:, ::7]
    error = error * np.sqrt(np.mean(music**2) / np.mean(error**2)) * 10 ** (error_db / 20)
    assert snr_db(of(music), [of(music + error)]) == pytest.approx(-error_db, abs=2.5)


def test_an_error_that_is_the_same_in_every_block(rng):
    t = np.arange(8 * BLOCK_FRAMES)
    music = rng.normal(0, 0.1, (2, t.size))
    error = np.tile(0.1 * np.sqrt(2) * np.sin(2 * np.pi * t / 128), (2, 1))
    assert snr_db(of(music), [of(music + error)]) == pytest.approx(0, abs=2.5)


def test_an_error_of_both_channels_does_not_cancel(stems):
    music = stems[0]
    error = np.stack([music[0], -music[0]])
    assert snr_db(of(music), [of(music + error)]) < 3


def test_each_half_counts(stems):
    music = stems[0]
    soft = music * np.where(np.arange(FRAMES) < FRAMES // 2, 1, 0.2)
    wrong = soft * (np.arange(FRAMES) < FRAMES // 2)
    assert snr_db(of(soft), [of(wrong)]) < 4, "of the whole song, it is 14 dB"
    quiet = music * np.where(np.arange(FRAMES) < FRAMES * 3 // 4, 1, 1e-5)
    assert snr_db(of(quiet), [of(np.round(quiet * 32768) / 32768)]) > 50


def test_silence_at_the_end(stems):
    music = stems[0].copy()
    assert of(music).sounds_until == 1
    music[:, BLOCK_FRAMES + 5 :] = 0
    assert of(music).sounds_until == (BLOCK_FRAMES + 5) / FRAMES
    music[1] = 0
    assert of(music).sounds_until == (BLOCK_FRAMES + 5) / FRAMES
    assert of(0 * music).sounds_until == 0


@pytest.mark.parametrize("n_channels", [1, 2, 3, 6])
def test_any_number_of_channels(rng, n_channels):
    found = of(rng.normal(0, 1, (n_channels, 5000)))
    assert 10 * np.log10(np.mean(found.sums.sum(axis=0) ** 2)) == pytest.approx(
        10 * np.log10(n_channels * 5000 / 32), abs=3
    )


@pytest.mark.parametrize("text", ["", "whole", "1", "nan " + "0 " * 64, "0 " * 64, "0 " * 66])
def test_only_what_was_written_is_read(text):
    assert Content.parse(text) is None
    assert Content.parse("0.5 " + "1e-3 " * 64).sounds_until == 0.5


@pytest.fixture
def root(tmp_path) -> Path:
    write_cad1(tmp_path / "root")
    return tmp_path / "root"


def said(root: Path, challenge: str = "cad1") -> dict[str, tuple[str, list[str]]]:
    """State of each odd part, and the remarks."""
    found = validate(challenge, root, deep=True)
    assert not found.is_damaged
    return {
        part.key: (part.state, [problem.text for problem in part.problems])
        for part in found.parts
        if any(problem.kind == "remark" for problem in part.problems)
    }


def change(path: Path, by) -> None:
    music, rate = audio.read(path)
    audio.write_wav(path, by(music), rate)


def test_nothing_is_odd(root):
    assert said(root) == {}


def test_stems_of_two_songs_are_swapped(root, capsys):
    write_song(root / "audio/musdb18hq/test/Two", 5)
    assert said(root) == {}
    one, two = (
        root / "audio/musdb18hq" / song / "vocals.wav" for song in ("train/One", "test/Two")
    )
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert set(said(root)) == {"valid music: stems", "test music: stems"}
    state, (text,) = said(root)["valid music: stems"]
    assert state == "whole, 1 remark"
    assert f"{one.parent}: stems do not add up to the mixture (SNR " in text
    arguments = ["validate", "cad1", str(root), "--deep", "--split", "valid"]
    assert main(arguments) == 0, "a remark is no damage"
    output = capsys.readouterr().out
    assert "train/One: stems do not add up to the mixture (SNR " in output
    assert "test/Two" not in output


@pytest.mark.parametrize(
    ("zero_from", "says"),
    [(0, "all samples are zero"), (0.5, "all samples of the second half are zero")],
)
def test_a_mixture_without_music(root, zero_from, says):
    path = root / "audio/musdb18hq/train/One/mixture.wav"
    change(path, lambda x: x * (np.arange(x.shape[1]) < zero_from * x.shape[1]))
    assert said(root) == {"valid music: mixtures": ("whole, 1 remark", [f"{path}: {says}"])}


def test_a_silent_stem_is_music(root):
    """Many songs have no vocals."""
    folder = root / "audio/musdb18hq/train/One"
    change(folder / "vocals.wav", lambda x: 0 * x)
    stems = [audio.read(folder / f"{stem}.wav")[0] for stem in STEMS]
    audio.write_wav(folder / "mixture.wav", sum(stems), RATE)
    assert said(root) == {}


def test_clipping_and_other_lengths_are_no_remarks(root):
    folder = root / "audio/musdb18hq/train/One"
    change(folder / "mixture.wav", lambda x: np.clip(x, -0.4, 0.4))
    assert said(root) == {}
    change(folder / "mixture.wav", lambda x: x[:, ::-1])
    assert set(said(root)) == {"valid music: stems"}
    music, _ = audio.read(folder / "bass.wav")
    audio.write_wav(folder / "bass.wav", audio.resample(music, RATE, 48000), 48000)
    (part,) = [p for p in validate("cad1", root, deep=True).parts if p.key == "valid music: stems"]
    assert part.state == "1 with wrong rate"


def test_a_silent_mixture_of_an_ensemble(tmp_path):
    write_cad2(tmp_path)
    path = tmp_path / "audio/valid/duet_001/mixture.flac"
    music, rate = audio.read(path)
    audio.write_flac(path, 0 * music, rate)
    texts = [f"{path}: all samples are zero"]
    assert said(tmp_path, "cad2") == {"valid music: mixtures": ("whole, 1 remark", texts)}


def test_remarks_need_no_second_reading(root, monkeypatch):
    change(root / "audio/musdb18hq/train/One/mixture.wav", lambda x: x[:, ::-1])
    first = said(root)
    assert first
    monkeypatch.setattr("cadenza.datasets.validation_deep._read", None)
    assert said(root) == first


def test_a_memory_of_an_earlier_version(root):
    """It has no contents: the files are read again."""
    validate("cad1", root, deep=True)
    (memory,) = root.glob(".cadenza*.json")
    write_json(
        memory, {path: [*e[:2], "whole"] for path, e in json.loads(memory.read_text()).items()}
    )
    change(root / "audio/musdb18hq/train/One/mixture.wav", lambda x: x[:, ::-1])
    assert set(said(root)) == {"valid music: stems"}
