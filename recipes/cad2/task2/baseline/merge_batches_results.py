"""Merge the scores of all batches of CAD2 Task 2 into one table.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv of every batch and writes scores.csv in the
order of the scenes and listeners. Nothing is written unless every pair is there once.
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
from cadenza.runner.results import merge_scores
from cadenza.runner.sharding import thin


def run(config: DictConfig) -> int:
    """Merge and print the mean."""
    pairs = read_ensemble_pairs(config.path)
    pairs = thin(pairs, 400 if config.evaluate.small_test else 1)
    keys = [tuple(pair.labels.values()) for pair in pairs]
    folder, n_batches = Path(config.path.exp_folder), config.evaluate.batch_size
    return merge_scores(folder, SCORE_COLUMNS, keys, n_batches=n_batches, score="avg_haaqi")


main = cli.script(__file__, run, Cad2Task2)

if __name__ == "__main__":
    main()
