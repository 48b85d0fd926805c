"""Stems that add up to their mixture: on arrays, and as an option of every separator."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from cadenza.errors import InputError
from cadenza.separation import refine
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO
from cadenza.separation.demucs import HybridDemucs
from cadenza.separation.openunmix import OpenUnmix
from cadenza.separation.refine import refined, share_residual, wiener
from cadenza.separation.spectral import Spectral
from tests.conftest import tone

BOTH = pytest.mark.parametrize("adjust", [share_residual, wiener])


@BOTH
@pytest.mark.parametrize("n_samples", [1, 100, 2047, 2048, 30000])
def test_stems_add_up_to_the_mixture(adjust, n_samples, rng):
    mixture = rng.standard_normal((2, n_samples))
    stems = rng.standard_normal((4, 2, n_samples))
    originals = stems.copy(), mixture.copy()
    adjusted = adjust(stems, mixture)
    assert adjusted.shape == stems.shape
    np.testing.assert_allclose(adjusted.sum(axis=0), mixture, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(stems, originals[0])
    np.testing.assert_array_equal(mixture, originals[1])


@BOTH
@pytest.mark.parametrize("shape", [(5000,), (1, 5000), (3, 2, 5000)])
def test_any_leading_axes_are_independent_channels(adjust, shape, rng):
    mixture, stems = rng.standard_normal(shape), rng.standard_normal((3, *shape))
    adjusted = adjust(stems, mixture).reshape(3, -1, 5000)
    for channel, of_mixture in enumerate(mixture.reshape(-1, 5000)):
        alone = adjust(stems.reshape(3, -1, 5000)[:, channel], of_mixture)
        np.testing.assert_allclose(adjusted[:, channel], alone, rtol=0, atol=1e-14)


@BOTH
def test_stems_that_are_all_silent_share_the_mixture_equally(adjust, rng):
    mixture = rng.standard_normal((2, 6000))
    for stem in adjust(np.zeros((4, 2, 6000)), mixture):
        np.testing.assert_allclose(stem, mixture / 4, rtol=0, atol=1e-14)


@BOTH
def test_silence_stays_silence(adjust):
    assert not adjust(np.zeros((4, 2, 6000)), np.zeros((2, 6000))).any()


@BOTH
def test_a_single_stem_is_the_mixture(adjust, rng):
    mixture = rng.standard_normal((2, 6000))
    np.testing.assert_allclose(adjust([0.3 * mixture**3], mixture)[0], mixture, rtol=0, atol=1e-13)


def test_the_residual_is_shared_equally(rng):
    stems, missing = rng.standard_normal((3, 2, 500)), rng.standard_normal((2, 500))
    shared = share_residual(stems, stems.sum(axis=0) + missing)
    np.testing.assert_allclose(shared - stems, [missing / 3] * 3, rtol=0, atol=1e-14)


def test_masks_give_a_mixture_of_one_source_to_this_source(rng):
    music = rng.standard_normal((2, 20000))
    first, second = wiener([0.2 * music, np.zeros_like(music)], music)
    np.testing.assert_allclose(first, music, rtol=0, atol=1e-5)
    assert np.abs(second).max() < 1e-5


def test_masks_depend_on_magnitudes_only(rng):
    stems, mixture = rng.standard_normal((3, 2, 20000)), rng.standard_normal((2, 20000))
    expected = wiener(stems, mixture)
    for scale in (-1.0, 10.0, 0.01):
        np.testing.assert_allclose(wiener(scale * stems, mixture), expected, rtol=0, atol=1e-5)
    # a delay that is short beside the window turns phases and hardly changes magnitudes
    low, high = np.sin(0.05 * np.arange(20000)), np.sin(1.0 * np.arange(20000))
    delayed = wiener([np.roll(low, 40), np.roll(high, 2)], low + high)
    np.testing.assert_allclose(delayed[0][2048:-2048], low[2048:-2048], rtol=0, atol=1e-3)


def test_masks_restore_level_and_phase_of_sources_that_do_not_overlap():
    whole = tone(44100)
    low = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    wrong = [0.1 * np.roll(low, 25), 0.1 * np.roll(whole - low, 4)]
    for estimate, source in zip(wiener(wrong, whole), (low, whole - low), strict=True):
        error = (estimate - source)[2048:-2048]
        assert 10 * np.log10(np.mean(source**2) / np.mean(error**2)) > 50


def test_a_higher_power_decides_more_sharply(rng):
    stems, mixture = rng.standard_normal((2, 20000)), rng.standard_normal(20000)
    unequal = stems * [[1.0], [0.5]]
    shares = [
        np.sum(wiener(unequal, mixture, power=power)[0] ** 2) / np.sum(mixture**2)
        for power in (0.5, 1.0, 2.0, 4.0)
    ]
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.2


@pytest.mark.parametrize(("n_fft", "chunk"), [(2048, 1), (2048, 5000), (2048, 2**14), (1200, 7000)])
def test_parts_of_a_long_signal_give_the_result_of_the_whole(monkeypatch, rng, n_fft, chunk):
    stems, mixture = rng.standard_normal((3, 2, 41234)), rng.standard_normal((2, 41234))
    monkeypatch.setattr(refine, "_CHUNK", 10**6)
    whole = wiener(stems, mixture, n_fft=n_fft)
    monkeypatch.setattr(refine, "_CHUNK", chunk)
    np.testing.assert_array_equal(wiener(stems, mixture, n_fft=n_fft), whole)


def test_memory_does_not_grow_with_the_song_beyond_its_stems(rng):
    def peak_beyond_the_result(duration_s):
        stems = rng.standard_normal((4, 2, duration_s * 44100)).astype(np.float64)
        tracemalloc.start()
        result = wiener(stems, stems[0])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - result.nbytes

    assert peak_beyond_the_result(24) < 1.2 * peak_beyond_the_result(6)


@BOTH
@pytest.mark.parametrize(
    ("stems", "mixture", "message"),
    [
        ([], np.zeros(4), "stems must hold at least one stem, got none"),
        (np.zeros((2, 2, 9)), np.zeros((2, 8)), r"stem 0 must have the shape \(2, 8\) of the mix"),
        ([np.zeros(8), np.full(8, np.nan)], np.zeros(8), "stem 1 must be finite"),
        ([np.zeros(8)], np.full(8, np.inf), "mixture must be finite"),
    ],
)
def test_what_cannot_be_adjusted(adjust, stems, mixture, message):
    with pytest.raises(ValueError, match=message):
        adjust(stems, mixture)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_fft": 0}, "n_fft must be a positive whole number, got 0"),
        ({"n_fft": 1001}, "n_fft must be a multiple of 4, got 1001"),
        ({"power": 0}, "power must be positive, got 0"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=message):
        wiener(np.zeros((2, 8)), np.zeros(8), **options)


def test_refinements_by_name(rng):
    stems = {name: rng.standard_normal((2, 5000)) for name in ("vocals", "other")}
    mixture = rng.standard_normal((2, 5000))
    assert refined(stems, mixture, "none") == stems
    for name, adjust in (("residual", share_residual), ("wiener", wiener)):
        adjusted = refined(stems, mixture, name)
        assert list(adjusted) == list(stems)
        np.testing.assert_array_equal(
            list(adjusted.values()), adjust(list(stems.values()), mixture)
        )
    with pytest.raises(InputError, match="refine must be one of none, residual, wiener, got 'no'"):
        refined(stems, mixture, "no")


class Parts(torch.nn.Module):
    """Stand-in for a network with four outputs that do not add up to its input."""

    def forward(self, x):
        return torch.stack([0.1 * x, 0.3 * x.flip(-1), 0.2 * x**2, 0 * x], dim=1)


SEPARATORS = [HybridDemucs, OpenUnmix, ConvTasNetVDBO, Spectral]


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("name", ["residual", "wiener"])
@pytest.mark.parametrize("sample_rate", [44100, 32000])
def test_stems_of_every_separator_add_up(separator, name, sample_rate, monkeypatch, rng):
    if separator is not Spectral:
        monkeypatch.setattr(separator, "_load", lambda _self: Parts())
    options = {} if separator is Spectral else {"device": "cpu"}
    mixture = 0.1 * rng.standard_normal((2, 40000)) + 0.01
    as_estimated = separator(refine="none", **options)(mixture, sample_rate=sample_rate)
    stems = separator(refine=name, **options)(mixture, sample_rate=sample_rate)
    np.testing.assert_allclose(sum(stems.values()), mixture, rtol=0, atol=1e-12)
    expected = refined(as_estimated, mixture, name)
    for source in as_estimated:
        np.testing.assert_array_equal(stems[source], expected[source])
    if separator is not Spectral:
        assert np.abs(sum(as_estimated.values()) - mixture).max() > 0.01


def test_published_separators_are_not_refined_and_the_included_network_is():
    found = {separator.__name__: separator().refine for separator in SEPARATORS}
    found["ConvTasNetEnsemble"] = ConvTasNetEnsemble().refine
    found["own ConvTasNetEnsemble"] = ConvTasNetEnsemble(models_dir="exp/models").refine
    found["included ConvTasNetEnsemble"] = ConvTasNetEnsemble(models_dir="included").refine
    assert found == {
        "HybridDemucs": "none",
        "OpenUnmix": "none",
        "ConvTasNetVDBO": "wiener",
        "Spectral": "none",
        "ConvTasNetEnsemble": "none",
        "own ConvTasNetEnsemble": "none",
        "included ConvTasNetEnsemble": "wiener",
    }


@pytest.mark.parametrize("separator", [*SEPARATORS, ConvTasNetEnsemble], ids=lambda s: s.__name__)
def test_unknown_refinements_are_refused_at_construction(separator):
    with pytest.raises(InputError, match="refine must be one of none, residual, wiener, got 'yes'"):
        separator(refine="yes")
