"""The faded end of the published baselines, for separators that normalise the mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cadenza.separation.demucs import HybridDemucs
from cadenza.separation.overlap_add import fade_end

SAMPLE_RATE = 44100


def test_the_published_fade_of_demucs_comes_before_its_mean(monkeypatch, rng):
    """Dsp §13: the chunk fades, then deviation * s + mean; so the stems end at the mean."""
    seen = []

    class Multiples(torch.nn.Module):
        def forward(self, x):
            seen.append(x[0].numpy())
            return torch.stack([x, 2 * x, 3 * x, 4 * x], dim=1)

    monkeypatch.setattr(HybridDemucs, "_load", lambda _self: Multiples())
    mixture = 0.05 * rng.standard_normal((2, 44100)) + [[0.02], [0.01]]
    separator = HybridDemucs(device="cpu")
    stems = separator(mixture, sample_rate=SAMPLE_RATE)
    mean, deviation = mixture.mean(), mixture.mean(axis=0).std()
    weights = np.ones(44100)
    weights[-4410:] = 1 - np.arange(4410) / 4409
    assert separator.added_mean(mixture) == pytest.approx(mean, abs=1e-15)
    for k, stem in enumerate(stems.values(), start=1):
        faded = fade_end(stem, sample_rate=SAMPLE_RATE, offset=separator.added_mean(mixture))
        published = deviation * (weights * (k * seen[0])) + mean
        np.testing.assert_allclose(faded, published, rtol=0, atol=1e-15)
        np.testing.assert_allclose(faded[:, -1], mean, rtol=0, atol=1e-15)


def test_demucs_adds_no_mean_to_refined_stems_or_to_what_it_does_not_normalise(rng):
    mixture = rng.standard_normal((2, 500)) + 0.5
    assert HybridDemucs(refine="residual").added_mean(mixture) == 0
    assert HybridDemucs().added_mean(np.full((2, 500), 0.5)) == 0
