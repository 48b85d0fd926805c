"""Merge the tables of all batches of CAD1 Task 1.

Reads <exp_folder>/scores_<batch>-<batch_size>.csv of every batch, and the tables of enhance.py and
test.py if these ran in batches. Writes scores.csv and the other tables in the order of the songs
and listeners. A table is written only if every pair is there exactly once.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad1_task1 import enhancement
from cadenza.challenges.cad1_task1.comparison import Comparison
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.runner import cli
from cadenza.runner.merging import ShardedTable, merge_batches


def run(config: DictConfig) -> int:
    """Merge and print the means."""
    n_batches = config.evaluate.batch_size
    scores = Path(config.path.exp_folder) / "scores.csv"
    tables = [ShardedTable(scores, Comparison.of(config).columns, "score", n_batches)]
    for folder in (Path(config.path.enhanced_dir), Path(config.path.submission_dir)):
        table = folder.with_name(f"{folder.name}.csv")
        tables.append(ShardedTable(table, enhancement.COLUMNS, "clipped_fraction", n_batches))
    every = 15 if config.evaluate.small_test else 1
    return merge_batches(tables, read_song_pairs(config.path), every=every)


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
