"""Enhance the classical music of CAD2 Task 2 for its listeners.

For every scene and listener: separate the instruments of the piece, apply the gains that the
scene asks for, compensate the level, and compress for the listener. Writes
<exp_folder>/enhanced_signals/<split>/<scene>_<listener>_remix.flac and
<exp_folder>/enhanced_signals.csv, which tells how much of each was clipped.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair, read_ensemble_pairs
from cadenza.challenges.cad2_task2.estimates import Estimator
from cadenza.remix import level_compensation_db, remix
from cadenza.runner import cli
from cadenza.runner.blocks import CheckedAid, made_of
from cadenza.runner.run import Item
from cadenza.runner.run import run as run_items
from cadenza.runner.sharding import Shard, thin

SETTINGS = [
    "separator",
    "compat",
    "hearing_aid",
    "input_sample_rate",
    "remix_sample_rate",
    "soft_clip",
]


def process_item(
    item: Item[EnsemblePair], config: DictConfig, estimator: Estimator, hearing_aid: CheckedAid
) -> dict[str, float]:
    """Enhance one scene for one listener; returns the fraction of clipped samples."""
    pair = item.data
    estimates, gains_db = estimator(pair)
    # The level follows the gains that were asked for, also where voices share a gain
    factor = 10 ** (level_compensation_db(pair.gains_db) / 20)
    compressed = hearing_aid(factor * remix(estimates, gains_db), pair.listener)
    clipped = audio.write_flac(
        item.outputs[0],
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
    pairs = thin(pairs, 400 if config.evaluate.small_test else 1)
    estimator = Estimator(config)
    estimator.prepare(Shard(config.evaluate.batch, config.evaluate.batch_size).take(pairs))
    hearing_aid = CheckedAid(cli.build(config, "hearing_aid"))
    blocks = {"separator": made_of(estimator.separator), "hearing_aid": made_of(hearing_aid.aid)}
    report = run_items(
        [
            Item.of(
                pair, estimator.input_files(pair), (pair.enhanced_file(config.path.exp_folder),)
            )
            for pair in pairs
        ],
        lambda item: process_item(item, config, estimator, hearing_aid),
        folder=folder,
        name="enhanced_signals",
        columns=["scene", "song", "listener", "clipped_fraction"],
        settings={**cli.settings(config, "cad2_task2/enhance 1", SETTINGS), "made_of": blocks},
        **cli.run_options(config),
    )
    print(f"{len(report.rows)} of {report.n_items} enhanced signals are in {folder}")
    return report.exit_status


main = cli.script(__file__, run, Cad2Task2)

if __name__ == "__main__":
    main()
