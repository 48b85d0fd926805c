"""HAAQI of the enhanced stems of CAD1 Task 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from cadenza import audio
from cadenza.challenges import scoring
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair
from cadenza.errors import SilentReferenceError
from cadenza.haaqi import HaaqiScore, NoiseName, haaqi

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
        As for `haaqi`.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    scores: dict[str, HaaqiScore] = {}
    silent = []
    rng = scoring.noise_source(pair.track.name, seeded=seeded)
    for stem in tqdm(SCORING_ORDER, desc="scoring", leave=False, disable=None):
        music, music_rate = audio.read(pair.file(stem), sample_rate=sample_rate, channels=2)
        music = music[:, pair.objective.samples(music_rate)]
        for side, reference in zip(SIDES, music, strict=True):
            enhanced_file = pair.stem_file(folder, side, stem)
            enhanced, _ = audio.read(enhanced_file, sample_rate=stem_sample_rate, channels=1)
            try:
                scores[f"{side}_{stem}"] = haaqi(
                    audio.resample(reference, music_rate, stem_sample_rate),
                    enhanced[0],
                    sample_rate=stem_sample_rate,
                    audiogram=getattr(pair.listener, side),
                    equalisation="nalr",
                    level_db_spl=scoring.presentation_level_db_spl(reference),
                    noise=noise,
                    rng=rng,
                    details=details,
                    workers=workers,
                )
            except SilentReferenceError:
                silent.append(f"{side}_{stem}: the reference is silent")
    return StemScores(scores, tuple(silent))
