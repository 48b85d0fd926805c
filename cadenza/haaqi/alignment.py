"""Line up the processed signal with the reference: as a whole first, then in each band."""

from __future__ import annotations

from typing import NamedTuple, TypeVar, cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cadenza.errors import SilentReferenceError
from cadenza.haaqi.constants import BACK_OFF, MAX_BAND_LAG, TRIM_RATIO
from cadenza.haaqi.kernels.correlation import (
    N_AVERAGED,
    add_cross_spectra,
    averages,
    energies,
    lagged_sums,
    stretches,
)

Float = TypeVar("Float", bound=np.floating)

_FFT_LENGTH = 16384  # fits in the cache
_BATCH = 8  # transforms at a time

_PRECISION = 1e-5  # of correlations in single precision, with a wide margin
_MAX_SPAN = 128  # lags that are cheaper to try one by one than all at once in double precision

# Averages of four samples give the correlation at every fourth lag, with an error from what the
# averages leave out: at most R / (2 - 2 cos(pi/4)), where R is the root of the product of the
# energies of the differences between neighbouring samples (Cauchy-Schwarz). R also limits the
# second difference of the correlation, so that a maximum, at most two lags from one of these, is
# at most 2 R higher.
_COARSE = 5.5  # in units of R: 2 / (2 - 2 cos(pi/4)) + 2 = 5.41, rounded up
_USEFUL = 0.02  # averages are tried if their error is below this part of the energies


class AlignedPair(NamedTuple):
    """The stretch of two signals in which the reference sounds.

    Parameters
    ----------
    reference, processed : ndarray, shape (N,)
        From the first to the last sample at which the reference exceeds 0.1 % of its peak. The
        processed signal is left 2 ms late.
    start : int
        Number of samples that were cut from the start of the reference.
    delay : int
        By how many samples the processed signal came in late.
    """

    reference: NDArray[np.float64]
    processed: NDArray[np.float64]
    start: int
    delay: int


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
    peak = max(reference.max(), -reference.min())
    if peak == 0:
        raise SilentReferenceError("reference must not be silent, got only zeros")
    delay = _delay(reference, processed)
    sounds = (reference > TRIM_RATIO * peak) | (reference < -TRIM_RATIO * peak)
    first, last = int(sounds.argmax()), sounds.size - int(sounds[::-1].argmax())
    processed = shift(processed, BACK_OFF - delay)
    return AlignedPair(reference[first:last], processed[first:last], first, delay)


def _delay(reference: NDArray[np.float64], processed: NDArray[np.float64]) -> int:
    """Find the lag of the largest covariance, positive or negative; of equal ones, the last.

    Single precision narrows the lags down, double precision decides.
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
    """Lags at which the covariance, known in single precision, may be the largest."""
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
    single = np.empty(signal.size, np.float32)
    np.subtract(signal, signal.mean(), out=single, casting="same_kind")
    if largest := max(single.max(), -single.min()):  # squares of small numbers may vanish
        single /= largest
        single /= np.sqrt(np.dot(single, single))
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

    Unlike for whole signals, the correlation is signed and means are kept. Single precision narrows
    the lags down (with averages first, if the signals are smooth), double precision decides.
    """
    energy, roughness = np.sqrt(np.prod([energies(reference), energies(processed)], axis=0))
    first, last = -MAX_BAND_LAG, MAX_BAND_LAG - 1
    precision = _PRECISION * energy
    coarse_precision = precision + _COARSE * roughness
    if coarse_precision < _USEFUL * energy:
        coarse = _correlation(averages(reference), averages(processed), MAX_BAND_LAG // N_AVERAGED)
        first, last = _possible_lags(coarse, coarse_precision, N_AVERAGED)
    if last - first >= _MAX_SPAN:
        fine = _correlation(reference, processed, MAX_BAND_LAG)
        first, last = _possible_lags(fine, precision, 1)
    if first == last:
        return first
    if last - first < _MAX_SPAN:
        exact = lagged_sums(reference, processed, first, last - first + 1)
    else:
        first = -MAX_BAND_LAG
        doubles = reference.astype(np.float64), processed.astype(np.float64)
        exact = _correlation(*doubles, MAX_BAND_LAG)[:-1]
    return first + _last_argmax(exact)


def _possible_lags(
    correlation: NDArray[np.float32], precision: float, step: int
) -> tuple[int, int]:
    """First and last lag at which the correlation may be the largest.

    The correlation is known at every `step`-th lag from -2400 to 2400. The last of these is not
    allowed itself, but its neighbours are.
    """
    largest = correlation[:-1].max()
    possible = step * np.flatnonzero(correlation >= largest - precision) - MAX_BAND_LAG
    first, last = int(possible[0]) - step + 1, int(possible[-1]) + step - 1
    return max(first, -MAX_BAND_LAG), min(last, MAX_BAND_LAG - 1)


def _correlation(
    reference: NDArray[Float], processed: NDArray[Float], max_lag: int
) -> NDArray[Float]:
    """Correlation at lags of -max_lag to max_lag, in the precision of the signals.

    It is summed in blocks: their spectra are added up, and only the sum is transformed back.
    """
    hop = _FFT_LENGTH - 2 * max_lag
    n_hops = -(-reference.size // hop)
    n_rows = min(_BATCH, n_hops)
    pieces = np.empty((n_rows, hop), reference.dtype)
    around = np.empty((n_rows, _FFT_LENGTH), reference.dtype)
    cross_spectrum = np.zeros(_FFT_LENGTH // 2 + 1, np.result_type(reference, 1j))
    for first in range(0, n_hops, _BATCH):
        rows = slice(0, min(_BATCH, n_hops - first))
        stretches(reference, first * hop, hop, pieces[rows])
        stretches(processed, first * hop - max_lag, hop, around[rows])
        add_cross_spectra(
            scipy.fft.rfft(pieces[rows], _FFT_LENGTH),
            scipy.fft.rfft(around[rows]),
            cross_spectrum,
        )
    correlation = scipy.fft.irfft(cross_spectrum, _FFT_LENGTH)
    return cast("NDArray[Float]", correlation[: 2 * max_lag + 1])


def _last_argmax(values: NDArray[Float]) -> int:
    """Index of the largest value; of several equal ones, the last."""
    return int(values.size - 1 - np.argmax(values[::-1]))
