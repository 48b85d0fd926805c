"""The cochlea's bands, and what a hearing loss changes in each of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram
from cadenza.haaqi.levels import FloatOrArray

logger = logging.getLogger(__name__)

N_BANDS = 32
"""Number of auditory bands, from 80 Hz to 8 kHz."""

UPPER_KNEE_DB_SPL = 100.0
"""Level above which no cochlea compresses."""

_EAR_Q = 9.26449
_MIN_ERB_HZ = 24.7


@dataclass(frozen=True)
class Cochlea:
    """Parameters of the bands of one ear: an array over bands each, or one band's numbers.

    Parameters
    ----------
    centre_hz : ndarray
        Centre frequencies in Hz.
    ohc_db, ihc_db : ndarray
        Attenuation in dB by damaged outer and inner hair cells.
    knee_db_spl : ndarray
        Level in dB SPL above which the band compresses.
    ratio : ndarray
        Compression ratio above the knee; 1 is linear.
    narrow, wide : ndarray
        Bandwidths at low and at high levels, relative to those of a healthy ear at low levels.
    """

    centre_hz: NDArray[np.float64]
    ohc_db: NDArray[np.float64]
    ihc_db: NDArray[np.float64]
    knee_db_spl: NDArray[np.float64]
    ratio: NDArray[np.float64]
    narrow: NDArray[np.float64]
    wide: NDArray[np.float64]

    def __getitem__(self, band: int) -> Cochlea:
        """Parameters of one band."""
        return Cochlea(*(getattr(self, field.name)[band] for field in fields(self)))


def impaired_cochlea(levels_db_hl: NDArray[np.float64]) -> Cochlea:
    """Cochlea of an ear with a given audiogram (Moore et al., 1999; Kates, 2013).

    Outer hair cells account for 80 % of a loss up to the loss at which the band is linear.

    Parameters
    ----------
    levels_db_hl : ndarray, shape (6,)
        Thresholds in dB HL at 250, 500, 1000, 2000, 4000 and 6000 Hz.
    """
    centre_hz = _centre_frequencies_hz()
    # Interpolated over linear frequency, and clipped only then: a threshold better than 0 dB HL
    # still reduces the loss of the bands next to it.
    loss_db = np.maximum(np.interp(centre_hz, PRESCRIPTION_FREQUENCIES_HZ, levels_db_hl), 0)

    healthy_ratio = np.linspace(1.25, 3.5, N_BANDS)
    max_ohc_db = 70 * (1 - 1 / healthy_ratio)
    shared_db = np.minimum(loss_db, max_ohc_db / 0.8)
    ohc_db = 0.8 * shared_db
    return Cochlea(
        centre_hz=centre_hz,
        ohc_db=ohc_db,
        ihc_db=0.2 * shared_db + (loss_db - shared_db),
        knee_db_spl=30 + ohc_db,
        ratio=healthy_ratio * (70 - ohc_db) / 70,
        narrow=_relative_bandwidth(ohc_db),
        wide=_relative_bandwidth(max_ohc_db),
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


def erb_hz(frequency_hz: FloatOrArray) -> FloatOrArray:
    """Equivalent rectangular bandwidth of the healthy ear's filters (Glasberg & Moore, 1990)."""
    return _MIN_ERB_HZ + frequency_hz / _EAR_Q


def _centre_frequencies_hz() -> NDArray[np.float64]:
    """Equally spaced on the ERB-rate scale (Slaney, 1993)."""
    corner_hz = _EAR_Q * _MIN_ERB_HZ
    return np.geomspace(80 + corner_hz, 8000 + corner_hz, N_BANDS) - corner_hz


def _relative_bandwidth(ohc_db: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 + ohc_db / 50 + 2 * (ohc_db / 50) ** 6
