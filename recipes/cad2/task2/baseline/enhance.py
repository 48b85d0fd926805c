"""Enhance the classical music of CAD2 Task 2 for its listeners.

For every scene and listener: separate the instruments of the piece, apply the gains of the scene,
compensate the level, and compress for the listener. Writes
<exp_folder>/enhanced_signals/<split>/<scene>_<listener>_remix.flac, and the fraction of clipped
samples in each to <exp_folder>/enhanced_signals.csv.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2)  # before the slow imports

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.cad2_task2.ensembles import SMALL_TEST, EnsemblePair, read_ensemble_pairs
from cadenza.challenges.cad2_task2.estimates import Estimator, make_estimator, prepare_for
from cadenza.levels import db_to_gain
from cadenza.remix import level_compensation_db, remix
from cadenza.runner import cli
from cadenza.runner.blocks import CheckedAid, build_blocks
from cadenza.runner.items import Item
from cadenza.runner.step import Step, run_step
from cadenza.runner.tables import clipping

STEP = Step(
    version="cad2_task2/enhance 1",
    columns=("scene", "song", "listener", "clipped_fraction"),
    show="clipped_fraction",
    settings=(
        "separator",
        "compat",
        "hearing_aid",
        "input_sample_rate",
        "remix_sample_rate",
        "soft_clip",
    ),
    small_test=SMALL_TEST,
)


def items(
    config: DictConfig, pairs: list[EnsemblePair], estimator: Estimator
) -> list[Item[EnsemblePair]]:
    """Pairs with the files that are read and written."""
    folder = config.path.exp_folder
    return [
        Item.of(pair, estimator.input_files(pair), (pair.enhanced_file(folder),)) for pair in pairs
    ]


def process_item(
    item: Item[EnsemblePair], config: DictConfig, estimator: Estimator, hearing_aid: CheckedAid
) -> dict[str, float]:
    """Enhance one scene for one listener; returns the fraction of clipped samples."""
    pair = item.data
    estimates, gains_db = estimator(pair)
    # the level follows the gains that were asked for, also where voices share a gain
    factor = db_to_gain(level_compensation_db(pair.gains_db))
    compressed = hearing_aid(factor * remix(estimates, gains_db), pair.listener)
    clipped = audio.write_flac(
        pair.enhanced_file(config.path.exp_folder),
        compressed,
        config.input_sample_rate,
        output_sample_rate=config.remix_sample_rate,
        soft_clip=config.soft_clip,
    )
    return {"clipped_fraction": clipped}


def run(config: DictConfig) -> int:
    """Find the networks that are needed, then enhance what is not finished."""
    folder = Path(config.path.exp_folder)
    pairs = read_ensemble_pairs(config.path)
    played = STEP.selected(config, pairs)
    blocks = build_blocks(
        config, rate_key="input_sample_rate", prepare=partial(prepare_for, pairs=played)
    )
    estimator = make_estimator(
        blocks.separator,
        sample_rate=config.input_sample_rate,
        compat=config.compat,
        cache=blocks.cache,
    )
    report = run_step(
        STEP,
        config,
        items(config, pairs, estimator),
        partial(process_item, config=config, estimator=estimator, hearing_aid=blocks.hearing_aid),
        table=folder / "enhanced_signals.csv",
        jobs=blocks.jobs(config.jobs),
        file_digests=blocks.file_digests,
    )
    clipped = clipping(report.rows, soft=config.soft_clip)
    print(f"{len(report.rows)} of {report.n_items} enhanced signals are in {folder}{clipped}")
    return report.exit_status


main = cli.script(__file__, run, Cad2Task2)

if __name__ == "__main__":
    main()
