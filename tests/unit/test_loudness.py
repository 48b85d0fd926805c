"""Integrated loudness and matching it."""

from __future__ import annotations

import warnings

import numpy as np
import pyloudnorm
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.loudness import LoudnessMeter, integrated_loudness_lufs, match_loudness
from tests.conftest import step, tone

RATE = 44100


def _stereo(signal):
    return np.stack([signal, signal])


def test_loudness_follows_level_and_channels(rng):
    signal = 0.1 * rng.standard_normal((2, RATE))
    before = signal.copy()
    loudness = integrated_loudness_lufs(signal, RATE)
    assert integrated_loudness_lufs(10 * signal, RATE) == pytest.approx(loudness + 20)
    assert integrated_loudness_lufs(signal[::-1], RATE) == pytest.approx(loudness)
    mono = integrated_loudness_lufs(signal[0], RATE)
    assert integrated_loudness_lufs(_stereo(signal[0]), RATE) == pytest.approx(mono + 3.0103)
    assert_array_equal(signal, before)


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (tone(44100), -7.7157651838622),
        (_stereo(tone(44100)), -4.70546522722239),
        (_stereo(np.sin(2 * np.pi * 997 * np.arange(5 * RATE) / RATE)), -0.0421129969983424),
        (_stereo(np.r_[tone(44100), np.zeros(88200)]), -5.41099734395513),
        (_stereo(step(132300)), -5.83691608189168),
        (_stereo(tone(20286)), -4.92823539788783),
        (_stereo(tone(17640)), -4.70682493824312),
        (_stereo(1e-5 * tone(44100)), -np.inf),
        (np.zeros((2, 44100)), -np.inf),
    ],
    ids=["mono", "stereo", "997 Hz", "pause", "step", "0.46 s", "0.4 s", "gated", "silence"],
)
def test_loudness_equals_the_reference(signal, expected):
    """Dsp §8.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loudness = integrated_loudness_lufs(signal, RATE)
    assert loudness == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 5])
@pytest.mark.parametrize(("rate", "length_s"), [(44100, 0.449), (44100, 7.003), (32000, 2.0)])
def test_loudness_is_that_of_pyloudnorm_to_the_last_bit(rng, n_channels, rate, length_s):
    signal = 0.1 * rng.standard_normal((n_channels, int(length_s * rate)))
    signal[:, signal.shape[1] // 2 :] *= 1e-3  # what the gates leave out
    expected = pyloudnorm.Meter(rate).integrated_loudness(signal.T)
    assert integrated_loudness_lufs(signal, rate) == expected


@pytest.mark.parametrize("n_samples", [1, 1000, 40000])
def test_the_loudness_does_not_depend_on_the_blocks(rng, n_samples):
    signal = 0.1 * rng.standard_normal((2, 100 * n_samples if n_samples < 1000 else 100_000))
    signal = np.pad(signal, ((0, 0), (0, RATE)))
    meter = LoudnessMeter(RATE, n_channels=2)
    for start in range(0, signal.shape[1], n_samples):
        meter.add(signal[:, start : start + n_samples])
    loudness = integrated_loudness_lufs(signal, RATE)
    assert meter.integrated_lufs() == meter.integrated_lufs() == loudness


def test_blocks_have_the_channels_of_the_meter():
    with pytest.raises(ValueError, match=r"block must have 2 channel\(s\), got 1"):
        LoudnessMeter(RATE, n_channels=2).add(tone(100))


def test_signals_without_a_loudness_are_rejected():
    with pytest.raises(ValueError, match=r"at least 0\.4 s long, got 0\.399977 s"):
        integrated_loudness_lufs(tone(17639), RATE)
    with pytest.raises(ValueError, match="at most 5 channels, got 6"):
        integrated_loudness_lufs(np.zeros((6, RATE)), RATE)


@pytest.mark.parametrize("shape", [(RATE,), (2, RATE)])
def test_matched_signal_has_the_loudness_of_the_reference(rng, shape):
    signal = 0.3 * rng.standard_normal(shape)
    before = signal.copy()
    reference = _stereo(tone(2 * RATE))
    matched = match_loudness(signal, reference, RATE)
    assert integrated_loudness_lufs(matched, RATE) == pytest.approx(
        integrated_loudness_lufs(reference, RATE)
    )
    assert_allclose(matched / signal, matched.flat[0] / signal.flat[0])
    assert_array_equal(signal, before)


@pytest.mark.parametrize("reference", [tone(RATE), np.zeros(RATE)], ids=["tone", "silence"])
@pytest.mark.parametrize("signal", [np.zeros((2, RATE)), 1e-5 * _stereo(tone(RATE))])
def test_a_silent_stem_is_not_changed(signal, reference, caplog):
    """B10."""
    assert_array_equal(match_loudness(signal, reference, RATE), signal)
    assert not caplog.messages


def test_silent_reference_counts_as_minus_80_lufs(caplog):
    matched = match_loudness(tone(RATE), np.zeros(RATE), RATE)
    assert_allclose(matched, tone(RATE) * 10 ** ((-80 + 7.7157651838622) / 20), rtol=1e-12)
    assert caplog.messages == ["reference is silent, loudness matched to -80.0 LUFS"]


@pytest.mark.parametrize("lengths", [(17639, RATE), (RATE, 17639)])
def test_short_signals_are_not_changed(lengths, caplog):
    """B11."""
    signal, reference = (tone(n) for n in lengths)
    assert_array_equal(match_loudness(signal, 0.1 * reference, RATE), signal)
    assert caplog.messages == ["loudness not matched: signals must be at least 0.4 s long"]
