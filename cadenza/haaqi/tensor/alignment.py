"""Lags between signals, from correlations in double precision, and without gradient.

One wrong lag in one band would change a score by some 1e-4.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from cadenza.haaqi.constants import MAX_BAND_LAG, TRIM_RATIO
from cadenza.haaqi.tensor.spectrum import fast_length

_FFT_LENGTH = 16384
_HOP = _FFT_LENGTH - 2 * MAX_BAND_LAG


class Sounding(NamedTuple):
    """The stretches in which signals sound: first sample, number of samples, shape (batch,)."""

    start: Tensor
    length: Tensor


def sounding(signals: Tensor) -> Sounding:
    """Find the stretch from the first to the last sample above 0.1 % of the peak."""
    magnitude = signals.abs()
    loud = (magnitude > TRIM_RATIO * magnitude.amax(-1, keepdim=True)).to(torch.uint8)
    start = loud.argmax(-1)
    return Sounding(start, signals.shape[-1] - loud.flip(-1).argmax(-1) - start)


def delays(reference: Tensor, processed: Tensor, lengths: Tensor) -> Tensor:
    """Lag of the largest covariance, positive or negative; of equal ones, the last.

    Parameters
    ----------
    reference, processed : Tensor of float64, shape (batch, T)
        Zero from each item's length on.
    lengths : Tensor of int, shape (batch,)

    Returns
    -------
    Tensor of int, shape (batch,)
    """
    n_samples = reference.shape[-1]
    inside = torch.arange(n_samples, device=reference.device) < lengths[:, None]
    centred = [
        (x - x.sum(-1, keepdim=True) / lengths[:, None]) * inside for x in (reference, processed)
    ]
    n_fft = fast_length(2 * n_samples - 1)
    spectra = [torch.fft.rfft(x, n_fft) for x in centred]
    circular = torch.fft.irfft(spectra[0].conj() * spectra[1], n_fft).abs()
    covariance = torch.cat([circular[:, n_fft - n_samples + 1 :], circular[:, :n_samples]], -1)
    lags = torch.arange(1 - n_samples, n_samples, device=reference.device)
    possible = covariance.masked_fill(lags.abs() >= lengths[:, None], -1)
    return lags[_last_argmax(possible)]


def band_lags(reference: Tensor, processed: Tensor) -> Tensor:
    """Find how many samples, -2400 to 2399, the processed path of each band is late.

    Unlike for whole signals, the correlation is signed and means are kept. It is summed in blocks:
    their spectra are added up, and only the sum is transformed back.

    Parameters
    ----------
    reference, processed : Tensor, shape (..., N)

    Returns
    -------
    Tensor of int, shape (...)
    """
    n_samples = reference.shape[-1]
    n_hops = -(-n_samples // _HOP)
    surplus = n_hops * _HOP - n_samples
    pieces = pad(reference.double(), (0, surplus))
    pieces = pieces.reshape(*reference.shape[:-1], n_hops, _HOP)
    around = pad(processed.double(), (MAX_BAND_LAG, MAX_BAND_LAG + surplus))
    around = around.unfold(-1, _FFT_LENGTH, _HOP)
    spectrum = (torch.fft.rfft(pieces, _FFT_LENGTH).conj() * torch.fft.rfft(around)).sum(-2)
    correlation = torch.fft.irfft(spectrum, _FFT_LENGTH)[..., : 2 * MAX_BAND_LAG]
    return _last_argmax(correlation) - MAX_BAND_LAG


def _last_argmax(values: Tensor) -> Tensor:
    """Index of the largest value; of several equal ones, the last."""
    return values.shape[-1] - 1 - values.flip(-1).argmax(-1)
