"""The CAD1 Task 1 scripts against results of the reference implementation (pyClarity 0.9.0)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cadenza.runner.tables import read_table

from .conftest import assert_most_codes_are_the_same
from .conftest import call as call_recipe
from .test_cad1_task1 import COLUMNS, names

ORACLE = ("L0001", "Mini Band - Pop In D")
"""The pair whose golden signals were made from the true stems."""

pytestmark = pytest.mark.slow


def call(name, *arguments):
    return call_recipe(f"baseline.{name}", *arguments, recipe="cad1.task1")


def test_oracle_enhancement_is_that_of_the_reference(shared, tmp_path):
    where = (f"path.root={shared / 'data' / 'cad1_task1'}", f"path.exp_folder={tmp_path}")
    assert call("enhance", *where, "separator=oracle") == 0
    listener, song = ORACLE
    ours = tmp_path / "enhanced_signals" / listener / song
    golden = shared / "golden" / "cad1_task1" / "enhanced_signals" / listener / song
    for name in names(listener, song):
        if name.endswith(".flac"):
            assert_most_codes_are_the_same(ours / name, golden / name)
        else:
            scales = [float((folder / name).read_text()) for folder in (ours, golden)]
            np.testing.assert_allclose(*scales, rtol=1e-9)


def test_scores_are_those_of_the_reference(shared, tmp_path):
    golden = shared / "golden" / "cad1_task1"
    shutil.copytree(golden / "enhanced_signals", tmp_path / "enhanced_signals")
    where = (f"path.root={shared / 'data' / 'cad1_task1'}", f"path.exp_folder={tmp_path}")
    assert call("evaluate", *where) == 0
    ours, expected = (
        read_table(Path(folder) / "scores.csv", COLUMNS) for folder in (tmp_path, golden)
    )
    assert [list(row.values())[:2] for row in ours] == [list(row.values())[:2] for row in expected]
    for column in COLUMNS[2:]:
        found, wanted = ([float(row[column]) for row in rows] for rows in (ours, expected))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-7, err_msg=column)
