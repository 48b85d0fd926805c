"""Folders that are no challenge root, commands with odd paths, and reading everything in parts."""

from __future__ import annotations

import json
import logging
import shlex
import shutil
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cadenza import audio
from cadenza.command import main
from cadenza.datasets import validation_deep
from cadenza.datasets.validation import validate
from cadenza.datasets.validation_deep import MEMORY, read_all
from cadenza.datasets.validation_steps import Step, setting

from .challenge_roots import write_cad1, write_cad2, write_icassp


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Roots of two challenges, side by side; do not change them."""
    folder = tmp_path_factory.mktemp("data")
    write_cad1(folder / "cad1")
    write_cad2(folder / "cad2")
    (folder / "empty").mkdir()
    return folder


def complaint(capsys, *arguments: object) -> str:
    """What the command says to a mistake, in one line."""
    assert main(["validate", *map(str, arguments)]) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    return errors


@pytest.mark.parametrize(
    ("challenge", "folder", "says"),
    [
        ("cad1", ".", "it is too high; give {data}/cad1"),
        ("cad2", ".", "it is too high; give {data}/cad2"),
        ("cad1", "cad1/audio", "it is too low; give {data}/cad1"),
        ("cad1", "cad1/audio/musdb18hq/train/One", "it is too low; give {data}/cad1"),
        ("cad1", "cad1/metadata", "it is too low; give {data}/cad1"),
        ("cad2", "cad2/zenodo_download", "this is the download; give {data}/cad2"),
        ("cad2", "cad2/zenodo_download/EnsembleSet", "it is too low; give {data}/cad2"),
        ("icassp", "cad1", "this looks like cad1_task1: cadenza validate cad1_task1 {data}/cad1"),
        ("cad1", "cad2", "this looks like cad2_task2"),
        ("cad1", "empty", "the folder is empty. cadenza fetch cad1_task1 lists what"),
        ("cad1", "gone", "{data}/gone: no such folder"),
        ("cad1", "cad1/metadata/musdb18.valid.json", "expected a folder, found a file"),
        ("cad", "cad1", "cad may be cad1_task1 or cad2_task2: write the full name"),
        ("", "cad1", "no challenge : there are icassp_2024, cad1_task1, cad2_task2"),
    ],
)
def test_the_folder_that_was_meant(data, capsys, challenge, folder, says):
    folder = str(data / folder)
    assert says.format(data=data) in complaint(capsys, challenge, folder)


def test_a_download_that_is_nowhere(data, tmp_path, capsys):
    shutil.copytree(data / "cad2/zenodo_download", tmp_path / "somewhere")
    found = complaint(capsys, "cad2", tmp_path / "somewhere")
    assert "this is the download; move it to the folder zenodo_download" in found


def test_folders_with_something_else(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    assert "expected the folders metadata (with listeners.valid.json and" in complaint(
        capsys, "cad1", tmp_path
    )
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "notes.json").touch()
    assert "no metadata of cad1_task1; expected files like" in complaint(capsys, "cad1", tmp_path)


def test_the_number_of_jobs_must_be_positive(data, capsys):
    assert "--jobs" in complaint(capsys, "cad1", data / "cad1", "--jobs", 0)


def test_a_root_without_anything_to_run_ends_with_1(data, tmp_path):
    shutil.copytree(data / "cad1/metadata", tmp_path / "metadata")
    assert main(["validate", "cad1", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    "folder", ["/data", "/my data/x", "/a,b", "/it's", '/"x"', "/a{1}=[b]", "/ü"]
)
def test_commands_survive_the_shell_and_hydra(folder):
    command = Step("cad1.task1.baseline.enhance", (setting("path.root", folder),)).command
    arguments = shlex.split(command)[3:]
    (override,) = OverridesParser.create().parse_overrides(arguments)
    assert override.value() == folder


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


def test_what_was_whole_is_not_read_again(data, tmp_path, counted):
    root = Path(shutil.copytree(data / "cad1", tmp_path / "cad1"))
    validate("cad1", root, deep=True)
    assert len(counted) == 10
    counted.clear()
    song = root / "audio/musdb18hq/train/One"
    audio.write_wav(song / "bass.wav", audio.read(song / "drums.wav")[0], 44100)
    assert validate("cad1", root, deep=True, jobs=3).can_run
    assert counted == ["bass.wav"]


def test_an_interruption_keeps_what_was_read(data, tmp_path, monkeypatch, capsys, counted):
    root = Path(shutil.copytree(data / "cad1", tmp_path / "cad1"))
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
        assert "truncated" in read_all([path, path], tmp_path / MEMORY, jobs=1)[path]
    assert counted == ["a.wav"] * 2


def test_a_folder_that_cannot_be_written(tmp_path, caplog):
    path = tmp_path / "a.wav"
    audio.write_wav(path, [[0.1] * 1000] * 2, 44100)
    (tmp_path / MEMORY).mkdir()  # in place of the file
    assert read_all([path], tmp_path / MEMORY, jobs=1) == {}
    assert "the next run reads all files again" in caplog.text


# What the table says


def test_of_what_is_absent_two_files_are_named(tmp_path, capsys):
    write_icassp(tmp_path)
    shutil.rmtree(tmp_path / "audio/music")
    main(["validate", "icassp", str(tmp_path)])
    output = capsys.readouterr().out
    assert output.count("audio/music/train/") == 4
    assert "    and 6 more\n" in output


def test_a_scene_that_nobody_listens_to(tmp_path):
    write_icassp(tmp_path)
    file = tmp_path / "metadata/scene_listeners.train.json"
    people = json.loads(file.read_text())
    people.popitem()
    file.write_text(json.dumps(people))
    notes = {part.key: part.note for part in validate("icassp", tmp_path).parts}
    assert notes["train scenes"] == "4 scenes, 6 pairs, 1 scene without a listener"


def test_how_to_replace_damaged_files(data, tmp_path, capsys):
    root = Path(shutil.copytree(data / "cad1", tmp_path / "cad1"))
    (root / "metadata/listeners.valid.json").write_text("{")
    assert main(["validate", "cad1", str(root)]) == 1
    assert "command again with --repair." in capsys.readouterr().out


def test_a_folder_that_may_not_be_read(data, capsys, monkeypatch):
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    says = complaint(capsys, "cad1", data / "cad1")
    assert says == f"cadenza: {data}/cad1/metadata: permission denied\n"


def test_a_warning_is_printed_once(tmp_path, capsys, monkeypatch):
    """Listeners are read for themselves, for the scenes and for the pairs."""
    write_icassp(tmp_path)
    file = tmp_path / "metadata/listeners.train.json"
    people = json.loads(file.read_text())
    next(iter(people.values()))["audiogram_levels_l"][0] = 200
    file.write_text(json.dumps(people))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    main(["validate", "icassp", str(tmp_path)])
    assert capsys.readouterr().err.count("left ear: audiogram levels are outside") == 1
