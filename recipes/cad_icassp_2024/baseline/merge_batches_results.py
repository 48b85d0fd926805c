"""Merge the scores of all batches of ICASSP 2024 into one table.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv of every batch and writes scores.csv in the
order of the pairs, as one run would have. Nothing is written unless every pair has its score.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenge import app
from cadenza.challenge.icassp_2024 import read_scene_pairs
from cadenza.challenge.pairs import thin
from cadenza.challenge.results import merge_scores

COLUMNS = ["scene", "song", "listener", "left_score", "right_score", "score"]


def run(config: DictConfig) -> int:
    """Merge and print the mean."""
    pairs = thin(read_scene_pairs(config.path), 15 if config.evaluate.small_test else 1)
    return merge_scores(
        Path(config.path.exp_folder),
        COLUMNS,
        [tuple(pair.labels.values()) for pair in pairs],
        n_batches=config.evaluate.batch_size,
        score="score",
    )


main = app.recipe(__file__, run)

if __name__ == "__main__":
    main()
