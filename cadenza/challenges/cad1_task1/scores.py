"""HAAQI of the enhanced stems of CAD1 Task 1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from cadenza import audio
from cadenza.challenges import scoring
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair
from cadenza.challenges.engines import Device, EarSignals, Engine, score_batch
from cadenza.errors import SilentReferenceError

if TYPE_CHECKING:
    from cadenza.haaqi import HaaqiScore, NoiseName

SCORING_ORDER = ("drums", "bass", "other", "vocals")
"""The order in which the stems draw HAAQI's noise."""


@dataclass(frozen=True)
class StemScores:
    """Scores of the stems of a song for both ears.

    Parameters
    ----------
    scores : dict of str to HaaqiScore
        By side and stem, such as ``left_drums``.
    silent : tuple of str
        Why the others have no score.
    """

    scores: dict[str, HaaqiScore]
    silent: tuple[str, ...]


def score_stems(
    pair: SongPair,
    folder: Path,
    *,
    sample_rate: int,
    stem_sample_rate: int,
    seeded: bool = True,
    noise: NoiseName = "seeded",
    details: bool = False,
    workers: int | None = None,
    engine: Engine = "compiled",
    device: Device = "auto",
    at_once: int = 1,
) -> StemScores:
    """Compare every enhanced stem with the true one, ear by ear.

    HAAQI gives the reference the gain that the listener needs.

    Parameters
    ----------
    pair : SongPair
        Song and listener.
    folder : Path
        Folder of the enhanced signals of all songs.
    sample_rate, stem_sample_rate : int
        Rates in Hz of the true and of the enhanced stems.
    seeded, noise
        As for `cadenza.challenges.scoring.score_ears`.
    details, workers
        As for `haaqi`; without a meaning for torch.
    engine : {"compiled", "torch"}
        What computes HAAQI.
    device : {"auto", "cpu", "cuda"}
        Where torch computes.
    at_once : int
        How many stems torch scores together.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    from cadenza.haaqi import haaqi  # late: a run that is finished does not need it

    rng = scoring.noise_source(pair.track.name, seeded=seeded)
    ears = _ears(pair, folder, (sample_rate, stem_sample_rate))
    scores: dict[str, HaaqiScore] = {}
    silent = []
    while some := dict(islice(ears, 2 * at_once)):
        silent += [f"{name}: the reference is silent" for name, ear in some.items() if not ear]
        sounding = {name: ear for name, ear in some.items() if ear}
        if engine == "torch" and sounding:
            results = score_batch(
                list(sounding.values()),
                sample_rate=stem_sample_rate,
                equalisation="nalr",
                noise=noise,
                sources=[rng] * len(sounding),
                device=device,
            )
            scores |= zip(sounding, results, strict=True)
        else:
            for name, ear in sounding.items():
                scores[name] = haaqi(
                    ear.reference,
                    ear.processed,
                    sample_rate=stem_sample_rate,
                    audiogram=ear.audiogram,
                    equalisation="nalr",
                    level_db_spl=ear.level_db_spl,
                    noise=noise,
                    rng=rng,
                    details=details,
                    workers=workers,
                )
    return StemScores(scores, tuple(silent))


def _ears(
    pair: SongPair, folder: Path, rates: tuple[int, int]
) -> Iterator[tuple[str, EarSignals | None]]:
    """Names and signals of all stems for both ears; None if the reference is silent."""
    for stem in tqdm(SCORING_ORDER, desc="scoring", leave=False, disable=None):
        music, music_rate = audio.read(pair.file(stem), sample_rate=rates[0], channels=2)
        music = music[:, pair.objective.samples(music_rate)]
        for side, reference in zip(SIDES, music, strict=True):
            enhanced_file = pair.stem_file(folder, side, stem)
            enhanced, _ = audio.read(enhanced_file, sample_rate=rates[1], channels=1)
            try:
                level_db_spl = scoring.presentation_level_db_spl(reference)
            except SilentReferenceError:
                yield f"{side}_{stem}", None
                continue
            yield (
                f"{side}_{stem}",
                EarSignals(
                    audio.resample(reference, music_rate, rates[1]),
                    enhanced[0],
                    getattr(pair.listener, side),
                    level_db_spl,
                ),
            )
