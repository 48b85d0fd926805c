"""Merge the tables of all batches of CAD2 Task 2.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv and enhanced_signals_<batch>-<batch_size>.csv of
every batch, if there are any, and writes scores.csv and enhanced_signals.csv in the order of the
scenes and listeners. A table is written only if every pair is there exactly once.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad2_task2.ensembles import SCORE_COLUMNS, read_ensemble_pairs
from cadenza.runner import cli
from cadenza.runner.merging import ShardedTable, merge_batches


def run(config: DictConfig) -> int:
    """Merge and print the means."""
    pairs = read_ensemble_pairs(config.path)
    folder, n = Path(config.path.exp_folder), config.evaluate.batch_size
    enhanced = (*SCORE_COLUMNS[:3], "clipped_fraction")
    scores = ShardedTable(folder / "scores.csv", SCORE_COLUMNS, "avg_haaqi", n)
    clipping = ShardedTable(folder / "enhanced_signals.csv", enhanced, "clipped_fraction", n)
    return merge_batches([scores, clipping], pairs, every=400 if config.evaluate.small_test else 1)


main = cli.script(__file__, run, Cad2Task2)

if __name__ == "__main__":
    main()
