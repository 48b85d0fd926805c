"""Multiband dynamic range compressor of the second Cadenza challenge (CAD2)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.hearing_aid.crossover import Crossover

_PER_DB = math.log(10) / 20  # natural logarithm of an amplitude, per dB


@dataclass(frozen=True)
class BandCompressor:
    """Compress one band: feed-forward, in dB, with the level of each single sample.

    Above the threshold the output grows by 1 dB when the input grows by `ratio` dB. The gain
    reduction is smoothed exponentially over time [1]_.

    As in the published baseline, samples below -120 dB are treated as -120 dB, and a zero becomes
    1e-12 before the gain, far below one step of 24 bits.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    threshold_db : float
        Level in dB full scale at which compression begins.
    ratio : float
        Growth of the input in dB per dB of output, positive: 1 does not change levels, less than
        1 expands.
    attack_ms, release_ms : float
        Time constants in milliseconds of rising and falling gain reduction, positive.
    makeup_gain_db : float
        Gain in dB after compression.
    knee_width_db : float
        Width in dB of the range around the threshold where compression increases gradually; 0 is
        a hard knee.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a number or out of its range.

    References
    ----------
    .. [1] D. Giannoulis, M. Massberg and J. D. Reiss, "Digital dynamic range compressor design: a
       tutorial and analysis", Journal of the Audio Engineering Society 60(6), 399-408, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> compressor = BandCompressor(sample_rate=44100, threshold_db=-20, ratio=4)
    >>> loud = np.ones(44100)
    >>> round(float(20 * np.log10(compressor(loud)[-1])), 2)
    -15.0
    """

    _: KW_ONLY
    sample_rate: float
    threshold_db: float = 0.0
    ratio: float = 1.0
    attack_ms: float = 15.0
    release_ms: float = 100.0
    makeup_gain_db: float = 0.0
    knee_width_db: float = 0.0

    def __post_init__(self) -> None:
        for name in ("sample_rate", "ratio", "attack_ms", "release_ms"):
            _check.positive(name, getattr(self, name))
        for name in ("threshold_db", "makeup_gain_db"):
            _check.number(name, getattr(self, name))
        _check.within("knee_width_db", self.knee_width_db, 0)

    def __call__(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Compress a signal; channels are independent and start without gain reduction.

        Parameters
        ----------
        signal : array_like, shape (..., T)
            Signal at `sample_rate`.

        Returns
        -------
        ndarray, shape (..., T)
        """
        from cadenza._compiled import announced  # late: importing numba takes a third of a second
        from cadenza.hearing_aid.multiband_kernel import compress

        x = _check.signal("signal", signal, ndim=None)
        with announced("the multiband compressor"):
            return np.apply_along_axis(
                compress,
                -1,
                x,
                self.threshold_db * _PER_DB,
                1 - 1 / self.ratio,
                self.knee_width_db * _PER_DB,
                math.exp(-1000 / (self.attack_ms * self.sample_rate)),
                math.exp(-1000 / (self.release_ms * self.sample_rate)),
                self.makeup_gain_db * _PER_DB,
            )


@dataclass(frozen=True)
class MultibandCompressor:
    """Split a signal by a `Crossover`, compress each band separately, and add the bands up.

    With a ratio of 1 and no make-up gain the output has the magnitude spectrum of the input, but
    not its phase.

    Parameters
    ----------
    crossover_frequencies_hz : float or sequence of float
        Where the bands meet, as in `Crossover`; n of them make n + 1 bands.
    sample_rate : float
        In Hz.
    threshold_db, ratio, attack_ms, release_ms, makeup_gain_db, knee_width_db
        As in `BandCompressor`: one number for all bands, or a sequence with one for each band,
        lowest band first. They are stored as one for each band.

    Raises
    ------
    TypeError
        If a parameter is neither a real number nor a sequence of them.
    ValueError
        If a number is out of its range, or a sequence does not have one number for each band.

    Examples
    --------
    >>> import numpy as np
    >>> compressor = MultibandCompressor(
    ...     crossover_frequencies_hz=[500, 2000],
    ...     sample_rate=44100,
    ...     threshold_db=-30,
    ...     ratio=[1.5, 2, 3],
    ... )
    >>> music = np.ones((2, 1000))
    >>> compressor(music).shape, compressor.bands(music).shape
    ((2, 1000), (3, 2, 1000))
    """

    _: KW_ONLY
    crossover_frequencies_hz: float | Sequence[float]
    sample_rate: float
    threshold_db: float | Sequence[float] = 0.0
    ratio: float | Sequence[float] = 1.0
    attack_ms: float | Sequence[float] = 15.0
    release_ms: float | Sequence[float] = 100.0
    makeup_gain_db: float | Sequence[float] = 0.0
    knee_width_db: float | Sequence[float] = 0.0
    _crossover: Crossover = field(init=False, repr=False, compare=False)
    _compressors: tuple[BandCompressor, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        crossover = Crossover(self.crossover_frequencies_hz, sample_rate=self.sample_rate)
        n_bands = len(crossover.sections)
        parameters = {
            name: _per_band(name, getattr(self, name), n_bands)
            for name in (
                "threshold_db",
                "ratio",
                "attack_ms",
                "release_ms",
                "makeup_gain_db",
                "knee_width_db",
            )
        }
        compressors = tuple(
            BandCompressor(
                sample_rate=self.sample_rate, **{name: p[band] for name, p in parameters.items()}
            )
            for band in range(n_bands)
        )
        checked = {
            "crossover_frequencies_hz": crossover.frequencies_hz,
            **parameters,
            "_crossover": crossover,
            "_compressors": compressors,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __call__(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Compress a signal; channels are independent and start from rest.

        Parameters
        ----------
        signal : array_like, shape (..., T)
            Signal at `sample_rate`.

        Returns
        -------
        ndarray, shape (..., T)
        """
        return reduce(np.add, self._each_band(signal))

    @property
    def compressors(self) -> tuple[BandCompressor, ...]:
        """The compressor of each band, lowest band first."""
        return self._compressors

    def bands(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Return the compressed bands, shape (n_bands, ..., T); their sum is the output."""
        return np.stack(list(self._each_band(signal)))

    def _each_band(self, signal: ArrayLike) -> Iterator[NDArray[np.float64]]:
        bands = self._crossover.each_band(signal)
        for compressor, band in zip(self._compressors, bands, strict=True):
            yield compressor(band)


def _per_band(name: str, value: float | Sequence[float], n_bands: int) -> tuple[float, ...]:
    numbers = _check.numbers(name, value)
    if numbers.ndim == 0:
        return (float(numbers),) * n_bands
    if len(numbers) != n_bands:
        raise ValueError(
            f"{name} must be one number or one for each of {n_bands} bands, got {value!r}"
        )
    return tuple(numbers.tolist())
