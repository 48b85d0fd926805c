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
    message = r"no pair of .*, for example three and l5001; expected pairs like One and L5001"
    with pytest.raises(InputError, match=message):
        package("Three,L5001,0.5,0.5\n")


def test_remixes_are_compared_if_there_are_any(package):
    rows = "One,L5001,0.5,0.5\n"
    assert package(rows).target == "stems"
    assert package(rows, "L5001_One_remix.flac").target == "remix"
    assert package(rows, target="stems").target == "stems"


def test_stems_may_be_wav_files(package, tmp_path):
    """The format in which more pairs are complete, unless one is asked for."""
    rows = "One,L5001,0.5,0.5\nOne,L5002,0.5,0.5\n"
    wav = [name.replace(".flac", ".wav") for name in STEM_FILES]
    assert package(rows, *wav[1:]).stems == "flac24"
    found = package(rows, *wav)
    assert (found.stems, list(found.complete)) == ("float44", [("one", "l5001")])
    assert "stems=float44" in found.prepare(tmp_path / "to")
    folder = tmp_path / "to" / "enhanced_signals" / "L5001" / "One"
    assert sorted(path.name for path in folder.iterdir()) == sorted(wav)
    assert package(rows, *wav, stems="flac24").complete == {}
    with_both = package(rows, *STEM_FILES)
    assert (with_both.stems, len(with_both.complete)) == ("flac24", 1)
    assert "stems=flac24" in with_both.prepare(tmp_path / "to")
    assert package(rows, "L5001_One_remix.flac").target == "remix"


def test_a_pair_is_complete_with_all_its_stems(package):
    rows = "One,L5001,0.5,0.5\nOne,L5002,0.5,0.5\n"
    assert package(rows, *STEM_FILES[1:]).complete == {}
    assert package(rows, f"deep/{STEM_FILES[0].upper()}").complete.keys() == {("one", "l5001")}


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


def test_a_second_run_keeps_its_links(package, tmp_path, monkeypatch):
    """With 300 000 signals that saves minutes; signals that have moved get new links."""
    rows = "One,L5001,0.5,0.5\n"
    package(rows, *(f"any/{name}" for name in STEM_FILES)).prepare(tmp_path / "to")
    made = []
    link = Path.symlink_to
    monkeypatch.setattr(Path, "symlink_to", lambda path, to: made.append(to) or link(path, to))
    package(rows).prepare(tmp_path / "to")
    assert made == []
    folder = tmp_path / "E005" / "signals"
    (folder / "any").rename(folder / "other")
    package(rows).prepare(tmp_path / "to")
    assert sorted(made) == sorted(folder / "other" / name for name in STEM_FILES)


def test_folders_that_are_links(package, tmp_path):
    """Signals on another disk; links that lead in a circle do no harm."""
    rows = "One,L5001,0.5,0.5\n"
    package(rows, *STEM_FILES)
    disk = tmp_path / "disk"
    (tmp_path / "E005" / "signals").rename(disk)
    for name, to in (("signals", disk), ("circle", tmp_path / "E005"), ("again", disk)):
        try:
            (tmp_path / "E005" / name).symlink_to(to)
        except OSError:
            pytest.skip("no links here")
    found = package(rows)
    assert len(found.complete) == 1
    assert len(found.prepare(tmp_path / "to")) > 3, "no signal is there twice"


def test_results_in_the_package_do_not_belong_to_it(package, tmp_path):
    rows = "One,L5001,0.5,0.5\n"
    results = tmp_path / "E005" / "scores_of_E005"
    package(rows, *STEM_FILES).prepare(results)
    (results / "scores.csv").write_text(HEADING + "One,L5001,0.9,0.9\n")
    again = package(rows, leave_out=results)
    assert again.scores.rows == {("one", "l5001"): {"left": 0.5, "right": 0.5}}
    again.prepare(results)


def test_an_archive_or_an_empty_table(package, root, tmp_path):
    (tmp_path / "E005.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"E005\.zip: expected a folder, found a file; unpack"):
        read_package("cad1", root, tmp_path / "E005.zip")
    with pytest.raises(InputError, match=r"scores\.csv: has no rows"):
        package("")


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
        (["--scores", ".", "--deep"], "--scores takes neither --deep, --jobs nor"),
        (
            ["--scores", ".", "--split", "valid"],
            "--scores takes neither --deep, --jobs nor --split",
        ),
        (["--scores", ".", "stems=wav"], "stems must be flac24 or float44, got wav"),
        (["split=test"], "KEY=VALUE, --to and --tolerance are for --scores"),
        (["--tolerance", "0.01"], "KEY=VALUE, --to and --tolerance are for --scores"),
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
