"""FIR filters on batches: NAL-R on references, as `haaqi.periphery` applies it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cadenza.audiogram import Audiogram
from cadenza.haaqi.constants import NALR_ORDER, SAMPLE_RATE
from cadenza.haaqi.tensor.spectrum import fast_length
from cadenza.hearing_aid import NALR


def equalised(samples: Tensor, audiograms: Sequence[Audiogram], *, dropped: int) -> Tensor:
    """Apply NAL-R, and drop so many samples from the start; the length stays.

    Parameters
    ----------
    samples : Tensor of float64, shape (batch, N)
    audiograms : sequence of Audiogram
        Of each listener.
    dropped : int
        At most the order of the filter, 140, of which half is its delay.
    """
    filters = [NALR(ear, sample_rate=SAMPLE_RATE, nfir=NALR_ORDER).taps for ear in audiograms]
    taps = torch.tensor(np.stack(filters), device=samples.device)
    return convolved(samples, taps)[:, dropped : dropped + samples.shape[-1]]


def convolved(samples: Tensor, taps: Tensor) -> Tensor:
    """Filter each signal with its own taps, and keep the tail of the filter.

    Parameters
    ----------
    samples : Tensor of float64, shape (batch, N)
    taps : Tensor of float64, shape (batch, K)

    Returns
    -------
    Tensor, shape (batch, N + K - 1)
    """
    n_samples = samples.shape[-1] + taps.shape[-1] - 1
    n_fft = fast_length(n_samples)
    spectrum = torch.fft.rfft(samples, n_fft) * torch.fft.rfft(taps, n_fft)
    filtered: Tensor = torch.fft.irfft(spectrum, n_fft)
    return filtered[:, :n_samples]
