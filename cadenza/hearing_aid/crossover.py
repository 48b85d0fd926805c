"""Linkwitz-Riley crossover: splits a signal into bands that add up to an all-pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import sosfilt

from cadenza import _check


@dataclass(frozen=True)
class Crossover:
    """Split a signal into neighbouring bands whose sum has its magnitude spectrum.

    The slopes are of fourth order: at a crossover frequency both neighbours are 6 dB down, and
    beyond it they fall by 24 dB per octave [1]_. The sum of the bands differs from the signal in
    phase only: it is the signal after a second-order all-pass at each crossover frequency.

    Parameters
    ----------
    frequencies_hz : float or sequence of float
        Crossover frequencies in Hz, ascending, between 0 and half the sample rate; n of them make
        n + 1 bands.
    sample_rate : float
        In Hz.

    Attributes
    ----------
    sections : tuple of ndarray, shape (n_sections, 6)
        The filter of each band as second-order sections in SciPy's format, lowest band first.

    Raises
    ------
    TypeError
        If the frequencies are not real numbers.
    ValueError
        If they are out of range or not in ascending order.

    References
    ----------
    .. [1] S. H. Linkwitz, "Active crossover networks for noncoincident drivers", Journal of the
       Audio Engineering Society 24(1), 2-8, 1976. The all-passes that align more than two bands:
       J. D'Appolito, "Active realization of multiway all-pass crossover systems", JAES 35(4),
       239-245, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> crossover = Crossover([500, 2000], sample_rate=44100)
    >>> crossover(np.ones((2, 1000))).shape
    (3, 2, 1000)
    """

    frequencies_hz: float | Sequence[float]
    _: KW_ONLY
    sample_rate: float
    sections: tuple[NDArray[np.float64], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        half_rate = _check.positive("sample_rate", self.sample_rate) / 2
        frequencies = np.atleast_1d(real_numbers("crossover frequencies", self.frequencies_hz))
        given = frequencies.tolist()
        if not given:
            raise ValueError("crossover frequencies must be at least one, got none")
        if not ((frequencies > 0) & (frequencies < half_rate)).all():
            raise ValueError(
                "crossover frequencies must be above 0 and below half the sample rate "
                f"({half_rate:g} Hz), got {given}"
            )
        if not (np.diff(frequencies) > 0).all():
            raise ValueError(f"crossover frequencies must be in ascending order, got {given}")
        object.__setattr__(self, "frequencies_hz", tuple(given))
        object.__setattr__(self, "sections", _sections(given, self.sample_rate))

    def __call__(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Split a signal; the filters start from rest.

        Parameters
        ----------
        signal : array_like, shape (..., T)
            Signal at `sample_rate`; up to three axes.

        Returns
        -------
        ndarray, shape (n_bands, ..., T)
            Lowest band first.
        """
        return np.stack(list(self.each_band(signal)))

    def each_band(self, signal: ArrayLike) -> Iterator[NDArray[np.float64]]:
        """Give one band of a signal after the other, for signals too long to hold all bands."""
        x = _check.signal("signal", signal, ndim=(1, 2, 3))
        for sections in self.sections:
            yield sosfilt(sections, x)


def _sections(
    frequencies_hz: Sequence[float], sample_rate: float
) -> tuple[NDArray[np.float64], ...]:
    """Second-order sections of each band.

    A band is what the splits below it pass on and the split above it keeps. The splits that it
    does not go through would turn its phase away from that of the other bands: an all-pass at
    each of them makes up for that.
    """
    splits = [_split(frequency_hz, sample_rate) for frequency_hz in frequencies_hz]
    passed_on: list[NDArray[np.float64]] = []
    bands = []
    for k, (low_pass, high_pass, _) in enumerate(splits):
        aligned = [all_pass for _, _, all_pass in splits[k + 1 :]]
        bands.append(np.concatenate([low_pass, *passed_on, *aligned]))
        passed_on.append(high_pass)
    return (*bands, np.concatenate(passed_on))


def _split(
    frequency_hz: float, sample_rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Low-pass and high-pass, both Butterworth squared, and the all-pass that is their sum."""
    k = math.tan(math.pi * frequency_hz / sample_rate)  # bilinear transform, true at the frequency
    scale = 1 / (1 + math.sqrt(2) * k + k**2)
    a1, a2 = 2 * (k**2 - 1) * scale, (1 - math.sqrt(2) * k + k**2) * scale
    low = [k**2 * scale, 2 * k**2 * scale, k**2 * scale, 1, a1, a2]
    high = [scale, -2 * scale, scale, 1, a1, a2]
    all_pass = [a2, a1, 1, 1, a1, a2]
    return np.array([low, low]), np.array([high, high]), np.array([all_pass])


def real_numbers(name: str, value: float | Sequence[float]) -> NDArray[np.float64]:
    """Return one number or a list of numbers as a finite float64 array."""
    array = np.asarray(value)
    if array.size and array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got {value!r}")
    if array.ndim > 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be one finite number or a list of them, got {value!r}")
    return array.astype(np.float64)
