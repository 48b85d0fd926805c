"""Conversion to the sample rate of the model."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from cadenza.haaqi.constants import (
    LEVEL_MATCH_ATTENUATION_DB,
    LEVEL_MATCH_HZ,
    LEVEL_MATCH_ORDER,
    RESAMPLING_WINDOW,
    SAMPLE_RATE,
)
from cadenza.levels import rms


def nominal_sample_rate(sample_rate: float) -> int:
    """Sample rate in Hz for which the index takes a rate: its nearest whole kHz.

    >>> nominal_sample_rate(44100)
    44000
    """
    return 1000 * round(sample_rate / 1000)


def drift(sample_rate: float) -> float:
    """Ratio of a sample rate to the one for which the index takes it: 1.0023 for 44.1 kHz."""
    return sample_rate / nominal_sample_rate(sample_rate)


def resampling_ratio(sample_rate: float) -> Fraction:
    """Number of samples at 24 kHz for each sample at another rate.

    >>> resampling_ratio(44100)
    Fraction(6, 11)
    """
    return Fraction(SAMPLE_RATE, nominal_sample_rate(sample_rate))


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
    ratio = resampling_ratio(sample_rate)
    if ratio == 1:
        return signal
    resampled = scipy.signal.resample_poly(
        signal, ratio.numerator, ratio.denominator, window=RESAMPLING_WINDOW
    )
    if ratio > 1:
        before, after = rms(signal), rms(resampled)
    else:
        before = rms(_shared_band(signal, nominal_sample_rate(sample_rate)))
        after = rms(_shared_band(resampled, SAMPLE_RATE))
    audible = before > 0 and after > 0  # silence has no level to restore
    return resampled * (before / after) if audible else resampled


def shared_band_filter(sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerator and denominator of the low pass behind which levels are compared."""
    return scipy.signal.cheby2(
        LEVEL_MATCH_ORDER, LEVEL_MATCH_ATTENUATION_DB, LEVEL_MATCH_HZ, fs=sample_rate
    )


def _shared_band(signal: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    return scipy.signal.lfilter(*shared_band_filter(sample_rate), signal)
