"""Score the enhanced music of CAD2 Task 2 with HAAQI.

The reference is the true sources with the gains of the scene, compressed for the listener. Reads
<exp_folder>/enhanced_signals and writes <exp_folder>/scores.csv, or
scores_<batch + 1>-<batch_size>.csv for a batch.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2)  # before the slow imports

from functools import partial
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.cad2_task2.ensembles import SCORE_COLUMNS, EnsemblePair, read_ensemble_pairs
from cadenza.challenges.scoring import Presented, present, score_both_ears
from cadenza.challenges.seeds import random_state
from cadenza.hearing_aid import HearingAid
from cadenza.remix import level_compensation_db, remix
from cadenza.runner import cli
from cadenza.runner.results import summary
from cadenza.runner.run import Item
from cadenza.runner.run import run as run_items
from cadenza.runner.sharding import thin

SETTINGS = [
    "input_sample_rate",
    "HAAQI_sample_rate",
    "hearing_aid",
    "evaluate.set_random_seed",
    "evaluate.noise",
]


def prepare(item: Item[EnsemblePair], config: DictConfig, hearing_aid: HearingAid) -> Presented:
    """Read the enhanced signal of a pair and make its reference."""
    pair, rate = item.data, config.input_sample_rate
    sources = {name: pair.read(source, rate) for name, source in pair.piece.sources.items()}
    factor = 10 ** (level_compensation_db(pair.gains_db) / 20)
    reference = factor * remix(sources, pair.gains_db)
    file = pair.enhanced_file(config.path.exp_folder)
    enhanced, enhanced_rate = audio.read(file, sample_rate=config.remix_sample_rate, channels=2)
    return present(
        enhanced,
        hearing_aid(reference, pair.listener),
        reference,
        enhanced_sample_rate=enhanced_rate,
        music_sample_rate=rate,
        haaqi_sample_rate=config.HAAQI_sample_rate,
    )


def process_item(
    item: Item[EnsemblePair], signals: Presented, evaluate: DictConfig
) -> dict[str, float]:
    """HAAQI of one enhanced signal, for each ear and their mean."""
    pair = item.data
    rng = random_state(pair.scene) if evaluate.set_random_seed else np.random.RandomState()
    scores = score_both_ears(signals, listener=pair.listener, noise=evaluate.noise, rng=rng)
    return dict(zip(SCORE_COLUMNS[3:], scores, strict=True))


def make_item(config: DictConfig, pair: EnsemblePair) -> Item[EnsemblePair]:
    """Which files the score of a pair is made of."""
    sources = tuple(pair.file(source) for source in pair.piece.sources.values())
    enhanced = pair.enhanced_file(config.path.exp_folder)
    missing = config.evaluate.allow_missing and not enhanced.is_file()
    return Item.of(pair, sources if missing else (*sources, enhanced))


def run(config: DictConfig) -> int:
    """Score all pairs of the batch that have no score yet."""
    pairs = read_ensemble_pairs(config.path)
    pairs = thin(pairs, 400 if config.evaluate.small_test else 1)
    hearing_aid = cli.build(config, "hearing_aid")
    report = run_items(
        [make_item(config, pair) for pair in pairs],
        partial(process_item, evaluate=config.evaluate),
        prepare=lambda item: prepare(item, config, hearing_aid),
        folder=Path(config.path.exp_folder),
        name="scores",
        columns=SCORE_COLUMNS,
        settings=cli.settings(config, "cad2_task2/evaluate 1", SETTINGS),
        **cli.run_options(config),
    )
    print(summary(report.table, report.rows, "avg_haaqi", n_wanted=report.n_items))
    return report.exit_status


main = cli.script(__file__, run, Cad2Task2)

if __name__ == "__main__":
    main()
