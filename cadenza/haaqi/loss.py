"""HAAQI in torch: scores of batches, on CPU or GPU, with gradients, and a loss to train on.

It is the index of `cadenza.haaqi`, not an approximation: scores differ only by rounding, by some
1e-9 in double and 1e-7 in single precision. Use it to train a network, an equaliser or a hearing
aid for a listener:

>>> from cadenza.audiogram import Audiogram
>>> loss = HAAQILoss(sample_rate=24000, equalisation="nalr", l1_weight=0.1)
>>> music = 0.1 * torch.randn(2, 12000, generator=torch.manual_seed(1))
>>> enhanced = music.clone().requires_grad_()
>>> loss(music, enhanced, audiograms=Audiogram([20] * 8), level_db_spl=85).backward()
>>> bool(enhanced.grad.abs().sum() > 0)
True

The index can be gamed: if a system was trained on HAAQI, report another measure as well, such as
the SDR.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from cadenza import _check
from cadenza.audiogram import Audiogram
from cadenza.haaqi.constants import SEGMENT_MS, SILENCE_THRESHOLD_DB
from cadenza.haaqi.noise import Random
from cadenza.haaqi.options import Equalisation, HaaqiOptions, NoiseName
from cadenza.haaqi.tensor.api import haaqi_tensor, prepare_reference
from cadenza.haaqi.tensor.inputs import (
    Lengths,
    Levels,
    constant_at_model_rate,
    precision,
    signals_at_model_rate,
)
from cadenza.haaqi.tensor.prepared import HaaqiReference
from cadenza.haaqi.tensor.result import HaaqiTensors
from cadenza.haaqi.tensor.waveforms import l1, negative_si_sdr

__all__ = ["HAAQILoss", "HaaqiReference", "HaaqiTensors", "haaqi_tensor", "prepare_reference"]

Reduction: TypeAlias = Literal["mean", "sum", "none"]


class HAAQILoss(nn.Module):
    """1 - HAAQI, averaged over a batch, as a loss that trains whatever made `processed`.

    Where `processed` is inaudible the score has no gradient at all: add an L1 or SI-SDR term. These
    compare waveforms at 24 kHz, sample by sample, with what the listener should get: with
    ``equalisation="nalr"`` that is the reference amplified by NAL-R, without the filter's delay.

    Parameters
    ----------
    sample_rate, processed_sample_rate, equalisation, noise, silence_threshold_db, segment_ms
        As for `haaqi_tensor`. Noise is off by default: it is slow, and a constant to the gradient.
    l1_weight : float
        Weight of the mean absolute difference of the waveforms; 0.1 suits music around an RMS
        of 0.1.
    si_sdr_weight : float
        Weight of the scale-invariant signal-to-distortion ratio in dB, which is subtracted; 0.01,
        say, makes 10 dB count as 0.1 HAAQI.
    reduction : {"mean", "sum", "none"}
        How the losses of a batch are combined.
    checkpointed, dtype
        As for `haaqi_tensor`.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range or has the wrong type.

    Examples
    --------
    >>> loss = HAAQILoss(sample_rate=24000, equalisation="none")
    >>> music = 0.1 * torch.randn(2, 12000, generator=torch.manual_seed(1))
    >>> heard = loss.prepare(music, audiograms=Audiogram([20] * 8), level_db_spl=85)
    >>> [round(float(loss(heard, music.clip(-c, c))), 1) for c in (0.1, 0.4)]
    [0.4, 0.0]
    """

    def __init__(
        self,
        *,
        sample_rate: float,
        processed_sample_rate: float | None = None,
        equalisation: Equalisation,
        noise: NoiseName = "none",
        silence_threshold_db: float = SILENCE_THRESHOLD_DB,
        segment_ms: float = SEGMENT_MS,
        l1_weight: float = 0.0,
        si_sdr_weight: float = 0.0,
        reduction: Reduction = "mean",
        checkpointed: bool = True,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.options = HaaqiOptions(
            sample_rate=sample_rate,
            processed_sample_rate=processed_sample_rate,
            equalisation=equalisation,
            noise=noise,
            silence_threshold_db=silence_threshold_db,
            segment_ms=segment_ms,
        )
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
        self.l1_weight = _check.within("l1_weight", l1_weight, 0)
        self.si_sdr_weight = _check.within("si_sdr_weight", si_sdr_weight, 0)
        self.reduction = reduction
        self.checkpointed = checkpointed
        self.dtype = dtype

    def prepare(
        self,
        reference: Tensor,
        *,
        audiograms: Audiogram | Sequence[Audiogram],
        level_db_spl: Levels = 65.0,
        rng: int | Random | Sequence[int | Random] = 0,
        lengths: Lengths | None = None,
    ) -> HaaqiReference:
        """Process references once, for many training steps; see `prepare_reference`."""
        return HaaqiReference.of(
            constant_at_model_rate(reference, lengths, self.options.rates[0]),
            audiograms,
            self.options,
            level_db_spl=level_db_spl,
            rng=rng,
            dtype=precision(self.dtype, reference),
        )

    def forward(
        self,
        reference: Tensor | HaaqiReference,
        processed: Tensor,
        *,
        audiograms: Audiogram | Sequence[Audiogram] | None = None,
        level_db_spl: Levels = 65.0,
        rng: int | Random | Sequence[int | Random] = 0,
        lengths: Lengths | None = None,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        reference : Tensor, shape (batch, T), or HaaqiReference
            Music, or what `prepare` made of it.
        processed : Tensor, shape (batch, T')
            At least as long as the reference; the rest is cut.
        audiograms, level_db_spl, rng
            As for `haaqi_tensor`; a prepared reference has its own.
        lengths : sequence or Tensor of int, shape (batch,), optional
            Samples of each signal, if some are padded.
        weights : Tensor, shape (batch,), optional
            Weight of each item.

        Returns
        -------
        Tensor, shape () or, with ``reduction="none"``, (batch,)
        """
        if isinstance(reference, Tensor):
            if audiograms is None:
                raise TypeError("audiograms must be given, unless the reference is prepared")
            reference = self.prepare(
                reference,
                audiograms=audiograms,
                level_db_spl=level_db_spl,
                rng=rng,
                lengths=lengths,
            )
        elif audiograms is not None:
            raise TypeError("audiograms must not be given: the prepared reference has its own")
        elif reference.options != self.options:
            raise ValueError("reference must have been prepared with the options of this loss")
        signals = signals_at_model_rate("processed", processed, lengths, self.options.rates[1])
        result = reference.score_at_model_rate(signals, checkpointed=self.checkpointed)
        losses = 1 - result.score
        if self.l1_weight or self.si_sdr_weight:
            target, wave = reference.waveforms(signals)
            losses = losses + self.l1_weight * l1(target, wave)
            losses = losses + self.si_sdr_weight * negative_si_sdr(target, wave)
        return self._reduced(losses, weights).to(precision(None, processed))

    def _reduced(self, losses: Tensor, weights: Tensor | None) -> Tensor:
        """Weight the losses of a batch and average or sum them."""
        if weights is None:
            weights = torch.ones_like(losses)
        if weights.shape != losses.shape:
            raise ValueError(
                f"weights must have shape {tuple(losses.shape)}, got {tuple(weights.shape)}"
            )
        weighted = weights * losses
        if self.reduction == "none":
            return weighted
        return weighted.sum() / (weights.sum() if self.reduction == "mean" else 1)
