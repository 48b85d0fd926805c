"""Delays by any number of samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

HALF_WIDTH = 32
"""Half the length of the interpolation kernel in samples."""


def delayed_impulse(delay: float, n_taps: int) -> NDArray[np.float64]:
    """Unit impulse delayed by `delay` samples: a sinc under a Hann window centred on it.

    Examples
    --------
    >>> delayed_impulse(2, 4).round(9) + 0.0
    array([0., 0., 1., 0.])
    """
    time = np.arange(n_taps) - delay
    window = np.where(np.abs(time) < HALF_WIDTH, 0.5 + 0.5 * np.cos(np.pi * time / HALF_WIDTH), 0)
    return np.asarray(window * np.sinc(time))


def delayed(signal: NDArray[np.float64], delay: float, n_samples: int) -> NDArray[np.float64]:
    """Delay a signal by any number of samples.

    A whole number of samples is an exact shift. Otherwise the signal is interpolated; what would
    then ring before the first sample is cut off.

    Parameters
    ----------
    signal : ndarray, shape (T,)
        The signal; it is zero outside.
    delay : float
        In samples; negative values advance the signal.
    n_samples : int
        Length of the result.

    Returns
    -------
    ndarray, shape (n_samples,)

    Examples
    --------
    >>> delayed(np.array([1.0, 2.0]), 1, 4)
    array([0., 1., 2., 0.])
    """
    start = math.floor(delay)
    fraction = delay - start
    if fraction:
        kernel = delayed_impulse(HALF_WIDTH + fraction, 2 * HALF_WIDTH + 1)
        signal = np.convolve(signal, kernel)
        start -= HALF_WIDTH
    result = np.zeros(n_samples)
    first, end = max(start, 0), min(start + len(signal), n_samples)
    if end > first:
        result[first:end] = signal[first - start : end - start]
    return result
