"""Equalisation, the middle ear, and the parameters of the inner ear's filters and hair cells."""

from __future__ import annotations

import math

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from cadenza.audiogram import Audiogram
from cadenza.haaqi.cochlea import Bands, FloatOrArray, Values, erb_hz
from cadenza.haaqi.constants import (
    ADAPTATION_OVERSHOOT,
    FAST_ADAPTATION_S,
    GAIN_SMOOTHING_HZ,
    GAMMATONE_BANDWIDTH,
    MIDDLE_EAR_HIGH_PASS_HZ,
    MIDDLE_EAR_HIGH_PASS_ORDER,
    MIDDLE_EAR_LOW_PASS_HZ,
    MIDDLE_EAR_LOW_PASS_ORDER,
    NALR_ORDER,
    NARROW_UP_TO_DB_SPL,
    SAMPLE_RATE,
    SLOW_ADAPTATION_S,
    UPPER_KNEE_DB_SPL,
    WIDE_FROM_DB_SPL,
)
from cadenza.hearing_aid import NALR


def equalise(reference: NDArray[np.float64], audiogram: Audiogram) -> NDArray[np.float64]:
    """Apply NAL-R to the reference, shape (N,), whose length stays.

    The filter delays by half its order, but the index drops all of it from the start: the result
    is half the order early, which the alignment of each band corrects later.
    """
    return NALR(audiogram, sample_rate=SAMPLE_RATE, nfir=NALR_ORDER)(reference)[NALR_ORDER:]


def middle_ear(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Attenuate what the middle ear does not pass well: below 350 Hz and above 5 kHz."""
    low_pass, high_pass = middle_ear_filters()
    return scipy.signal.lfilter(*high_pass, scipy.signal.lfilter(*low_pass, signal))


def middle_ear_filters() -> tuple[
    tuple[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]
]:
    """Numerator and denominator of the middle ear's low pass, then of its high pass."""
    low_pass = scipy.signal.butter(
        MIDDLE_EAR_LOW_PASS_ORDER, MIDDLE_EAR_LOW_PASS_HZ, fs=SAMPLE_RATE
    )
    high_pass = scipy.signal.butter(
        MIDDLE_EAR_HIGH_PASS_ORDER, MIDDLE_EAR_HIGH_PASS_HZ, "highpass", fs=SAMPLE_RATE
    )
    return low_pass, high_pass


def pole_radius(centre_hz: FloatOrArray, relative_bandwidth: FloatOrArray) -> NDArray[np.float64]:
    """Radius of the gammatone's fourfold pole."""
    return np.exp(-decay(np.asarray(centre_hz), np.asarray(relative_bandwidth)))


def decay(centre_hz: Values, relative_bandwidth: Values) -> Values:
    """By how much a gammatone's response decays in each sample, as a natural logarithm."""
    bandwidth_hz = GAMMATONE_BANDWIDTH * relative_bandwidth * erb_hz(centre_hz)
    return 2 * np.pi * bandwidth_hz / SAMPLE_RATE


def gammatone_gain(radius: Values) -> Values:
    """Gain that makes the envelope of a tone at the centre frequency the tone's amplitude."""
    return 2 * (1 - radius) ** 4 / (1 + 2 * radius) ** 2


def group_delay(radius: NDArray[np.float64]) -> NDArray[np.int_]:
    """Delay of the gammatone at its centre frequency, in whole samples."""
    return np.rint(4 * radius / (1 - radius) + 4 * radius / (1 + 2 * radius)).astype(int)


def bandwidth(level_db_spl: Values, cochlea: Bands[Values]) -> Values:
    """Relative bandwidth at a level: narrow up to 50 dB SPL, wide from 100 dB SPL."""
    range_db = WIDE_FROM_DB_SPL - NARROW_UP_TO_DB_SPL
    widening = ((level_db_spl - NARROW_UP_TO_DB_SPL) / range_db).clip(0, 1)
    narrow, wide = cochlea.narrow_bandwidth, cochlea.wide_bandwidth
    return narrow + widening * (wide - narrow)


def compression_gain_db(level_db_spl: Values, cochlea: Bands[Values]) -> Values:
    """Gain in dB, at most 0, by which the outer hair cells respond to a level."""
    above_knee_db = (level_db_spl - cochlea.knee_db_spl).clip(0)
    above_knee_db = above_knee_db.clip(max=UPPER_KNEE_DB_SPL - cochlea.knee_db_spl)
    return -cochlea.ohc_loss_db - above_knee_db * (1 - 1 / cochlea.compression_ratio)


def compression_of_power(
    unit_db_spl: Values, cochlea: Bands[Values]
) -> tuple[Values, Values, Values, Values]:
    """The same as a line over the logarithm of power: loops over samples need no dB.

    Parameters
    ----------
    unit_db_spl
        Level in dB SPL of a power of 1.

    Returns
    -------
    knee, upper_knee
        Natural logarithms of the powers between which the gain changes.
    offset, slope
        Of the natural logarithm of the gain over that of the power.
    """
    to_log = math.log(10) / 10
    knee = (cochlea.knee_db_spl - unit_db_spl) * to_log
    upper_knee = (UPPER_KNEE_DB_SPL - unit_db_spl) * to_log
    slope = -(1 - 1 / cochlea.compression_ratio) / 2
    loss = cochlea.ohc_loss_db * to_log / 2
    return knee, upper_knee, -loss - slope * knee, slope


def gain_smoothing() -> float:
    """Weight of a new gain in the filter through which the gain follows the level.

    A first-order Butterworth low pass, y[n] = weight (x[n] + x[n-1]) + (1 - 2 weight) y[n-1]: the
    gain lags by 0.2 ms (Zhang et al., 2001).
    """
    numerator, _ = scipy.signal.butter(1, GAIN_SMOOTHING_HZ, fs=SAMPLE_RATE)
    return float(numerator[0])


def adaptation_filter() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Adaptation of inner hair cells: an onset starts twice as high, and settles in 2 and 60 ms.

    The model is a circuit (Kates, 2013): the envelope drives resistor r1 to a first node, from
    which r2 leads to a second node and r3 on to ground; a capacitor at each node makes the fast
    and the slow adaptation. The output is the current through r1.

    Returns
    -------
    numerator, denominator : ndarray, shape (3,)
        Of the filter, as polynomials in 1/z.
    """
    r1 = 1 / ADAPTATION_OVERSHOOT
    r2 = r3 = (1 - r1) / 2
    fast = FAST_ADAPTATION_S * SAMPLE_RATE * (r1 + r2)
    slow = SLOW_ADAPTATION_S * SAMPLE_RATE * r2 / (r1 + r2)
    # Kirchhoff's law at both nodes with backward differences
    node_1 = np.array([r1 + r2 + fast, -fast])
    node_2 = np.array([r2 + r3 + slow, -slow])
    denominator = np.convolve(node_1, node_2) - [r1 * r3, 0, 0]
    return (denominator - [*(r2 * node_2), 0]) / r1, denominator


def adaptation() -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The adaptation filter as a sum of one-pole filters, which is faster and more accurate.

    Returns
    -------
    direct : float
        Gain of the input itself.
    gains, poles : ndarray, shape (2,)
        Gains of two one-pole filters of the input that are added, and their poles.
    """
    gains, poles, direct = scipy.signal.residuez(*adaptation_filter())
    return float(direct[0].real), gains.real, poles.real
