"""Line up the processed signal with the reference: as a whole first, then in each band."""

from __future__ import annotations

import math
from typing import TypeVar, cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cadenza.haaqi.correlation_kernel import add_cross_spectra, energy, lagged_sums, stretches

Float = TypeVar("Float", bound=np.floating)

_BACK_OFF = 48  # samples: the signal as a whole is left 2 ms late, as filters may disperse it
_MAX_LAG = 2400  # samples: 100 ms
_FFT_LENGTH = 16384  # fits in the cache
_BATCH = 8  # transforms at a time

_PRECISION = 1e-5  # of correlations in single precision, with a wide margin
_MAX_SPAN = 128  # lags that are cheaper to try one by one than all at once in double precision


class SilentReferenceError(ValueError):
    """The reference is silent: there is no quality to measure."""


def align_and_trim(
    reference: NDArray[np.float64], processed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Line up two whole signals and keep the stretch in which the reference sounds.

    Parameters
    ----------
    reference, processed : ndarray, shape (T,) and (T',)
        At 24 kHz. The longer one is cut at its end.

    Returns
    -------
    reference, processed : ndarray, shape (N,)
        From the first to the last sample at which the reference exceeds 0.1 % of its peak. The
        processed signal is left 2 ms late.
    delay : int
        By how many samples the processed signal came in late.

    Raises
    ------
    SilentReferenceError
        If all samples of the reference are zero.
    """
    n_samples = min(reference.size, processed.size)
    reference, processed = reference[:n_samples], processed[:n_samples]
    peak = max(reference.max(), -reference.min())
    if peak == 0:
        raise SilentReferenceError("reference must not be silent, got only zeros")
    delay = _delay(reference, processed)
    sounds = (reference > 0.001 * peak) | (reference < -0.001 * peak)
    first, last = int(sounds.argmax()), sounds.size - int(sounds[::-1].argmax())
    processed = shift(processed, _BACK_OFF - delay)
    return reference[first:last], processed[first:last], delay


def _delay(reference: NDArray[np.float64], processed: NDArray[np.float64]) -> int:
    """Find the lag of the largest covariance, positive or negative; of equal ones, the last.

    Single precision finds the lags that come into question, double precision decides.
    """
    lags = _possible_delays(reference, processed)
    means = reference.mean(), processed.mean()
    exact = []
    for lag in lags:
        n_samples = reference.size - abs(lag)
        product = reference[max(-lag, 0) :][:n_samples] - means[0]
        product *= processed[max(lag, 0) :][:n_samples] - means[1]
        exact.append(abs(product.sum()))
    return int(lags[_last_argmax(np.array(exact))])


def _possible_delays(
    reference: NDArray[np.float64], processed: NDArray[np.float64]
) -> NDArray[np.int_]:
    """Lags whose covariance, in single precision, may be the largest."""
    n_samples = reference.size
    n_fft = scipy.fft.next_fast_len(2 * n_samples - 1, real=True)
    spectrum = scipy.fft.rfft(_normalised(reference), n_fft)
    np.conj(spectrum, out=spectrum)
    spectrum *= scipy.fft.rfft(_normalised(processed), n_fft)
    if not spectrum.any():
        return np.array([n_samples - 1])  # silence is equally good at all lags
    covariance = scipy.fft.irfft(spectrum, n_fft, overwrite_x=True)
    np.abs(covariance, out=covariance)
    possible = np.flatnonzero(covariance >= covariance.max() - _PRECISION)
    lags: NDArray[np.int_] = np.sort(np.where(possible < n_samples, possible, possible - n_fft))
    return lags[np.abs(lags) < n_samples]


def _normalised(signal: NDArray[np.float64]) -> NDArray[np.float32]:
    """A signal without its mean, with an energy of 1, in single precision."""
    centred = signal - signal.mean()
    norm = np.sqrt(np.square(centred).sum())
    if norm > 0:
        centred /= norm
    single: NDArray[np.float32] = centred.astype(np.float32)
    return single


def shift(signal: NDArray[Float], n_samples: int) -> NDArray[Float]:
    """Move a signal to later (or, if negative, earlier) times along the last axis.

    The length stays; zeros move in.

    >>> shift(np.array([1.0, 2.0, 3.0]), 1)
    array([0., 1., 2.])
    """
    out = np.zeros_like(signal)
    if n_samples >= 0:
        out[..., n_samples:] = signal[..., : max(signal.shape[-1] - n_samples, 0)]
    else:
        out[..., :n_samples] = signal[..., -n_samples:]
    return out


def align_band(reference: NDArray[np.float32], processed: NDArray[np.float32]) -> None:
    """Line up the processed path of a band with the reference path, in place."""
    lag = best_lag(reference, processed)
    if lag > 0:
        processed[:-lag] = processed[lag:]
        processed[-lag:] = 0
    elif lag < 0:
        processed[-lag:] = processed[:lag]
        processed[:-lag] = 0


def best_lag(reference: NDArray[np.float32], processed: NDArray[np.float32]) -> int:
    """Find how many samples, -2400 to 2399, the processed path of a band is late.

    Unlike for whole signals, the correlation is signed and means are kept.
    """
    correlation = _correlation(reference, processed)
    largest = math.sqrt(energy(reference) * energy(processed))
    possible = np.flatnonzero(correlation >= correlation.max() - _PRECISION * largest)
    first, last = possible[0], possible[-1]
    if first == last:
        return int(first) - _MAX_LAG
    if last - first < _MAX_SPAN:
        exact = lagged_sums(reference, processed, first - _MAX_LAG, last - first + 1)
    else:
        first = 0
        exact = _correlation(reference.astype(np.float64), processed.astype(np.float64))
    return int(first) + _last_argmax(exact) - _MAX_LAG


def _correlation(reference: NDArray[Float], processed: NDArray[Float]) -> NDArray[Float]:
    """Correlation at lags of -2400 to 2399, in the precision of the signals.

    It is summed in blocks: their spectra are added up, and only the sum is transformed back.
    """
    hop = _FFT_LENGTH - 2 * _MAX_LAG
    n_hops = -(-reference.size // hop)
    cross_spectrum = np.zeros(_FFT_LENGTH // 2 + 1, np.result_type(reference, 1j))
    for first in range(0, n_hops, _BATCH):
        n_rows = min(_BATCH, n_hops - first)
        pieces = np.empty((n_rows, hop), reference.dtype)
        around = np.empty((n_rows, _FFT_LENGTH), reference.dtype)
        stretches(reference, first * hop, hop, pieces)
        stretches(processed, first * hop - _MAX_LAG, hop, around)
        add_cross_spectra(
            scipy.fft.rfft(pieces, _FFT_LENGTH), scipy.fft.rfft(around), cross_spectrum
        )
    correlation = scipy.fft.irfft(cross_spectrum, _FFT_LENGTH)[: 2 * _MAX_LAG]
    return cast("NDArray[Float]", correlation)


def _last_argmax(values: NDArray[Float]) -> int:
    """Index of the largest value; of several equal ones, the last."""
    return int(values.size - 1 - np.argmax(values[::-1]))
