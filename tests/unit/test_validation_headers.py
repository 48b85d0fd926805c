"""Paths that are no files, links that lead nowhere, and lengths."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cadenza import audio
from cadenza.command import main
from cadenza.datasets.validation import validate
from cadenza.datasets.validation_findings import Finding

from .challenge_roots import write_cad1, write_cad2, write_icassp

SONG = "audio/musdb18hq/train/One"
needs_pipes = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders"
)


@pytest.fixture
def root(tmp_path) -> Path:
    write_cad1(tmp_path / "root")
    return tmp_path / "root"


def part(root: Path, key: str, challenge: str = "cad1") -> Finding:
    (found,) = [part for part in validate(challenge, root, deep=True).parts if part.key == key]
    return found


def cut(folder: Path, n_frames: int) -> None:
    """Shorten all files."""
    for path in folder.iterdir():
        music, rate = audio.read(path)
        write = audio.write_flac if path.suffix == ".flac" else audio.write_wav
        write(path, music[:, :n_frames], rate)


@needs_pipes
def test_a_pipe_is_no_file(root):
    """Nothing is read from it, which would wait for someone to write."""
    path = root / SONG / "vocals.wav"
    path.unlink()
    os.mkfifo(path)
    found = part(root, "valid music: stems")
    assert (found.state, found.n_found) == ("1 damaged", 3)
    assert found.problems[0].text.startswith(f"{path}: not a file: expected an audio file, found")


@needs_pipes
def test_metadata_that_are_a_pipe(root):
    path = root / "metadata/listeners.valid.json"
    path.unlink()
    os.mkfifo(path)
    found = part(root, "valid listeners")
    assert (found.state, found.problems[0].text) == ("damaged", f"{path}: not a file")


def make_link(path: Path, to: Path) -> None:
    path.rename(path.with_name("before"))
    try:
        path.symlink_to(to)
    except OSError:
        pytest.skip("no links here")


def test_a_link_that_leads_nowhere(root, tmp_path):
    path = root / SONG / "vocals.wav"
    make_link(path, tmp_path / "gone.wav")
    found = part(root, "valid music: stems")
    assert found.state == "missing 1 of 4"
    text = f"{path}: link to {tmp_path / 'gone.wav'}, which is missing"
    assert [problem.text for problem in found.problems] == [text]


def test_a_disk_that_is_not_there(root, tmp_path, capsys):
    make_link(root / "audio", tmp_path / "disk")
    assert main(["validate", "cad1", str(root), "--split", "valid"]) == 1
    output = capsys.readouterr().out
    place = f"audio is a link to {tmp_path / 'disk'}, which is missing"
    (line,) = [line for line in output.splitlines() if line.startswith("valid  music: stems")]
    assert line.endswith(f"absent  {SONG}/vocals.wav: {place}; and 3 more")


def test_a_link_to_metadata_that_leads_nowhere(root, tmp_path):
    path = root / "metadata/listeners.valid.json"
    make_link(path, tmp_path / "gone.json")
    assert part(root, "valid listeners").problems[0].text.endswith("gone.json, which is missing")


@pytest.mark.parametrize("n_frames", [1000, 22049])
def test_a_song_of_a_moment_is_no_song(root, n_frames):
    cut(root / SONG, n_frames)
    found = part(root, "valid music: mixtures")
    assert (found.state, found.is_usable) == ("1 with wrong length", False)
    assert found.problems[0].text.endswith(f"lasts {n_frames / 44100:g} s, expected 0.5 s or more")
    cut(root / "audio/musdb18hq/test/Two", 1000)
    assert "expected 0.6 s or more" in part(root, "test music: mixtures").problems[0].text


@pytest.mark.parametrize(
    ("folder", "key"),
    [
        ("audio/music/train/Tiny Band - Up", "train dry music: mixtures"),
        ("audio/at_mic_music/train/Tiny Band - Up-*", "train music at the microphones: mixtures"),
    ],
)
def test_a_song_of_a_moment_in_icassp_2024(tmp_path, folder, key):
    write_icassp(tmp_path)
    cut(next(tmp_path.glob(folder)), 1000)
    assert part(tmp_path, key, "icassp").state == "1 with wrong length"


@pytest.mark.parametrize(
    ("n_frames", "states"),
    [
        (26460, {"whole"}),
        (26459, {"4 with wrong length"}),  # a piece for validation ends at 0.6 s
    ],
)
def test_a_download_has_all_that_is_cut_from_it(tmp_path, n_frames, states):
    write_cad2(tmp_path)
    cut(tmp_path / "zenodo_download/EnsembleSet/quartet/Mix_1", n_frames)
    assert {part(tmp_path, "download: music", "cad2").state} == states


@pytest.mark.parametrize(
    ("convert", "says", "stops"),
    [
        (lambda x: audio.resample(x, 44100, 48000), "48000 Hz, expected 44100 Hz", False),
        (lambda x: x, "48000 Hz, expected 44100 Hz; 35280 samples at 48000 Hz, exp", True),
    ],
)
def test_another_rate_is_said_once(root, convert: Callable, says, stops):
    """Converted, or with the wrong rate in its header: then it is too short, too."""
    path = root / SONG / "bass.wav"
    music, _ = audio.read(path)
    audio.write_wav(path, convert(music), 48000)
    found = part(root, "valid music: stems")
    (problem,) = found.problems
    assert (found.state, problem.stops) == ("1 with wrong rate", stops)
    assert problem.text.startswith(f"{path}: {says}")
    assert found.is_usable is not stops
