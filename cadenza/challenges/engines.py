"""What computes HAAQI in the evaluations: compiled loops, ear by ear, or torch, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import Audiogram
from cadenza.challenges.scoring import (
    EarScores,
    EvaluationSignals,
    details_file,
    noise_source,
    score_ears,
)
from cadenza.errors import InputError

if TYPE_CHECKING:
    from cadenza.haaqi import Equalisation, HaaqiScore, NoiseName
    from cadenza.haaqi.noise import Random

Engine: TypeAlias = Literal["compiled", "torch"]
Device: TypeAlias = Literal["auto", "cpu", "cuda"]

SETTINGS = (
    *("evaluate.set_random_seed", "evaluate.noise"),
    *("evaluate.engine", "evaluate.device"),
)
"""Keys of the configuration that say how HAAQI is computed."""


class Options(Protocol):
    """The section ``evaluate`` of a configuration, as far as it matters here."""

    set_random_seed: bool
    noise: NoiseName
    details: bool
    engine: Engine
    device: Device
    pairs_at_once: int


@dataclass(frozen=True)
class EarSignals:
    """Signals of one ear.

    Parameters
    ----------
    reference, processed : ndarray, shape (T,) and (T',)
        At the same rate.
    audiogram : Audiogram
        Of the ear.
    level_db_spl : float
        Level of an RMS of 1.
    """

    reference: NDArray[np.float64]
    processed: NDArray[np.float64]
    audiogram: Audiogram
    level_db_spl: float


def check_engine(options: Options) -> None:
    """Raise an `InputError` if HAAQI cannot be computed as the configuration wants."""
    if options.engine == "compiled":
        if options.device != "auto":
            raise InputError(f"evaluate.device={options.device} needs evaluate.engine=torch")
        return
    if options.details:
        raise InputError("evaluate.details=true needs evaluate.engine=compiled")
    torch_device(options.device)


def torch_device(device: Device) -> str:
    """Name of the device on which torch computes: a GPU, if there is one and nothing else is said.

    Raises
    ------
    InputError
        If a GPU is wanted and torch finds none.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("evaluate.device is cuda, but torch finds no GPU here")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


@dataclass(frozen=True)
class PairScorer:
    """HAAQI of both ears of pairs of scene and listener.

    Parameters
    ----------
    options : Options
        How it is computed, and whether to keep its details.
    exp_folder : str
        Where the details are kept.

    Raises
    ------
    InputError
        If HAAQI cannot be computed so.
    """

    options: Options
    exp_folder: str

    def __post_init__(self) -> None:
        check_engine(self.options)

    @property
    def at_once(self) -> int:
        """How many pairs to score together."""
        return self.options.pairs_at_once if self.options.engine == "torch" else 1

    def __call__(self, batch: Sequence[EvaluationSignals]) -> list[EarScores]:
        """Score pairs whose signals have one sample rate."""
        options = self.options
        if options.engine == "torch":
            return _score_in_torch(batch, options)
        results = []
        for signals in batch:
            seeded, details = options.set_random_seed, options.details
            scores = score_ears(signals, seeded=seeded, noise=options.noise, details=details)
            if details:
                from cadenza.haaqi.storage import save_scores

                save_scores(details_file(self.exp_folder, signals.key), scores.by_ear)
            results.append(scores)
        return results


def _score_in_torch(batch: Sequence[EvaluationSignals], options: Options) -> list[EarScores]:
    ears: list[EarSignals] = []
    sources: list[Random] = []
    for signals in batch:
        listener = signals.listener
        rows = zip(
            signals.reference,
            signals.processed,
            (listener.left, listener.right),
            signals.level_db_spl.tolist(),
            strict=True,
        )
        ears += [EarSignals(*row) for row in rows]
        sources += 2 * [noise_source(signals.seed_name, seeded=options.set_random_seed)]
    scores = score_batch(
        ears,
        sample_rate=batch[0].sample_rate,
        equalisation="none",
        noise=options.noise,
        sources=sources,
        device=options.device,
    )
    return [EarScores(*both) for both in zip(scores[::2], scores[1::2], strict=True)]


def score_batch(
    ears: Sequence[EarSignals],
    *,
    sample_rate: float,
    equalisation: Equalisation,
    noise: NoiseName,
    sources: Sequence[Random],
    device: Device,
) -> list[HaaqiScore]:
    """HAAQI of several ears, computed together by torch in double precision.

    Scores are those of `haaqi`, apart from rounding.

    Parameters
    ----------
    ears : sequence of EarSignals
    sample_rate, equalisation, noise
        As for `haaqi`.
    sources : sequence of Random
        What draws the internal noise of each ear. One source serves its ears in their order.
    device : {"auto", "cpu", "cuda"}
        Where torch computes.
    """
    import torch

    from cadenza.haaqi import HaaqiScore
    from cadenza.haaqi.loss import haaqi_tensor

    references, references_sizes = _padded([ear.reference for ear in ears])
    processed, processed_sizes = _padded([ear.processed for ear in ears])
    place = torch_device(device)
    with torch.inference_mode():
        result = haaqi_tensor(
            torch.tensor(references, device=place),
            torch.tensor(processed, device=place),
            sample_rate=sample_rate,
            audiograms=[ear.audiogram for ear in ears],
            equalisation=equalisation,
            level_db_spl=[ear.level_db_spl for ear in ears],
            noise=noise,
            rng=sources,
            lengths=references_sizes,
            processed_lengths=processed_sizes,
        )
    names = (
        *("cepstral_correlation", "vibration_covariance"),
        *("loudness_spectrum", "normalised_spectrum", "delay_samples"),
    )
    columns = [getattr(result, name).tolist() for name in names]
    return [HaaqiScore(*row) for row in zip(*columns, result.flags, strict=True)]


def _padded(signals: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], list[int]]:
    """Signals in rows with zeros after their ends, and their lengths."""
    sizes = [signal.size for signal in signals]
    rows = np.zeros((len(signals), max(sizes)))
    for row, signal in zip(rows, signals, strict=True):
        row[: signal.size] = signal
    return rows, sizes
