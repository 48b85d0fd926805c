"""Losses: how far the estimates of a network are from the true sources.

Waveforms are compared by `l1` and `negative_sdr_db`. What a listener hears is compared by the
losses of `cadenza.training.remix_loss`. `build_loss` makes any of them by its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from cadenza._check import raise_if
from cadenza.audiogram import Listener, read_listeners
from cadenza.errors import InputError
from cadenza.training.memory import StepMemory
from cadenza.training.wishes import Wishes

if TYPE_CHECKING:
    import torch

    from cadenza.training.corpus import Corpus
    from cadenza.training.options import LoopOptions

LossName = Literal["l1", "sdr", "haaqi", "mixed"]
LOSSES: tuple[LossName, ...] = get_args(LossName)
"""Names of the losses."""

WaveformDistance = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""``(estimates, sources) -> loss``, both of shape (batch, n_sources, 2, T).

It is a mean over the examples of the batch: the loop may compute a batch in parts.
"""

Rngs = Sequence[np.random.Generator]
"""One generator for each example, which draws what is random about its loss."""

HIGHEST_SDR_DB = 30.0
"""Of `negative_sdr_db`: a stem that is as good as this hardly counts any more."""

_SILENT_DB, _FLOOR_DB = -60.0, -100.0  # a stem re its mixture; a mixture re full scale
_TINY = 1e-10  # error energy re that of the stem: estimates are never better than 100 dB


class Loss:
    """A loss that compares waveforms, and what is measured beside it.

    Parameters
    ----------
    distance : callable
        ``(estimates, sources) -> loss``, a mean over the batch.
    label : str
        What it is, for the axis of a plot.
    """

    shortest_s = 0.0
    """Least length of an example."""

    in_double_precision = False
    """Whether the device must have double precision."""

    def __init__(self, distance: WaveformDistance, label: str) -> None:
        self.distance, self.label = distance, label

    def __call__(self, estimates: torch.Tensor, sources: torch.Tensor, rngs: Rngs) -> torch.Tensor:
        """Mean loss of a batch.

        Parameters
        ----------
        estimates, sources : Tensor, shape (batch, n_sources, 2, T)
        rngs : sequence of numpy.random.Generator
            One for each example, see `Rngs`.
        """
        del rngs  # nothing is random
        return self.distance(estimates, sources)

    def measure(
        self, estimates: torch.Tensor, sources: torch.Tensor, rngs: Rngs
    ) -> dict[str, float]:
        """Loss and mean SDR of the stems of one example, always with the same names."""
        loss = self(estimates, sources, rngs).item()
        return {"loss": loss, "sdr_db": mean_sdr_db(estimates, sources)}

    def memory(self, n_samples: int, device: torch.device) -> StepMemory:
        """Memory beyond that of `distance` for examples of `n_samples`."""
        del n_samples, device
        return StepMemory(0, 0)


def l1(estimates: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the samples.

    Examples
    --------
    >>> import torch
    >>> l1(torch.ones(1, 2, 2, 4), torch.zeros(1, 2, 2, 4))
    tensor(1.)
    """
    return (estimates - sources).abs().mean()


def negative_sdr_db(estimates: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """Mean over stems and examples of the distortion-to-signal ratio in dB, from -30 dB up.

    It is the soft threshold of Wisdom et al. [1]_: the energy of the error, plus a thousandth of
    that of the stem, over that of the stem. So the loss of a perfect estimate is finite, and stems
    that are nearly perfect leave the gradient to the others. A silent stem, more than 60 dB below
    the mixture, has no ratio of its own; its error is compared with the mixture instead, as there.

    References
    ----------
    .. [1] Wisdom et al., "What's all the FUSS about free universal sound separation data?",
       ICASSP 2021, arXiv:2011.00803.

    Examples
    --------
    >>> import torch
    >>> sources = torch.ones(1, 2, 2, 4)
    >>> [round(negative_sdr_db(gain * sources, sources).item(), 2) for gain in (0.9, 1)]
    [-19.59, -30.0]
    """
    energy = sources.square().sum(dim=(-2, -1))
    mixture = sources.sum(dim=1, keepdim=True).square().sum(dim=(-2, -1))
    floor = 10 ** (_FLOOR_DB / 10) * sources[0, 0].numel()
    is_silent = energy <= 10 ** (_SILENT_DB / 10) * mixture
    reference = energy.where(~is_silent, mixture) + floor
    error = (estimates - sources).square().sum(dim=(-2, -1))
    ratio = error / reference + 10 ** (-HIGHEST_SDR_DB / 10)
    return 10 * ratio.log10().mean()


def mean_sdr_db(estimates: torch.Tensor, sources: torch.Tensor) -> float:
    """SDR in dB: energy of a stem over that of the error, mean over the stems that have sound.

    It counts both channels together, and at most 100 dB. NaN if there is no sound at all.

    Examples
    --------
    >>> import torch
    >>> sources = torch.stack([torch.ones(2, 4), torch.zeros(2, 4)])[None]
    >>> round(mean_sdr_db(0.9 * sources, sources), 2)
    20.0
    """
    estimates, sources = (x.cpu().double() for x in (estimates, sources))  # no double on mps
    energy = sources.square().sum(dim=(-2, -1))
    error = (estimates - sources).square().sum(dim=(-2, -1))
    has_sound = energy > 0
    if not bool(has_sound.any()):
        return math.nan
    energy, error = energy[has_sound], error[has_sound]
    return float(-10 * (error / energy).clamp(min=_TINY).log10().mean())


def build_loss(
    name: str,
    *,
    sources: Sequence[str],
    sample_rate: int,
    listeners: Sequence[Listener] | None = None,
    ears: str = "both",
    l1_weight: float = 1.0,
) -> Loss:
    """Build the loss of a given name.

    Parameters
    ----------
    name : {"l1", "sdr", "haaqi", "mixed"}
        Mean absolute error; negative SDR; 1 - HAAQI of a remix for a listener; the same plus
        `l1_weight` times the mean absolute error of the sources.
    sources : sequence of str
        Sources of an example, in order.
    sample_rate : int
        In Hz.
    listeners, ears
        For HAAQI, see `Wishes`.
    l1_weight : float
        With 1, a mean absolute error of 0.01 counts as 0.01 HAAQI.

    Raises
    ------
    InputError
        If there is no such loss, or an option is out of range.

    Examples
    --------
    >>> build_loss("sdr", sources=["Violin", "accompaniment"], sample_rate=44100).label
    'negative SDR (dB)'
    """
    if name == "l1":
        return Loss(l1, "mean absolute error")
    if name == "sdr":
        return Loss(negative_sdr_db, "negative SDR (dB)")
    if name not in LOSSES:
        raise InputError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    if not l1_weight >= 0:
        raise InputError(f"l1_weight must be at least 0, got {l1_weight!r}")
    from cadenza.training.remix_loss import RemixLoss  # slow: torch

    return RemixLoss(
        Wishes(sources, listeners=listeners, ears=ears),
        sample_rate=sample_rate,
        l1_weight=l1_weight if name == "mixed" else 0.0,
    )


def choose_loss(options: LoopOptions, corpus: Corpus, device: torch.device) -> Loss:
    """Build the loss that the options of a training name, and check that it works there.

    Parameters
    ----------
    options : LoopOptions
        Name the loss and the file of the listeners.
    corpus : Corpus
        Has the sources, the sample rate and the length of the examples.
    device : torch.device
        Where the loss will be computed.

    Raises
    ------
    InputError
        If the listeners cannot be read, the examples are too short, or the device cannot compute
        HAAQI.
    """
    listeners = None if options.listeners is None else [*read_listeners(options.listeners).values()]
    loss = build_loss(
        options.loss,
        sources=corpus.sources,
        sample_rate=corpus.sample_rate,
        listeners=listeners,
        ears=options.ears,
        l1_weight=options.l1_weight,
    )
    problems = []
    if corpus.segment_length < loss.shortest_s:
        problems.append(
            f"data.segment_length must be at least {loss.shortest_s:g} s for "
            f"training.loss={options.loss}, got {corpus.segment_length:g}"
        )
    if loss.in_double_precision and device.type == "mps":
        problems.append(
            f"training.loss={options.loss} needs double precision, which {device} does not have: "
            "choose device=cpu or a CUDA GPU"
        )
    raise_if(problems)
    return loss
