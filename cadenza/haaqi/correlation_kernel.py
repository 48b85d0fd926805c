"""Compiled sums of products at many lags, and short-time averages.

Lags are the innermost index: for eight samples of one signal at a time, all lags of the other are
a few SIMD registers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel

_BLOCK = 1024
_LANES = 32
_STEP = 8
_TINY = 1e-30


@kernel(fused=True)
def _add_products(
    x: NDArray[np.float64], y: NDArray[np.float64], sums: NDArray[np.float64]
) -> None:
    """Add to `sums[lag]` the sum of x[n] y[n + lag]; x has whole steps, y is longer."""
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
    out[:first] = 0
    out[first:last] = signal[start + first : start + last]
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
        _add_products(x, y, sums)
    return sums


@kernel()
def _total(lanes: NDArray[np.float64]) -> float:
    """Sum of all lanes."""
    for i in range(8):
        lanes[i] = (lanes[i] + lanes[i + 8]) + (lanes[i + 16] + lanes[i + 24])
    total = 0.0
    for i in range(8):
        total += lanes[i]
    return total


@kernel(fused=True)
def _dot(x: NDArray[np.float64], y: NDArray[np.float64], lanes: NDArray[np.float64]) -> float:
    """Sum of products over whole lanes."""
    lanes[:] = 0
    for start in range(0, x.size, _LANES):
        a, b = x[start : start + _LANES], y[start : start + _LANES]
        for i in range(_LANES):
            lanes[i] += a[i] * b[i]
    return _total(lanes)


@kernel(fused=True)
def energy(signal: NDArray[np.float32]) -> float:
    """Sum of squares, in double precision."""
    lanes = np.zeros(_LANES)
    n_whole = signal.size - signal.size % _LANES
    for start in range(0, n_whole, _LANES):
        part = signal[start : start + _LANES]
        for i in range(_LANES):
            lanes[i] += np.float64(part[i]) * np.float64(part[i])
    for i in range(n_whole, signal.size):
        lanes[0] += np.float64(signal[i]) * np.float64(signal[i])
    return _total(lanes)


@kernel(fused=True)
def _centred_frame(
    signal: NDArray[np.float32],
    start: int,
    window: NDArray[np.float64],
    frame: NDArray[np.float64],
    lanes: NDArray[np.float64],
) -> float:
    """Windowed stretch of a signal without its mean; returns its energy."""
    part = frame[: window.size]
    _stretch(signal, start, part)
    for i in range(window.size):
        part[i] *= window[i]
    lanes[:] = 0
    for j in range(0, frame.size, _LANES):
        some = frame[j : j + _LANES]
        for i in range(_LANES):
            lanes[i] += some[i]
    mean = _total(lanes) / window.size
    for i in range(window.size):
        part[i] -= mean
    return _dot(frame, frame, lanes)


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
    size = -(-window.size // _LANES) * _LANES
    x, y = np.zeros(size), np.zeros(size + n_lags + _STEP)
    inner = y[n_lags // 2 : n_lags // 2 + size]
    lanes, sums = np.empty(_LANES), np.empty(-(-n_lags // _STEP) * _STEP)
    covariances, levels = np.zeros(starts.size), np.empty(starts.size)
    norm = (window * window).sum()
    for frame in range(starts.size):
        energy = _centred_frame(reference, starts[frame], window, x, lanes)
        levels[frame] = math.sqrt(2 * energy / norm)
        if not levels[frame] > threshold_db or not energy / norm > _TINY:
            continue
        other = _centred_frame(processed, starts[frame], window, inner, lanes)
        if not other / norm > _TINY:
            continue
        sums[:] = 0
        _add_products(x, y, sums)
        largest = 0.0
        for i in range(n_lags):
            largest = max(largest, abs(sums[i] / overlap[i]))
        covariances[frame] = min(largest * norm / math.sqrt(energy * other), 1.0)
    return covariances, levels


@kernel(fused=True)
def window_sums(
    signal: NDArray[np.float32], delay: int, windows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Products of each hop of a delayed signal with each window, shape (windows, hops).

    A hop has 96 samples, three for each lane.
    """
    n_windows, hop = windows.shape
    sums = np.empty((n_windows, signal.size // hop))
    stretch, lanes = np.empty(3 * _LANES), np.empty(_LANES)
    for j in range(sums.shape[1]):
        _stretch(signal, j * hop - delay, stretch)
        for k in range(n_windows):
            w = windows[k]
            for i in range(_LANES):
                lanes[i] = stretch[i] * w[i] + (
                    stretch[i + 32] * w[i + 32] + stretch[i + 64] * w[i + 64]
                )
            sums[k, j] = _total(lanes)
    return sums
