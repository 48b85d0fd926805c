"""Merge the scores of all batches of CAD1 Task 1 into one table.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv of every batch and writes scores.csv in the
order of the songs and listeners. Nothing is written unless every pair is there once.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad1_task1.songs import SCORE_COLUMNS, read_song_pairs
from cadenza.runner import cli
from cadenza.runner.results import merge_scores
from cadenza.runner.sharding import thin


def run(config: DictConfig) -> int:
    """Merge and print the mean."""
    pairs = read_song_pairs(config.path, with_segments=config.evaluate.segments)
    pairs = thin(pairs, 15 if config.evaluate.small_test else 1)
    keys = [(pair.track.name, pair.listener.name) for pair in pairs]
    folder, n_batches = Path(config.path.exp_folder), config.evaluate.batch_size
    return merge_scores(folder, SCORE_COLUMNS, keys, n_batches=n_batches, score="score")


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
