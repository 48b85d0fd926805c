"""How much of what the ear makes of the reference is left in the processed signal.

Where an array holds both signals, row 0 is the reference and row 1 the processed signal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin

from cadenza.haaqi.constants import (
    ENVELOPE_RATE,
    MODULATION_BANDS_HZ,
    MODULATION_TAPS,
    N_BANDS,
    N_CEPSTRA,
    SYNCHRONY_CUTOFF_HZ,
    SYNCHRONY_ORDER,
)
from cadenza.haaqi.details import CepstralDetails, SpectrumDetails, VibrationDetails
from cadenza.haaqi.noise import Noise
from cadenza.levels import TINY, gain_to_db


def compare_envelopes(
    envelopes_db_sl: NDArray[np.float64],
    *,
    silence_threshold_db: float,
    noise_db: float,
    noise: Noise,
) -> CepstralDetails:
    """Correlate the fast changes of spectral shape in both signals.

    Parameters
    ----------
    envelopes_db_sl : ndarray, shape (2, 32, S)
        Smoothed envelopes in dB SL.
    silence_threshold_db : float
        Frames in which the reference is not louder are left out, and the rest is joined.
    noise_db : float
        Standard deviation of noise added to the envelopes.
    noise : Noise
        Draws that noise.
    """
    frames = _audible_frames(envelopes_db_sl[0], silence_threshold_db)
    heard = envelopes_db_sl[..., frames]
    if heard.shape[-1] <= 1:
        correlations = np.zeros((len(MODULATION_BANDS_HZ), N_CEPSTRA))
        return CepstralDetails(envelopes_db_sl, frames, correlations)
    if noise_db > 0:
        heard = heard + noise_db * noise.draw(heard.shape)
        envelopes_db_sl = envelopes_db_sl.copy()
        envelopes_db_sl[..., frames] = heard
    else:
        # The published scores draw these numbers even if they count nothing, so a second ear that
        # continues the stream must find them used up.
        noise.skip(heard.size)
    return CepstralDetails(envelopes_db_sl, frames, modulation_correlations(heard))


def modulation_correlations(envelopes_db_sl: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations in four modulation bands (20 to 125 Hz) of five cepstra, shape (4, 5)."""
    sequences = cepstral_basis() @ envelopes_db_sl
    sequences -= sequences.mean(axis=-1, keepdims=True)
    taps, centre = modulation_filters(), MODULATION_TAPS // 2
    modulations = fftconvolve(sequences[:, None], taps[None, :, None], axes=-1)
    modulations = modulations[..., centre:-centre]
    modulations -= modulations.mean(axis=-1, keepdims=True)
    product = np.abs((modulations[0] * modulations[1]).sum(axis=-1))
    energy = np.square(modulations).sum(axis=-1)
    varies = (energy >= TINY).all(axis=0)
    return np.where(varies, product / np.sqrt(np.where(varies, energy[0] * energy[1], 1)), 0)


def cepstral_basis() -> NDArray[np.float64]:
    """Cosines over bands of norm 1, shape (5, 32); that of order 0, the level, is left out."""
    orders = np.arange(1, N_CEPSTRA + 1)
    basis = np.cos(np.pi * np.outer(orders, np.linspace(0, 1, N_BANDS)))
    basis /= np.linalg.norm(basis, axis=-1, keepdims=True)
    return basis


def modulation_filters() -> NDArray[np.float64]:
    """Taps of the filters of the modulation bands, shape (4, 129), linear phase."""
    filters = [
        firwin(MODULATION_TAPS, edges_hz, window="hann", pass_zero=False, fs=ENVELOPE_RATE)
        for edges_hz in MODULATION_BANDS_HZ
    ]
    return np.array(filters)


def compare_vibration(
    covariances: NDArray[np.float64],
    levels_db_sl: NDArray[np.float64],
    centre_hz: NDArray[np.float64],
    *,
    silence_threshold_db: float,
) -> VibrationDetails:
    """Find the tiles (frames of bands) in which the vibration of both signals is compared.

    Parameters
    ----------
    covariances, levels_db_sl : ndarray, shape (32, S)
        Covariance of both signals and level of the reference.
    centre_hz : ndarray, shape (32,)
        Centre frequencies of the bands.
    silence_threshold_db : float
        Tiles, and whole frames, in which the reference is not louder are left out.
    """
    frames = _audible_frames(levels_db_sl, silence_threshold_db)
    enough = frames.sum() > 1
    tiles = frames & (levels_db_sl > silence_threshold_db) & enough
    return VibrationDetails(covariances, levels_db_sl, tiles, synchrony_weights(centre_hz))


def synchrony_weights(centre_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the bands, which fall above 3.5 kHz (Johnson, 1980)."""
    return 1 / np.sqrt(1 + (centre_hz / SYNCHRONY_CUTOFF_HZ) ** (2 * SYNCHRONY_ORDER))


def compare_spectra(levels_db_sl: NDArray[np.float64]) -> SpectrumDetails:
    """Loudness of the bands from the levels of the whole signals, shape (2, 32)."""
    loudness = _gain(levels_db_sl)
    loudness /= loudness.sum(axis=-1, keepdims=True)
    return SpectrumDetails(levels_db_sl, loudness)


def _audible_frames(levels_db_sl: NDArray[np.float64], threshold_db: float) -> NDArray[np.bool_]:
    """Find frames whose loudness, averaged over bands (first axis), exceeds a threshold."""
    loudness_db: NDArray[np.float64] = gain_to_db(_gain(levels_db_sl).mean(axis=0))
    return loudness_db > threshold_db


def _gain(level_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same as `db_to_gain` within 1e-15, several times faster than its power of 10."""
    return np.exp(level_db * (math.log(10) / 20))
