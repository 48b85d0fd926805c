"""Stems that add up and music that does not clip, as options of the ICASSP 2024 scripts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cadenza.runner.tables import read_table

from .conftest import call, codes, edit_json

COLUMNS = ["scene", "song", "listener", "clipped_fraction"]


def with_severe_losses(listeners):
    for entry in listeners.values():
        for ear in "lr":
            entry[f"audiogram_levels_{ear}"] = [60, 65, 70, 75, 80, 80, 80, 80]


@pytest.fixture
def loud(root):
    """The tiny root, whose listeners need so much gain that everything is clipped."""
    edit_json(root / "metadata" / "listeners.train.json", with_severe_losses)
    return root


def enhance(exp, *options):
    where = ("path.root=root", f"path.exp_folder={exp}")
    return call("baseline.enhance", *where, "evaluate.small_test=false", *options)


def clipped_fractions(exp):
    rows = read_table(exp / "enhanced_signals.csv", COLUMNS)
    return [float(row["clipped_fraction"]) for row in rows]


def test_clipping_is_counted_at_the_end_with_what_helps(loud, capsys):
    assert enhance("root/clipped", "separator=oracle") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " clipped, " in line]
    assert line.startswith("8 of 8 enhanced signals are in root/clipped")
    assert "; 8 were clipped, 8 of them in more than 1 % of the samples, at most " in line
    assert line.endswith("(hearing_aid=nalr_limited turns the gain down instead)")
    assert min(clipped_fractions(loud / "clipped")) > 0.01


def test_the_limited_hearing_aid_does_not_clip(loud, capsys):
    assert enhance("root/limited", "separator=oracle", "hearing_aid=nalr_limited") == 0
    assert " clipped, " not in capsys.readouterr().out
    assert clipped_fractions(loud / "limited") == [0.0] * 8
    peaks = [np.abs(codes(path)).max() for path in (loud / "limited").rglob("*.flac")]
    assert 0.95 * 32768 < min(peaks) <= max(peaks) <= 0.995 * 32768


def test_limiter_options_reach_the_limiter(loud):
    options = ("separator=oracle", "hearing_aid=nalr_limited", "hearing_aid.limiter.ceiling_db=-6")
    assert enhance("root/lower", *options, "evaluate.batch_size=8") == 0
    (path,) = (loud / "lower").rglob("*.flac")
    assert 0.48 * 32768 < np.abs(codes(path)).max() < 0.505 * 32768


@pytest.mark.slow
def test_results_remember_how_stems_were_refined(root, capsys):
    options = ("separator=spectral", "path.stems_cache=root/stems")
    assert enhance("root/refined", *options, "separator.refine=wiener") == 0
    n_songs = len(list((root / "stems").glob("*.npz")))
    assert n_songs > 0
    (journal,) = (root / "refined").glob("*.journal.jsonl")
    first_line = json.loads(journal.read_text().splitlines()[0])
    assert first_line["content"]["settings"]["separator"]["refine"] == "wiener"
    assert enhance("root/refined", *options) == 2
    assert "separator.refine: wiener before, none now" in capsys.readouterr().err
    assert enhance("root/plain", *options) == 0
    assert len(list((root / "stems").glob("*.npz"))) == 2 * n_songs
    differences = [
        np.abs(codes(path) - codes(root / "plain" / "enhanced_signals" / path.name)).max()
        for path in (root / "refined").rglob("*.flac")
    ]
    assert max(differences) > 30


def test_the_oracle_shows_the_limit_of_masks(root):
    one = ("separator=oracle", "evaluate.batch_size=8")
    assert enhance("root/masks", *one, "separator.refine=wiener") == 0
    (masks,) = (root / "masks").rglob("*.flac")
    exact = codes(root / "exp" / "enhanced_signals" / masks.name)
    assert codes(masks).shape == exact.shape
    assert 30 < np.abs(codes(masks) - exact).max() < 20000


def test_an_unknown_refinement_is_one_line(root, capsys):
    assert enhance("root/none", "separator=spectral", "separator.refine=on") == 2
    error = capsys.readouterr().err
    assert "separator: refine must be one of none, residual, wiener, got" in error
    assert len(error.strip().splitlines()) == 1
