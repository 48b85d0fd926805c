"""Levels in dB and back."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatOrArray: TypeAlias = float | NDArray[np.float64]

TINY = 1e-30
"""Floor of amplitudes and powers, far below anything audible."""


def to_db(amplitude: FloatOrArray) -> NDArray[np.float64]:
    """Level in dB re 1; silence counts as -600 dB."""
    level_db: NDArray[np.float64] = 20 * np.log10(np.maximum(amplitude, TINY))
    return level_db


def from_db(level_db: FloatOrArray) -> NDArray[np.float64]:
    """Amplitude of a level in dB re 1."""
    return np.exp(level_db * (math.log(10) / 20))  # several times faster than a power of 10


def rms(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square over time, the last axis."""
    power: NDArray[np.float64] = np.mean(np.square(signal), axis=-1)
    return np.sqrt(power)
