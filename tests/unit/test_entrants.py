"""Entrants' packages: which signals belong to which pairs, and what is said if they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cadenza.command import main
from cadenza.datasets.entrants import Package, read_package
from cadenza.errors import InputError
from cadenza.stems import STEMS

from .challenge_roots import write_cad1

HEADING = "song,listener,left,right\n"
STEM_FILES = [f"L5001_One_{side}_{stem}.flac" for side in ("left", "right") for stem in STEMS]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """The song One in the split valid, the song Two in the split test, two listeners."""
    folder = tmp_path_factory.mktemp("entrants") / "root"
    write_cad1(folder)
    return folder


@pytest.fixture
def package(root, tmp_path):
    """Writes a package and reads it."""
    folder = tmp_path / "E005"

    def make(rows: str, *signals: str, **options: str) -> Package:
        (folder / "results").mkdir(parents=True, exist_ok=True)
        (folder / "results" / "scores.csv").write_text(HEADING + rows)
        for name in signals:
            path = folder / "signals" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return read_package("cad1", root, folder, **options)

    return make


def test_the_split_is_the_one_that_has_the_pairs(package):
    assert package("One,L5001,0.5,0.5\n").split == "valid"
    assert package("Two,L5001,0.5,0.5\n").split == "test"
    with pytest.raises(InputError, match=r"no pair of .*split valid, for example two and l5001"):
        package("Two,L5001,0.5,0.5\n", split="valid")


def test_pairs_that_the_root_lacks_are_left_out(package):
    found = package("One,L5001,0.5,0.5\nThree,L5001,0.5,0.5\n")
    assert set(found.pairs) == {("one", "l5001")}
    with pytest.raises(InputError, match=r"no pair of .*, for example three and l5001"):
        package("Three,L5001,0.5,0.5\n")


def test_remixes_are_compared_if_there_are_any(package):
    rows = "One,L5001,0.5,0.5\n"
    assert package(rows).target == "stems"
    assert package(rows, "L5001_One_remix.flac").target == "remix"
    assert package(rows, target="stems").target == "stems"


def test_a_pair_is_complete_with_all_its_stems(package):
    rows = "One,L5001,0.5,0.5\nOne,L5002,0.5,0.5\n"
    assert package(rows, *STEM_FILES[1:]).complete == []
    assert package(rows, f"deep/{STEM_FILES[0].upper()}").complete == [("one", "l5001")]


def test_signals_and_metadata_are_laid_out_for_the_recipe(package, tmp_path):
    rows = "ONE,l5001,0.5,0.5\nOne,L5002,0.5,0.5\n"
    found = package(rows, *(f"any/{name}" for name in STEM_FILES), "any/L5001_One_left_bass.txt")
    arguments = found.prepare(tmp_path / "to")
    folder = tmp_path / "to" / "enhanced_signals" / "L5001" / "One"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*STEM_FILES, "L5001_One_left_bass.txt"]
    )
    assert all(path.is_file() for path in folder.iterdir())
    metadata = tmp_path / "to" / "metadata"
    assert list(json.loads((metadata / "listeners.valid.json").read_text())) == ["L5001"]
    assert "evaluate.target=stems" in arguments
    assert f"path.music_file={metadata / 'musdb18.valid.json'}" in arguments
    assert found.prepare(tmp_path / "to") == arguments


def test_a_signal_must_be_there_once(package, tmp_path):
    rows = "One,L5001,0.5,0.5\n"
    with pytest.raises(InputError, match=r"expected files like L5001_One_left_vocals\.flac"):
        package(rows).prepare(tmp_path / "to")
    twice = package(rows, *STEM_FILES, f"again/{STEM_FILES[0]}")
    with pytest.raises(InputError, match=r"is there twice: .* give the folder of one entrant"):
        twice.prepare(tmp_path / "to")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scores", "missing"], "missing: no such folder; give an entrant's scores and signals"),
        (["--scores", ".", "--deep"], "--scores takes neither --deep nor --jobs"),
        (["split=test"], "KEY=VALUE and --to are for --scores"),
        (["--scores", ".", "split"], "split: expected a setting of evaluate.py, KEY=VALUE"),
        (["--scores", ".", "path.exp_folder=x"], "path.exp_folder: --to says where"),
        (["--scores", ".", "evaluate.target=x"], "evaluate.target must be stems or remix, got x"),
        (["--scores", "."], ".: no table of scores: expected a .csv file with the columns song"),
    ],
)
def test_mistakes_on_the_command_line(root, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "cad1", str(root), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
