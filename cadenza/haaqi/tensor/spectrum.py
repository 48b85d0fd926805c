"""Lengths of Fourier transforms, and responses of recursive filters on their frequencies."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

_POWER_OF_TWO = 1024  # transforms of multiples of it are up to three times faster


def fast_length(n_samples: int) -> int:
    """Smallest length of a fast transform that is not below `n_samples`.

    >>> fast_length(96000)
    98304
    """
    return int(_POWER_OF_TWO * scipy.fft.next_fast_len(-(-n_samples // _POWER_OF_TWO)))


def response(b: NDArray[np.float64], a: NDArray[np.float64], n_fft: int) -> NDArray[np.complex128]:
    """Frequency response of a filter from 0 Hz to half the sample rate."""
    _, transfer = scipy.signal.freqz(b, a, worN=2 * np.pi * np.arange(n_fft // 2 + 1) / n_fft)
    return np.asarray(transfer, complex)
