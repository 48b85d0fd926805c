"""What the evaluation of CAD1 Task 1 can compare: releases, levels, and remixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cadenza import audio
from cadenza.challenges.cad1_task1.comparison import Comparison
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.report import build
from cadenza.report.results import read_run
from cadenza.runner.tables import read_table
from cadenza.stems import STEMS

from .report_pages import assert_links_hold
from .test_cad1_task1 import SONGS, WHERE, call, finished, root

__all__ = ["finished", "root"]

REMIX_COLUMNS = ["song", "listener", "score", "left", "right"]
ENHANCED = Path("exp/enhanced_signals")
ALLOWED = {
    "release": ("0.9.0", "0.3.4"),
    "evaluate.target": ("stems", "remix"),
    "evaluate.presentation": ("65dB", "default65"),
}


def ears(pairs, **options):
    """Signals of the first pair by name."""
    return dict(Comparison(44100, 24000, 32000, **options).ears(pairs[0], ENHANCED))


def level_db_spl(signal):
    return 65 - 10 * np.log10(np.mean(signal**2))


@pytest.fixture
def pairs(root):
    metadata = root / "metadata"
    return read_song_pairs(
        {
            "music_file": f"{metadata}/musdb18.valid.json",
            "listeners_file": f"{metadata}/listeners.valid.json",
            "music_dir": f"{root}/audio/musdb18hq",
            "music_segments_test_file": f"{metadata}/musdb18.segments.test.json",
        }
    )


def test_releases_differ_in_the_level_alone(pairs):
    """RMS of the reference before or after resampling."""
    now, then = ears(pairs), ears(pairs, release="0.3.4")
    assert list(now) == list(then)
    for stem in STEMS:
        music, _ = audio.read(pairs[0].file(stem))
        for side, reference in zip(("left", "right"), music, strict=True):
            new, old = now[f"{side}_{stem}"], then[f"{side}_{stem}"]
            np.testing.assert_array_equal(new.reference, old.reference)
            np.testing.assert_array_equal(new.processed, old.processed)
            assert new.level_db_spl == pytest.approx(level_db_spl(reference), abs=1e-9)
            assert old.level_db_spl == pytest.approx(level_db_spl(old.reference), abs=1e-9)
    # noise up to 22 kHz loses half of its power below 12 kHz
    drums = "left_drums"
    assert 1 < then[drums].level_db_spl - now[drums].level_db_spl < 4
    assert abs(then["left_bass"].level_db_spl - now["left_bass"].level_db_spl) < 0.01


def test_the_default_level_is_that_of_haaqi(pairs):
    """An RMS of 1 is 65 dB SPL."""
    found = ears(pairs, presentation="default65")
    assert {ear.level_db_spl for ear in found.values()} == {65.0}


@pytest.mark.parametrize(("key", "allowed"), ALLOWED.items())
def test_an_unknown_value_is_one_line(root, capfd, key, allowed):
    assert call("evaluate", *WHERE, f"{key}=mine") == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error")]
    assert errors == [f"error: {key} must be one of {', '.join(allowed)}, got 'mine'"]


def test_results_of_other_values_are_not_continued(root, capfd):
    one = (*WHERE, "evaluate.small_test=true", "evaluate.target=remix")
    others = [f"{key}={values[1]}" for key, values in ALLOWED.items()]
    assert call("evaluate", *one, *others) == 0
    assert call("evaluate", *one, *others) == 0
    for changed in ("release=0.9.0", "evaluate.target=stems", "evaluate.presentation=65dB"):
        capfd.readouterr()
        assert call("evaluate", *one, *others, changed) == 2
        assert changed.partition("=")[0] in capfd.readouterr().err


@pytest.mark.slow
def test_remixes_are_scored_merged_and_reported(root, tmp_path, capsys):
    """The remix against the mixture, in the columns left and right."""
    remix = (*WHERE, "evaluate.target=remix")
    for batch in range(2):
        batches = ("evaluate.batch_size=2", f"evaluate.batch={batch}")
        assert call("evaluate", *remix, *batches) == 0
    assert call("merge_batches_results", *remix, "evaluate.batch_size=2") == 0
    rows = read_table(Path("exp/scores.csv"), REMIX_COLUMNS)
    assert [row["listener"] for row in rows] == ["L5001", "L5002"]
    for row in rows:
        left, right = float(row["left"]), float(row["right"])
        assert float(row["score"]) == pytest.approx((left + right) / 2, abs=1e-15)
        assert 0.5 < left < 1
        assert left != right
    assert call("merge_batches_results", *WHERE, "evaluate.batch_size=2") == 2, "not stems"
    assert "columns" in capsys.readouterr().err
    report = tmp_path / "report"
    assert build(Path("exp"), to=report, items="worst:1", jobs=1).problems == {}
    assert_links_hold(report)
    (item,) = [i for i in read_run(Path("exp")).items if i.listener.name == "L5002"]
    assert [item.score, item.left, item.right] == [
        float(rows[1][column]) for column in ("score", "left", "right")
    ]
    assert read_run(Path("exp")).changes["evaluate.target"] == "remix"
    (page,) = (report / "item").iterdir()
    assert not list(page.glob("vocals*")), "stems were not scored"


def test_remixes_need_no_stems_and_missing_ones_are_found_first(root, capfd):
    where = (*WHERE, "evaluate.target=remix", "evaluate.noise=none", "evaluate.small_test=true")
    for file in ENHANCED.rglob("*_left_*"):
        file.unlink()
    song = Path("root/audio/musdb18hq/train") / SONGS[0]
    (song / "drums.wav").unlink()
    assert call("evaluate", *where) == 0
    (missing,) = (ENHANCED / "L5001").rglob("*_remix.flac")
    missing.unlink()
    (song / "mixture.wav").unlink()
    assert call("evaluate", *where, "resume=false") == 2
    seen = capfd.readouterr().err
    assert str(missing) in seen
    assert str(song / "mixture.wav") in seen


def test_a_silent_mixture_has_no_score(root, capfd):
    song = root / "audio" / "musdb18hq" / "train" / SONGS[0]
    audio.write_wav(song / "mixture.wav", np.zeros((2, 35280)), 44100)
    assert call("evaluate", *WHERE, "evaluate.target=remix") == 1
    rows = read_table(Path("exp/scores.csv"), REMIX_COLUMNS)
    assert {row["score"] for row in rows} == {""}
    assert "the mixture is silent" in Path("exp/scores.failures.csv").read_text()
