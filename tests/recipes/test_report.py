"""The report of a tiny run of ICASSP 2024, and the comparison of two."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cadenza.challenges.scoring import details_file
from cadenza.errors import InputError
from cadenza.haaqi.storage import save_scores
from cadenza.report import build
from cadenza.report.results import read_run
from tests.recipes.conftest import call
from tests.recipes.report_pages import assert_links_hold, evaluated

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(finished_root, tmp_path_factory) -> tuple[Path, Path]:
    """Two runs of ICASSP 2024, by the spectral separator and by the true stems."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(finished_root, folder / "root")
    return (
        evaluated(folder / "root", "exp_spectral", "spectral", "soft_clip=true"),
        evaluated(folder / "root", "exp_oracle", "oracle"),
    )


@pytest.fixture(scope="module")
def report(runs, tmp_path_factory) -> Path:
    """The report of the first run; do not change it."""
    folder = tmp_path_factory.mktemp("report") / "report"
    built = build(runs[0], to=folder, jobs=1)
    assert built.problems == {}
    assert built.made == len(read_run(runs[0]).items)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_report_has_a_page_for_each_item_and_no_dead_links(report, runs):
    items = read_run(runs[0]).items
    assert sorted(p.name for p in (report / "item").iterdir()) == sorted(i.slug for i in items)
    assert_links_hold(report)


def test_the_overview_shows_the_results(report, runs):
    text = (report / "index.html").read_text(encoding="utf-8")
    run = read_run(runs[0])
    mean = sum(item.score for item in run.items) / len(run.items)
    for part in (f"{mean:.4f}", "separator=spectral", "soft_clip=true", "ICASSP 2024"):
        assert part in text
    assert f"{len(run.items)} of {len(run.items)}" in text
    assert str(runs[0].parent) not in text, "no paths of this machine"
    shown = re.findall(r'<tr data-i="\d+" data-href="item/([^/]+)/', text)
    assert shown == [item.slug for item in run.scored], "the worst first"


def test_an_item_shows_the_scores_of_the_table(report, runs):
    """HAAQI on the page is computed from the signals, and is that of the evaluation."""
    for item in read_run(runs[0]).items:
        text = (report / "item" / item.slug / "index.html").read_text(encoding="utf-8")
        opened = re.findall(
            r'class="total"><th scope="row">HAAQI</th><td class="num">([\d.]+)', text
        )
        assert opened == [f"{item.left:.4f}", f"{item.right:.4f}"]


def test_the_features_shown_follow_from_the_details(runs):
    run = read_run(runs[0])
    item = run.scored[0]
    signals = run.challenge.read_signals(item.pair, run.config, workers=1)
    assert [s.score for s in signals.scores.values()] == [item.left, item.right]
    for found in signals.scores.values():
        details = found.details
        assert details.cepstral.mean_correlation == pytest.approx(
            found.cepstral_correlation, abs=1e-12
        )
        assert details.vibration.mean_covariance == pytest.approx(
            found.vibration_covariance, abs=1e-12
        )
        assert details.spectrum.loudness_similarity == pytest.approx(
            found.loudness_spectrum, abs=1e-12
        )
        assert details.spectrum.normalised_similarity == pytest.approx(
            found.normalised_spectrum, abs=1e-12
        )


def test_details_that_the_evaluation_kept_give_the_same_page(
    finished_root, report, runs, tmp_path, monkeypatch
):
    root, exp = runs[0].parent / "root", tmp_path / "exp_spectral"
    shutil.copytree(runs[0], exp)
    where = (f"path.root={root}", f"path.exp_folder={exp}", "separator=spectral")
    options = ("soft_clip=true", "evaluate.details=true", "resume=false")
    assert call("baseline.evaluate", *where, *options) == 0
    items = read_run(exp).items
    assert {p.stem for p in (exp / "details").iterdir()} == {item.key for item in items}

    def must_not_be_called(*args, **options):
        raise AssertionError("HAAQI is computed again")

    monkeypatch.setattr("cadenza.challenges.scoring.score_ears", must_not_be_called)
    assert build(exp, to=tmp_path / "r", items="worst:1", jobs=1).problems == {}
    slug = read_run(exp).scored[0].slug
    for name in ("index.html", "picture_07.png", "enhanced.flac"):
        kept = tmp_path / "r" / "item" / slug / name
        assert kept.read_bytes() == (report / "item" / slug / name).read_bytes()


def test_details_of_other_scores_are_not_used(runs, tmp_path):
    exp = tmp_path / "exp_spectral"
    shutil.copytree(runs[0], exp)
    run = read_run(exp)
    worst, best = run.scored[0], run.scored[-1]
    scores = run.challenge.read_signals(best.pair, run.config, workers=1).scores
    by_side = {name.split()[0]: found for name, found in scores.items()}
    save_scores(details_file(exp, worst.key), by_side)
    build(exp, to=tmp_path / "r", items="worst:1", jobs=1)
    text = (tmp_path / "r" / "item" / worst.slug / "index.html").read_text()
    assert f'<td class="num">{worst.left:.4f}</td>' in text


def test_the_files_to_hear_are_the_signals(report, runs):
    item = read_run(runs[0]).scored[0]
    folder = report / "item" / item.slug
    heard, rate = soundfile.read(folder / "enhanced.flac")
    made, made_rate = soundfile.read(runs[0] / f"enhanced_signals/{item.key}_remix.flac")
    assert rate == made_rate
    gain = heard.std() / made.std()
    assert gain <= 1.0001
    assert np.abs(heard - gain * made[: len(heard)]).max() < 2 / 32768
    for name in ("mixture", "reference", "vocals_true"):
        assert np.abs(soundfile.read(folder / f"{name}.flac")[0]).max() <= 1


def test_the_player_gets_the_same_files(report, runs):
    folder = report / "item" / read_run(runs[0]).items[0].slug
    for script, names in (
        ("audio.js", {"mixture", "reference", "enhanced"}),
        ("stems.js", {"vocals_true", "drums_true", "bass_true", "other_true"}),
    ):
        text = (folder / script).read_text()
        parts = json.loads(text.removeprefix("cadenzaSounds(").removesuffix(");\n"))
        assert set(parts) == names
        for name, content in parts.items():
            assert base64.b64decode(content) == (folder / f"{name}.flac").read_bytes()


def test_the_same_results_give_the_same_bytes(report, runs, tmp_path):
    build(runs[0], to=tmp_path / "again", jobs=2)
    assert contents(tmp_path / "again") == contents(report)


def test_unchanged_items_are_kept_and_missing_ones_made(report, runs, tmp_path):
    shutil.copytree(report, tmp_path / "report")
    gone = sorted((tmp_path / "report" / "item").iterdir())[0]
    (gone / "digest.txt").unlink()  # as if the program had been killed
    built = build(runs[0], to=tmp_path / "report", jobs=1)
    assert (built.made, built.kept) == (1, len(read_run(runs[0]).items) - 1)
    assert contents(tmp_path / "report") == contents(report)
    assert build(runs[0], to=tmp_path / "report", seconds=0.5, items="worst:1", jobs=1).made == 1


def test_some_items_only(runs, tmp_path):
    run = read_run(runs[0])
    build(runs[0], to=tmp_path / "r", items="worst:2", jobs=1)
    made = {p.name for p in (tmp_path / "r" / "item").iterdir()}
    assert made == {item.slug for item in run.scored[:2]}
    assert_links_hold(tmp_path / "r")
    build(runs[0], to=tmp_path / "r", items="best:1", jobs=1)
    assert {p.name for p in (tmp_path / "r" / "item").iterdir()} == {run.scored[-1].slug}
    build(runs[0], to=tmp_path / "r", items=run.items[1].key, jobs=1)
    assert {p.name for p in (tmp_path / "r" / "item").iterdir()} == {run.items[1].slug}
    assert build(runs[0], to=tmp_path / "r", items="none").made == 0


def test_an_excerpt_says_what_it_is(runs, tmp_path):
    build(runs[0], to=tmp_path / "r", items="worst:1", seconds=0.5, jobs=1)
    page = next((tmp_path / "r" / "item").iterdir())
    assert "the part in which most was lost" in (page / "index.html").read_text()
    assert soundfile.info(page / "mixture.flac").duration == pytest.approx(0.5, abs=0.01)


def test_two_runs_are_compared(runs, tmp_path):
    build(*runs, to=tmp_path / "r", items="changed:2", jobs=1)
    text = (tmp_path / "r" / "index.html").read_text(encoding="utf-8")
    first, second = ({i.key: i for i in read_run(folder).items} for folder in runs)
    changes = [second[key].score - first[key].score for key in first]
    assert f"{sum(changes) / len(changes):+.4f}".replace("-", "−") in text
    assert f"{sum(c > 0 for c in changes)} / {sum(c < 0 for c in changes)} / " in text
    assert "soft_clip" in text, "a setting that differs"
    assert_links_hold(tmp_path / "r")
    item = next((tmp_path / "r" / "item").iterdir())
    assert {"enhanced_by_spectral.flac", "enhanced_by_oracle.flac"} <= {
        p.name for p in item.iterdir()
    }


def test_a_moved_run_is_found_with_its_signals(runs, tmp_path):
    shutil.copytree(runs[0], tmp_path / "elsewhere")
    assert build(tmp_path / "elsewhere", to=tmp_path / "r", items="worst:1", jobs=1).problems == {}


def test_a_table_without_journal_is_read(runs, tmp_path):
    """Such as one that another program wrote."""
    shutil.copytree(runs[0], tmp_path / "exp")
    (tmp_path / "exp" / "scores.journal.jsonl").unlink()
    with_journal, without = read_run(runs[0]), read_run(tmp_path / "exp")
    assert [i.score for i in without.items] == [i.score for i in with_journal.items]
    assert without.notes == ("scores.csv has no journal",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"run": "nowhere"}, "nowhere: no such folder"),
        ({"run": "empty"}, "empty: no results of a baseline"),
        ({"items": "first:3"}, "items must be all, none"),
        ({"items": "changed:3"}, "needs two runs"),
        ({"to": "other"}, "other: holds something else"),
        ({"to": "file"}, "expected a folder for the report, found a file"),
        ({"seconds": 0}, "seconds must be positive"),
        ({"jobs": 0}, "jobs must be a positive whole number"),
    ],
)
def test_mistakes_are_told_and_cost_nothing(runs, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other", "thesis.txt").write_text("precious")
    Path("file").touch()
    options = {"run": runs[0], "to": "report", **arguments}
    with pytest.raises((InputError, ValueError), match=re.escape(message)):
        build(options.pop("run"), **options)
    assert not Path("report").exists()
    assert Path("other", "thesis.txt").read_text() == "precious"


def test_a_run_without_scores_can_be_heard(finished_root, runs, tmp_path):
    exp = finished_root / "exp"
    run = read_run(exp)
    assert run.scored == []
    key = run.items[0].key
    assert build(exp, to=tmp_path / "one", items=key, jobs=1).problems == {}
    text = (tmp_path / "one" / "index.html").read_text()
    assert f"0 of {len(run.items)}" in text
    assert_links_hold(tmp_path / "one")
    build(exp, runs[1], to=tmp_path / "two", items="none")
    assert "0 / 0 / 0" in (tmp_path / "two" / "index.html").read_text()
    assert_links_hold(tmp_path / "two")
