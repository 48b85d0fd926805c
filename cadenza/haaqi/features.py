"""The four features: how much of what the ear makes of the reference is left in the processed.

Where an array holds both signals, row 0 is the reference and row 1 the processed signal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin

from cadenza.haaqi.cochlea import N_BANDS
from cadenza.haaqi.levels import TINY, from_db, to_db
from cadenza.haaqi.noise import Noise

_FRAME_RATE = 250  # of the smoothed envelopes, in Hz
_MODULATION_BANDS_HZ = ([20, 32], [32, 50], [50, 80], [80])
_N_CEPSTRA = 5
_SYNCHRONY_CUTOFF_HZ = 3500


def cepstral_correlation(
    envelopes: NDArray[np.float64],
    *,
    silence_threshold_db: float,
    noise_db: float,
    noise: Noise,
) -> float | None:
    """Correlation between the fast changes of spectral shape in both signals.

    Parameters
    ----------
    envelopes : ndarray, shape (2, 32, S)
        Smoothed envelopes in dB SL.
    silence_threshold_db : float
        Frames in which the reference is not louder are left out.
    noise_db : float
        Standard deviation of noise added to the envelopes.
    noise : Noise
        Draws that noise.

    Returns
    -------
    float or None
        0 to 1; None if the reference is inaudible.
    """
    envelopes = envelopes[..., _audible_frames(envelopes[0], silence_threshold_db)]
    if envelopes.shape[-1] <= 1:
        return None
    # At 0 dB as well a second ear's noise follows only then in the same stream
    if noise_db > 0:
        envelopes = envelopes + noise_db * noise.draw(envelopes.shape)
    else:
        noise.skip(envelopes.size)
    return float(modulation_correlations(envelopes).mean())


def modulation_correlations(envelopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations in four modulation bands (20 to 125 Hz) of five cepstra, shape (4, 5)."""
    cepstra = np.arange(1, _N_CEPSTRA + 1)  # without the 0th, the overall level
    basis = np.cos(np.pi * np.outer(cepstra, np.linspace(0, 1, N_BANDS)))
    basis /= np.linalg.norm(basis, axis=-1, keepdims=True)
    sequences = basis @ envelopes
    sequences -= sequences.mean(axis=-1, keepdims=True)

    filters = [
        firwin(129, edges_hz, window="hann", pass_zero=False, fs=_FRAME_RATE)
        for edges_hz in _MODULATION_BANDS_HZ
    ]
    taps = np.array(filters)[:, None]
    modulations = fftconvolve(sequences[:, None], taps[None], axes=-1)[..., 64:-64]
    modulations -= modulations.mean(axis=-1, keepdims=True)
    product = np.abs((modulations[0] * modulations[1]).sum(axis=-1))
    energy = np.square(modulations).sum(axis=-1)
    varies = (energy >= TINY).all(axis=0)
    return np.where(varies, product / np.sqrt(np.where(varies, energy[0] * energy[1], 1)), 0)


def vibration_covariance(
    tiles: NDArray[np.float64], centre_hz: NDArray[np.float64], *, silence_threshold_db: float
) -> float | None:
    """Mean covariance of the basilar membrane's vibration over all audible tiles.

    High bands count less, as the nerve fires out of step with fast vibration (Johnson, 1980).

    Parameters
    ----------
    tiles : ndarray, shape (2, 32, S)
        Covariance of both signals and level of the reference, as from `short_time_covariance`.
    centre_hz : ndarray, shape (32,)
        Centre frequencies of the bands.
    silence_threshold_db : float
        Tiles, and whole frames, in which the reference is not louder are left out.

    Returns
    -------
    float or None
        0 to 1; None if the reference is inaudible.
    """
    covariance, level_db_sl = tiles
    frames = _audible_frames(level_db_sl, silence_threshold_db)
    if frames.sum() <= 1:
        return None
    synchrony = 1 / np.sqrt(1 + (centre_hz / _SYNCHRONY_CUTOFF_HZ) ** 10)
    weights = synchrony[:, None] * (frames & (level_db_sl > silence_threshold_db))
    return float((weights * covariance).sum() / weights.sum())


def spectrum_features(levels_db_sl: NDArray[np.float64]) -> tuple[float, float]:
    """Similarity of the long-term loudness spectra, whatever their overall loudness.

    Parameters
    ----------
    levels_db_sl : ndarray, shape (2, 32)
        Levels of the whole signals in dB SL.

    Returns
    -------
    loudness_spectrum, normalised_spectrum : float
        0 to 1. Differences of loudness count as they are in the first; in the second, relative to
        the loudness in the same band.
    """
    loudness = from_db(levels_db_sl)  # an inaudible band counts as 1, so silence looks flat
    loudness /= loudness.sum(axis=-1, keepdims=True)
    difference = loudness[0] - loudness[1]
    spread = N_BANDS * difference.std()
    relative_spread = N_BANDS * (difference / loudness.sum(axis=0)).std()
    return _similarity(spread / 2.5), _similarity(relative_spread / 25)


def _similarity(difference: float) -> float:
    return float(np.clip(1 - difference, 0, 1))


def _audible_frames(levels_db_sl: NDArray[np.float64], threshold_db: float) -> NDArray[np.bool_]:
    """Find frames whose loudness, averaged over bands (first axis), exceeds a threshold."""
    return to_db(from_db(levels_db_sl).mean(axis=0)) > threshold_db
