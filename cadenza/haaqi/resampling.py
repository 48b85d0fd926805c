"""Conversion to the sample rate of the model."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from cadenza.haaqi.levels import rms

SAMPLE_RATE = 24000
"""Sample rate of the whole model, in Hz."""


def drift(sample_rate: float) -> float:
    """Ratio of a sample rate to the one that the index takes it for, 1.0023 for 44.1 kHz."""
    return sample_rate / (1000 * _nominal_khz(sample_rate))


def to_model_rate(signal: NDArray[np.float64], sample_rate: float) -> NDArray[np.float64]:
    """Resample a signal to 24 kHz and restore its level.

    A signal at 24 kHz is returned as it is. Otherwise the level is compared in the band that both
    rates share: everywhere when the rate goes up, below 10.5 kHz when it goes down.

    Parameters
    ----------
    signal : ndarray, shape (T,)
    sample_rate : float
        In Hz; only its nearest whole kHz matters.

    Returns
    -------
    ndarray, shape (T',)
    """
    from_khz, to_khz = _nominal_khz(sample_rate), SAMPLE_RATE // 1000
    if from_khz == to_khz:
        return signal
    ratio = Fraction(to_khz, from_khz)
    resampled = scipy.signal.resample_poly(signal, ratio.numerator, ratio.denominator)
    if from_khz < to_khz:
        before, after = rms(signal), rms(resampled)
    else:
        before = rms(_below_10500_hz(signal, from_khz))
        after = rms(_below_10500_hz(resampled, to_khz))
    audible = before > 0 and after > 0  # silence has no level to restore
    return resampled * (before / after) if audible else resampled


def _below_10500_hz(signal: NDArray[np.float64], rate_khz: int) -> NDArray[np.float64]:
    b, a = scipy.signal.cheby2(7, 30, 10.5, fs=rate_khz)
    return scipy.signal.lfilter(b, a, signal)


def _nominal_khz(sample_rate: float) -> int:
    """Whole number of kHz for which the index takes a rate: 44.1 kHz counts as 44 kHz."""
    return round(sample_rate / 1000)
