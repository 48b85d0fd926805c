"""What pictures show, as arrays: one source for `cadenza.plots` and for the pages of reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import Audiogram, Severity
from cadenza.haaqi import HaaqiDetails
from cadenza.haaqi.constants import MODULATION_BANDS_HZ

HIGHEST_CODE = 1 - 2**-15
"""Where 16-bit files end on the positive side, re full scale."""

RANGE_DB = 80
"""Range of the levels in a spectrogram."""

DIFFERENCE_DB = 20
"""Largest difference of levels on a colour scale."""

LEVELS, DIFFERENCES = "viridis", "PuOr"
"""Colour maps of matplotlib for levels, and for differences around 0."""

OCTAVES_HZ = (63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def hz_name(frequency_hz: int) -> str:
    """Frequency on an axis.

    Examples
    --------
    >>> hz_name(500), hz_name(2000)
    ('500', '2k')
    """
    return f"{frequency_hz // 1000}k" if frequency_hz >= 1000 else f"{frequency_hz}"


def severity_name(severity: Severity) -> str:
    """Severity of a hearing loss in words.

    Examples
    --------
    >>> severity_name("NOTHING"), severity_name("MILD")
    ('no loss', 'mild')
    """
    return "no loss" if severity == "NOTHING" else severity.lower()


class AudiogramLimits(NamedTuple):
    """Ends of the axes of an audiogram."""

    low_hz: float
    high_hz: float
    top_db_hl: float
    bottom_db_hl: float


def audiogram_limits(audiograms: Iterable[Audiogram]) -> AudiogramLimits:
    """Axes as in a clinic, further if a threshold lies outside.

    Examples
    --------
    >>> audiogram_limits([Audiogram([20] * 8)])
    AudiogramLimits(low_hz=200.0, high_hz=10000.0, top_db_hl=-10.0, bottom_db_hl=120.0)
    """
    ears = list(audiograms)
    frequencies_hz = np.concatenate([ear.frequencies_hz for ear in ears])
    levels_db_hl = np.concatenate([ear.levels_db_hl for ear in ears])
    return AudiogramLimits(
        min(200.0, 0.8 * float(frequencies_hz.min())),
        max(10000.0, 1.2 * float(frequencies_hz.max())),
        min(-10.0, float(levels_db_hl.min()) - 5),
        max(120.0, float(levels_db_hl.max()) + 5),
    )


@dataclass(frozen=True)
class Columns:
    """A signal in as many columns as a picture has.

    Parameters
    ----------
    starts : ndarray of int, shape (columns,)
        First sample of each column.
    low, high : ndarray, shape (columns,)
        Range of the samples.
    clipped_below, clipped_above : ndarray of bool, shape (columns,)
        Whether a sample is clipped.
    clipped_fraction : float
        Of all samples.
    """

    starts: NDArray[np.int_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    clipped_below: NDArray[np.bool_]
    clipped_above: NDArray[np.bool_]
    clipped_fraction: float


def columns(signal: NDArray[np.float64], n: int, *, full_scale: float = 1.0) -> Columns:
    """Range of a signal in at most `n` columns, and where it is clipped.

    Clipped samples are those at or beyond full scale, within one step of 16 bits.

    Examples
    --------
    >>> shown = columns(np.array([0.0, 0.5, -1.0, 0.1]), 2)
    >>> shown.low.tolist(), shown.high.tolist(), shown.clipped_below.tolist()
    ([0.0, -1.0], [0.5, 0.1], [False, True])
    """
    starts = np.unique(np.linspace(0, signal.size, n, endpoint=False, dtype=int))
    low, high = np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)
    limit = full_scale * HIGHEST_CODE
    fraction = float(np.mean(np.abs(signal) >= limit))
    return Columns(starts, low, high, low <= -limit, high >= limit, fraction)


def level_limits_db(
    levels_db: Sequence[NDArray[np.float64]],
    low_db: float | None = None,
    high_db: float | None = None,
) -> tuple[float, float]:
    """Ends of the colour scale of levels: the highest level, and `RANGE_DB` less.

    Raises
    ------
    ValueError
        If the ends that were given are not in order.
    """
    high = max(float(levels.max()) for levels in levels_db) if high_db is None else high_db
    low = high - RANGE_DB if low_db is None else low_db
    if not low < high:
        raise ValueError(f"vmin_db must be less than vmax_db, got {low:g} and {high:g}")
    return low, high


def level_differences_db(
    reference_db: NDArray[np.float64], processed_db: NDArray[np.float64], floor_db: float
) -> NDArray[np.float64]:
    """Processed minus reference; what is below the floor of the scale counts as the floor."""
    differences: NDArray[np.float64] = np.maximum(processed_db, floor_db) - np.maximum(
        reference_db, floor_db
    )
    return differences


def envelope_differences_db(details: HaaqiDetails) -> NDArray[np.float64]:
    """Envelopes of the bands, processed minus reference; NaN where no frame counts."""
    reference_db, processed_db = details.cepstral.envelopes_db_sl
    return np.where(details.cepstral.frames, processed_db - reference_db, np.nan)


def vibration_covariances(details: HaaqiDetails) -> NDArray[np.float64]:
    """Covariances of the vibration; NaN where no tile counts."""
    return np.where(details.vibration.tiles, details.vibration.covariances, np.nan)


def loudness_differences_percent(details: HaaqiDetails) -> NDArray[np.float64]:
    """Part of the loudness in each band, processed minus reference, in percent."""
    differences: NDArray[np.float64] = -100 * details.spectrum.differences
    return differences


def modulation_band_names() -> list[str]:
    """Names of the modulation bands of the cepstral correlation.

    Examples
    --------
    >>> modulation_band_names()[-1].startswith("above")
    True
    """
    return [
        f"{band[0]:g} to {band[1]:g} Hz" if len(band) == 2 else f"above {band[0]:g} Hz"
        for band in MODULATION_BANDS_HZ
    ]
