"""Merge the tables of all batches of ICASSP 2024.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv and enhanced_signals_<batch>-<batch_size>.csv of
every batch, if there are any, and writes scores.csv and enhanced_signals.csv in the order of the
scenes and listeners, as from a run without batches. A table is written only if every pair is there
exactly once; a pair that failed has empty values.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.icassp_2024 import SCORE_COLUMNS, read_scene_pairs
from cadenza.runner import cli
from cadenza.runner.merging import ShardedTable, merge_batches


def run(config: DictConfig) -> int:
    """Merge and print the means."""
    folder, n_batches = Path(config.path.exp_folder), config.evaluate.batch_size
    enhanced = (*SCORE_COLUMNS[:3], "clipped_fraction")
    tables = [
        ShardedTable(folder / "scores.csv", SCORE_COLUMNS, "score", n_batches),
        ShardedTable(folder / "enhanced_signals.csv", enhanced, "clipped_fraction", n_batches),
    ]
    every = 15 if config.evaluate.small_test else 1
    return merge_batches(tables, read_scene_pairs(config.path), every=every)


main = cli.script(__file__, run, Icassp2024)

if __name__ == "__main__":
    main()
