"""Line up the processed signal with the reference: as a whole first, then in each band."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from cadenza.errors import SilentReferenceError
from cadenza.haaqi.alignment import AlignedPair, shift
from cadenza.haaqi.constants import BACK_OFF, MAX_BAND_LAG

_FFT_LENGTH = 16384  # fits in the cache


def align_and_trim(reference: NDArray[np.float64], processed: NDArray[np.float64]) -> AlignedPair:
    """Line up two whole signals and keep the stretch in which the reference sounds.

    Parameters
    ----------
    reference, processed : ndarray, shape (T,) and (T',)
        At 24 kHz. The longer one is cut at its end.

    Raises
    ------
    SilentReferenceError
        If all samples of the reference are zero.
    """
    n_samples = min(reference.size, processed.size)
    reference, processed = reference[:n_samples], processed[:n_samples]
    peak = np.abs(reference).max()
    if peak == 0:
        raise SilentReferenceError("reference must not be silent, got only zeros")
    correlation = scipy.signal.correlate(
        processed - processed.mean(), reference - reference.mean(), method="fft"
    )
    delay = _last_argmax(np.abs(correlation)) - (n_samples - 1)
    processed = shift(processed, BACK_OFF - delay)
    first, last = np.flatnonzero(np.abs(reference) > 0.001 * peak)[[0, -1]]
    reference, processed = (signal[first : last + 1] for signal in (reference, processed))
    return AlignedPair(reference, processed, first, delay)


def align_band(paths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Line up the processed path (row 1) of a band with the reference path (row 0)."""
    reference, processed = paths
    return np.stack([reference, shift(processed, -best_lag(reference, processed))])


def best_lag(reference: NDArray[np.float64], processed: NDArray[np.float64]) -> int:
    """Find how many samples, -2400 to 2399, the processed path is late.

    Unlike for whole signals, the correlation is signed and means are kept. It is summed in
    blocks: their spectra are added up, and only the sum is transformed back.
    """
    block = _FFT_LENGTH - 2 * MAX_BAND_LAG
    n_blocks = -(-reference.size // block)
    padding = n_blocks * block - reference.size
    blocks = np.pad(reference, (0, padding)).reshape(n_blocks, block)
    around_blocks = np.lib.stride_tricks.sliding_window_view(
        np.pad(processed, (MAX_BAND_LAG, MAX_BAND_LAG + padding)), _FFT_LENGTH
    )[::block]
    cross_spectrum = np.einsum(
        "bf,bf->f",
        scipy.fft.rfft(blocks, _FFT_LENGTH).conj(),
        scipy.fft.rfft(around_blocks),
    )
    correlation = scipy.fft.irfft(cross_spectrum, _FFT_LENGTH)
    return _last_argmax(correlation[: 2 * MAX_BAND_LAG]) - MAX_BAND_LAG


def _last_argmax(values: NDArray[np.float64]) -> int:
    """Index of the largest value; of several equal ones, the last."""
    return int(values.size - 1 - np.argmax(values[::-1]))
