"""Reports of the shared reference results of all three challenges."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from cadenza.report import build
from cadenza.report.results import read_run
from tests.recipes.conftest import call
from tests.recipes.report_pages import assert_links_hold

pytestmark = pytest.mark.slow


def assert_is_reported(exp: Path, golden: Path, column: str, to: Path) -> None:
    """The overview has the mean of the reference scores; the page of the worst item has sound."""
    with (golden / "scores.csv").open(encoding="utf-8", newline="") as file:
        expected = [float(row[column]) for row in csv.DictReader(file)]
    built = build(exp, to=to, items="worst:1", jobs=1)
    assert built.problems == {}
    assert_links_hold(to)
    text = built.index.read_text(encoding="utf-8")
    assert f"<strong>{sum(expected) / len(expected):.4f}</strong>" in text
    assert f"<strong>{len(expected)} of {len(expected)}</strong>" in text
    (page,) = (to / "item").iterdir()
    assert page.name == read_run(exp).scored[0].slug
    assert {"mixture.flac", "reference.flac", "enhanced.flac"} <= {p.name for p in page.iterdir()}


def test_icassp_2024_and_a_comparison(shared, tmp_path):
    golden, root = shared / "golden" / "icassp_2024", tmp_path / "root"
    shutil.copytree(shared / "data" / "icassp_2024", root, copy_function=shutil.copyfile)
    for folder in [root, *root.rglob("*")]:
        folder.chmod(0o755)
    for name in ("scenes", "scene_listeners"):
        shutil.copyfile(golden / f"{name}.train.json", root / "metadata" / f"{name}.train.json")
    assert call("generate_dataset.generate_at_mic_musdb18", f"path.root={root}") == 0
    exp, oracle = tmp_path / "exp", tmp_path / "oracle"
    shutil.copytree(golden / "enhanced_signals", exp / "enhanced_signals")
    assert call("baseline.evaluate", f"path.root={root}", f"path.exp_folder={exp}") == 0
    assert_is_reported(exp, golden, "score", tmp_path / "r")
    some = {"scene_10001": ["L0066", "L0057"]}
    (tmp_path / "some.json").write_text(json.dumps(some))
    where = (f"path.root={root}", f"path.exp_folder={oracle}", "separator=oracle")
    where += (f"path.scene_listeners_file={tmp_path / 'some.json'}",)
    for script in ("enhance", "evaluate"):
        assert call(f"baseline.{script}", *where) == 0
    built = build(exp, oracle, to=tmp_path / "compared", items="changed:1", jobs=1)
    assert built.problems == {}
    assert_links_hold(tmp_path / "compared")
    text = built.index.read_text(encoding="utf-8")
    assert "2 items scored in both runs" in text
    assert "14 items with a score in one run only are left out" in text
    assert "cadenza.separation.oracle.Oracle" in text


def test_cad1_task1(shared, tmp_path):
    golden, exp = shared / "golden" / "cad1_task1", tmp_path / "exp"
    shutil.copytree(golden / "enhanced_signals", exp / "enhanced_signals")
    where = (f"path.root={shared / 'data' / 'cad1_task1'}", f"path.exp_folder={exp}")
    assert call("baseline.evaluate", *where, recipe="cad1.task1") == 0
    assert_is_reported(exp, golden, "score", tmp_path / "r")


def test_cad2_task2(shared, tmp_path):
    golden, root, exp = shared / "golden" / "cad2_task2", tmp_path / "root", tmp_path / "exp"
    download = f"path.zenodo_download_path={shared / 'data' / 'cad2_task2' / 'zenodo_download'}"
    name = "process_dataset.process_zenodo_download"
    assert call(name, f"path.root={root}", download, recipe="cad2.task2") == 0
    shutil.copytree(golden / "enhanced_signals", exp / "enhanced_signals")
    where = (f"path.root={root}", f"path.exp_folder={exp}")
    assert call("baseline.evaluate", *where, recipe="cad2.task2") == 0
    assert_is_reported(exp, golden, "avg_haaqi", tmp_path / "r")
