"""Linkwitz-Riley crossover."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import lfilter, sosfreqz

from cadenza.hearing_aid import Crossover
from tests.conftest import lcg

RATE = 44100
CAD2_HZ = [353.55, 707.11, 1414.21, 2828.43, 5656.85]
BANKS = [
    ([1000], 8000),
    ([250, 500], RATE),
    (CAD2_HZ, RATE),
    ([50, 100, 200], RATE),
    ([20, 21, 22_000], RATE),
    ([300, 3000, 5000, 7000, 7900], 16000),
]


def _all_pass(frequency_hz, sample_rate):
    """Numerator and denominator of the all-pass that a split adds up to, from its definition."""
    k = math.tan(math.pi * frequency_hz / sample_rate)
    delta = 1 + math.sqrt(2) * k + k**2
    a1, a2 = 2 * (k**2 - 1) / delta, (1 - math.sqrt(2) * k + k**2) / delta
    return [a2, a1, 1], [1, a1, a2]


@pytest.mark.parametrize(("frequencies_hz", "sample_rate"), BANKS)
def test_bands_add_up_to_an_all_pass_at_each_crossover(rng, frequencies_hz, sample_rate):
    """B3: also for low crossovers, for which the direct form of the reference diverges."""
    signal = rng.standard_normal(2 * sample_rate)
    expected = signal
    for frequency_hz in frequencies_hz:
        expected = lfilter(*_all_pass(frequency_hz, sample_rate), expected)
    bands = Crossover(frequencies_hz, sample_rate=sample_rate)(signal)
    assert_allclose(bands.sum(axis=0), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("frequencies_hz", "sample_rate"), BANKS)
def test_sum_of_the_bands_has_unit_magnitude_at_all_frequencies(frequencies_hz, sample_rate):
    crossover = Crossover(frequencies_hz, sample_rate=sample_rate)
    responses = [sosfreqz(sections, worN=2000)[1] for sections in crossover.sections]
    assert_allclose(np.abs(np.sum(responses, axis=0)), 1, rtol=0, atol=1e-9)


@pytest.mark.parametrize("frequency_hz", [100, 1000, 10_000])
def test_neighbours_meet_at_minus_6_db_and_fall_by_24_db_per_octave(frequency_hz):
    crossover = Crossover(frequency_hz, sample_rate=192_000)
    at_hz = [frequency_hz / 16, frequency_hz / 8, frequency_hz]
    low, high = (sosfreqz(sections, worN=at_hz, fs=192_000)[1] for sections in crossover.sections)
    assert_allclose(np.abs([low[2], high[2]]), 0.5, rtol=1e-9)
    assert 20 * np.log10(abs(high[1] / high[0])) == pytest.approx(24, abs=0.1)


def test_section_coefficients_equal_the_reference():
    """Dsp §4.4."""
    low, high = Crossover(1414.21, sample_rate=RATE).sections
    assert np.prod(low[:, 0]) == pytest.approx(7.85234011895304e-05, rel=1e-12)
    assert np.prod(high[:, 0]) == pytest.approx(0.751981498768555, rel=1e-12)
    denominator = np.polymul(low[0, 3:], low[1, 3:])
    expected = [1, -3.43322929969585, 4.450885900412, -2.58199450324308, 0.565594276945956]
    assert_allclose(denominator, expected, rtol=1e-13)
    assert_array_equal(high[:, 3:], low[:, 3:])


def test_bands_equal_the_reference():
    """Dsp §4.4.

    Tolerances: the reference is off by that much, its all-passes being ill-conditioned.
    """
    bands = Crossover(CAD2_HZ, sample_rate=RATE)(0.2 * lcg(4410))
    expected = [  # at n = 10, 100, 1000 and 4409
        (-4.63404287613966e-07, 0.000894367902748442, -0.00926186713831761, -0.0101992902807348),
        (-7.43750477555682e-06, -0.00648630410264474, 0.00888098111999632, -0.0116647649854535),
        (-0.000121184822980525, -0.00386303267589226, -0.0139547522439726, -0.0163723639687663),
        (-0.00223433497257345, 0.000139017994277364, -0.00357296134437198, 0.00960427510922828),
        (-0.0127823627157164, -0.0162934656364517, 0.00736480605308694, 0.0450709007616448),
        (-0.0449294235428806, 0.041196386407296, -0.0529845162167107, 0.0865773276308206),
    ]
    energies = [
        0.540688563337498,
        0.381546823013075,
        0.795546146675158,
        1.62181199745634,
        3.21322061086935,
        40.253605741864,
    ]
    for band, tolerance in enumerate((1e-6, 1e-8, 1e-10, 1e-10, 1e-10, 1e-10)):
        assert_allclose(bands[band, [10, 100, 1000, 4409]], expected[band], rtol=0, atol=tolerance)
        assert np.sum(bands[band] ** 2) == pytest.approx(energies[band], rel=10 * tolerance)
    assert np.sum(bands.sum(axis=0) ** 2) == pytest.approx(58.2104750544453, rel=1e-6)


def test_any_leading_shape_and_input_is_not_edited(rng):
    signal = rng.standard_normal((3, 2, 500))
    before = signal.copy()
    crossover = Crossover([500, 4000], sample_rate=RATE)
    bands = crossover(signal)
    assert bands.shape == (3, 3, 2, 500)
    assert_array_equal(bands[:, 2, 1], crossover(signal[2, 1]))
    assert_array_equal(list(crossover.each_band(signal)), bands)
    assert_array_equal(signal, before)


@pytest.mark.parametrize("frequency", [1000, 1000.0, np.float64(1000), np.int64(1000), (1000,)])
def test_one_crossover_of_any_real_type(frequency):
    """B19."""
    crossover = Crossover(frequency, sample_rate=RATE)
    assert crossover == Crossover([1000.0], sample_rate=RATE)
    assert crossover.frequencies_hz == (1000.0,)
    assert len(crossover.sections) == 2


@pytest.mark.parametrize(
    ("frequencies_hz", "message"),
    [
        ([], "at least one, got none"),
        ([1000, 500], "in ascending order, got [1000.0, 500.0]"),
        ([500, 500], "in ascending order"),
        ([0, 500], "above 0 and below half the sample rate (22050 Hz), got [0.0, 500.0]"),
        (-5, "above 0"),
        ([500, 22050], "below half the sample rate (22050 Hz)"),
        ([500, math.nan], "one finite number or a list of them"),
        ([[500, 1000]], "one finite number or a list of them"),
    ],
)
def test_frequencies_out_of_range_are_rejected(frequencies_hz, message):
    with pytest.raises(ValueError, match="crossover frequencies must be .*" + re.escape(message)):
        Crossover(frequencies_hz, sample_rate=RATE)


@pytest.mark.parametrize("frequencies_hz", ["500", ["500"], None, True, 500j])
def test_frequencies_must_be_real_numbers(frequencies_hz):
    with pytest.raises(TypeError, match="crossover frequencies must hold real numbers"):
        Crossover(frequencies_hz, sample_rate=RATE)
