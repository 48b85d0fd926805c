"""Separation scores: BSS Eval version 4 on signals with known errors."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.training import bss_eval
from cadenza.training.bss_eval import separation_scores

RATE = 2000


def scores_of(sources, estimates):
    return [
        tuple(vars(s).values()) for s in separation_scores(sources, estimates, sample_rate=RATE)
    ]


@pytest.mark.slow
def test_scores_of_known_errors(rng):
    """White noise: SDR and SAR are the level of what was added, SIR that of the other source."""
    sources = rng.standard_normal((2, 2, 6000))
    sdr, isr, sir, sar, mixture = scores_of(
        sources, sources + 0.1 * rng.standard_normal(sources.shape)
    )[0]
    np.testing.assert_allclose([sdr, mixture], [20, 0], atol=0.5)
    assert sar > 19
    assert isr > 25
    assert sir > 25
    leaky = scores_of(sources, sources + 0.1 * sources[::-1])[0]
    np.testing.assert_allclose(leaky[0], 20, atol=0.5)
    np.testing.assert_allclose(leaky[2], 20, atol=1)
    assert leaky[3] > 40


def test_sdr_of_museval_is_the_energy_ratio(rng):
    """The mixture's SDR is found by this formula, the estimate's by museval."""
    sources = rng.standard_normal((2, 2, 5000))
    estimates = sources + rng.standard_normal(sources.shape)
    expected = bss_eval._bss_eval(sources, estimates, 2000)[1, 0]
    found = bss_eval._window_sdr_db(sources[1], estimates[1], 2000)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.slow
def test_a_silent_source_changes_no_other_score(rng):
    sources = rng.standard_normal((3, 2, 4000))
    sources[1] = 0
    estimates = sources + 0.1 * rng.standard_normal(sources.shape)
    scores = scores_of(sources, estimates)
    assert np.isnan(scores[1]).all()
    assert scores[::2] == scores_of(sources[::2], estimates[::2])
    assert np.isnan(scores_of(np.zeros((2, 2, 4000)), estimates[:2, :, :4000])).all()


def test_a_silent_estimate_has_an_sdr_of_zero(rng):
    sources = rng.standard_normal((2, 2, 2000))
    estimates = np.stack([np.zeros((2, 2000)), sources[1]])
    silent, perfect = scores_of(sources, estimates)
    assert silent[0] == 0
    assert np.isnan(silent[1:4]).all()
    assert silent[4] == pytest.approx(0, abs=0.5)
    assert perfect[0] == np.inf


def test_windows_in_which_something_is_silent_do_not_count(rng):
    sources = rng.standard_normal((2, 2, 6000))
    sources[0, :, 2000:4000] = 0
    estimates = sources + 0.1 * rng.standard_normal(sources.shape)
    np.testing.assert_allclose([s[0] for s in scores_of(sources, estimates)], 20, atol=0.7)


def test_scores_need_signals_that_fit():
    with pytest.raises(
        ValueError, match=r"must be \(n_sources, 2, T\), got \(2, 2, 9\) and \(2, 9\)"
    ):
        separation_scores(np.ones((2, 2, 9)), np.ones((2, 9)), sample_rate=5)
    with pytest.raises(ValueError, match="must last at least 1 s, got 9 samples"):
        separation_scores(np.ones((2, 2, 9)), np.ones((2, 2, 9)), sample_rate=10)
