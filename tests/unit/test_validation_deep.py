"""Reading files to their end: in threads, in parts, and with files that change meanwhile."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.command import main
from cadenza.datasets import validation_deep
from cadenza.datasets.validation import validate
from cadenza.datasets.validation_content import Content
from cadenza.datasets.validation_deep import MEMORY, read_all

from .challenge_roots import write_cad1

WAIT_S = 10
"""Long enough for a thread to start on a busy machine."""


@pytest.fixture(scope="module")
def cad1(tmp_path_factory) -> Path:
    """A root; do not change it."""
    folder = tmp_path_factory.mktemp("data") / "cad1"
    write_cad1(folder)
    return folder


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Three short audio files."""
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in paths:
        audio.write_wav(path, np.full((2, 1000), 0.1), 44100)
    return paths


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """Names of the files that are read to their end."""
    names: list[str] = []
    read = validation_deep._read

    def count(path, stop):
        names.append(path.name)
        return read(path, stop)

    monkeypatch.setattr(validation_deep, "_read", count)
    return names


def test_what_was_whole_is_not_read_again(cad1, tmp_path, counted):
    root = Path(shutil.copytree(cad1, tmp_path / "cad1"))
    validate("cad1", root, deep=True)
    assert len(counted) == 10
    counted.clear()
    song = root / "audio/musdb18hq/train/One"
    audio.write_wav(song / "bass.wav", audio.read(song / "drums.wav")[0], 44100)
    assert validate("cad1", root, deep=True, jobs=3).can_run
    assert counted == ["bass.wav"]


def test_an_interruption_keeps_what_was_read(cad1, tmp_path, monkeypatch, capsys, counted):
    root = Path(shutil.copytree(cad1, tmp_path / "cad1"))
    count = validation_deep._read

    def read_four(path, stop):
        if len(counted) == 4:
            raise KeyboardInterrupt
        return count(path, stop)

    with monkeypatch.context() as patch:
        patch.setattr(validation_deep, "_read", read_four)
        assert main(["validate", "cad1", str(root), "--deep", "--jobs", "1"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert len(json.loads((root / MEMORY).read_text())) == 4
    validate("cad1", root, deep=True)
    assert len(counted) == 10


def test_damaged_files_are_read_again(tmp_path, counted):
    path = tmp_path / "a.wav"
    audio.write_wav(path, [[0.1] * 1000] * 2, 44100)
    path.write_bytes(path.read_bytes()[:-10])
    for _ in range(2):
        assert "truncated" in read_all([path, path], tmp_path / MEMORY, jobs=1).problems[path]
    assert counted == ["a.wav"] * 2


def test_a_folder_that_cannot_be_written(tmp_path, caplog):
    path = tmp_path / "a.wav"
    audio.write_wav(path, [[0.1] * 1000] * 2, 44100)
    (tmp_path / MEMORY).mkdir()  # in place of the file
    assert read_all([path], tmp_path / MEMORY, jobs=1).problems == {}
    assert "the next run reads all files again" in caplog.text


class Threads:
    """Stands in for reading: how many threads read at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def read(self, path, stop):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        return f"{path}: bad"


@pytest.mark.parametrize("jobs", [1, 2])
def test_as_many_files_are_read_at_a_time_as_asked_for(files, tmp_path, monkeypatch, jobs):
    threads = Threads()
    monkeypatch.setattr(validation_deep, "_read", threads.read)
    assert set(read_all(files, tmp_path / MEMORY, jobs=jobs).problems) == set(files)
    assert threads.most == jobs


def test_an_interruption_stops_files_that_are_being_read(files, tmp_path, monkeypatch):
    """The long ones are not read to their end first."""
    started = threading.Event()
    n_blocks = 0

    def long_file(self, n_frames):
        nonlocal n_blocks
        if self._path != files[0]:
            started.wait(WAIT_S)
            raise KeyboardInterrupt
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            n_blocks += 1
            started.set()
            time.sleep(0.001)
            yield np.zeros((2, 10))

    monkeypatch.setattr(validation_deep.AudioBlocks, "blocks", long_file)
    before_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        read_all(files[:2], tmp_path / MEMORY, jobs=2)
    assert time.monotonic() - before_s < WAIT_S / 2
    assert n_blocks
    assert json.loads((tmp_path / MEMORY).read_text()) == {}


def test_an_interruption_starts_no_other_files(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.wav" for number in range(50)]
    for path in paths:
        path.touch()
    started = []

    def slow(path, stop):
        started.append(path)
        if path == paths[0]:
            raise KeyboardInterrupt
        time.sleep(0.05)
        return f"{path}: bad"

    monkeypatch.setattr(validation_deep, "_read", slow)
    with pytest.raises(KeyboardInterrupt):
        read_all(paths, tmp_path / MEMORY, jobs=1)
    assert len(started) < 25


def test_an_interruption_stops_zip_files(tmp_path, monkeypatch):
    """The same for packages, which have many gigabytes."""
    stop = threading.Event()
    seen = []

    def members(path):
        for number in range(5):
            seen.append(number)
            stop.set()
            yield number

    monkeypatch.setattr(validation_deep, "read_zip", members)
    validation_deep._read(tmp_path / "a.zip", stop)
    assert seen == [0]


@pytest.mark.parametrize(("between_s", "is_saved"), [(-1, True), (3600, False)])
def test_it_is_saved_now_and_then(files, tmp_path, monkeypatch, between_s, is_saved):
    """A power cut costs what was read since; but saving after every file would take long."""
    read = validation_deep._read
    found = []

    def look(path, stop):
        until = time.monotonic() + (WAIT_S if is_saved else 0.2)
        while path == files[1] and not found and time.monotonic() < until:
            if (tmp_path / MEMORY).exists():
                found.extend(json.loads((tmp_path / MEMORY).read_text()))
            time.sleep(0.01)
        return read(path, stop)

    monkeypatch.setattr(validation_deep, "_read", look)
    monkeypatch.setattr(validation_deep, "_BETWEEN_SAVES_S", between_s)
    read_all(files[:2], tmp_path / MEMORY, jobs=1)
    assert found == ([str(files[0])] if is_saved else [])
    assert list(json.loads((tmp_path / MEMORY).read_text())) == [str(path) for path in files[:2]]


def test_a_file_that_changes_while_it_is_read_is_read_again(files, tmp_path, monkeypatch, counted):
    count = validation_deep._read

    def then_change(path, stop):
        found = count(path, stop)
        audio.write_wav(path, np.full((2, 2000), 0.2), 44100)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(validation_deep, "_read", then_change)
        read_all(files[:1], tmp_path / MEMORY, jobs=1)
    read_all(files[:1], tmp_path / MEMORY, jobs=1)
    assert counted == ["a.wav"] * 2


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_file_that_goes_is_missing(cad1, tmp_path, monkeypatch, when):
    root = Path(shutil.copytree(cad1, tmp_path / "cad1"))
    path = root / "audio/musdb18hq/train/One/bass.wav"
    read = validation_deep._read if when == "meanwhile" else validation_deep.read_all

    def after_it_has_gone(*arguments, **options):
        path.unlink(missing_ok=True)
        return read(*arguments, **options)

    if when == "meanwhile":
        monkeypatch.setattr(validation_deep, "_read", after_it_has_gone)
    else:
        monkeypatch.setattr("cadenza.datasets.validation.read_all", after_it_has_gone)
    found = {part.key: part for part in validate("cad1", root, deep=True).parts}
    stems = found["valid music: stems"]
    assert (stems.state, stems.n_found) == ("missing 1 of 4", 3)
    assert [problem.text for problem in stems.problems] == [f"{path}: missing"]


@pytest.mark.parametrize(
    "entry",
    [
        [],
        [1],
        3,
        None,
        "whole",
        {"a": 1},
        ["stamp"],
        ["stamp", 7],
        ["stamp", "whole"],
        ["stamp", "1 2"],
    ],
)
def test_odd_entries_of_the_memory_are_ignored(files, tmp_path, counted, entry):
    if isinstance(entry, list) and entry[:1] == ["stamp"]:
        entry = [*validation_deep.stamp_of(files[0]), *entry[1:]]
    (tmp_path / MEMORY).write_text(json.dumps({str(files[0]): entry}))
    assert read_all(files[:1], tmp_path / MEMORY, jobs=1).problems == {}
    assert counted == ["a.wav"]


def test_what_is_remembered_is_what_was_found(files, tmp_path, counted):
    first = read_all(files, tmp_path / MEMORY, jobs=1).contents
    second = read_all(files, tmp_path / MEMORY, jobs=1).contents
    assert len(counted) == 3
    for path in files:
        assert isinstance(second[path], Content)
        assert second[path].sounds_until == first[path].sounds_until == 1
        assert second[path].sums == pytest.approx(first[path].sums, rel=1e-3, abs=1e-12)
