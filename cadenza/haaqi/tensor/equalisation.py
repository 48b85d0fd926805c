"""NAL-R on references, as `haaqi.periphery` applies it."""

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
    n_samples = samples.shape[-1]
    n_fft = fast_length(n_samples + NALR_ORDER)
    spectrum = torch.fft.rfft(samples, n_fft) * torch.fft.rfft(taps, n_fft)
    filtered: Tensor = torch.fft.irfft(spectrum, n_fft)
    return filtered[:, dropped : dropped + n_samples]
