"""Merge the scores of all batches of ICASSP 2024 into one table.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv of every batch and writes scores.csv in the
order of the pairs, as one run would have. Nothing is written unless every pair is there once; a
pair that failed has empty scores.
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
from cadenza.runner.results import merge_scores
from cadenza.runner.sharding import thin


def run(config: DictConfig) -> int:
    """Merge and print the mean."""
    pairs = read_scene_pairs(config.path)
    pairs = thin(pairs, 15 if config.evaluate.small_test else 1)
    return merge_scores(
        Path(config.path.exp_folder),
        SCORE_COLUMNS,
        [tuple(pair.labels.values()) for pair in pairs],
        n_batches=config.evaluate.batch_size,
        score="score",
    )


main = cli.script(__file__, run, Icassp2024)

if __name__ == "__main__":
    main()
