"""What is left of a processed signal in bands while it is silent.

A filter's output decays by hundreds of decibels when its input stops, while the rounding errors of
a Fourier transform stay. It matters where envelope and motion of a band got different lags, and the
music of one meets the silence of the other: a covariance is the same at any level above 1e-30.
So there the tails are computed sample by sample, without gradient: they are far below threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadenza.haaqi.cochlea import centre_frequencies_hz
from cadenza.haaqi.constants import N_BANDS, SAMPLE_RATE
from cadenza.haaqi.periphery import gammatone_gain, middle_ear, middle_ear_filters
from cadenza.levels import TINY

_SHORTEST = 256  # samples of silence within music; in less, no tail gets small enough to matter
_WARM_UP = 6000  # samples before, after which the longest response, at 80 Hz, has faded
_ONSET = 512  # samples after silence, in which the output may be as small as rounding errors
_NEPERS = 92  # of decay to 1e-40
_EXACT_BELOW = {torch.float32: 1e-2, torch.float64: 1e-8}
"""Part of the threshold below which a tail replaces what a Fourier transform gave."""


class Silences:
    """The silent stretches of the signals of a batch.

    Parameters
    ----------
    samples : Tensor of float64, shape (batch, N)
        Before the middle ear.
    lengths : Tensor of int, shape (batch,)
    """

    def __init__(self, samples: Tensor, lengths: Tensor) -> None:
        self._samples = samples.detach()
        self._lengths = lengths
        self._signals: list[tuple[NDArray[np.float64], list[tuple[int, int]]]] | None = None

    def tails(
        self, item: int, band: int, radius: float
    ) -> Iterator[tuple[slice, NDArray[np.complex128]]]:
        """Where a band of an item is silent or soft, and the output of its filter there.

        Parameters
        ----------
        item, band : int
        radius : float
            Of the filter's poles.
        """
        if self._signals is None:
            rows = self._samples.cpu().numpy()
            lengths = self._lengths.tolist()
            trimmed = (row[:n] for row, n in zip(rows, lengths, strict=True))
            self._signals = [(middle_ear(row), list(_silent_stretches(row))) for row in trimmed]
        signal, stretches = self._signals[item]
        for start, stop in stretches:
            output = _soft_output(signal, start, stop, band, radius)
            yield slice(start, start + output.size), output


def with_exact_tails(
    motion: Tensor,
    gain: Tensor,
    radius: Tensor,
    silences: Silences,
    bands: slice,
    threshold: Tensor,
) -> tuple[Tensor, Tensor]:
    """Motion of some bands with exact tails, and by how much it ignores the envelope.

    Parameters
    ----------
    motion, gain : Tensor, shape (batch, bands, N)
        Motion re threshold, and the gain of the outer hair cells that it contains.
    radius : Tensor of float64, shape (batch, bands)
        Of the filters' poles.
    silences : Silences
    bands : slice
    threshold : Tensor, shape (batch, bands, 1)
        Amplitude at the threshold of hearing.

    Returns
    -------
    motion : Tensor, shape (batch, bands, N)
    independence : Tensor, shape (batch, bands, N)
        The part TINY / (envelope + TINY) of the factor with which the motion takes a new envelope:
        0, unless the envelope has decayed to nothing. As the motion is re threshold, so is this.
    """
    exact, independence = motion.detach().clone(), torch.zeros_like(motion)
    is_tail = torch.zeros_like(motion, dtype=torch.bool)
    numbers = range(N_BANDS)[bands]
    for item, row in enumerate(radius.tolist()):
        for j, (band, r) in enumerate(zip(numbers, row, strict=True)):
            for where, output in silences.tails(item, band, r):
                tail = torch.tensor(output, device=motion.device) * gain[item, j, where]
                small = tail.abs() < _EXACT_BELOW[motion.dtype]
                is_tail[item, j, where] = small
                exact[item, j, where] = tail.real.to(motion)
                unit = threshold[item, j].double()
                ignored = unit * TINY / (unit * tail.abs() + TINY)
                independence[item, j, where] = (ignored * small).to(motion)
    return torch.where(is_tail, exact, motion), independence


def _silent_stretches(signal: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """First sample, and first sample after the end, of each stretch that matters.

    A constant is as silent as zero, since the middle ear does not pass it.
    """
    constant = np.diff(signal, prepend=0) == 0
    silent = np.concatenate([[False], constant, [False]])
    edges = np.flatnonzero(silent[1:] != silent[:-1])
    for start, stop in edges.reshape(-1, 2).tolist():
        if start == 0 or stop - start >= _SHORTEST:
            yield start, stop


def _soft_output(
    signal: NDArray[np.float64], start: int, stop: int, band: int, radius: float
) -> NDArray[np.complex128]:
    """Output of a gammatone in a silent stretch and while the music comes back.

    Parameters
    ----------
    signal : ndarray, shape (N,)
        Behind the middle ear.
    start, stop : int
        Where the stretch starts and ends.
    band : int
    radius : float
        Of the poles.
    """
    end = min(stop + _ONSET, signal.size)
    output, centre_hz = np.zeros(end - start, complex), float(_centres_hz()[band])
    if start > 0:
        faded = min(start + _tail_length(radius), stop)
        if (np.abs(signal[faded:stop]) > TINY**2).any():  # a constant leaves rounding errors
            faded = stop
        if faded == stop:
            faded = stop = end
        begin = max(start - _WARM_UP, 0)
        tail = _filtered(signal[begin:faded], centre_hz, radius)
        output[: faded - start] = tail[start - begin :]
    output[stop - start :] = _filtered(signal[stop:end], centre_hz, radius)
    return output


def _filtered(
    signal: NDArray[np.float64], centre_hz: float, radius: float
) -> NDArray[np.complex128]:
    """Output of a gammatone that was at rest before."""
    x = signal.astype(complex)
    pole = radius * np.exp(2j * np.pi * centre_hz / SAMPLE_RATE)
    for numerator in ([1, 2 * pole], [1, 2 * pole], [1], [1]):
        x = scipy.signal.lfilter(numerator, [1, -pole], x)
    return np.asarray(x * gammatone_gain(np.asarray(radius)), complex)


def _tail_length(radius: float) -> int:
    """Samples after which both the gammatone and the middle ear have faded to nothing."""
    slowest = max(radius, _slowest_of_middle_ear())
    # The fourfold pole decays as n^3 radius^n, which takes a little longer than radius^n
    return math.ceil(1.2 * _NEPERS / -math.log(slowest))


@cache
def _slowest_of_middle_ear() -> float:
    """Radius of the pole that decays most slowly."""
    return max(float(np.abs(np.roots(a)).max()) for _, a in middle_ear_filters())


_centres_hz = cache(centre_frequencies_hz)
