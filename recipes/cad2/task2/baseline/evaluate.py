"""Score the enhanced music of CAD2 Task 2 with HAAQI.

The reference is the true sources with the gains of the scene, compressed for the listener. Reads
<exp_folder>/enhanced_signals and writes <exp_folder>/scores.csv, or
scores_<batch + 1>-<batch_size>.csv for a batch.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2)  # before the slow imports

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges import engines, scoring
from cadenza.challenges.cad2_task2.ensembles import (
    SCORE_COLUMNS,
    SMALL_TEST,
    EnsemblePair,
    read_ensemble_pairs,
)
from cadenza.challenges.cad2_task2.reference import make_reference
from cadenza.challenges.scene_signals import read_scene_signals
from cadenza.runner import cli
from cadenza.runner.blocks import CheckedAid, build_hearing_aid
from cadenza.runner.items import Item, Result
from cadenza.runner.plugins import file_digests
from cadenza.runner.step import Step, run_step
from cadenza.runner.tables import summary
from cadenza.runner.written import Written

STEP = Step(
    version="cad2_task2/evaluate 1",
    columns=SCORE_COLUMNS,
    show="avg_haaqi",
    settings=(
        "release",
        "input_sample_rate",
        "HAAQI_sample_rate",
        "hearing_aid",
        *engines.SETTINGS,
    ),
    small_test=SMALL_TEST,
)


def items(config: DictConfig) -> list[Item[EnsemblePair]]:
    """Pairs with the true sources and the enhanced signal."""
    return [
        Item.of(
            pair,
            scoring.evaluation_files(
                [pair.file(source) for source in pair.piece.sources.values()],
                [pair.enhanced_file(config.path.exp_folder)],
                allow_missing=config.evaluate.allow_missing,
            ),
        )
        for pair in read_ensemble_pairs(config.path)
    ]


def read_item(
    item: Item[EnsemblePair], config: DictConfig, hearing_aid: CheckedAid, written: Written
) -> scoring.EvaluationSignals:
    """Read the enhanced signal of a pair and make its reference."""
    written.warn_of_changes(item.key, [item.data.enhanced_file(config.path.exp_folder)])
    pair, rate = item.data, config.input_sample_rate
    signals = read_scene_signals(
        pair,
        make_reference(pair, rate, release=config.release),
        hearing_aid,
        exp_folder=config.path.exp_folder,
        rates=(rate, config.remix_sample_rate),
    )
    return signals.to_score(config.HAAQI_sample_rate)


def process_item(scores: scoring.EarScores) -> Result:
    """HAAQI of one enhanced signal, for each ear and their mean."""
    return Result(dict(zip(SCORE_COLUMNS[3:], scores.values, strict=True)), flags=scores.flags)


def run(config: DictConfig) -> int:
    """Score all pairs of the batch that have no score yet."""
    scorer = engines.PairScorer(config.evaluate, config.path.exp_folder)
    hearing_aid = build_hearing_aid(config, rate_key="input_sample_rate")
    written = Written(Path(config.path.exp_folder) / "enhanced_signals.csv")
    report = run_step(
        STEP,
        config,
        items(config),
        process_item,
        read_item=partial(read_item, config=config, hearing_aid=hearing_aid, written=written),
        together=scorer,
        at_once=scorer.at_once,
        table=Path(config.path.exp_folder) / "scores.csv",
        file_digests={"hearing_aid": file_digests(hearing_aid.aid)},
    )
    print(summary(report.table, report.rows, STEP.show, n_wanted=report.n_items))
    return report.exit_status


main = cli.script(__file__, run, Cad2Task2)

if __name__ == "__main__":
    main()
