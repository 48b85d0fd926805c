"""Score the enhanced stems of CAD1 Task 1 with HAAQI.

Every enhanced stem is compared with the true stem, to which HAAQI applies the gain of NAL-R. Reads
<exp_folder>/enhanced_signals and writes <exp_folder>/scores.csv, or
scores_<batch + 1>-<batch_size>.csv for a batch. If a true stem is silent, there is no score for it;
the mean is that of the others. evaluate.target=remix compares the remix with the mixture instead.
stems=float44 scores stems that enhance.py wrote with the same option, at 44.1 kHz.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges import engines, scoring
from cadenza.challenges.cad1_task1.comparison import Comparison
from cadenza.challenges.cad1_task1.scores import score_song
from cadenza.challenges.cad1_task1.songs import (
    SCORE_COLUMNS,
    SMALL_TEST,
    SongPair,
    read_song_pairs,
)
from cadenza.challenges.cad1_task1.stem_format import settings_for
from cadenza.errors import SilentReferenceError
from cadenza.runner import cli
from cadenza.runner.items import Item, Result
from cadenza.runner.step import Step, run_step
from cadenza.runner.tables import summary
from cadenza.runner.written import Written

STEP = Step(
    version="cad1_task1/evaluate 1",
    columns=SCORE_COLUMNS,
    show="score",
    settings=(
        *("release", "evaluate.target", "evaluate.presentation"),
        *("sample_rate", "stem_sample_rate", *engines.SETTINGS),
    ),
    small_test=SMALL_TEST,
)


def step_of(config: DictConfig) -> Step:
    """What the script does with a configuration: remixes have other columns than stems."""
    comparison = Comparison.of(config)
    if comparison.target == "stems":
        return replace(STEP, settings=settings_for(comparison.stems, STEP.settings))
    settings = (*STEP.settings, "remix_sample_rate")
    return replace(STEP, columns=comparison.columns, settings=settings)


def enhanced_folder(config: DictConfig) -> Path:
    """Where the enhanced signals are, of whole songs or of segments."""
    return Path(
        config.path.submission_dir if config.evaluate.segments else config.path.enhanced_dir
    )


def items(config: DictConfig) -> list[Item[SongPair]]:
    """Pairs with the true and the enhanced signals."""
    comparison, folder = Comparison.of(config), enhanced_folder(config)
    pairs = read_song_pairs(config.path, with_segments=config.evaluate.segments)
    script = "test.py" if config.evaluate.segments else "enhance.py"
    comparison.require_enhanced(STEP.selected(config, pairs), folder, script=script)
    return [
        Item.of(
            pair,
            scoring.evaluation_files(
                comparison.references(pair),
                comparison.enhanced(pair, folder),
                allow_missing=config.evaluate.allow_missing,
            ),
        )
        for pair in pairs
    ]


def process_item(item: Item[SongPair], config: DictConfig, written: Written) -> Result:
    """HAAQI of all stems and ears of one song, or of both ears of its remix, and their mean."""
    comparison, folder = Comparison.of(config), enhanced_folder(config)
    files = comparison.enhanced(item.data, folder)
    written.warn_of_changes(item.key, [*files, *comparison.scales(item.data, folder)])
    made = score_song(
        item.data,
        folder,
        comparison,
        seeded=config.evaluate.set_random_seed,
        noise=config.evaluate.noise,
        details=config.evaluate.details,
        engine=config.evaluate.engine,
        device=config.evaluate.device,
        at_once=config.evaluate.pairs_at_once,
    )
    if config.evaluate.details:
        from cadenza.haaqi.storage import save_scores

        save_scores(scoring.details_file(config.path.exp_folder, item.key), made.scores)
    if not made.scores:
        what = (
            "all stems of the reference are" if comparison.target == "stems" else "the mixture is"
        )
        raise SilentReferenceError(f"{what} silent")
    values = {name: result.score for name, result in made.scores.items()}
    return Result(
        {"score": math.fsum(values.values()) / len(values), **values},
        missing=made.silent,
        flags=tuple(
            flag for name, result in made.scores.items() for flag in scoring.flags_of(name, result)
        ),
    )


def run(config: DictConfig) -> int:
    """Score all pairs of the batch that have no score yet."""
    engines.check_engine(config.evaluate)
    folder = enhanced_folder(config)
    written = Written(folder.with_name(f"{folder.name}.csv"))
    report = run_step(
        step_of(config),
        config,
        items(config),
        partial(process_item, config=config, written=written),
        table=Path(config.path.exp_folder) / "scores.csv",
    )
    print(summary(report.table, report.rows, STEP.show, n_wanted=report.n_items))
    return report.exit_status


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
