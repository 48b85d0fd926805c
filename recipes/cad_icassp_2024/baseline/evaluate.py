"""Score the enhanced music of ICASSP 2024 with HAAQI.

The reference is the true stems, remixed with the gains of the scene and amplified with NAL-R for
the listener. Reads <exp_folder>/enhanced_signals and writes <exp_folder>/scores.csv, or
scores_<batch + 1>-<batch_size>.csv for a batch.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024)  # before the slow imports

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.icassp_2024 import SCORE_COLUMNS, TRACKS, ScenePair, read_scene_pairs
from cadenza.challenges.scoring import Presented, present, score_both_ears
from cadenza.challenges.seeds import random_state
from cadenza.hearing_aid import NALRAid
from cadenza.remix import remix_to_mixture
from cadenza.runner import cli
from cadenza.runner.results import summary
from cadenza.runner.run import Item
from cadenza.runner.run import run as run_items
from cadenza.runner.sharding import thin
from cadenza.stems import STEMS

SETTINGS = [
    "sample_rate",
    "HAAQI_sample_rate",
    "nalr",
    "evaluate.set_random_seed",
    "evaluate.noise",
]


class Evaluator:
    """Scores pairs; the reference of a scene is made once for all its listeners."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self._aid = NALRAid(sample_rate=config.nalr.sample_rate, nfir=config.nalr.nfir)
        self._reference = lru_cache(maxsize=1)(self._make_reference)

    def prepare(self, item: Item[ScenePair]) -> Presented:
        """Read the enhanced signal of a pair and make its reference."""
        config, pair = self.config, item.data
        file = pair.enhanced_file(config.path.exp_folder)
        enhanced, rate = audio.read(file, sample_rate=config.remix_sample_rate, channels=2)
        reference = self._reference(item.inputs[: len(TRACKS)], tuple(pair.gains_db.items()))
        return present(
            enhanced,
            self._aid(reference, pair.listener),
            reference,
            enhanced_sample_rate=rate,
            music_sample_rate=config.sample_rate,
            haaqi_sample_rate=config.HAAQI_sample_rate,
        )

    def score(self, item: Item[ScenePair], signals: Presented) -> dict[str, float]:
        """HAAQI of one enhanced signal, for each ear and their mean."""
        seeded, noise = self.config.evaluate.set_random_seed, self.config.evaluate.noise
        rng = random_state(item.data.scene) if seeded else np.random.RandomState()
        scores = score_both_ears(signals, listener=item.data.listener, noise=noise, rng=rng)
        return dict(zip(SCORE_COLUMNS[3:], scores, strict=True))

    def _make_reference(
        self, tracks: tuple[Path, ...], gains_db: tuple[tuple[str, float], ...]
    ) -> NDArray[np.float64]:
        """True stems, remixed with the gains of the scene."""
        rate = self.config.sample_rate
        mixture, *stems = (audio.read(file, sample_rate=rate, channels=2)[0] for file in tracks)
        named: dict[str, NDArray[np.float64]] = dict(zip(STEMS, stems, strict=True))
        return remix_to_mixture(named, dict(gains_db), mixture, rate)


def make_item(config: DictConfig, pair: ScenePair) -> Item[ScenePair]:
    """Which files the score of a pair is made of."""
    enhanced = pair.enhanced_file(config.path.exp_folder)
    needed = [] if config.evaluate.allow_missing and not enhanced.is_file() else [enhanced]
    inputs = (*(pair.file(track) for track in TRACKS), *needed)
    return Item.of(pair, inputs)


def run(config: DictConfig) -> int:
    """Score all pairs of the batch that have no score yet."""
    evaluator = Evaluator(config)
    pairs = read_scene_pairs(config.path)
    pairs = thin(pairs, 15 if config.evaluate.small_test else 1)
    report = run_items(
        [make_item(config, pair) for pair in pairs],
        evaluator.score,
        prepare=evaluator.prepare,
        folder=Path(config.path.exp_folder),
        name="scores",
        columns=SCORE_COLUMNS,
        settings=cli.settings(config, "cad_icassp_2024/evaluate 1", SETTINGS),
        **cli.run_options(config),
    )
    print(summary(report.table, report.rows, "score", n_wanted=report.n_items))
    return report.exit_status


main = cli.script(__file__, run, Icassp2024)

if __name__ == "__main__":
    main()
