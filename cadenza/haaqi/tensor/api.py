"""The functions that score batches in torch; users import them from `cadenza.haaqi.loss`."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from cadenza.audiogram import Audiogram
from cadenza.haaqi.constants import SEGMENT_MS, SILENCE_THRESHOLD_DB
from cadenza.haaqi.noise import Random
from cadenza.haaqi.options import Equalisation, HaaqiOptions, NoiseName
from cadenza.haaqi.tensor.inputs import (
    Lengths,
    Levels,
    constant_at_model_rate,
    precision,
    signals_at_model_rate,
)
from cadenza.haaqi.tensor.prepared import HaaqiReference
from cadenza.haaqi.tensor.result import HaaqiTensors

logger = logging.getLogger(__name__)


def haaqi_tensor(
    reference: Tensor,
    processed: Tensor,
    *,
    sample_rate: float,
    processed_sample_rate: float | None = None,
    audiograms: Audiogram | Sequence[Audiogram],
    equalisation: Equalisation,
    level_db_spl: Levels = 65.0,
    noise: NoiseName = "seeded",
    rng: int | Random | Sequence[int | Random] = 0,
    silence_threshold_db: float = SILENCE_THRESHOLD_DB,
    cepstral_noise_db: float = 0.0,
    segment_ms: float = SEGMENT_MS,
    lengths: Lengths | None = None,
    processed_lengths: Lengths | None = None,
    checkpointed: bool = True,
    dtype: torch.dtype | None = None,
) -> HaaqiTensors:
    """Score the quality of processed music for a batch of ears.

    Parameters
    ----------
    reference, processed : Tensor, shape (batch, T) and (batch, T')
        A channel of music for one ear in each row, as for `haaqi`, on the same device. Scores have
        gradients with respect to `processed` only.
    sample_rate, processed_sample_rate, equalisation
        As for `haaqi`.
    audiograms : Audiogram or sequence of Audiogram
        Thresholds of all ears, or of each.
    level_db_spl : float, sequence of float or Tensor
        Sound level in dB SPL of a signal with an RMS of 1, for all ears or for each.
    noise : {"seeded", "fast", "none"}
        As for `haaqi`. Noise is drawn on the CPU; for training, ``"none"`` is better.
    rng : int, RandomState or Generator, or a sequence of these
        Draws the noise. An integer seeds a `RandomState` for each ear; a random source is used by
        one ear after the other. A sequence holds one for each ear.
    silence_threshold_db, cepstral_noise_db, segment_ms
        As for `haaqi`.
    lengths, processed_lengths : sequence or Tensor of int, shape (batch,), optional
        Samples of each signal, if some are padded. Those of `processed` are by default the same as
        of `reference`, or all of them if these are not given.
    checkpointed : bool
        Whether what the gradient needs is computed again rather than kept. It takes up to half as
        much time again, and a fifth of the memory.
    dtype : torch.float32 or torch.float64, optional
        Precision inside the bands. By default double for signals in double precision, else single.

    Returns
    -------
    HaaqiTensors

    Raises
    ------
    SilentReferenceError, ValueError, TypeError
        As by `haaqi`; the message names the item, as in ``reference[3]``.

    Examples
    --------
    >>> music = 0.1 * torch.randn(2, 24000, dtype=torch.float64, generator=torch.manual_seed(1))
    >>> clipped = music.clip(-0.05, 0.05).requires_grad_()
    >>> result = haaqi_tensor(
    ...     music, clipped, sample_rate=24000, equalisation="none", level_db_spl=85,
    ...     audiograms=[Audiogram([20] * 8), Audiogram([40] * 8)],
    ... )
    >>> result.score.shape, result.flags
    (torch.Size([2]), ((), ()))
    """
    options = HaaqiOptions(
        sample_rate=sample_rate,
        processed_sample_rate=processed_sample_rate,
        equalisation=equalisation,
        noise=noise,
        silence_threshold_db=silence_threshold_db,
        cepstral_noise_db=cepstral_noise_db,
        segment_ms=segment_ms,
    )
    if processed_lengths is None:
        processed_lengths = lengths
    signals = constant_at_model_rate(reference, lengths, options.rates[0])
    others = signals_at_model_rate("processed", processed, processed_lengths, options.rates[1])
    if len(others.lengths) != len(signals.lengths):
        raise ValueError(
            "reference and processed must hold as many signals, "
            f"got {len(signals.lengths)} and {len(others.lengths)}"
        )
    heard = HaaqiReference.of(
        signals,
        audiograms,
        options,
        level_db_spl=level_db_spl,
        rng=rng,
        dtype=precision(dtype, processed),
        n_samples=torch.minimum(signals.lengths, others.lengths),
    )
    result = heard.score_at_model_rate(others, checkpointed=checkpointed)
    for i, flags in enumerate(result.flags):
        if flags:
            score = result.score[i].item()
            logger.warning("HAAQI %.3f of item %d is doubtful: %s", score, i, ", ".join(flags))
    return result


def prepare_reference(
    reference: Tensor,
    *,
    sample_rate: float,
    processed_sample_rate: float | None = None,
    audiograms: Audiogram | Sequence[Audiogram],
    equalisation: Equalisation,
    level_db_spl: Levels = 65.0,
    noise: NoiseName = "seeded",
    rng: int | Random | Sequence[int | Random] = 0,
    silence_threshold_db: float = SILENCE_THRESHOLD_DB,
    cepstral_noise_db: float = 0.0,
    segment_ms: float = SEGMENT_MS,
    lengths: Lengths | None = None,
    dtype: torch.dtype | None = None,
) -> HaaqiReference:
    """Let listeners hear references once, for many processed signals.

    It saves a third of the time of a score. All processed signals meet the same internal noise.

    Parameters
    ----------
    reference : Tensor, shape (batch, T)
        As for `haaqi_tensor`, which also explains the other parameters.

    Raises
    ------
    SilentReferenceError, ValueError, TypeError
        As by `haaqi_tensor`.

    Examples
    --------
    >>> music = 0.1 * torch.randn(1, 12000, generator=torch.manual_seed(1))
    >>> heard = prepare_reference(
    ...     music, sample_rate=24000, audiograms=Audiogram([20] * 8), equalisation="none",
    ...     level_db_spl=85,
    ... )
    >>> [round(float(heard.score(music.clip(-c, c)).score), 1) for c in (0.1, 0.2, 0.4)]
    [0.6, 0.9, 1.0]
    """
    options = HaaqiOptions(
        sample_rate=sample_rate,
        processed_sample_rate=processed_sample_rate,
        equalisation=equalisation,
        noise=noise,
        silence_threshold_db=silence_threshold_db,
        cepstral_noise_db=cepstral_noise_db,
        segment_ms=segment_ms,
    )
    return HaaqiReference.of(
        constant_at_model_rate(reference, lengths, options.rates[0]),
        audiograms,
        options,
        level_db_spl=level_db_spl,
        rng=rng,
        dtype=precision(dtype, reference),
    )
