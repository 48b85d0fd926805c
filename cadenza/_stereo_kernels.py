"""Compiled loops over blocks of audio: rendering at two ears, and loudness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel


@kernel()
def spectra_at_ears(
    spectra: NDArray[np.complex128],
    direct: NDArray[np.complex128],
    mirrored: NDArray[np.complex128],
) -> None:
    """Replace spectra of two loudspeaker feeds by those of the signals at the two ears.

    Both are pairs of real signals in the real and the imaginary part of one signal. ``Z[k]``
    becomes ``Z[k] * direct[k] + conj(Z[-k]) * mirrored[k]``.

    Parameters
    ----------
    spectra : ndarray, shape (segments, N)
        Changed in place; N is even.
    direct, mirrored : ndarray, shape (N,)
    """
    n = spectra.shape[1]
    for row in range(spectra.shape[0]):
        z = spectra[row]
        for k in (0, n // 2):
            z[k] = z[k] * direct[k] + np.conj(z[k]) * mirrored[k]
        for k in range(1, n // 2):
            low, high = z[k], z[n - k]
            z[k] = low * direct[k] + np.conj(high) * mirrored[k]
            z[n - k] = high * direct[n - k] + np.conj(low) * mirrored[n - k]


@kernel()
def weighted_squares(
    x: NDArray[np.float64],
    filters: NDArray[np.float64],
    state: NDArray[np.float64],
    squares: NDArray[np.float64],
    start: int,
) -> None:
    """Filter channels by two biquads in series, and square.

    Two channels are filtered in one loop: each sample waits for the one before, so a single
    channel would leave most of the processor idle.

    Parameters
    ----------
    x : ndarray, shape (channels, T)
    filters : ndarray, shape (2, 5)
        Coefficients b0, b1, b2, a1, a2 of each biquad.
    state : ndarray, shape (channels, 4)
        Two values for each biquad; changed in place.
    squares : ndarray, shape (channels, >= start + T)
        Filled from `start` on.
    start : int
    """
    b0, b1, b2, a1, a2 = filters[0]
    d0, d1, d2, c1, c2 = filters[1]
    n_channels = x.shape[0]
    for first in range(0, n_channels, 2):
        second = min(first + 1, n_channels - 1)
        p0, p1, p2, p3 = state[first]
        q0, q1, q2, q3 = state[second]
        for t in range(x.shape[1]):
            u, v = x[first, t], x[second, t]
            shelf_u, shelf_v = p0 + b0 * u, q0 + b0 * v
            p0, q0 = p1 + b1 * u - a1 * shelf_u, q1 + b1 * v - a1 * shelf_v
            p1, q1 = b2 * u - a2 * shelf_u, b2 * v - a2 * shelf_v
            y_u, y_v = p2 + d0 * shelf_u, q2 + d0 * shelf_v
            p2, q2 = p3 + d1 * shelf_u - c1 * y_u, q3 + d1 * shelf_v - c1 * y_v
            p3, q3 = d2 * shelf_u - c2 * y_u, d2 * shelf_v - c2 * y_v
            squares[first, start + t] = y_u * y_u
            squares[second, start + t] = y_v * y_v
        state[first] = (p0, p1, p2, p3)
        state[second] = (q0, q1, q2, q3)
