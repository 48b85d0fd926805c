"""Enhance the songs of CAD1 Task 1 for their listeners.

For every song and listener: separate the song into stems and amplify each for both ears. Writes
eight mono stems with their scales and the stereo remix, below <exp_folder>/enhanced_signals, and
<exp_folder>/enhanced_signals.csv, which tells how much of each remix was clipped.
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
from cadenza.runner.sharding import thin


def run(config: DictConfig) -> int:
    """Enhance whole songs."""
    pairs = read_song_pairs(config.path, with_segments=config.evaluate.segments)
    pairs = thin(pairs, 15 if config.evaluate.small_test else 1)
    return enhance_songs(config, pairs, folder=Path(config.path.enhanced_dir)).exit_status


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
