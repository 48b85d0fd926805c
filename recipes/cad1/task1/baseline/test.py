"""Enhance the test songs of CAD1 Task 1 and cut the segments of the submission.

As enhance.py, but the stems are cut to the segment for objective evaluation and the remix to the
one for listening tests. Writes below <exp_folder>/enhanced_signals/evaluation. Use it with
split=test, then pack_submission.py.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad1_task1.enhancement import enhance_songs
from cadenza.challenges.cad1_task1.songs import read_song_pairs
from cadenza.runner import cli


def run(config: DictConfig) -> int:
    """Enhance whole songs and keep their segments."""
    pairs = read_song_pairs(config.path, with_segments=True)
    return enhance_songs(config, pairs, folder=Path(config.path.submission_dir)).exit_status


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
