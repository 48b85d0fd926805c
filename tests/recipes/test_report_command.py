"""`cadenza report`, and `cadenza score --report`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cadenza.command import main

from .conftest import call

pytestmark = pytest.mark.slow

AUDIOGRAM = ("--audiogram", "20,20,25,30,35,40,45,50")


@pytest.fixture
def run(finished_root, tmp_path, monkeypatch) -> Path:
    """The folder of an evaluated run, in the current folder."""
    shutil.copytree(finished_root, tmp_path / "root")
    monkeypatch.chdir(tmp_path)
    assert call("baseline.evaluate", "path.root=root", "path.exp_folder=root/exp") == 0
    return Path("root/exp")


def test_a_report_of_a_run(run, capsys):
    arguments = ["report", str(run), "--to", "report", "--items", "worst:2", "--jobs", "1"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith("2 item pages made; open report/index.html\n")
    assert main(arguments) == 0
    assert "0 item pages made, 2 kept" in capsys.readouterr().out
    assert len(list(Path("report/item").iterdir())) == 2


def test_a_comparison_of_two_runs(run, capsys):
    shutil.copytree(run, "other")
    assert main(["report", str(run), "other", "--to", "report", "--items", "none"]) == 0
    assert "exp" in Path("report/index.html").read_text()
    assert Path("report/a.html").is_file()
    assert Path("report/b.html").is_file()


def test_an_item_without_sound_is_told(run, capsys):
    for file in (run / "enhanced_signals").glob("*.flac"):
        file.unlink()
    arguments = ["report", str(run), "--to", "report", "--items", "worst:1", "--jobs", "1"]
    assert main(arguments) == 1
    page = next(Path("report/item").glob("*/index.html"))
    assert "file not found" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--to", "report"], "cadenza: nowhere: no such folder"),
        (["root/exp"], "Missing option '--to'"),
        (["root/exp", "--to", "root"], "cadenza: root: holds something else"),
        (["root/exp", "--to", "report", "--items", "some"], "items must be all, none"),
        (["root/exp", "--to", "report", "--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_mistakes_are_one_line(run, capsys, arguments, message):
    assert main(["report", *arguments]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert not Path("report").exists()


def test_the_page_of_scored_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    music = rng.normal(scale=0.1, size=(24000, 2))
    signals = {"music": music, "clipped": np.clip(music, -0.05, 0.05), "soft": 0.1 * music}
    for name, signal in signals.items():
        soundfile.write(f"{name}.wav", signal, 24000, subtype="DOUBLE")
    files = ["music.wav", "clipped.wav", "soft.wav"]
    assert main(["score", *files, *AUDIOGRAM, "--report", "page"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith("report: open page/index.html\n")
    text = Path("page/index.html").read_text()
    assert "music.wav" in text
    assert "<h3>left ear</h3>" in text, "a heading says that it is an ear"
    for number in (line.split()[1] for line in printed.splitlines() if line.startswith("score ")):
        assert f'class="num">{number}<' in text
    assert {"reference.flac", "clipped.flac", "soft.flac", "audio.js"} <= {
        p.name for p in Path("page").iterdir()
    }
    assert not Path("page/mixture.flac").exists()


def test_the_page_of_mono_files_has_one_ear(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    music = np.random.default_rng(3).normal(scale=0.1, size=24000)
    soundfile.write("music.wav", music, 24000)
    soundfile.write("soft.wav", 0.1 * music, 24000)
    assert main(["score", "music.wav", "soft.wav", *AUDIOGRAM, "--report", "page"]) == 0
    assert Path("page/index.html").read_text().count("spectrogram: soft minus reference") >= 1
