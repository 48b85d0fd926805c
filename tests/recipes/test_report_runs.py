"""Reports of runs that are special: unfinished, failed, of each challenge, with strange names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cadenza.report import build
from cadenza.report.results import read_run
from tests.recipes.conftest import (
    SONGS,
    call,
    edit_json,
    listeners,
    write_cad2_download,
    write_json,
    write_song,
)
from tests.recipes.report_pages import Links, assert_links_hold, evaluated

pytestmark = pytest.mark.slow


def test_names_are_escaped_and_files_have_safe_names(finished_root, tmp_path):
    """A song called like a script does nothing in the report."""
    root = tmp_path / "root"
    shutil.copytree(finished_root, root)
    evil = '<script>alert(1)</script> & "Co"'

    def rename(content):
        return {key.replace(SONGS[0], evil): value for key, value in content.items()}

    def rename_scenes(content):
        for scene in content.values():
            scene["music"] = scene["music"].replace(SONGS[0], evil)

    edit_json(root / "metadata" / "at_mic_music.train.json", rename)
    edit_json(root / "metadata" / "scenes.train.json", rename_scenes)
    exp = evaluated(root, "exp", "oracle")
    build(exp, to=tmp_path / "r", items="worst:1", jobs=1)
    for page in (tmp_path / "r").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script>alert" not in text
        Links(page)
    assert "&lt;script&gt;alert(1)" in (tmp_path / "r" / "index.html").read_text()


def test_an_unfinished_run_in_batches(finished_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(finished_root, root)
    where = (f"path.root={root}", f"path.exp_folder={root / 'exp'}")
    batch = ("evaluate.batch_size=3", "evaluate.batch=1")
    assert call("baseline.evaluate", *where, *batch) == 0
    run = read_run(root / "exp")
    assert 0 < len(run.scored) < len(run.items)
    assert run.n_open == len(run.items) - len(run.scored)
    build(root / "exp", to=tmp_path / "r", items="worst:1", jobs=1)
    text = (tmp_path / "r" / "index.html").read_text()
    assert f"{len(run.scored)} of {len(run.items)}" in text
    assert f"{run.n_open} still to do" in text
    assert text.count("not done yet") == run.n_open


def test_signals_that_were_enhanced_elsewhere(finished_root, tmp_path):
    """Nothing is claimed of their enhancement, and there is no chart without a mark."""
    exp = tmp_path / "exp"
    shutil.copytree(finished_root / "exp" / "enhanced_signals", exp / "enhanced_signals")
    where = (f"path.root={finished_root}", f"path.exp_folder={exp}")
    assert call("baseline.evaluate", *where, "evaluate.batch_size=3", "evaluate.batch=1") == 0
    build(exp, to=tmp_path / "r", items="worst:1", jobs=1)
    text = (tmp_path / "r" / "index.html").read_text(encoding="utf-8")
    assert "enhance.py has left no settings in this folder" in text
    assert "Clipping of the enhanced signal" not in text
    assert "evaluate.batch" not in text, "how the work was split is no setting"
    assert f"1 of {len(read_run(exp).items)} items have one" in text
    charts = re.findall(r'<svg viewBox="[^"]*" role.*?</svg>', text, re.DOTALL)
    assert len(charts) > 5
    assert all("<use" in chart or "<rect" in chart for chart in charts)


def test_a_failed_item_has_its_reason(finished_root, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(finished_root, root)
    broken = sorted((root / "exp" / "enhanced_signals").glob("*.flac"))[0]
    broken.write_bytes(broken.read_bytes()[:200])
    assert call("baseline.evaluate", f"path.root={root}", f"path.exp_folder={root / 'exp'}") == 1
    run = read_run(root / "exp")
    assert len(run.failed) == 1
    key = run.failed[0].key
    built = build(root / "exp", to=tmp_path / "r", items=key, jobs=1)
    assert list(built.problems) == [key]
    assert run.failed[0].problem in (tmp_path / "r" / "index.html").read_text()
    page = tmp_path / "r" / "item" / run.failed[0].slug / "index.html"
    assert run.failed[0].problem in page.read_text()
    assert "Play" not in page.read_text()


def test_songs_of_cad1_have_players_for_their_stems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metadata = Path("root") / "metadata"
    write_song(Path("root") / "audio" / "musdb18hq" / "train" / SONGS[0], 1)
    write_json(metadata / "musdb18.valid.json", [{"Track Name": SONGS[0], "Split": "valid"}])
    write_json(metadata / "listeners.valid.json", listeners("valid"))
    where = ("path.root=root", "path.exp_folder=exp", "separator=oracle")
    for script in ("enhance", "evaluate"):
        assert call(f"baseline.{script}", *where, recipe="cad1.task1") == 0
    build("exp", to="r", items="worst:1", jobs=1)
    assert_links_hold(Path("r"))
    item = read_run(Path("exp")).scored[0]
    folder = Path("r") / "item" / item.slug
    assert {f"vocals_{what}.flac" for what in ("reference", "enhanced")} <= {
        p.name for p in folder.iterdir()
    }
    text = (folder / "index.html").read_text(encoding="utf-8")
    opened = re.findall(r'HAAQI</th><td class="num">([\d.]+)', text)
    assert len(opened) == 8, "four stems, two ears"
    assert sum(map(float, opened)) / 8 == pytest.approx(item.score, abs=1e-4)


def test_pieces_of_cad2_have_the_gains_of_the_compressor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cad2_download(Path("download"))
    where = ("path.root=root", "path.zenodo_download_path=download")
    name = "process_dataset.process_zenodo_download"
    assert call(name, *where, recipe="cad2.task2") == 0
    where = ("path.root=root", "path.exp_folder=exp", "separator=oracle", "split=valid")
    for script in ("enhance", "evaluate"):
        assert call(f"baseline.{script}", *where, recipe="cad2.task2") == 0
    build("exp", to="r", items="worst:1", jobs=1)
    assert_links_hold(Path("r"))
    item = read_run(Path("exp")).scored[0]
    text = (Path("r") / "item" / item.slug / "index.html").read_text(encoding="utf-8")
    assert "compressor, below its thresholds" in text
    assert all(name in text for name in item.gains_db)
