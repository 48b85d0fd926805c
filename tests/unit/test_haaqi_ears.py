"""HAAQI for both ears and for several candidates."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.audiogram import Audiogram, Listener
from cadenza.haaqi import SilentReferenceError, haaqi, haaqi_candidates, haaqi_ears

LISTENER = Listener(
    "L1",
    Audiogram([10, 10, 15, 25, 30, 35, 40, 45]),
    Audiogram([20, 25, 30, 40, 45, 50, 55, 60]),
)
OPTIONS = {"sample_rate": 24000, "equalisation": "none", "level_db_spl": 85.0}


@pytest.fixture
def music(rng):
    t = np.arange(14400) / 24000
    left = 0.1 * (1 + 0.5 * np.sin(2 * np.pi * 30 * t)) * np.sin(2 * np.pi * 440 * t)
    return np.stack([left, 0.5 * left]) + 0.02 * rng.standard_normal((2, t.size))


@pytest.mark.parametrize("noise", ["seeded", "fast", "none"])
@pytest.mark.parametrize("workers", [1, 3])
def test_ears_are_two_calls_with_one_stream(music, noise, workers):
    processed = 0.01 * np.tanh(10 * music)
    rng, other = np.random.RandomState(5), np.random.RandomState(5)
    ears = haaqi_ears(
        music, processed, listener=LISTENER, noise=noise, rng=rng, workers=workers, **OPTIONS
    )
    for result, *ear in zip(ears, music, processed, (LISTENER.left, LISTENER.right), strict=True):
        assert result == haaqi(*ear[:2], audiogram=ear[2], noise=noise, rng=other, **OPTIONS)
    assert rng.random_sample() == other.random_sample()


def test_ears_may_have_different_levels(music):
    options = OPTIONS | {"level_db_spl": (85.0, 75.0), "listener": LISTENER}
    left, right = haaqi_ears(music, music, noise="none", **options)
    same, other = haaqi_ears(music, music, noise="none", **(options | {"level_db_spl": 85.0}))
    assert left == same
    assert right != other


def test_candidates_share_the_reference_and_the_noise(music):
    candidates = [0.1 * np.tanh(gain * music[0]) for gain in (1, 5, 20)]
    options = OPTIONS | {"audiogram": LISTENER.left, "rng": 3}
    together = haaqi_candidates(music[0], candidates, **options)
    assert together == [haaqi(music[0], candidate, **options) for candidate in candidates]
    assert len({result.score for result in together}) == 3


def test_silent_ear(music):
    with pytest.raises(SilentReferenceError):
        haaqi_ears(music * [[1], [0]], music, listener=LISTENER, **OPTIONS)


@pytest.mark.parametrize("workers", [0, 1.5, True])
def test_workers_are_counted(music, workers):
    with pytest.raises(ValueError, match="workers must be a positive integer, got"):
        haaqi(music[0], music[0], audiogram=LISTENER.left, workers=workers, **OPTIONS)


def test_fast_noise_scores_as_another_seed_does(music):
    """Where the processed signal is inaudible; elsewhere the noise hardly matters."""
    options = OPTIONS | {"audiogram": LISTENER.right}
    faint = 1e-3 * music[0]
    seeded = [haaqi(music[0], faint, rng=seed, **options).score for seed in range(6)]
    fast = [haaqi(music[0], faint, rng=seed, noise="fast", **options).score for seed in range(6)]
    scatter = np.std(seeded)
    assert scatter > 1e-6
    assert abs(np.mean(fast) - np.mean(seeded)) < 3 * scatter
    assert np.std(fast) < 3 * scatter
    audible = [haaqi(music[0], np.tanh(music[0]), rng=1, noise=n, **options).score
               for n in ("seeded", "fast")]  # fmt: skip
    assert audible[0] == pytest.approx(audible[1], abs=1e-5)
