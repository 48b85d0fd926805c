"""The cochlea's bands, and what a hearing loss changes in each of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram
from cadenza.haaqi.constants import (
    EAR_Q,
    HIGHEST_BAND_RATIO,
    HIGHEST_CENTRE_HZ,
    IHC_SHARE,
    LOWER_KNEE_DB_SPL,
    LOWEST_BAND_RATIO,
    LOWEST_CENTRE_HZ,
    MIN_ERB_HZ,
    N_BANDS,
    OHC_SHARE,
    UPPER_KNEE_DB_SPL,
)

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

FloatOrArray: TypeAlias = float | NDArray[np.float64]
Values = TypeVar("Values", NDArray[np.float64], "Tensor")
"""Arrays or tensors, in the formulas that hold for both."""

_Frequency = TypeVar("_Frequency", float, NDArray[np.float64], "Tensor")


@dataclass(frozen=True)
class Bands(Generic[Values]):
    """Parameters of bands: an array or tensor each with bands on the last axis, or one band's.

    Parameters
    ----------
    centre_hz
        Centre frequencies in Hz.
    ohc_loss_db, ihc_loss_db
        Hearing loss in dB due to damaged outer and inner hair cells.
    knee_db_spl
        Level in dB SPL above which the band compresses.
    compression_ratio
        Compression ratio above the knee; 1 is linear.
    narrow_bandwidth, wide_bandwidth
        Bandwidths at low and at high levels, relative to those of a healthy ear at low levels.
    """

    centre_hz: Values
    ohc_loss_db: Values
    ihc_loss_db: Values
    knee_db_spl: Values
    compression_ratio: Values
    narrow_bandwidth: Values
    wide_bandwidth: Values

    def __getitem__(self, bands: int | slice) -> Bands[Values]:
        """Parameters of one band, or of some."""
        return Bands(*(getattr(self, field.name)[..., bands] for field in fields(self)))


Cochlea: TypeAlias = Bands[NDArray[np.float64]]
"""The bands of one ear."""


def impaired_cochlea(levels_db_hl: NDArray[np.float64]) -> Cochlea:
    """Cochlea of an ear with a given audiogram (Moore et al., 1999; Kates, 2013).

    Outer hair cells account for 80 % of a loss up to the loss at which the band is linear; inner
    hair cells account for the rest.

    Parameters
    ----------
    levels_db_hl : ndarray, shape (6,)
        Thresholds in dB HL at 250, 500, 1000, 2000, 4000 and 6000 Hz.

    Examples
    --------
    >>> impaired_cochlea(np.array([0.0, 0, 0, 0, 0, 0])).compression_ratio[[0, 31]]
    array([1.25, 3.5 ])
    """
    centre_hz = centre_frequencies_hz()
    # Interpolated over linear frequency, and clipped only then: a threshold better than 0 dB HL
    # still reduces the loss of the bands next to it.
    loss_db = np.maximum(np.interp(centre_hz, PRESCRIPTION_FREQUENCIES_HZ, levels_db_hl), 0)

    healthy_ratio = np.linspace(LOWEST_BAND_RATIO, HIGHEST_BAND_RATIO, N_BANDS)
    range_db = UPPER_KNEE_DB_SPL - LOWER_KNEE_DB_SPL
    max_ohc_loss_db = range_db * (1 - 1 / healthy_ratio)
    shared_db = np.minimum(loss_db, max_ohc_loss_db / OHC_SHARE)
    ohc_loss_db = OHC_SHARE * shared_db
    return Cochlea(
        centre_hz=centre_hz,
        ohc_loss_db=ohc_loss_db,
        ihc_loss_db=IHC_SHARE * shared_db + (loss_db - shared_db),
        knee_db_spl=LOWER_KNEE_DB_SPL + ohc_loss_db,
        compression_ratio=healthy_ratio * (range_db - ohc_loss_db) / range_db,
        narrow_bandwidth=_relative_bandwidth(ohc_loss_db),
        wide_bandwidth=_relative_bandwidth(max_ohc_loss_db),
    )


def six_levels_db_hl(audiogram: Audiogram) -> NDArray[np.float64]:
    """Thresholds at the six frequencies that HAAQI knows, 250 Hz to 6 kHz.

    Those that were not measured are interpolated over log frequency, and a warning is logged.
    """
    missing = sorted(set(PRESCRIPTION_FREQUENCIES_HZ) - set(audiogram.frequencies_hz))
    if missing:
        logger.warning(
            "audiogram without %s Hz: thresholds are interpolated", ", ".join(map(str, missing))
        )
    return audiogram.at(PRESCRIPTION_FREQUENCIES_HZ)


def erb_hz(frequency_hz: _Frequency) -> _Frequency:
    """Equivalent rectangular bandwidth of the healthy ear's filters (Glasberg & Moore, 1990)."""
    return MIN_ERB_HZ + frequency_hz / EAR_Q


def centre_frequencies_hz() -> NDArray[np.float64]:
    """Centre frequencies of the bands, equally spaced on the ERB-rate scale (Slaney, 1993)."""
    corner_hz = EAR_Q * MIN_ERB_HZ
    edges_hz = LOWEST_CENTRE_HZ + corner_hz, HIGHEST_CENTRE_HZ + corner_hz
    return np.geomspace(*edges_hz, N_BANDS) - corner_hz


def _relative_bandwidth(ohc_loss_db: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 + ohc_loss_db / 50 + 2 * (ohc_loss_db / 50) ** 6
