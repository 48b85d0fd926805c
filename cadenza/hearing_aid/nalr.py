"""NAL-R: linear amplification prescribed from the audiogram.

The revised rule of the National Acoustic Laboratories [1]_ gives gains at six frequencies for the
hearing thresholds of one ear. A linear-phase FIR filter realises these gains.

.. [1] D. Byrne and H. Dillon, "The National Acoustic Laboratories' (NAL) new procedure for
   selecting the gain and frequency response of a hearing aid", Ear and Hearing 7(4), 257-265, 1986.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from itertools import pairwise
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram
from cadenza.levels import db_to_gain

_OFFSETS_DB = np.array([-17.0, -8.0, 1.0, -1.0, -2.0, -2.0])
_GRID = 512  # intervals of the dense frequency grid from 0 Hz to half the sample rate
_MAX_NFIR = 2 * _GRID - 2  # nfir + 1 taps must fit into the inverse transform


def nalr_gains_db(levels_db_hl: ArrayLike) -> NDArray[np.float64]:
    """Prescribe insertion gains by the NAL-R rule.

    A gain of 6 dB doubles the amplitude at that frequency. Nothing is attenuated: negative
    prescriptions are raised to 0 dB, and an ear without any loss gets 0 dB everywhere.

    Parameters
    ----------
    levels_db_hl : array_like, shape (..., 6)
        Hearing thresholds in dB HL at 250, 500, 1000, 2000, 4000 and 6000 Hz.

    Returns
    -------
    ndarray, shape (..., 6)
        Gains in dB at the same frequencies.

    Raises
    ------
    ValueError
        If the last axis does not have length 6.

    References
    ----------
    Byrne and Dillon (1986), Ear and Hearing 7(4), 257-265.

    Examples
    --------
    >>> nalr_gains_db([45, 45, 35, 45, 65, 70])
    array([ 3.2 , 12.2 , 18.1 , 19.2 , 24.4 , 25.95])
    """
    levels = np.asarray(levels_db_hl, dtype=np.float64)
    if levels.shape[-1:] != (6,):
        raise ValueError(
            f"levels_db_hl must have 6 levels on the last axis, got shape {levels.shape}"
        )
    # Sum over three frequencies (500, 1000, 2000 Hz); above a mean of 60 dB HL it has more weight
    total = levels[..., 1:4].sum(axis=-1, keepdims=True)
    common = np.where(total <= 180, 0.05 * total, 9.0 + 0.116 * (total - 180))
    gains = np.maximum(common + 0.31 * levels + _OFFSETS_DB, 0.0)
    has_loss = levels.max(axis=-1, keepdims=True) > 0
    return np.where(has_loss, gains, 0.0)


@dataclass(frozen=True)
class NALR:
    """NAL-R prescription of one ear as a linear-phase FIR filter.

    The output is ``nfir`` samples longer than the input and delayed by ``nfir / 2`` samples: it
    includes the delay and the tail of the filter. Without hearing loss the filter is exactly that
    delay. At 44.1 kHz, 221 taps cannot follow the prescribed curve below about 500 Hz.

    Parameters
    ----------
    audiogram : Audiogram
        Thresholds of the ear; they are interpolated at the six prescription frequencies.
    sample_rate : float
        Sample rate in Hz of the signals to be amplified, at least 12 kHz (twice the highest
        prescription frequency).
    nfir : int
        Filter order, even, from 2 to 1022: the filter has ``nfir + 1`` taps. Default: 220, as in
        the Cadenza baselines.

    Attributes
    ----------
    taps : ndarray, shape (nfir + 1,)
        The filter, read-only.

    Raises
    ------
    TypeError
        If `audiogram` or `sample_rate` is of the wrong type.
    ValueError
        If `sample_rate` or `nfir` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> nalr = NALR(Audiogram([45, 45, 35, 45, 60, 65, 70, 65]), sample_rate=44100)
    >>> nalr(np.ones((2, 1000))).shape
    (2, 1220)
    """

    audiogram: Audiogram
    _: KW_ONLY
    sample_rate: float
    nfir: int = 220
    taps: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.audiogram, Audiogram):
            raise TypeError(f"audiogram must be an Audiogram, got {self.audiogram!r}")
        check_design(self.sample_rate, self.nfir)
        gains_db = nalr_gains_db(self.audiogram.at(PRESCRIPTION_FREQUENCIES_HZ))
        taps = _design(gains_db, self.sample_rate, self.nfir)
        taps.flags.writeable = False
        object.__setattr__(self, "taps", taps)

    def __call__(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Amplify a signal.

        Parameters
        ----------
        signal : array_like, shape (..., T)
            Signal at `sample_rate`, at least one sample long.

        Returns
        -------
        ndarray, shape (..., T + nfir)
        """
        x = _check.signal("signal", signal, ndim=None)
        if x.shape[-1] == 0:
            raise ValueError(f"signal must have at least one sample, got shape {x.shape}")
        # Direct convolution: the taps are few, and silence and a pure delay remain exact
        return np.apply_along_axis(np.convolve, -1, x, self.taps)


def check_design(sample_rate: float, nfir: int) -> None:
    """Raise a `ValueError` unless NAL-R filters of this rate and order can be designed."""
    lowest_rate = 2 * PRESCRIPTION_FREQUENCIES_HZ[-1]
    if _check.positive("sample_rate", sample_rate) < lowest_rate:
        raise ValueError(
            f"sample_rate must be at least {lowest_rate} Hz for NAL-R, got {sample_rate!r}"
        )
    if not isinstance(nfir, Integral) or nfir % 2 or not 2 <= nfir <= _MAX_NFIR:
        raise ValueError(f"nfir must be even and from 2 to {_MAX_NFIR}, got {nfir!r}")


def _design(gains_db: NDArray[np.float64], sample_rate: float, nfir: int) -> NDArray[np.float64]:
    """Linear-phase FIR filter with these gains at the prescription frequencies.

    Frequency sampling as in MATLAB's ``fir2``, which differs from SciPy's ``firwin2`` by up to 1 dB
    here: the curve is read at ``nfir + 1`` points, interpolated on a dense grid, transformed to the
    time domain and windowed.
    """
    if not gains_db.any():
        delay = np.zeros(nfir + 1)
        delay[nfir // 2] = 1.0
        return delay
    # np.interp uses the first gain down to 0 Hz and the last up to half the sample rate
    points_hz = np.arange(nfir + 1) / nfir * (sample_rate / 2)
    curve = db_to_gain(np.interp(points_hz, PRESCRIPTION_FREQUENCIES_HZ, gains_db))
    # Interval i of the curve fills the bins edges[i] to edges[i + 1] - 1 and includes both of its
    # end points: the last bin of an interval and the first of the next have the same value
    magnitude = np.empty(_GRID + 1)
    edges = (_GRID + 1) * np.arange(nfir + 1) // nfir
    for (start, stop), (low, high) in zip(pairwise(edges), pairwise(curve), strict=True):
        ramp = np.linspace(0.0, 1.0, stop - start)
        magnitude[start:stop] = ramp * high + (1 - ramp) * low
    phase = -np.pi * (nfir / 2) * np.arange(_GRID + 1) / _GRID
    response = np.fft.irfft(magnitude * np.exp(1j * phase), n=2 * _GRID)
    return response[: nfir + 1] * np.hamming(nfir + 1)
