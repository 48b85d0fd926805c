"""The report of CAD1 Task 1 for segments, which the stems and the remix cut at other places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import soundfile

from cadenza.report import build
from cadenza.report.results import read_run
from cadenza.runner.tables import read_table
from tests.recipes.conftest import SONGS, call, listeners, write_json, write_song
from tests.recipes.report_pages import assert_links_hold

pytestmark = pytest.mark.slow

OBJECTIVE = {"start": 0.2, "end": 1.1}
COLUMNS = ["song", "listener", "clipped_fraction"]
SUBJECTIVE = {"start": 0.5, "end": 1.0}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """Segments of a song that test.py has cut and evaluate.py has scored."""
    folder = tmp_path_factory.mktemp("segments")
    metadata = folder / "root" / "metadata"
    write_song(folder / "root" / "audio" / "musdb18hq" / "test" / SONGS[0], 1, seconds=1.2)
    write_json(metadata / "musdb18.test.json", [{"Track Name": SONGS[0], "Split": "test"}])
    write_json(metadata / "listeners.test.json", listeners("valid"))
    segments = {"objective_evaluation": OBJECTIVE, "subjective_evaluation": SUBJECTIVE}
    write_json(metadata / "musdb18.segments.test.json", {SONGS[0]: segments})
    where = (f"path.root={folder / 'root'}", f"path.exp_folder={folder / 'exp'}", "split=test")
    for script, option in (("test", "separator=oracle"), ("evaluate", "evaluate.segments=true")):
        assert call(f"baseline.{script}", *where, option, recipe="cad1.task1") == 0
    return folder / "exp"


@pytest.fixture(scope="module")
def report(run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "report"
    assert build(run, to=folder, items="worst:1", jobs=1).problems == {}
    return folder


def test_the_enhancement_is_that_of_test_py(run, report):
    results = read_run(run)
    assert [item.clipped_fraction for item in results.items] == [
        pytest.approx(float(row["clipped_fraction"]), abs=1e-15)
        for row in read_table(run / "enhanced_signals" / "evaluation.csv", COLUMNS)
    ]
    assert 0 < results.items[0].clipped_fraction < 0.1, "soft clipping has touched some samples"
    assert results.changes == {
        "separator": "oracle", "split": "test", "evaluate.segments": "true"
    }  # fmt: skip
    assert results.notes == ()
    assert_links_hold(report)


def test_stems_and_remix_are_their_segments(run, report):
    item = read_run(run).scored[0]
    folder = report / "item" / item.slug
    assert soundfile.info(folder / "enhanced.flac").duration == pytest.approx(0.5, abs=0.001)
    assert soundfile.info(folder / "reference.flac").duration == pytest.approx(0.5, abs=0.001)
    for name in ("vocals_reference", "vocals_enhanced"):
        assert soundfile.info(folder / f"{name}.flac").duration == pytest.approx(0.9, abs=0.001)
    text = (folder / "index.html").read_text(encoding="utf-8")
    opened = re.findall(r'HAAQI</th><td class="num">([\d.]+)', text)
    assert "reference and enhanced signal cover 0.5 to 1 s of the song" in text
    assert "which HAAQI compares, cover 0.2 to 1.1 s" in text
    assert text.count('<svg viewBox="0 0 1800 100"') == 4, "waveforms of 0.5 s in 0.9 s"
    assert sum(map(float, opened)) / 8 == pytest.approx(item.score, abs=1e-4)


def test_remixes_are_scored_in_their_segments(run, tmp_path):
    saved = read_run(run).config.path
    where = (f"path.root={saved.root}", f"path.exp_folder={tmp_path}", "split=test")
    segments = (f"path.submission_dir={saved.submission_dir}", "evaluate.segments=true")
    remix = (*where, *segments, "evaluate.target=remix")
    assert call("baseline.evaluate", *remix, recipe="cad1.task1") == 0
    results = read_run(tmp_path)
    assert all(item.score > 0.5 for item in results.items), "both are cut at the same place"
    item = results.scored[0]
    signals = results.challenge.read_signals(item.pair, results.config, workers=1)
    assert signals.enhanced.duration_s == pytest.approx(0.5, abs=0.001)
    assert signals.reference.duration_s == pytest.approx(0.5, abs=0.001)
    assert signals.note.startswith("Mixture, reference and enhanced signal cover 0.5 to 1 s")
    assert "stems" not in signals.note
    assert signals.scores["left ear"].score == pytest.approx(item.left, abs=1e-12)
