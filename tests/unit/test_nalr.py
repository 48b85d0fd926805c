"""NAL-R: the prescription rule, the filter and its use."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.audiogram import Audiogram
from cadenza.hearing_aid import NALR, nalr_gains_db
from tests.conftest import tone

A = Audiogram([45, 45, 35, 45, 60, 65, 70, 65])
B = Audiogram([5, 10, 15, 20, 25, 30, 35, 40])
C = Audiogram([70, 75, 80, 85, 90, 95, 100, 105])


def test_gains_grow_with_the_loss_and_never_attenuate(rng):
    levels = rng.uniform(-20, 110, size=(5, 4, 6))
    gains = nalr_gains_db(levels)
    assert gains.shape == levels.shape
    assert (gains >= 0).all()
    assert (nalr_gains_db(levels + 10) >= gains).all()


@pytest.mark.parametrize("level", [0.0, -10.0])
def test_no_loss_means_no_gain(level):
    assert_array_equal(nalr_gains_db([level] * 6), np.zeros(6))


def test_gains_reject_other_numbers_of_levels():
    with pytest.raises(ValueError, match=r"6 levels on the last axis, got shape \(8,\)"):
        nalr_gains_db([10] * 8)


@pytest.mark.parametrize(
    ("audiogram", "expected_db"),
    [
        (A, [3.2, 12.2, 18.1, 19.2, 24.4, 25.95]),
        (B, [0, 0, 7.9, 7.45, 9.55, 11.1]),
        (C, [20.66, 31.21, 41.76, 41.31, 43.41, 44.96]),
    ],
)
def test_gains_equal_the_reference(audiogram, expected_db):
    """Dsp §2.6."""
    levels = audiogram.at([250, 500, 1000, 2000, 4000, 6000])
    assert_allclose(nalr_gains_db(levels), expected_db, rtol=1e-13, atol=1e-13)


def test_call_filters_the_last_axis_and_keeps_the_tail(rng):
    signal = rng.standard_normal((2, 3, 500))
    before = signal.copy()
    nalr = NALR(A, sample_rate=44100)
    amplified = nalr(signal)
    assert amplified.shape == (2, 3, 720)
    assert_array_equal(amplified[1, 2], nalr(signal[1, 2]))
    assert_allclose(amplified[0, 0], np.convolve(signal[0, 0], nalr.taps), rtol=1e-12, atol=1e-12)
    assert_array_equal(signal, before)


def test_filter_has_linear_phase_and_is_read_only():
    taps = NALR(C, sample_rate=44100).taps
    assert_allclose(taps, taps[::-1], rtol=0, atol=1e-12 * taps.max())
    with pytest.raises(ValueError, match="read-only"):
        taps[0] = 1


@pytest.mark.parametrize("level", [0.0, -10.0])
def test_without_loss_the_filter_is_an_exact_delay(rng, level):
    signal = rng.standard_normal(300)
    nalr = NALR(Audiogram([level] * 8), sample_rate=44100)
    assert_array_equal(nalr(signal), np.pad(signal, 110))


@pytest.mark.parametrize(
    ("audiogram", "expected"),
    [
        (
            A,
            {
                0: 5.74693097572074e-05,
                10: 0.000512318922900499,
                55: 0.00117017376164486,
                100: -0.0677908741461741,
                108: -1.64077687713388,
                109: -1.91460712285803,
                110: 17.8238694845033,
                "sum": 1.51585703089796,
                "sum_abs": 34.3437562233363,
                "sum_squares": 335.959565355144,
            },
        ),
        (
            B,
            {
                0: -6.12206352920145e-05,
                10: 3.00215909538545e-05,
                55: 0.000987334475730518,
                100: -0.0329751672967712,
                108: -0.208445336502915,
                109: -0.247450967136077,
                110: 3.32742577600132,
                "sum": 1.0002444654526,
                "sum_abs": 6.04967618209117,
                "sum_squares": 11.3813593511927,
            },
        ),
        (
            C,
            {
                0: -0.00237669691834665,
                10: 0.00621947854842866,
                55: 0.0181177960742392,
                100: -2.37092569336555,
                108: -11.1553401271354,
                109: -13.0833941196071,
                110: 163.218691510844,
                "sum": 11.4388800009941,
                "sum_abs": 328.84928245551,
                "sum_squares": 27604.7251363005,
            },
        ),
        (
            Audiogram([1] * 8),
            {110: 1.0060873797665, "sum": 1.0000290217559},
        ),
    ],
    ids=["A", "B", "C", "1 dB"],
)
def test_taps_equal_the_reference(audiogram, expected):
    """Dsp §2.6."""
    taps = NALR(audiogram, sample_rate=44100).taps
    sums = {"sum": taps.sum(), "sum_abs": np.abs(taps).sum(), "sum_squares": np.sum(taps**2)}
    got = {key: sums[key] if isinstance(key, str) else taps[key] for key in expected}
    assert taps.shape == (221,)
    assert got == pytest.approx(expected, rel=1e-13, abs=1e-14 * taps.max())


def test_frequency_response_equals_the_reference():
    """Dsp §2.6."""
    taps = NALR(A, sample_rate=44100).taps
    frequencies_hz = [0, 250, 500, 1000, 2000, 4000, 6000, 10000, 22050]
    response_db = 20 * np.log10(np.abs(np.fft.rfft(taps, 44100)))[frequencies_hz]
    expected_db = [
        3.61316484887497,
        6.85350560623155,
        12.3893448835943,
        17.8256010945106,
        19.3762947771779,
        24.3650451065775,
        25.9191396102427,
        25.950015668245,
        25.9500265778716,
    ]
    assert_allclose(response_db, expected_db, rtol=0, atol=1e-11)


def test_output_equals_the_reference():
    """Dsp §2.6."""
    amplified = NALR(A, sample_rate=44100)(tone(4410))
    expected = [
        6.88806369589024e-06,
        -0.412166668156125,
        -3.43895775540452,
        -2.82771828021371,
        -1.69763561623167,
        -7.58421145592885e-07,
    ]
    assert_allclose(amplified[[0, 110, 1000, 2205, 4409, 4629]], expected, rtol=0, atol=1e-12)
    assert np.sum(amplified**2) == pytest.approx(28755.5704612995, rel=1e-13)


def test_other_order_and_rate_equal_the_reference():
    """Dsp §2.6."""
    taps = NALR(A, sample_rate=24000, nfir=140).taps
    expected = [-0.000154296173512111, -0.00127348216119521, -3.14199246892742, 16.1000545258242]
    assert_allclose(taps[[0, 35, 69, 70]], expected, rtol=1e-13, atol=1e-14)
    assert taps.sum() == pytest.approx(1.45352499000257, rel=1e-13)


@pytest.mark.parametrize("nfir", [2, 64, 600, 1022])
def test_any_even_order_follows_the_curve(nfir):
    """Orders above 513 have intervals of the gain curve without a bin; they are skipped."""
    taps = NALR(A, sample_rate=16000, nfir=nfir).taps
    assert taps.shape == (nfir + 1,)
    assert np.isfinite(taps).all()
    if nfir >= 600:
        at_1000_hz = 20 * np.log10(np.abs(np.fft.rfft(taps, 16000)))[1000]
        assert at_1000_hz == pytest.approx(18.1, abs=0.2)


@pytest.mark.parametrize("sample_rate", [0, 8000, 11999.9, float("nan"), float("inf")])
def test_sample_rates_below_the_curve_are_rejected(sample_rate):
    """B17."""
    with pytest.raises(ValueError, match=r"sample_rate must be (at least 12000 Hz|positive)"):
        NALR(A, sample_rate=sample_rate)
    with pytest.raises(TypeError, match="sample_rate must be a number, got"):
        NALR(A, sample_rate=str(sample_rate))


@pytest.mark.parametrize("nfir", [-2, 0, 221, 220.5, 220.0, 1024, "220"])
def test_orders_that_cannot_be_designed_are_rejected(nfir):
    """B17."""
    with pytest.raises(ValueError, match="nfir must be even and from 2 to 1022"):
        NALR(A, sample_rate=44100, nfir=nfir)


def test_levels_alone_are_no_audiogram():
    with pytest.raises(TypeError, match=r"audiogram must be an Audiogram, got \[45, 45\]"):
        NALR([45, 45], sample_rate=44100)


def test_filters_with_equal_prescriptions_are_equal():
    same = Audiogram(A.levels_db_hl, A.frequencies_hz)
    assert NALR(A, sample_rate=44100) == NALR(same, sample_rate=44100)
    assert NALR(A, sample_rate=44100) != NALR(A, sample_rate=44100, nfir=64)
    assert len({NALR(A, sample_rate=44100), NALR(same, sample_rate=44100)}) == 1


def test_a_signal_without_samples_is_rejected():
    with pytest.raises(ValueError, match=r"at least one sample, got shape \(2, 0\)"):
        NALR(A, sample_rate=44100)(np.zeros((2, 0)))


def test_signal_with_nan_is_rejected():
    with pytest.raises(ValueError, match="signal must be finite"):
        NALR(A, sample_rate=44100)([0.0, np.nan])
