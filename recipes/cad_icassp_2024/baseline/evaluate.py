"""Score the enhanced music of ICASSP 2024 with HAAQI.

The reference is the true stems, remixed with the gains of the scene and amplified with NAL-R for
the listener. Reads <exp_folder>/enhanced_signals and writes <exp_folder>/scores.csv, or
scores_<batch + 1>-<batch_size>.csv for a batch. The release is that of enhance.py; another one is
refused.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024)  # before the slow imports

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from cadenza.challenges import engines, icassp_2024, scoring
from cadenza.challenges.icassp_2024 import ScenePair, make_reference, read_scene_pairs
from cadenza.challenges.scene_signals import read_scene_signals
from cadenza.hearing_aid import NALRAid
from cadenza.runner import cli
from cadenza.runner.blocks import require_sample_rate
from cadenza.runner.items import Item, Result
from cadenza.runner.step import Step, run_step
from cadenza.runner.tables import summary
from cadenza.runner.written import Written

STEP = Step(
    version="cad_icassp_2024/evaluate 1",
    columns=icassp_2024.SCORE_COLUMNS,
    show="score",
    settings=(
        "sample_rate",
        "HAAQI_sample_rate",
        "nalr",
        *engines.SETTINGS,
    ),
    small_test=icassp_2024.SMALL_TEST,
)


def items(config: DictConfig) -> list[Item[ScenePair]]:
    """Pairs with the true stems and the enhanced signal."""
    return [
        Item.of(
            pair,
            scoring.evaluation_files(
                [file for _, file in pair.tracks],
                [pair.enhanced_file(config.path.exp_folder)],
                allow_missing=config.evaluate.allow_missing,
            ),
        )
        for pair in read_scene_pairs(config.path)
    ]


def read_item(
    item: Item[ScenePair],
    config: DictConfig,
    aid: NALRAid,
    reference_of: Callable[..., NDArray[np.float64]],
    written: Written,
) -> scoring.EvaluationSignals:
    """Read the enhanced signal of a pair and make its reference."""
    written.warn_of_changes(item.key, [item.data.enhanced_file(config.path.exp_folder)])
    pair, rates = item.data, (config.sample_rate, config.remix_sample_rate)
    music = reference_of(pair.tracks, tuple(pair.gains_db.items()))
    signals = read_scene_signals(pair, music, aid, exp_folder=config.path.exp_folder, rates=rates)
    return signals.to_score(config.HAAQI_sample_rate)


def process_item(scores: scoring.EarScores) -> Result:
    """HAAQI of one enhanced signal, for each ear and their mean."""
    return Result(
        dict(zip(icassp_2024.SCORE_COLUMNS[3:], scores.values, strict=True)), flags=scores.flags
    )


def run(config: DictConfig) -> int:
    """Score all pairs of the batch that have no score yet."""
    scorer = engines.PairScorer(config.evaluate, config.path.exp_folder)
    aid = NALRAid(sample_rate=config.nalr.sample_rate, nfir=config.nalr.nfir)
    require_sample_rate("nalr", aid, "sample_rate", config.sample_rate)
    # one reference for all listeners of a scene
    reference_of = lru_cache(maxsize=1)(partial(make_reference, sample_rate=config.sample_rate))
    written = Written(Path(config.path.exp_folder) / "enhanced_signals.csv")
    release = written.setting("release", given=cli.given(config, "release"))
    report = run_step(
        STEP,
        config,
        items(config),
        process_item,
        read_item=partial(
            read_item, config=config, aid=aid, reference_of=reference_of, written=written
        ),
        together=scorer,
        at_once=scorer.at_once,
        table=Path(config.path.exp_folder) / "scores.csv",
        notes=release and {"release": release},
    )
    print(summary(report.table, report.rows, STEP.show, n_wanted=report.n_items))
    return report.exit_status


main = cli.script(__file__, run, Icassp2024)

if __name__ == "__main__":
    main()
