"""Broadband compressor, and the hearing aid of the first baselines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.audiogram import Audiogram, Listener
from cadenza.hearing_aid import NALR, Compressor, NALRAid
from cadenza.hearing_aid.compressor_kernel import trailing_mean_square
from tests.conftest import step

RATE = 44100
RECIPE = {
    "threshold": 0.35,
    "attenuation": 0.1,
    "attack_ms": 50,
    "release_ms": 1000,
    "rms_buffer_size_s": 0.064,
}


def _direct_gain(x, compressor):
    """Gain track straight from the definition, sample by sample."""
    window = math.floor(compressor.rms_buffer_size_s * compressor.sample_rate)
    attack = 1000 / (compressor.attack_ms * compressor.sample_rate)
    release = 1000 / (compressor.release_ms * compressor.sample_rate)
    gain, track = 1.0, []
    for n in range(len(x)):
        rms = math.sqrt(sum(x[max(0, n - window + 1) : n + 1] ** 2) / window + 1e-8)
        if rms > compressor.threshold:
            a = compressor.attenuation
            gain += attack * (a * rms + (1 - a) * compressor.threshold - gain)
        else:
            gain += release * (1 - gain)
        track.append(gain)
    return track


@pytest.mark.parametrize("rms_buffer_size_s", [0.001, 0.01, 0.1, 1.0])
@pytest.mark.parametrize("threshold", [0.05, 0.3, 2.0])
def test_gain_agrees_with_the_definition(rng, rms_buffer_size_s, threshold):
    compressor = Compressor(
        sample_rate=1000,
        threshold=threshold,
        attenuation=0.3,
        attack_ms=7,
        release_ms=30,
        rms_buffer_size_s=rms_buffer_size_s,
    )
    signal = rng.standard_normal(700) * np.repeat([0.01, 1, 0, 0.3, 0.01, 2, 0], 100)
    assert_allclose(compressor.gain(signal), _direct_gain(signal, compressor), rtol=1e-12)


def test_below_the_threshold_nothing_changes(rng):
    signal = rng.uniform(-0.3, 0.3, size=5000)
    assert_allclose(Compressor(sample_rate=RATE, **RECIPE)(signal), signal, rtol=1e-14)


def test_makeup_gain_is_a_factor_on_the_output():
    signal = step(9000)
    plain = Compressor(sample_rate=RATE, **RECIPE)
    louder = Compressor(sample_rate=RATE, makeup_gain=2.0, **RECIPE)
    assert_array_equal(louder(signal), 2 * plain(signal))
    assert_array_equal(louder.gain(signal), plain.gain(signal))


def test_channels_are_independent_and_start_from_gain_1(rng):
    signal = rng.standard_normal((2, 3, 4000))
    before = signal.copy()
    compressor = Compressor(sample_rate=RATE, **RECIPE)
    compressed = compressor(signal)
    assert compressed.shape == signal.shape
    assert_array_equal(compressed[1, 2], compressor(signal[1, 2]))
    assert_array_equal(signal, before)


def test_rms_window_equals_the_reference():
    """Dsp §3."""
    mean_square = trailing_mean_square(step(30000), 2822)
    rms = np.sqrt(mean_square + 1e-8)
    expected = {
        0: 0.000246790546524938,
        999: 0.0235575639893779,
        9999: 0.0395841962377735,
        12000: 0.333136441620727,
        14000: 0.394944359996689,
        21000: 0.316768108437725,
        29999: 0.0198030287654771,
    }
    assert_allclose(rms[list(expected)], list(expected.values()), rtol=1e-13)
    assert rms.sum() == pytest.approx(4831.58693632959, rel=1e-13)
    assert np.argmax(rms > 0.35) == 12206


def test_gain_and_output_equal_the_reference():
    """Dsp §3."""
    compressor = Compressor(sample_rate=RATE, **RECIPE)
    gain, output = compressor.gain(step(30000)), compressor(step(30000))
    expected = {
        0: (1, 0.0119856384651051),
        999: (1, -0.0041578710618793),
        9999: (1, -0.0253834271734986),
        10000: (1, -0.293991747176186),
        12000: (1, -0.356105625314049),
        13000: (0.804101996411853, -0.304457491709751),
        14000: (0.640153940533936, -0.252468353633507),
        15000: (0.53599355683383, -0.215843004109287),
        19999: (0.373320498922131, -0.0744805577163556),
        21000: (0.37405537077156, -0.00519376265932951),
        25000: (0.42833226528474, -0.000974509465566719),
        29999: (0.489596982046471, 0.0059856242579423),
    }
    got = np.stack([gain, output], axis=-1)[list(expected)]
    assert_allclose(got, list(expected.values()), rtol=0, atol=1e-13)
    assert gain.sum() == pytest.approx(20624.0894212207, rel=1e-13)
    assert np.sum(output**2) == pytest.approx(738.407620746004, rel=1e-13)


def test_rms_window_stays_accurate_over_ten_minutes(rng):
    """A plain running sum would drift, and would lose the quiet end after the loud start."""
    window, n_samples = 512, 600 * 8000
    signal = rng.standard_normal(n_samples)
    signal[n_samples // 2 :] *= 1e-6
    mean_square = trailing_mean_square(signal, window)
    for end in range(window, n_samples + 1, 99_991):
        direct = math.fsum(signal[end - window : end] ** 2) / window
        assert mean_square[end - 1] == pytest.approx(direct, rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("sample_rate", 0, "sample_rate must be positive"),
        ("threshold", 0, "threshold must be positive"),
        ("threshold", math.nan, "threshold must be positive"),
        ("makeup_gain", -1, "makeup_gain must be positive"),
        ("attenuation", -0.1, "attenuation must be from 0 to 1, got -0.1"),
        ("attenuation", math.nan, "attenuation must be from 0 to 1"),
        ("attack_ms", 0, "attack_ms must be at least one sample long, got 0"),
        ("release_ms", 0.02, "release_ms must be at least one sample long, got 0.02"),
        ("rms_buffer_size_s", 1e-5, "rms_buffer_size_s must be at least one sample long"),
        ("rms_buffer_size_s", math.inf, "rms_buffer_size_s must be finite, got inf"),
    ],
)
def test_parameters_out_of_range_are_rejected(parameter, value, message):
    with pytest.raises(ValueError, match=message):
        Compressor(**{"sample_rate": RATE, **RECIPE, parameter: value})


@pytest.mark.parametrize("parameter", ["sample_rate", *RECIPE, "makeup_gain"])
def test_parameters_of_the_wrong_type_are_named(parameter):
    with pytest.raises(TypeError, match=f"{parameter} must be a number, got '5'"):
        Compressor(**{"sample_rate": RATE, **RECIPE, parameter: "5"})


def test_unknown_parameters_are_rejected_and_the_rate_is_required():
    """B16."""
    with pytest.raises(TypeError, match="attack"):
        Compressor(sample_rate=RATE, attack=50)
    with pytest.raises(TypeError, match="sample_rate"):
        Compressor(**RECIPE)


def test_signal_with_nan_is_rejected():
    with pytest.raises(ValueError, match="signal must be finite"):
        Compressor(sample_rate=RATE)([0.0, np.nan])


LISTENER = Listener(
    "L9001",
    left=Audiogram([15, 20, 25, 35, 45, 50, 60, 65]),
    right=Audiogram([10, 15, 25, 40, 45, 55, 60, 70]),
)


def test_aid_amplifies_each_ear_by_its_own_prescription_then_compresses(rng):
    signal = rng.standard_normal((2, 3000))
    before = signal.copy()
    compressor = Compressor(sample_rate=RATE, **RECIPE)
    amplified = NALRAid(sample_rate=RATE)(signal, LISTENER)
    assert amplified.shape == (2, 3220)
    assert_array_equal(amplified[0], NALR(LISTENER.left, sample_rate=RATE)(signal[0]))
    assert_array_equal(amplified[1], NALR(LISTENER.right, sample_rate=RATE)(signal[1]))
    compressed = NALRAid(sample_rate=RATE, compressor=compressor)(signal, LISTENER)
    assert_array_equal(compressed, compressor(amplified))
    assert_array_equal(signal, before)


def test_filters_are_designed_once_for_each_audiogram(monkeypatch):
    """T29."""
    designed = []

    def counting(audiogram, **parameters):
        designed.append(audiogram)
        return NALR(audiogram, **parameters)

    monkeypatch.setattr("cadenza.hearing_aid.nalr_aid.NALR", counting)
    aid = NALRAid(sample_rate=RATE, nfir=64)
    swapped = Listener("L9002", left=LISTENER.right, right=Audiogram(LISTENER.left.levels_db_hl))
    outputs = [aid(np.eye(2, 100), listener) for listener in (LISTENER, swapped, LISTENER)]
    assert len(designed) == 2
    assert_array_equal(outputs[0], outputs[2])
    assert not np.array_equal(outputs[0], outputs[1])


def test_aids_with_equal_settings_are_equal():
    aid = NALRAid(sample_rate=RATE, compressor=Compressor(sample_rate=RATE))
    used = NALRAid(sample_rate=RATE, compressor=Compressor(sample_rate=RATE))
    used(np.ones((2, 10)), LISTENER)
    assert aid == used
    assert aid != NALRAid(sample_rate=RATE)


def test_aid_checks_signal_and_rates():
    with pytest.raises(ValueError, match=r"signal must have shape \(2, T\), got \(3, 10\)"):
        NALRAid(sample_rate=RATE)(np.zeros((3, 10)), LISTENER)
    with pytest.raises(ValueError, match="compressor must run at the aid's sample rate 44100 Hz"):
        NALRAid(sample_rate=RATE, compressor=Compressor(sample_rate=32000))
