"""Compiled loops of the look-ahead limiter: one pass over the samples of one channel each."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel


@kernel()
def peaks_between(x: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """Peak magnitudes of `x` on another grid, of `n_samples` over the same time.

    A sample of `x` counts at the grid point before it and at the one after it.
    """
    peaks = np.zeros(n_samples)
    if x.size == 0:
        return peaks
    step = n_samples / x.size
    for n in range(x.size):
        magnitude = abs(x[n])
        before = int(n * step)
        after = min(math.ceil(n * step), n_samples - 1)
        peaks[before] = max(peaks[before], magnitude)
        peaks[after] = max(peaks[after], magnitude)
    return peaks


@kernel()
def limiting_gain(
    peaks: NDArray[np.float64], ceiling: float, attack: int, hold: int, release: float
) -> NDArray[np.float64]:
    """Gain that keeps every peak below the ceiling.

    The lowest gain that a peak needs, from `attack` samples before the peak to `hold` samples after
    it, is found with a queue of candidates. What is missing to 1 then decays by the factor
    `release` at each sample. The mean over ``attack + 1`` samples makes a ramp of every fall. It
    ends at the peak, as all values in this mean include what the peak needs.
    """
    n_samples = peaks.size
    lowest = np.empty(n_samples)
    queue = np.empty(n_samples, dtype=np.int64)  # of samples; their peaks fall from first to last
    first, end = 0, 0
    for n in range(n_samples + attack):
        if n < n_samples:
            while end > first and peaks[queue[end - 1]] <= peaks[n]:
                end -= 1
            queue[end] = n
            end += 1
        now = n - attack
        if now >= 0:
            while queue[first] < now - hold:
                first += 1
            highest = peaks[queue[first]]
            lowest[now] = ceiling / highest if highest > ceiling else 1.0
    current = lowest[0] if n_samples else 1.0
    for n in range(n_samples):
        current = min(lowest[n], 1.0 - (1.0 - current) * release)
        lowest[n] = current
    gain = np.empty(n_samples)
    length = attack + 1
    total = length * (1.0 - lowest[0]) if n_samples else 0.0
    for n in range(n_samples):
        total += lowest[max(n - length, 0)] - lowest[n]
        gain[n] = 1.0 - max(total, 0.0) / length
    return gain
