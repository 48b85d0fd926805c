"""HAAQI of the enhanced stems, or of the remix, of CAD1 Task 1."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cadenza.challenges import scoring
from cadenza.challenges.cad1_task1.comparison import Comparison
from cadenza.challenges.cad1_task1.songs import SongPair
from cadenza.challenges.engines import Device, Engine, score_batch

if TYPE_CHECKING:
    from cadenza.haaqi import HaaqiScore, NoiseName


@dataclass(frozen=True)
class SongScores:
    """Scores of a song for both ears.

    Parameters
    ----------
    scores : dict of str to HaaqiScore
        By side and stem, such as ``left_drums``, or of a remix by side.
    silent : tuple of str
        Why the others have no score.
    """

    scores: dict[str, HaaqiScore]
    silent: tuple[str, ...]


def score_song(
    pair: SongPair,
    folder: Path,
    comparison: Comparison,
    *,
    seeded: bool = True,
    noise: NoiseName = "seeded",
    details: bool = False,
    workers: int | None = None,
    engine: Engine = "compiled",
    device: Device = "auto",
    at_once: int = 1,
) -> SongScores:
    """Compare what was enhanced with the music, ear by ear.

    HAAQI gives the reference the gain that the listener needs.

    Parameters
    ----------
    pair : SongPair
        Song and listener.
    folder : Path
        Folder of the enhanced signals of all songs.
    comparison : Comparison
        What is compared.
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
    ears = comparison.ears(pair, folder)
    rate = comparison.rate
    scores: dict[str, HaaqiScore] = {}
    silent = []
    while some := dict(islice(ears, 2 * at_once)):
        silent += [f"{name}: the reference is silent" for name, ear in some.items() if not ear]
        sounding = {name: ear for name, ear in some.items() if ear}
        if engine == "torch" and sounding:
            results = score_batch(
                list(sounding.values()),
                sample_rate=rate,
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
                    sample_rate=rate,
                    audiogram=ear.audiogram,
                    equalisation="nalr",
                    level_db_spl=ear.level_db_spl,
                    noise=noise,
                    rng=rng,
                    details=details,
                    workers=workers,
                )
    return SongScores(scores, tuple(silent))
