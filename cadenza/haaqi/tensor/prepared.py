"""References that their listeners have heard once, to be compared with many processed signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cadenza.audiogram import Audiogram
from cadenza.haaqi.constants import NALR_ORDER
from cadenza.haaqi.noise import Random
from cadenza.haaqi.options import HaaqiOptions
from cadenza.haaqi.score import Flag
from cadenza.haaqi.signals import reasons_to_doubt
from cadenza.haaqi.tensor.comparison import Comparison, compare
from cadenza.haaqi.tensor.equalisation import equalised
from cadenza.haaqi.tensor.inputs import (
    Lengths,
    Levels,
    Signals,
    audiogram_of_each,
    random_source_of_each,
    signals_at_model_rate,
)
from cadenza.haaqi.tensor.joining import joined
from cadenza.haaqi.tensor.precision import without_autocast
from cadenza.haaqi.tensor.reference import Heard, hear_references
from cadenza.haaqi.tensor.result import HaaqiTensors


@dataclass(frozen=True, eq=False)
class HaaqiReference:
    """A batch of references with their listeners, as `prepare_reference` makes it.

    It holds some 10 MB for each second of a reference in single precision.

    Attributes
    ----------
    options : HaaqiOptions
        How processed signals are scored.
    audiograms : tuple of Audiogram
        Of each listener.
    """

    options: HaaqiOptions
    audiograms: tuple[Audiogram, ...]
    _heard: Heard
    _lengths: Tensor  # at 24 kHz, as they were given

    @classmethod
    def of(
        cls,
        signals: Signals,
        audiograms: Audiogram | Sequence[Audiogram],
        options: HaaqiOptions,
        *,
        level_db_spl: Levels,
        rng: int | Random | Sequence[int | Random],
        dtype: torch.dtype,
        n_samples: Tensor | None = None,
    ) -> HaaqiReference:
        """Let listeners hear signals at 24 kHz, or the first `n_samples` of each."""
        batch = len(signals.lengths)
        ears = audiogram_of_each(audiograms, batch)
        sources = random_source_of_each(rng, batch)
        with without_autocast(signals.lengths.device):
            heard = hear_references(
                signals if n_samples is None else signals.cut(n_samples),
                ears,
                level_db_spl,
                sources,
                options,
                dtype,
            )
        return cls(options, tuple(ears), heard, signals.lengths)

    @staticmethod
    def join(references: Sequence[HaaqiReference]) -> HaaqiReference:
        """Make one batch of several, such as of songs that were prepared one by one.

        Raises
        ------
        ValueError
            If there are none, or if their options or precisions differ.
        """
        if not references:
            raise ValueError("references must hold one or more, got none")
        options = references[0].options
        if any(reference.options != options for reference in references):
            raise ValueError("references must have the same options to be joined")
        audiograms = [ear for reference in references for ear in reference.audiograms]
        lengths = torch.cat([reference._lengths for reference in references])
        heard = joined([reference._heard for reference in references])
        return HaaqiReference(options, tuple(audiograms), heard, lengths)

    def score(
        self, processed: Tensor, *, lengths: Lengths | None = None, checkpointed: bool = True
    ) -> HaaqiTensors:
        """Score processed signals, one for each reference.

        Parameters
        ----------
        processed : Tensor, shape (batch, T')
            At least as long as the references; the rest is cut.
        lengths : sequence or Tensor of int, shape (batch,), optional
            Samples of each processed signal, if some are padded.
        checkpointed : bool
            As for `haaqi_tensor`.

        Raises
        ------
        ValueError, TypeError
            As by `haaqi_tensor`; also if a processed signal is shorter than its reference.
        """
        signals = signals_at_model_rate("processed", processed, lengths, self.options.rates[1])
        return self.score_at_model_rate(signals, checkpointed=checkpointed)

    def score_at_model_rate(self, processed: Signals, *, checkpointed: bool) -> HaaqiTensors:
        """Score processed signals that are at 24 kHz already."""
        needed = self._heard.signals.lengths
        if len(processed.lengths) != len(needed):
            raise ValueError(
                f"processed must have a signal for each of {len(needed)} references, "
                f"got {len(processed.lengths)}"
            )
        if bool((processed.lengths < needed).any()):
            raise ValueError(
                "processed must not be shorter than its prepared reference, got "
                f"{processed.lengths.tolist()} samples at 24 kHz for {needed.tolist()}"
            )
        with without_autocast(needed.device):
            result = compare(self._heard, processed.cut(needed), checkpointed=checkpointed)
        return HaaqiTensors(
            cepstral_correlation=result.cepstral_correlation,
            vibration_covariance=result.vibration_covariance,
            loudness_spectrum=result.loudness_spectrum,
            normalised_spectrum=result.normalised_spectrum,
            delay_samples=result.delays,
            flags=self._flags(result, self._lengths - processed.lengths),
        )

    def waveforms(self, processed: Signals) -> tuple[Signals, Signals]:
        """What the listeners should get, and what they get, at 24 kHz.

        The former is the reference, with ``equalisation="nalr"`` amplified without delay.
        """
        target = self._heard.signals
        if self.options.equalisation == "nalr":
            delay = NALR_ORDER // 2
            amplified = equalised(target.samples, self.audiograms, dropped=delay)
            target = Signals(amplified, target.lengths).cut(target.lengths)
        return target, processed.cut(target.lengths)

    def _flags(self, result: Comparison, surplus: Tensor) -> tuple[tuple[Flag, ...], ...]:
        """Reasons to doubt each score."""
        audible = (self._heard.frames.sum(-1) > 1) & self._heard.tiles.any((1, 2))
        inaudible: tuple[Flag, ...] = ("inaudible reference",)
        return tuple(
            reasons_to_doubt(difference, self.options.rates, silent=silent)
            + (() if heard else inaudible)
            for difference, silent, heard in zip(
                surplus.tolist(), result.silent.tolist(), audible.tolist(), strict=True
            )
        )
