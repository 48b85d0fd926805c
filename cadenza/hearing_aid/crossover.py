"""Linkwitz-Riley crossover: splits a signal into bands that add up to an all-pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check


@dataclass(frozen=True)
class Crossover:
    """Split a signal into neighbouring bands whose sum has its magnitude spectrum.

    The slopes are of fourth order: at a crossover frequency both neighbours are 6 dB down, and
    beyond it they fall by 24 dB per octave [1]_. The sum of the bands differs from the signal only
    in phase: it is the signal after a second-order all-pass at each crossover frequency.

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
        frequencies = np.atleast_1d(_check.numbers("crossover frequencies", self.frequencies_hz))
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
            Signal at `sample_rate`.

        Returns
        -------
        ndarray, shape (n_bands, ..., T)
            Lowest band first.
        """
        return np.stack(list(self.each_band(signal)))

    def each_band(self, signal: ArrayLike) -> Iterator[NDArray[np.float64]]:
        """Yield one band of a signal after the other, when all bands would need too much memory."""
        from scipy.signal import sosfilt

        x = _check.signal("signal", signal, ndim=None)
        for sections in self.sections:
            yield sosfilt(sections, x)


def _sections(
    frequencies_hz: Sequence[float], sample_rate: float
) -> tuple[NDArray[np.float64], ...]:
    """Second-order sections of each band.

    The splits follow each other from low to high frequencies. Each keeps what is below its
    frequency as a band and passes on what is above to the next split. A band does not go through
    the splits above it, which shift the phase of the other bands. Therefore it gets the all-pass
    of each of these splits.
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
    from scipy.signal import butter  # late: importing it takes more than half a second

    low = butter(2, frequency_hz, "lowpass", fs=sample_rate, output="sos")
    high = butter(2, frequency_hz, "highpass", fs=sample_rate, output="sos")
    poles = low[:, 3:]
    return low.repeat(2, axis=0), high.repeat(2, axis=0), np.hstack([poles[:, ::-1], poles])
