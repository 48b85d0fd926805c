"""Batches of signals: checked, and at the rate of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from cadenza import _check
from cadenza.audiogram import Audiogram
from cadenza.haaqi.noise import Random, random_source
from cadenza.haaqi.options import MIN_DURATION_S
from cadenza.haaqi.signals import MAX_AMPLITUDE, one_channel
from cadenza.haaqi.tensor.precision import without_autocast
from cadenza.haaqi.tensor.resampling import to_model_rate

Lengths: TypeAlias = Sequence[int] | Tensor
Levels: TypeAlias = float | Sequence[float] | Tensor


@dataclass(frozen=True)
class Signals:
    """Signals at 24 kHz.

    Parameters
    ----------
    samples : Tensor of float64, shape (batch, T)
        Zero from each signal's length on.
    lengths : Tensor of int, shape (batch,)
    """

    samples: Tensor
    lengths: Tensor

    def cut(self, lengths: Tensor) -> Signals:
        """The first so many samples of each signal."""
        n_samples = int(lengths.max())
        inside = torch.arange(n_samples, device=lengths.device) < lengths[:, None]
        return Signals(self.samples[:, :n_samples] * inside, lengths)


def signals_at_model_rate(
    name: str, value: Tensor, lengths: Lengths | None, sample_rate: float
) -> Signals:
    """Check a batch of signals and bring it to 24 kHz.

    Parameters
    ----------
    name : str
        What to call it in messages.
    value : Tensor, shape (batch, T)
    lengths : sequence or Tensor of int, shape (batch,), optional
        Samples of each signal; what follows does not count. By default all have T.
    sample_rate : float
        In Hz.

    Raises
    ------
    TypeError, ValueError
        As by `haaqi`; the message names the signal, as in ``processed[3]``.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.ndim != 2 or len(value) == 0:
        raise ValueError(f"{name} must have shape (batch, time), got {tuple(value.shape)}")
    with without_autocast(value.device):
        return _at_model_rate(name, value, _lengths(name, lengths, value), sample_rate)


def constant_at_model_rate(
    reference: Tensor, lengths: Lengths | None, sample_rate: float
) -> Signals:
    """The same for a reference, which must have no gradient."""
    if isinstance(reference, Tensor) and reference.requires_grad:
        raise ValueError(
            "reference must not require gradients, which reach processed only: "
            "detach it, if it does not stand in the place of processed"
        )
    return signals_at_model_rate("reference", reference, lengths, sample_rate)


def precision(dtype: torch.dtype | None, signal: Tensor) -> torch.dtype:
    """Single or double precision, by default that of a signal."""
    if dtype is None:
        return torch.float64 if signal.dtype == torch.float64 else torch.float32
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype!r}")
    return dtype


def _at_model_rate(name: str, value: Tensor, sizes: Tensor, sample_rate: float) -> Signals:
    inside = torch.arange(value.shape[1], device=value.device) < sizes[:, None]
    samples = torch.where(inside, value, torch.zeros((), dtype=value.dtype, device=value.device))
    if _is_doubtful(samples, sizes, sample_rate):
        for i, (row, size) in enumerate(zip(samples.detach(), sizes.tolist(), strict=True)):
            exact = row[:size].double() if row.is_floating_point() else row[:size]
            one_channel(f"{name}[{i}]", exact.cpu().numpy(), sample_rate)
    return Signals(*to_model_rate(samples.double(), sizes, sample_rate))


def _is_doubtful(samples: Tensor, sizes: Tensor, sample_rate: float) -> bool:
    """Whether the checks of single signals may find something to complain about."""
    if not samples.is_floating_point() or int(sizes.min()) < MIN_DURATION_S * sample_rate:
        return True
    return not bool(samples.detach().abs().amax() <= MAX_AMPLITUDE)  # also if it is NaN


def _lengths(name: str, lengths: Lengths | None, value: Tensor) -> Tensor:
    """Check the lengths of signals, and return them as a tensor of integers."""
    batch, n_samples = value.shape
    if lengths is None:
        return torch.full((batch,), n_samples, device=value.device)
    sizes = torch.as_tensor(lengths, device=value.device)
    if sizes.shape != (batch,) or sizes.is_floating_point():
        raise ValueError(f"lengths must hold {batch} integers, one for each item, got {lengths!r}")
    if not bool(((sizes >= 1) & (sizes <= n_samples)).all()):
        raise ValueError(
            f"lengths must be from 1 to the {n_samples} samples of {name}, got {sizes.tolist()}"
        )
    return sizes.long()


def audiogram_of_each(audiograms: Audiogram | Sequence[Audiogram], batch: int) -> list[Audiogram]:
    """One audiogram for each item of a batch."""
    several = [audiograms] * batch if isinstance(audiograms, Audiogram) else audiograms
    if not isinstance(several, Sequence) or isinstance(several, str):
        kind = type(audiograms).__name__
        raise TypeError(f"audiograms must be an Audiogram or a sequence of them, got {kind}")
    for audiogram in several:
        if not isinstance(audiogram, Audiogram):
            kind = type(audiogram).__name__
            raise TypeError(f"audiograms must hold Audiograms only, got {kind}")
    if len(several) != batch:
        raise ValueError(
            f"audiograms must be one for all or one for each of {batch} items, got {len(several)}"
        )
    return list(several)


def level_of_each(level_db_spl: Levels, batch: int, device: torch.device) -> Tensor:
    """Level for each item of a batch, shape (batch,), in double precision."""
    if isinstance(level_db_spl, Tensor):
        level_db_spl = level_db_spl.detach().tolist()
    if isinstance(level_db_spl, Sequence) and not isinstance(level_db_spl, str):
        levels = [_check.number("level_db_spl", level) for level in level_db_spl]
    else:
        levels = [_check.number("level_db_spl", level_db_spl)] * batch
    if len(levels) != batch:
        raise ValueError(
            f"level_db_spl must be one for all or one for each of {batch} items, got {len(levels)}"
        )
    return torch.tensor(levels, dtype=torch.float64, device=device)


def random_source_of_each(rng: int | Random | Sequence[int | Random], batch: int) -> list[Random]:
    """What draws the noise of each item of a batch.

    An integer seeds a source of its own for each item; a source is used by one item after another.
    """
    if not isinstance(rng, Sequence):
        return [random_source(rng) for _ in range(batch)]
    if len(rng) != batch:
        raise ValueError(
            f"rng must be one for all or one for each of {batch} items, got {len(rng)}"
        )
    return [random_source(source) for source in rng]
