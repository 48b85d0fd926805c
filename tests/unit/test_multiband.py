"""Multiband compressor."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.hearing_aid import (
    BandCompressor,
    Crossover,
    MultibandCompressor,
)
from tests.conftest import lcg, step

RATE = 44100
CAD2_HZ = (353.55, 707.11, 1414.21, 2828.43, 5656.85)
TIMES = {"attack_ms": (11, 11, 14, 13, 11, 11), "release_ms": (80, 80, 80, 80, 100, 100)}
CAD2 = {"crossover_frequencies_hz": CAD2_HZ, "sample_rate": RATE, "threshold_db": -30, **TIMES}
RATIO = (2.1, 1.5, 1.3, 1.5, 2.4, 3.7)
MAKEUP_GAIN_DB = (9.6, 11.9, 12.9, 16.4, 19.0, 28.0)


def _output_level_db(level_db, compressor):
    """Static curve, from its definition."""
    over = level_db - compressor.threshold_db
    knee = compressor.knee_width_db
    if 2 * over < -knee:
        return level_db
    if knee and 2 * abs(over) <= knee:
        return level_db + (1 / compressor.ratio - 1) * (over + knee / 2) ** 2 / (2 * knee)
    return compressor.threshold_db + over / compressor.ratio


def _direct(x, compressor):
    """Output of a band compressor straight from its definition, sample by sample."""
    reduction, y = 0.0, []
    for sample in np.where(x == 0, 1e-12, x):
        level_db = max(20 * math.log10(abs(sample)), -120)
        target = level_db - _output_level_db(level_db, compressor)
        time_ms = compressor.attack_ms if target > reduction else compressor.release_ms
        alpha = math.exp(-1 / (0.001 * compressor.sample_rate * time_ms))
        reduction = alpha * reduction + (1 - alpha) * target
        y.append(sample * 10 ** ((compressor.makeup_gain_db - reduction) / 20))
    return y


@pytest.mark.parametrize("ratio", [0.5, 1, 3.7])
@pytest.mark.parametrize("knee_width_db", [0, 10])
@pytest.mark.parametrize("threshold_db", [-130, -30, 0])
def test_band_agrees_with_the_definition(rng, ratio, knee_width_db, threshold_db):
    compressor = BandCompressor(
        sample_rate=1000,
        threshold_db=threshold_db,
        ratio=ratio,
        attack_ms=7,
        release_ms=30,
        makeup_gain_db=6,
        knee_width_db=knee_width_db,
    )
    signal = rng.standard_normal(1200) * np.repeat([1e-8, 0.01, 1, 0, 0.03, 2], 200)
    assert_allclose(compressor(signal), _direct(signal, compressor), rtol=1e-12)


@pytest.mark.parametrize(
    ("knee_width_db", "output_db"),
    [
        (0, [-140, -120, -60, -36, -35, -33, -30, -29.25, -28.75, -27.5, -22.5]),
        (10, [-140, -120, -60, -36, -35, -33.15, -30.9375, -29.4, -28.75, -27.5, -22.5]),
    ],
)
def test_static_curve_equals_the_reference(knee_width_db, output_db):
    """Dsp §5. Time constants far below a sample leave the static curve."""
    compressor = BandCompressor(
        sample_rate=RATE,
        threshold_db=-30,
        ratio=4,
        attack_ms=1e-6,
        release_ms=1e-6,
        knee_width_db=knee_width_db,
    )
    input_db = np.array([-140, -120, -60, -36, -35, -33, -30, -27, -25, -20, 0])
    levels = 20 * np.log10(compressor(10 ** (input_db / 20)))
    assert_allclose(levels, output_db, rtol=1e-13)


HARD = {"threshold_db": -30, "ratio": 4, "attack_ms": 11, "release_ms": 80, "makeup_gain_db": 6}
SOFT = HARD | {"attack_ms": 10, "release_ms": 100, "makeup_gain_db": 1.25, "knee_width_db": 10}


@pytest.mark.parametrize(
    ("parameters", "expected", "energy"),
    [
        (
            HARD,
            {
                1: 0.0461591991780284,
                100: -0.0339603349250129,
                9999: -0.0349297869630649,
                10001: -0.503952862005551,
                10100: -0.314175309035744,
                12000: -0.114585851835504,
                20001: -0.00560110670928152,
                25000: -0.00279265350201847,
                29999: 0.0215645965397027,
            },
            241.283244538292,
        ),
        (
            SOFT,
            {
                1: 0.0267138257268935,
                100: -0.0195013907010816,
                9999: -0.0194767115147971,
                10001: -0.280889710512527,
                10100: -0.172649521393479,
                12000: -0.0631888188299402,
                20001: -0.00308797875335205,
                25000: -0.001341008977983,
                29999: 0.0111548431842147,
            },
            72.9661390866672,
        ),
    ],
    ids=["hard knee", "soft knee"],
)
def test_compressed_band_equals_the_reference(parameters, expected, energy):
    """Dsp §5."""
    output = BandCompressor(sample_rate=RATE, **parameters)(step(30000))
    assert_allclose(output[list(expected)], list(expected.values()), rtol=1e-12)
    assert np.sum(output**2) == pytest.approx(energy, rel=1e-13)


def test_zeros_become_1e_12():
    """Dsp §5."""
    output = BandCompressor(sample_rate=RATE, **HARD)(np.zeros(3))
    assert_allclose(output, 1.99526231496888e-12, rtol=1e-13)


def test_noise_through_all_bands_equals_the_reference():
    """Dsp §6."""
    compressor = MultibandCompressor(ratio=RATIO, makeup_gain_db=MAKEUP_GAIN_DB, **CAD2)
    signal = 0.2 * lcg(8820)
    output = compressor(signal)
    expected = {
        0: 0.169938204256191,
        10: -1.24920516778682,
        100: 0.743127683253075,
        1000: -0.738975416821017,
        4409: 1.1220902200817,
        8819: 1.77199781466219,
    }
    assert_allclose(output[list(expected)], list(expected.values()), rtol=0, atol=2e-6)
    assert np.sum(output**2) == pytest.approx(12566.3254696416, rel=1e-6)
    energies = [
        13.0855683411708,
        15.6570891776683,
        34.9298514012411,
        133.919060984889,
        406.972569095547,
        10485.502430185,
    ]
    assert_allclose(np.sum(compressor.bands(signal) ** 2, axis=-1), energies, rtol=1e-6)


def test_step_through_all_bands_equals_the_reference():
    """Dsp §6."""
    compressor = MultibandCompressor(ratio=RATIO, makeup_gain_db=MAKEUP_GAIN_DB, **CAD2)
    output = compressor(step(9000))
    expected = {
        1: -0.0739135700544099,
        100: -0.0406300573444806,
        2999: -0.381212872408528,
        3000: -0.374992424871668,
        4500: -2.42619703776301,
        6001: -2.74518285973046,
        8999: -0.116092482503684,
    }
    assert_allclose(output[list(expected)], list(expected.values()), rtol=0, atol=2e-6)
    assert np.sum(output**2) == pytest.approx(5635.79182727959, rel=1e-6)


def test_without_compression_and_gain_the_bands_are_those_of_the_crossover(rng):
    signal = rng.standard_normal(3000)
    bands = MultibandCompressor(crossover_frequencies_hz=CAD2_HZ, sample_rate=RATE).bands(signal)
    assert_allclose(bands, Crossover(CAD2_HZ, sample_rate=RATE)(signal), rtol=1e-14)


def test_each_band_has_its_own_parameters(rng):
    signal = rng.standard_normal((2, 3000))
    per_band = {
        "threshold_db": (-40, -30, -20),
        "ratio": (1.2, 2.1, 3),
        "attack_ms": (5, 11, 14),
        "release_ms": (60, 80, 100),
        "makeup_gain_db": (0, 12.5, -3),
        "knee_width_db": (0, 4, 10),
    }
    frequencies_hz = (500, 4000)
    compressor = MultibandCompressor(
        crossover_frequencies_hz=frequencies_hz, sample_rate=RATE, **per_band
    )
    bands = compressor.bands(signal)
    for index, band in enumerate(Crossover(frequencies_hz, sample_rate=RATE)(signal)):
        own = {name: values[index] for name, values in per_band.items()}
        assert_array_equal(bands[index], BandCompressor(sample_rate=RATE, **own)(band))
    assert_allclose(compressor(signal), bands.sum(axis=0), rtol=0, atol=1e-13)


def test_any_leading_shape_and_input_is_not_edited(rng):
    """B15: the reference writes 1e-12 over the zeros of the caller's array."""
    signal = rng.standard_normal((3, 2, 1000))
    signal[:, :, ::7] = 0
    before = signal.copy()
    multiband = MultibandCompressor(ratio=RATIO, **CAD2)
    for compressor in (multiband, BandCompressor(sample_rate=RATE, **SOFT)):
        output = compressor(signal)
        assert output.shape == signal.shape
        assert_array_equal(output[2, 1], compressor(signal[2, 1]))
        assert_array_equal(signal, before)
    assert multiband.bands(signal).shape == (6, 3, 2, 1000)


def test_one_number_counts_for_all_bands():
    assert MultibandCompressor(ratio=2, **CAD2) == MultibandCompressor(ratio=[2] * 6, **CAD2)
    assert MultibandCompressor(ratio=2, **CAD2).ratio == (2, 2, 2, 2, 2, 2)


def test_one_crossover_makes_two_bands():
    """B19."""
    compressor = MultibandCompressor(
        crossover_frequencies_hz=1000.5, sample_rate=RATE, ratio=(2, 3)
    )
    assert compressor.bands(np.ones(10)).shape == (2, 10)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("sample_rate", 0, "sample_rate must be positive, got 0"),
        ("crossover_frequencies_hz", [500, 400], "crossover frequencies must be in ascending"),
        ("crossover_frequencies_hz", [500, 22050], "crossover frequencies must be above 0 and"),
        ("ratio", (2,) * 5, "ratio must be one number or one for each of 6 bands, got (2, 2"),
        ("ratio", [], "ratio must be one number or one for each of 6 bands, got []"),
        ("attack_ms", [5] * 7, "attack_ms must be one number or one for each of 6 bands"),
        ("ratio", (2, 2, 2, 2, 2, 0), "ratio must be positive, got 0.0"),
        ("ratio", -1, "ratio must be positive, got -1.0"),
        ("attack_ms", 0, "attack_ms must be positive, got 0.0"),
        ("release_ms", [80] * 5 + [-1], "release_ms must be positive, got -1.0"),
        ("knee_width_db", -0.5, "knee_width_db must be 0 or more, got -0.5"),
        ("threshold_db", math.nan, "threshold_db must be one finite number or a list of them"),
        ("makeup_gain_db", [[0] * 6], "makeup_gain_db must be one finite number or a list"),
    ],
)
def test_parameters_out_of_range_are_rejected(parameter, value, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        MultibandCompressor(**{**CAD2, parameter: value})


@pytest.mark.parametrize("parameter", ["threshold_db", "makeup_gain_db", "knee_width_db"])
def test_parameters_of_a_band_must_be_finite(parameter):
    with pytest.raises(ValueError, match=f"{parameter} must be .*, got inf"):
        BandCompressor(sample_rate=RATE, **{parameter: math.inf})


@pytest.mark.parametrize(
    "parameter",
    ["sample_rate", "threshold_db", "ratio", "attack_ms", "release_ms", "makeup_gain_db"],
)
def test_parameters_of_a_band_must_be_numbers(parameter):
    with pytest.raises(TypeError, match=f"{parameter} must be a number, got '2'"):
        BandCompressor(**{"sample_rate": RATE, parameter: "2"})


@pytest.mark.parametrize("value", ["2", [2] * 5 + ["2"], None, True])
def test_parameters_must_be_real_numbers(value):
    with pytest.raises(TypeError, match="ratio must hold real numbers"):
        MultibandCompressor(ratio=value, **CAD2)


def test_unknown_parameters_are_rejected_and_the_rate_is_required():
    """B16."""
    with pytest.raises(TypeError, match="attack"):
        MultibandCompressor(attack=5, **CAD2)
    with pytest.raises(TypeError, match="sample_rate"):
        MultibandCompressor(crossover_frequencies_hz=CAD2_HZ)
