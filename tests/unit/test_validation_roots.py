"""Folders that are no challenge root, splits, and commands with odd paths."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cadenza.command import main
from cadenza.datasets.validation_steps import Step, setting

from .challenge_roots import write_cad1, write_cad2


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
def cad1(data, tmp_path) -> Path:
    """A root that a test may spoil: nothing for training."""
    return Path(shutil.copytree(data / "cad1", tmp_path / "cad1"))


def status(root: Path, *splits: str, challenge: str = "cad1") -> int:
    options = [word for split in splits for word in ("--split", split)]
    return main(["validate", challenge, str(root), *options])


def test_a_split_that_nobody_fetched_does_not_count(cad1, capsys):
    assert status(cad1) == 0
    assert "train  all parts" in capsys.readouterr().out
    assert status(cad1, "train") == 1
    assert "Not usable, split train: listeners (absent), songs (absent)" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["metadata/listeners.valid.json", "audio/musdb18hq/train"])
def test_every_part_of_a_split_counts(cad1, capsys, what):
    """Although the scripts for the test can be run."""
    path = cad1 / what
    path.rename(path.with_name("gone"))
    assert status(cad1) == 1
    output = capsys.readouterr().out
    assert "\nNot usable, split valid: " in output
    assert "\n--split test leaves the other splits out.\n" in output
    assert status(cad1, "valid") == 1
    assert status(cad1, "test") == 0
    assert status(cad1, "test", "valid") == 1
    assert "leaves the other splits out" not in capsys.readouterr().out


def test_only_the_chosen_splits_are_shown_and_read(cad1, capsys):
    assert main(["validate", "cad1", str(cad1), "--deep", "--split", "test"]) == 0
    output = capsys.readouterr().out
    assert "valid" not in output
    assert "test   music: stems" in output
    (memory,) = cad1.glob(".cadenza*")
    assert len(json.loads(memory.read_text())) == 5


def test_a_split_that_there_is_not(cad1, capsys):
    message = "no split dev: there are train, valid, test"
    assert message in complaint(capsys, "cad1", cad1, "--split", "dev")


def test_splits_of_your_own_have_names_too(cad1):
    for name in ("listeners", "musdb18"):
        shutil.copy(cad1 / f"metadata/{name}.valid.json", cad1 / f"metadata/{name}.mine.json")
    assert status(cad1, "mine") == 0


def test_parts_that_a_script_makes_may_be_missing(data, tmp_path):
    """A download alone is complete; without one of its packages it is not."""
    folder = tmp_path / "zenodo_download"
    shutil.copytree(data / "cad2/zenodo_download", folder)
    for splits in ((), ("train",), ("valid",)):
        assert status(tmp_path, *splits, challenge="cad2") == 0
    shutil.rmtree(folder / "EnsembleSet")
    for splits in ((), ("train",), ("valid",)):
        assert status(tmp_path, *splits, challenge="cad2") == 1


def test_a_part_that_is_absent_takes_one_line(cad1, capsys):
    shutil.rmtree(cad1 / "audio")
    assert status(cad1, "valid") == 1
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "vocals.wav" in line]
    assert line.startswith(
        "valid  music: stems     0 of 4  absent  audio/musdb18hq/train/One/vocals"
    )
    assert line.endswith("vocals.wav: missing; and 3 more")
