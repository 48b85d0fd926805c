"""The four features of a batch, as `haaqi.features` computes those of one pair.

The reference has no gradient.
"""

from __future__ import annotations

from functools import cache

import scipy.fft
import torch
from torch import Tensor

from cadenza.haaqi.cochlea import centre_frequencies_hz
from cadenza.haaqi.constants import (
    LOUDNESS_SPREAD,
    MODULATION_TAPS,
    N_BANDS,
    NORMALISED_SPREAD,
)
from cadenza.haaqi.features import cepstral_basis, modulation_filters, synchrony_weights
from cadenza.haaqi.tensor.precision import constant, db_to_gain, power_to_db
from cadenza.levels import TINY


def audible_frames(levels_db_sl: Tensor, threshold_db: float, n_frames: Tensor) -> Tensor:
    """Find frames whose loudness, averaged over bands, exceeds a threshold.

    Parameters
    ----------
    levels_db_sl : Tensor of float64, shape (batch, 32, S)
    threshold_db : float
    n_frames : Tensor of int, shape (batch,)
        Frames of each item.

    Returns
    -------
    Tensor of bool, shape (batch, S)
    """
    loudness_db = power_to_db(db_to_gain(levels_db_sl).mean(1).square())
    exists = torch.arange(levels_db_sl.shape[-1], device=n_frames.device) < n_frames[:, None]
    return (loudness_db > threshold_db) & exists


def cepstral_correlation(reference: Tensor, processed: Tensor, frames: Tensor) -> Tensor:
    """Mean correlation of five cepstra in four modulation bands, shape (batch,).

    Parameters
    ----------
    reference, processed : Tensor of float64, shape (batch, 32, S)
        Smoothed envelopes in dB SL.
    frames : Tensor of bool, shape (batch, S)
        Frames that count; they are joined.
    """
    count = frames.sum(-1)
    order = torch.argsort((~frames).to(torch.uint8), dim=-1, stable=True)[:, : int(count.max())]
    exists = torch.arange(order.shape[-1], device=count.device) < count[:, None]
    x, y = (_modulations(levels, order, exists, count) for levels in (reference, processed))
    energy_x, energy_y = x.square().sum(-1), y.square().sum(-1)
    varies = (energy_x >= TINY) & (energy_y >= TINY)
    norm = torch.where(varies, energy_x * energy_y, 1).sqrt()
    correlations = torch.where(varies, (x * y).sum(-1).abs() / norm, 0)
    return torch.where(count > 1, correlations.mean((1, 2)), 0)


def _modulations(levels_db_sl: Tensor, order: Tensor, exists: Tensor, count: Tensor) -> Tensor:
    """Cepstra of the frames that count in each modulation band, shape (batch, 4, 5, S')."""
    basis, taps = _cepstral_constants(order.device)
    cepstra = (basis @ levels_db_sl).gather(-1, order[:, None].expand(-1, len(basis), -1))
    cepstra = _centred(cepstra, exists[:, None], count[:, None, None])
    n_fft = scipy.fft.next_fast_len(order.shape[-1] + MODULATION_TAPS - 1, real=True)
    spectrum = torch.fft.rfft(cepstra, n_fft)[:, None] * torch.fft.rfft(taps, n_fft)[:, None]
    filtered = torch.fft.irfft(spectrum, n_fft)
    filtered = filtered[..., MODULATION_TAPS // 2 :][..., : order.shape[-1]]
    return _centred(filtered, exists[:, None, None], count[:, None, None, None])


def _centred(x: Tensor, exists: Tensor, count: Tensor) -> Tensor:
    """Sequences without their mean, and 0 after their end."""
    return (x - (x * exists).sum(-1, keepdim=True) / count.clamp(min=1)) * exists


@cache
def _cepstral_constants(device: torch.device) -> tuple[Tensor, Tensor]:
    return (
        constant(cepstral_basis(), torch.float64, device),
        constant(modulation_filters(), torch.float64, device),
    )


def vibration_tiles(levels_db_sl: Tensor, threshold_db: float, n_frames: Tensor) -> Tensor:
    """Weights of the tiles (frames of bands) that count; 0 for others.

    Parameters
    ----------
    levels_db_sl : Tensor of float64, shape (batch, 32, S)
        Level of the reference.
    threshold_db : float
        Tiles, and whole frames, in which the reference is not louder are left out.
    n_frames : Tensor of int, shape (batch,)
        Frames of each item.
    """
    frames = audible_frames(levels_db_sl, threshold_db, n_frames)
    enough = (frames.sum(-1) > 1)[:, None, None]
    tiles = frames[:, None] & (levels_db_sl > threshold_db) & enough
    synchrony = torch.tensor(synchrony_weights(centre_frequencies_hz()), device=tiles.device)
    return synchrony[:, None] * tiles


def vibration_covariance(covariances: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of the tiles that count, shape (batch,)."""
    total = weights.sum((1, 2))
    return (weights * covariances).sum((1, 2)) / torch.where(total > 0, total, 1)


def spectral_similarities(reference: Tensor, processed: Tensor) -> tuple[Tensor, Tensor]:
    """Similarity of long-term spectra by loudness, and relative to the loudness of each band.

    Parameters
    ----------
    reference, processed : Tensor of float64, shape (batch, 32)
        Levels of whole signals in dB SL.

    Returns
    -------
    loudness_spectrum, normalised_spectrum : Tensor, shape (batch,)
    """
    x, y = _loudness(reference), _loudness(processed)
    differences = x - y
    return (
        _similarity(differences, LOUDNESS_SPREAD),
        _similarity(differences / (x + y), NORMALISED_SPREAD),
    )


def _loudness(levels_db_sl: Tensor) -> Tensor:
    """Loudness of each band as a part of that of all bands."""
    loudness = db_to_gain(levels_db_sl)
    return loudness / loudness.sum(-1, keepdim=True)


def _similarity(differences: Tensor, spread: float) -> Tensor:
    """1 for equal spectra, 0 where the differences vary over bands by `spread` or more."""
    variance = differences.var(-1, correction=0)
    varies = variance > 0  # the root has no gradient at 0
    deviation = torch.where(varies, torch.where(varies, variance, 1).sqrt(), 0)
    return (1 - N_BANDS * deviation / spread).clamp(0, 1)
