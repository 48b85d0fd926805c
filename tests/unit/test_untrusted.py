"""What comes from the internet: names, packages, weights and runs of others.

Zip files are in test_archive.py, tar files in test_fetch.py, metadata in test_metadata.py and the
tests of the recipes.
"""

from __future__ import annotations

import ast
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from cadenza import audio
from cadenza._archive import unpack_zips
from cadenza.challenges.icassp_2024 import make_reference
from cadenza.errors import InputError
from cadenza.runner.saved import shared_targets, targets_of
from cadenza.runner.tables import read_table, write_notes, write_table
from cadenza.separation import weights
from cadenza.separation.cache import CacheOptions, StemCache
from cadenza.training.checkpoint import Checkpoint
from cadenza.training.corpus import EnsembleCorpus

REPOSITORY = Path(__file__).resolve().parents[2]

FORMULAS = ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x")']


@pytest.mark.parametrize("name", FORMULAS)
def test_a_name_does_not_become_a_formula(tmp_path, name):
    write_table(tmp_path / "scores.csv", ["song", "score"], [{"song": name, "score": -0.5}])
    text = (tmp_path / "scores.csv").read_bytes().decode()
    cell = text.splitlines()[1].lstrip('"')
    assert cell[0] == "'"
    assert text.rstrip().endswith(",-0.5"), "a number is no formula"
    assert read_table(tmp_path / "scores.csv", ["song", "score"]) == [
        {"song": name, "score": "-0.5"}
    ]


@pytest.mark.parametrize("name", ["'quoted", "'=x", "''=x", "-0.5", "1e-3", "Song - live", ""])
def test_other_names_come_back_as_they_were(tmp_path, name):
    for _ in range(2):  # what was read can be written again, as by a merge
        write_table(tmp_path / "scores.csv", ["song", "x"], [{"song": name, "x": 1}])
        assert read_table(tmp_path / "scores.csv", ["song", "x"])[0]["song"] == name
    if not name.lstrip("'").startswith("="):
        assert (tmp_path / "scores.csv").read_text().splitlines()[1] == f"{name},1"


def test_notes_are_no_formulas_either(tmp_path):
    write_notes(tmp_path / "a.failures.csv", "reason", {"=1": ["+2+3 failed"]})
    assert (tmp_path / "a.failures.csv").read_text().splitlines()[1] == "'=1,'+2+3 failed"


def test_a_link_in_the_place_of_an_output_is_replaced_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "song.wav").symlink_to(precious)
    audio.write_wav(tmp_path / "out" / "song.wav", np.zeros((2, 100)), 44100)
    assert precious.read_text() == "mine"
    assert not (tmp_path / "out" / "song.wav").is_symlink()


class Trap:
    """A pickle that makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_weights_and_checkpoints_with_code_are_refused_without_running_it(tmp_path):
    trap = Trap(tmp_path / "sprung")
    torch.save({"weight": trap}, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"weights\.pth: expected weights of a network"):
        weights.load(torch.nn.Linear(1, 1), tmp_path / "weights.pth")
    torch.save({"settings": "{}", "progress": {}, "network": trap}, tmp_path / "last.pt")
    checkpoint = Checkpoint(tmp_path, {}, {"network": torch.nn.Linear(1, 1)})
    with pytest.raises(InputError, match=r"last\.pt is damaged"):
        checkpoint.restore()
    assert not trap.folder.exists()
    pickle.loads(pickle.dumps(trap))
    assert trap.folder.exists(), "it would have worked"


def test_cached_stems_with_code_are_separated_again(tmp_path):
    trap = Trap(tmp_path / "sprung")
    song = tmp_path / "song.wav"
    song.write_bytes(b"music")
    folder = tmp_path / "cache"
    stems = {"vocals": np.zeros((2, 4))}
    StemCache(lambda path: stems, CacheOptions("x", folder))(song)
    (cached,) = folder.iterdir()
    np.savez(cached, vocals=np.array([trap], dtype=object))
    again = StemCache(lambda path: stems, CacheOptions("x", folder))(song)
    np.testing.assert_array_equal(again["vocals"], stems["vocals"])
    assert not trap.folder.exists()


def test_a_zip_whose_member_is_longer_than_it_says(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.wav", bytes(100_000))
    content = archive.read_bytes().replace(
        (100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    )
    archive.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        unpack_zips({archive: tmp_path / "a"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_members_that_are_a_file_and_a_folder_leave_nothing_behind(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", b"1")
        file.writestr("a/b", b"2")
    with pytest.raises(InputError, match="'a/b' is below a member that is a file"):
        unpack_zips({archive: tmp_path / "unpacked"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_classes_that_a_report_may_call():
    known = shared_targets("hearing_aid")
    assert {"cadenza.hearing_aid.MultibandAid", "cadenza.hearing_aid.baseline_aid"} <= known
    assert targets_of(OmegaConf.create({"_target_": "cadenza.audio.io.open"})) - known
    nested = OmegaConf.create(
        {"_target_": "cadenza.hearing_aid.MultibandAid", "p": [{"_target_": "os.system"}]}
    )
    assert targets_of(nested) - known == {"os.system"}


FORBIDDEN_CALLS = {"eval", "exec", "compile_command", "system", "popen", "unpack_archive"}
CHECKED = {"tarballs.py", "packages.py"}
"""One opens tar files and checks each member, see test_fetch.py; one writes those of the demo."""

FORBIDDEN_MODULES = {"pickle", "tarfile", "shelve", "marshal", "dill", "joblib.numpy_pickle"}


@pytest.mark.parametrize("folder", ["cadenza", "recipes"])
def test_nothing_loads_pickles_opens_other_tar_files_or_runs_text(folder):
    """joblib and torch send pickles between processes of one run; no file is read as one."""
    found = []
    for path in (REPOSITORY / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names}
                modules = names if isinstance(node, ast.Import) else {str(node.module)}
                wanted = names - {"PicklingError"} or isinstance(node, ast.Import)
                if modules & FORBIDDEN_MODULES and wanted:
                    found.append((path.name, sorted(modules)))
            elif isinstance(node, ast.Call):
                function = node.func
                name = (
                    function.attr
                    if isinstance(function, ast.Attribute)
                    else getattr(function, "id", "")
                )
                is_method = isinstance(function, ast.Attribute) and name in ("eval", "compile")
                if name in FORBIDDEN_CALLS and not is_method:
                    found.append((path.name, name))
                for keyword in node.keywords:
                    risky = {"allow_pickle": True, "weights_only": False, "shell": True}
                    value = getattr(keyword.value, "value", None)
                    if keyword.arg in risky and value is risky[keyword.arg]:
                        found.append((path.name, keyword.arg))
    assert [(name, what) for name, what in found if name not in CHECKED] == []


@pytest.mark.parametrize(
    "track", ["../other.wav", "/etc/other.wav", "a/../../other.wav", "C:x.wav"]
)
def test_training_reads_no_track_outside_its_folder(tmp_path, track):
    source = {"track": track, "instrument": "Violin", "start": 0, "duration": 1}
    (tmp_path / "music.json").write_text(json.dumps({"duo": {"source_1": source}}))
    files = dict.fromkeys(("train_file", "valid_file", "test_file"), "music.json")
    kind = {"target": "Violin", "sample_rate": 44100, "segment_length": 1, "samples_per_track": 1}
    corpus = EnsembleCorpus(**kind, root_path=tmp_path, music_tracks_file=tmp_path, **files)
    with pytest.raises(InputError, match=r"music\.json: duo: .*must stay in its folder"):
        corpus.pieces("valid")


def test_stems_of_different_length_are_named(tmp_path):
    tracks = []
    for name, n_samples in (("mixture", 900), ("vocals", 900), ("drums", 800)):
        audio.write_wav(tmp_path / f"{name}.wav", np.zeros((2, n_samples)), 44100)
        tracks.append((name, tmp_path / f"{name}.wav"))
    gains_db = (("vocals", 0.0), ("drums", 3.0))
    with pytest.raises(
        InputError, match=r"drums\.wav: expected 900 samples .* vocals\.wav, found 800"
    ):
        make_reference(tuple(tracks), gains_db, 44100)
