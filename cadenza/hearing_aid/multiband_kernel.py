"""Compiled loop of the multiband compressor: one pass over the samples of one band."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel

_QUIETEST_LEVEL = 1e-6  # -120 dB: also the level of anything below
_INSTEAD_OF_ZERO = 1e-12


@kernel()
def compress(
    x: NDArray[np.float64],
    threshold: float,
    slope: float,
    knee_width: float,
    attack: float,
    release: float,
    makeup_gain: float,
) -> NDArray[np.float64]:
    """Compress one channel of one band.

    Levels and gains are natural logarithms of amplitudes (1 is 8.69 dB), which saves a conversion
    per sample. `slope` is 1 - 1 / ratio; `attack` and `release` are the fractions of the gain
    reduction that remain after one sample.
    """
    y = np.empty_like(x)
    half_knee = knee_width / 2
    knee_start = math.exp(threshold - half_knee)
    reduction = 0.0
    for n in range(x.size):
        sample = x[n] if x[n] != 0 else _INSTEAD_OF_ZERO
        magnitude = max(abs(sample), _QUIETEST_LEVEL)
        excess = 0.0
        if magnitude > knee_start:  # most samples of music are below: they need no logarithm
            over = math.log(magnitude) - threshold
            if over > half_knee:
                excess = over
            elif over > -half_knee:
                excess = (over + half_knee) ** 2 / (2 * knee_width)
        target = slope * excess
        remaining = attack if target > reduction else release
        reduction = remaining * reduction + (1 - remaining) * target
        y[n] = sample * math.exp(makeup_gain - reduction)
    return y
