"""Score the enhanced stems of CAD1 Task 1 with HAAQI.

Every stem is compared with the true one, ear by ear; HAAQI gives the reference the gain that the
listener needs. Reads <exp_folder>/enhanced_signals and writes <exp_folder>/scores.csv, or
scores_<batch + 1>-<batch_size>.csv for a batch. A stem that is silent in the reference has no
score; the mean is that of the others.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

import math
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from tqdm import tqdm

from cadenza import audio
from cadenza.challenges.cad1_task1.songs import SCORE_COLUMNS, SIDES, SongPair, read_song_pairs
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.challenges.seeds import random_state
from cadenza.haaqi import SilentReferenceError, haaqi
from cadenza.runner import cli
from cadenza.runner.results import summary
from cadenza.runner.run import Item, PartialResult
from cadenza.runner.run import run as run_items
from cadenza.runner.sharding import thin
from cadenza.stems import STEMS

SETTINGS = ["sample_rate", "stem_sample_rate", "evaluate.set_random_seed", "evaluate.noise"]
STEMS_IN_TURN = ("drums", "bass", "other", "vocals")
"""The order in which the stems draw HAAQI's noise."""


def process_item(item: Item[SongPair], config: DictConfig) -> dict[str, float]:
    """HAAQI of all stems and ears of one song, and their mean."""
    pair, folder = item.data, enhanced_folder(config)
    seeded = config.evaluate.set_random_seed
    rng = random_state(pair.track.name) if seeded else np.random.RandomState()
    scores: dict[str, float] = {}
    silent = []
    for stem in tqdm(STEMS_IN_TURN, desc="scoring", leave=False, disable=None):
        reference, rate = audio.read(pair.file(stem), sample_rate=config.sample_rate, channels=2)
        reference = reference[:, pair.objective.samples(rate)]
        for side, channel in zip(SIDES, reference, strict=True):
            enhanced_file = pair.stem_file(folder, side, stem)
            enhanced, _ = audio.read(enhanced_file, sample_rate=config.stem_sample_rate, channels=1)
            try:
                result = haaqi(
                    audio.resample(channel, rate, config.stem_sample_rate),
                    enhanced[0],
                    sample_rate=config.stem_sample_rate,
                    audiogram=getattr(pair.listener, side),
                    equalisation="nalr",
                    level_db_spl=presentation_level_db_spl(channel),
                    noise=config.evaluate.noise,
                    rng=rng,
                )
                scores[f"{side}_{stem}"] = result.score
            except SilentReferenceError:
                silent.append(f"{side}_{stem}: the reference is silent")
    if not scores:
        raise SilentReferenceError("all stems of the reference are silent")
    row = {"score": math.fsum(scores.values()) / len(scores), **scores}
    if silent:
        raise PartialResult(row, silent)
    return row


def enhanced_folder(config: DictConfig) -> Path:
    """Where the enhanced stems are, of whole songs or of segments."""
    return Path(
        config.path.submission_dir if config.evaluate.segments else config.path.enhanced_dir
    )


def make_item(config: DictConfig, pair: SongPair) -> Item[SongPair]:
    """Which files the scores of a song are made of."""
    enhanced = pair.stem_files(enhanced_folder(config))
    if config.evaluate.allow_missing and not all(path.is_file() for path in enhanced):
        enhanced = ()
    references = tuple(pair.file(stem) for stem in STEMS)
    return Item.of(pair, (*references, *enhanced))


def run(config: DictConfig) -> int:
    """Score all pairs of the batch that have no score yet."""
    pairs = read_song_pairs(config.path, with_segments=config.evaluate.segments)
    pairs = thin(pairs, 15 if config.evaluate.small_test else 1)
    report = run_items(
        [make_item(config, pair) for pair in pairs],
        lambda item: process_item(item, config),
        folder=Path(config.path.exp_folder),
        name="scores",
        columns=SCORE_COLUMNS,
        settings=cli.settings(config, "cad1_task1/evaluate 1", SETTINGS),
        **cli.run_options(config),
    )
    print(summary(report.table, report.rows, "score", n_wanted=report.n_items))
    return report.exit_status


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
