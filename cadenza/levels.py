"""Levels in dB and linear gains, and the RMS of a signal: written once, for all rooms."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

TINY = 1e-30
"""Floor of amplitudes before a logarithm, far below anything audible: -600 dB."""


@overload
def db_to_gain(level_db: float) -> float: ...
@overload
def db_to_gain(level_db: NDArray[np.float64]) -> NDArray[np.float64]: ...
def db_to_gain(level_db: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Linear amplitude of a level in dB re 1.

    Examples
    --------
    >>> db_to_gain(20)
    10.0
    """
    return 10 ** (level_db / 20)


@overload
def gain_to_db(gain: float) -> np.float64: ...
@overload
def gain_to_db(gain: NDArray[np.float64]) -> NDArray[np.float64]: ...
@overload
def gain_to_db(gain: ArrayLike) -> np.float64 | NDArray[np.float64]: ...
def gain_to_db(gain: ArrayLike) -> np.float64 | NDArray[np.float64]:
    """Level in dB re 1 of a linear amplitude; silence counts as -600 dB.

    Examples
    --------
    >>> float(gain_to_db(0.1))
    -20.0
    """
    level_db: np.float64 | NDArray[np.float64] = 20 * np.log10(np.maximum(gain, TINY))
    return level_db


def rms(signal: ArrayLike, axis: int | None = None) -> np.float64 | NDArray[np.float64]:
    """Root mean square over all samples or along `axis`; 0 where there are none.

    Examples
    --------
    >>> float(rms([3.0, -3.0]))
    3.0
    """
    x = np.asarray(signal, dtype=np.float64)
    n_samples = x.size if axis is None else x.shape[axis]
    mean: np.float64 | NDArray[np.float64] = np.sum(x**2, axis=axis) / max(n_samples, 1)
    return np.sqrt(mean)
