"""Conversion of batches to the sample rate of the model, as `haaqi.resampling` does it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import scipy.signal
import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from cadenza.haaqi.constants import RESAMPLING_WINDOW, SAMPLE_RATE
from cadenza.haaqi.resampling import nominal_sample_rate, resampling_ratio, shared_band_filter
from cadenza.haaqi.tensor.spectrum import fast_length, response

_ZERO_CROSSINGS = (
    10  # of the interpolation filter on either side, as scipy.signal.resample_poly has
)
_FORGOTTEN = 1e-17  # part of an impulse that no filter remembers


def to_model_rate(signals: Tensor, lengths: Tensor, sample_rate: float) -> tuple[Tensor, Tensor]:
    """Resample signals to 24 kHz and restore their levels.

    Parameters
    ----------
    signals : Tensor of float64, shape (batch, T)
        Zero from each signal's length on.
    lengths : Tensor of int, shape (batch,)
    sample_rate : float
        In Hz; only its nearest whole kHz matters.

    Returns
    -------
    signals : Tensor, shape (batch, T')
    lengths : Tensor of int, shape (batch,)
    """
    ratio = resampling_ratio(sample_rate)
    if ratio == 1:
        return signals, lengths
    new_lengths = -(-lengths * ratio.numerator // ratio.denominator)
    resampled = _inside(interpolated(signals, ratio), new_lengths)
    before, after = signals, resampled
    if ratio < 1:
        before = _inside(_shared_band(signals, nominal_sample_rate(sample_rate)), lengths)
        after = _inside(_shared_band(resampled, SAMPLE_RATE), new_lengths)
    power = before.square().sum(-1) / lengths, after.square().sum(-1) / new_lengths
    audible = (power[0] > 0) & (power[1] > 0)  # silence has no level to restore
    one = torch.ones_like(power[0])
    change = torch.where(audible, power[0], one) / torch.where(audible, power[1], one)
    return resampled * change.sqrt()[:, None], new_lengths


def _inside(signals: Tensor, lengths: Tensor) -> Tensor:
    """Signals without what comes after their ends."""
    return signals * (torch.arange(signals.shape[-1], device=signals.device) < lengths[:, None])


def interpolated(signals: Tensor, ratio: Fraction) -> Tensor:
    """Resample signals, shape (batch, T), to so many samples for each of theirs.

    For a ratio of up to down, each of the `up` phases of the output is a convolution with stride
    `down`.
    """
    if ratio == 1:
        return signals
    up, down = ratio.numerator, ratio.denominator
    half = _ZERO_CROSSINGS * max(up, down)
    taps = up * scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=RESAMPLING_WINDOW)
    # Output j = phase + up k is the sum over m of taps[half + phase down - m up] x[down k + m]
    first, last = -(half // up), (half + (up - 1) * down) // up
    index = half + down * np.arange(up)[:, None] - up * np.arange(first, last + 1)
    inside = (index >= 0) & (index <= 2 * half)
    phases = np.where(inside, taps[np.clip(index, 0, 2 * half)], 0)
    n_out = -(-signals.shape[-1] * up // down)
    n_strides = -(-n_out // up)
    needed = (n_strides - 1) * down + phases.shape[1]
    padded = pad(signals, (-first, max(needed + first - signals.shape[-1], 0)))
    weight = torch.tensor(phases, device=signals.device)[:, None]
    out = conv1d(padded[:, None, :needed], weight, stride=down)
    return out.mT.flatten(1)[:, :n_out]


def _shared_band(signals: Tensor, sample_rate: int) -> Tensor:
    """What is left behind the low pass whose band both rates share."""
    b, a = shared_band_filter(sample_rate)
    memory = math.ceil(math.log(_FORGOTTEN) / math.log(np.abs(np.roots(a)).max()))
    n_fft = fast_length(signals.shape[-1] + memory)
    transfer = torch.tensor(response(b, a, n_fft), device=signals.device)
    filtered: Tensor = torch.fft.irfft(torch.fft.rfft(signals, n_fft) * transfer, n_fft)
    return filtered[..., : signals.shape[-1]]
