"""What the features of HAAQI are computed from, and the features themselves.

Where an array holds both signals, row 0 is the reference and row 1 the processed signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadenza.haaqi.constants import LOUDNESS_SPREAD, N_BANDS, NORMALISED_SPREAD


@dataclass(frozen=True, eq=False)
class CepstralDetails:
    """Changes of the spectrum's shape over time.

    Parameters
    ----------
    envelopes_db_sl : ndarray, shape (2, 32, S)
        Level of each band in dB SL after compression and adaptation, smoothed over 8 ms. Frames
        that count include the noise of `cepstral_noise_db`.
    frames : ndarray of bool, shape (S,)
        Frames that count: those in which the reference is audible.
    correlations : ndarray, shape (4, 5)
        Correlation between both signals in each modulation band (20 to 125 Hz) of each cepstral
        coefficient (1 to 5), 0 to 1. All are 0 if fewer than two frames count.
    """

    envelopes_db_sl: NDArray[np.float64]
    frames: NDArray[np.bool_]
    correlations: NDArray[np.float64]

    @property
    def audible(self) -> bool:
        """Whether there are frames to compare."""
        return bool(self.frames.sum() > 1)

    @property
    def mean_correlation(self) -> float:
        """The feature `cepstral_correlation`."""
        return float(self.correlations.mean())


@dataclass(frozen=True, eq=False)
class VibrationDetails:
    """Similarity of the basilar membrane's vibration in short frames of each band.

    Parameters
    ----------
    covariances : ndarray, shape (32, S)
        Largest normalised covariance of both signals within 1 ms, 0 to 1; 0 where the reference is
        below the silence threshold.
    levels_db_sl : ndarray, shape (32, S)
        Level of the reference in dB SL.
    tiles : ndarray of bool, shape (32, S)
        Frames of bands that count: those in which the reference is audible.
    synchrony : ndarray, shape (32,)
        Weight of each band. High bands count less, as the nerve fires out of step with fast
        vibration (Johnson, 1980).
    """

    covariances: NDArray[np.float64]
    levels_db_sl: NDArray[np.float64]
    tiles: NDArray[np.bool_]
    synchrony: NDArray[np.float64]

    @property
    def audible(self) -> bool:
        """Whether there are tiles to compare."""
        return bool(self.tiles.any())

    @property
    def mean_covariance(self) -> float:
        """The feature `vibration_covariance`: the weighted mean of all tiles that count."""
        if not self.audible:
            return 0.0
        weights = self.synchrony[:, None] * self.tiles
        return float((weights * self.covariances).sum() / weights.sum())


@dataclass(frozen=True, eq=False)
class SpectrumDetails:
    """Long-term spectra, whatever their overall loudness.

    Parameters
    ----------
    levels_db_sl : ndarray, shape (2, 32)
        Levels of the whole signals in dB SL.
    loudness : ndarray, shape (2, 32)
        Loudness of each band as a part of that of all bands: the sum over bands is 1. An inaudible
        band counts as one at threshold, so silence has a flat spectrum.
    """

    levels_db_sl: NDArray[np.float64]
    loudness: NDArray[np.float64]

    @property
    def differences(self) -> NDArray[np.float64]:
        """Loudness of the reference minus that of the processed signal, shape (32,)."""
        differences: NDArray[np.float64] = self.loudness[0] - self.loudness[1]
        return differences

    @property
    def normalised_differences(self) -> NDArray[np.float64]:
        """The same re the sum of both in the band, -1 to 1, shape (32,)."""
        normalised: NDArray[np.float64] = self.differences / self.loudness.sum(axis=0)
        return normalised

    @property
    def loudness_similarity(self) -> float:
        """The feature `loudness_spectrum`."""
        return _similarity(self.differences, LOUDNESS_SPREAD)

    @property
    def normalised_similarity(self) -> float:
        """The feature `normalised_spectrum`."""
        return _similarity(self.normalised_differences, NORMALISED_SPREAD)


def _similarity(differences: NDArray[np.float64], spread: float) -> float:
    """1 for equal spectra, 0 where the differences vary over bands by `spread` or more."""
    return float(np.clip(1 - N_BANDS * differences.std() / spread, 0, 1))


@dataclass(frozen=True, eq=False)
class HaaqiDetails:
    """What the index computed on the way to a score, per band and over time.

    Times are those at which the music was heard in the reference as it was given: the silence that
    is trimmed from its start counts, and the delay of the model's filters is removed.

    Parameters
    ----------
    centre_hz : ndarray, shape (32,)
        Centre frequencies of the bands in Hz.
    spectrum : SpectrumDetails
        Long-term levels of both signals.
    cepstral : CepstralDetails
        Levels of both signals over time.
    cepstral_times_s : ndarray, shape (S,)
        Centres of their frames in seconds, every 4 ms.
    vibration : VibrationDetails
        Covariance of both signals over time.
    vibration_times_s : ndarray, shape (S',)
        Centres of their frames in seconds, every 8 ms for a `segment_ms` of 16.
    """

    centre_hz: NDArray[np.float64]
    spectrum: SpectrumDetails
    cepstral: CepstralDetails
    cepstral_times_s: NDArray[np.float64]
    vibration: VibrationDetails
    vibration_times_s: NDArray[np.float64]
