"""`cadenza validate --scores`: an entrant's scores are compared with ours, row by row."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from cadenza.command import main
from tests.unit.challenge_roots import WRITERS

from .conftest import call

pytestmark = pytest.mark.slow

RECIPES = {"icassp": "cad_icassp_2024", "cad1": "cad1.task1", "cad2": "cad2.task2"}
SPLITS = {"icassp": "train", "cad1": "valid", "cad2": "valid"}


class Entrant(NamedTuple):
    root: Path
    package: Path
    scores: pd.DataFrame


def an_entrant(challenge: str, folder: Path, *settings: str) -> Entrant:
    """Oracle signals, all in one folder, and their scores."""
    root, exp, package = folder / "root", folder / "exp", folder / "E005"
    WRITERS[challenge](root)
    where = (f"path.root={root}", f"path.exp_folder={exp}", f"split={SPLITS[challenge]}", *settings)
    for script in ("enhance", "evaluate"):
        name = f"baseline.{script}"
        assert call(name, *where, "separator=oracle", recipe=RECIPES[challenge]) == 0
    (package / "signals").mkdir(parents=True)
    for file in (exp / "enhanced_signals").rglob("*.*"):
        shutil.copy(file, package / "signals")
    return Entrant(root, package, pd.read_csv(exp / "scores.csv"))


@pytest.mark.parametrize("challenge", RECIPES)
def test_a_wrong_score_is_found(challenge, tmp_path, monkeypatch, capfd):
    root, package, scores = an_entrant(challenge, tmp_path)
    monkeypatch.chdir(tmp_path)
    column = scores.columns[-1]
    right = scores[column].copy()
    scores.loc[1, column] += 0.01
    scores.to_csv(package / "scores.csv", index=False)
    command = ["validate", challenge, str(root), "--scores", str(package)]
    capfd.readouterr()
    assert main(command) == 1
    said = capfd.readouterr().out
    assert "1 of " in said
    assert "scores differ by more than 0.001" in said
    compared = pd.read_csv("scores_of_E005/comparison.csv")
    assert len(compared) == scores.shape[0] * len(compared["column"].unique())
    wrong = compared[compared["difference"].abs() > 1e-9]
    assert wrong["difference"].tolist() == pytest.approx([-0.01])
    assert wrong.iloc[0]["listener"] == scores.loc[1, "listener"]
    scores[column] = right
    scores.to_csv(package / "scores.csv", index=False)
    assert main(command) == 0
    said = capfd.readouterr()
    assert "No score differs by more than 0.001." in said.out
    assert "finished before" in said.out + said.err


def test_remixes_and_means_of_ears(tmp_path, monkeypatch, capfd):
    """Tables with a column for each ear: of remixes, or of stems."""
    root, package, scores = an_entrant("cad1", tmp_path)
    monkeypatch.chdir(tmp_path)
    for side in ("left", "right"):
        scores[side] = scores.filter(regex=f"^{side}_").mean(axis="columns")
    table = scores[["song", "listener", "left", "right"]]
    table.to_csv(package / "scores.csv", index=False)
    command = ["validate", "cad1", str(root), "--scores", str(package)]
    assert main([*command, "evaluate.target=stems", "--to", "stems"]) == 0
    assert main([*command, "--to", "remix"]) == 1
    assert "the remix with the mixture" in capfd.readouterr().out
    assert main([*command, "--to", "remix", "release=0.3.4"]) == 2
    assert "hint: --to FOLDER keeps results of other settings apart" in capfd.readouterr().err
    (package / "signals" / "L5001_One_remix.flac").unlink()
    assert main([*command, "--to", "remix", "--tolerance", "1"]) == 1
    assert "signals  of 1 of 2 pairs" in capfd.readouterr().out


def test_stems_in_wav_files_and_a_table_of_a_spreadsheet(tmp_path, monkeypatch, capfd):
    """The format of the first releases is recognised; a score that is missing is reported."""
    root, package, scores = an_entrant("cad1", tmp_path, "stems=float44")
    monkeypatch.chdir(tmp_path)
    table = package / "scores.csv"
    scores.to_csv(table, index=False, sep=";", decimal=",", lineterminator="\r\n")
    command = ["validate", "cad1", str(root), "--scores", str(package)]
    assert main(command) == 0
    said = capfd.readouterr().out
    assert "signals  of 2 of 2 pairs\ncompared stems (.wav files) with the true stems\n" in said
    scores.loc[0, "left_bass"] = float("nan")
    scores.to_csv(table, index=False)
    assert main(command) == 1
    assert (
        "1 of 18 scores differ by more than 0.001; NaN: in one table only" in capfd.readouterr().out
    )
