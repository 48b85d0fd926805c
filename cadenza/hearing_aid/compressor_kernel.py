"""Compiled loops of the broadband compressor: one pass over the samples of one channel each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel


@kernel()
def trailing_mean_square(x: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Mean square of the last `window` samples; there is silence before the first one.

    A window consists of the beginning of one block of `window` samples and the end of the block
    before. Both are plain sums of squares. As nothing is subtracted, rounding errors neither grow
    over a long song nor hide a quiet passage after a loud one.
    """
    mean_square = np.empty_like(x)
    tail = np.zeros(window + 1)  # tail[i]: sum over the previous block from its sample i to its end
    for start in range(0, x.size, window):
        stop = min(start + window, x.size)
        head = 0.0
        for n in range(start, stop):
            head += x[n] * x[n]
            mean_square[n] = (head + tail[n - start + 1]) / window
        for n in range(stop - 1, start - 1, -1):
            tail[n - start] = tail[n - start + 1] + x[n] * x[n]
    return mean_square


@kernel()
def smooth_gain(
    rms: NDArray[np.float64],
    threshold: float,
    attenuation: float,
    attack: float,
    release: float,
) -> NDArray[np.float64]:
    """Gain that moves towards its target by the fraction `attack` or `release` at each sample."""
    gain = np.empty_like(rms)
    current = 1.0
    for n in range(rms.size):
        if rms[n] > threshold:
            target = attenuation * rms[n] + (1 - attenuation) * threshold
            current = current * (1 - attack) + target * attack
        else:
            current = current * (1 - release) + release
        gain[n] = current
    return gain
