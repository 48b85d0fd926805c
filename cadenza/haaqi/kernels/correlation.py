"""Compiled sums of products at many lags, and short-time averages.

For the sums at all lags of a frame, the innermost loop runs over lags: for eight samples of one
signal at a time, all lags of the other fit in a few SIMD registers. Sums at one lag are left to
BLAS.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel
from cadenza.levels import TINY

N_AVERAGED = 4
"""Samples in an average."""

_BLOCK = 2048
_STEP = 8


@kernel(fused=True)
def _add_products(
    x: NDArray[np.float64], y: NDArray[np.float64], sums: NDArray[np.float64]
) -> None:
    """Add to `sums[lag]` the sum of x[n] y[n + lag]; x is whole steps long, y is longer."""
    for n in range(0, x.size, _STEP):
        a, b, c, d = x[n], x[n + 1], x[n + 2], x[n + 3]
        e, f, g, h = x[n + 4], x[n + 5], x[n + 6], x[n + 7]
        z = y[n : n + sums.size + _STEP]
        for i in range(sums.size):
            low = sums[i] + a * z[i] + b * z[i + 1] + c * z[i + 2] + d * z[i + 3]
            sums[i] = low + e * z[i + 4] + f * z[i + 5] + g * z[i + 6] + h * z[i + 7]


@kernel()
def _stretch(signal: NDArray[np.float32], start: int, out: NDArray[np.float64]) -> None:
    """Copy a stretch that may reach beyond the signal, where there are zeros."""
    first = min(max(-start, 0), out.size)
    last = min(max(signal.size - start, first), out.size)
    source, target = signal[start + first : start + last], out[first:last]
    for i in range(source.size):
        target[i] = source[i]
    out[:first] = 0
    out[last:] = 0


@kernel()
def stretches(signal: NDArray[np.float32], start: int, hop: int, out: NDArray[np.float32]) -> None:
    """Copy stretches of a signal that start `hop` samples apart into the rows of `out`."""
    for row in range(out.shape[0]):
        _stretch(signal, start + row * hop, out[row])


@kernel(fused=True)
def add_cross_spectra(
    reference: NDArray[np.complexfloating],
    processed: NDArray[np.complexfloating],
    total: NDArray[np.complexfloating],
) -> None:
    """Add the products of spectra, one in each row, with complex conjugates."""
    for row in range(reference.shape[0]):
        a, b = reference[row], processed[row]
        for i in range(total.size):
            total[i] += a[i].conjugate() * b[i]


@kernel()
def lagged_sums(
    reference: NDArray[np.float32], processed: NDArray[np.float32], first_lag: int, n_lags: int
) -> NDArray[np.float64]:
    """Sum of reference[n] processed[n + lag] for consecutive lags; outside there are zeros."""
    sums = np.zeros(n_lags)
    x, y = np.empty(_BLOCK), np.empty(_BLOCK + n_lags)
    for start in range(0, reference.size, _BLOCK):
        _stretch(reference, start, x)
        _stretch(processed, start + first_lag, y)
        for lag in range(n_lags):
            sums[lag] += np.dot(x, y[lag : lag + _BLOCK])
    return sums


@kernel()
def energies(signal: NDArray[np.float32]) -> tuple[float, float]:
    """Energy of a signal, and of the differences between neighbouring samples.

    The signal is taken to be 0 outside. Double precision, as squares of single precision may
    vanish.
    """
    samples, differences = np.empty(_BLOCK), np.empty(_BLOCK)
    level, slope = 0.0, np.float64(signal[0]) ** 2 + np.float64(signal[-1]) ** 2
    for start in range(0, signal.size, _BLOCK):
        part, after = signal[start : start + _BLOCK], signal[start + 1 : start + 1 + _BLOCK]
        for i in range(part.size):
            samples[i] = part[i]
        for i in range(after.size):
            differences[i] = np.float64(after[i]) - np.float64(part[i])
        level += np.dot(samples[: part.size], samples[: part.size])
        slope += np.dot(differences[: after.size], differences[: after.size])
    return level, slope


@kernel()
def averages(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of four samples each, times two, so that constant signals keep their energy."""
    means = np.empty(-(-signal.size // N_AVERAGED), np.float32)
    whole = signal.size // N_AVERAGED
    for i in range(whole):
        first, second = signal[4 * i] + signal[4 * i + 1], signal[4 * i + 2] + signal[4 * i + 3]
        means[i] = (first + second) * np.float32(0.5)
    for i in range(whole, means.size):
        means[i] = signal[4 * i :].sum() * np.float32(0.5)
    return means


@kernel()
def _centred_frame(
    signal: NDArray[np.float32],
    start: int,
    window: NDArray[np.float64],
    frame: NDArray[np.float64],
) -> float:
    """Windowed stretch of a signal without its mean; returns its energy."""
    _stretch(signal, start, frame)
    mean = np.dot(frame, window) / window.size
    for i in range(window.size):
        frame[i] = frame[i] * window[i] - mean
    energy: float = np.dot(frame, frame)
    return energy


@kernel()
def frame_covariances(
    reference: NDArray[np.float32],
    processed: NDArray[np.float32],
    starts: NDArray[np.int64],
    window: NDArray[np.float64],
    overlap: NDArray[np.float64],
    threshold_db: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariances and reference levels of frames that start at `starts`.

    `overlap` is the correlation of the window with itself at all lags. Where the reference does
    not exceed `threshold_db` the covariance is left at 0.
    """
    n_lags = overlap.size
    x = np.zeros(-(-window.size // _STEP) * _STEP)
    y = np.zeros(x.size + n_lags + _STEP)
    frame_x = x[: window.size]
    frame_y = y[n_lags // 2 :][: window.size]
    sums = np.empty(-(-n_lags // _STEP) * _STEP)
    covariances, levels = np.zeros(starts.size), np.empty(starts.size)
    norm = (window * window).sum()
    for frame in range(starts.size):
        energy = _centred_frame(reference, starts[frame], window, frame_x)
        levels[frame] = math.sqrt(2 * energy / norm)
        if not levels[frame] > threshold_db or not energy / norm > TINY:
            continue
        other = _centred_frame(processed, starts[frame], window, frame_y)
        if not other / norm > TINY:
            continue
        sums[:] = 0
        _add_products(x, y, sums)
        largest = 0.0
        for i in range(n_lags):
            largest = max(largest, abs(sums[i] / overlap[i]))
        covariances[frame] = min(largest * norm / math.sqrt(energy * other), 1.0)
    return covariances, levels


@kernel()
def window_sums(
    signal: NDArray[np.float32], delay: int, windows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Products of each hop of a delayed signal with each window, shape (windows, hops)."""
    n_windows, hop = windows.shape
    sums = np.empty((n_windows, signal.size // hop))
    stretch = np.empty(hop)
    for j in range(sums.shape[1]):
        _stretch(signal, j * hop - delay, stretch)
        for k in range(n_windows):
            sums[k, j] = np.dot(stretch, windows[k])
    return sums
