"""Enhance the test songs of CAD1 Task 1 and cut the segments of the submission.

Like enhance.py, but the stems are cut to the segment for objective evaluation, and the remix to the
segment for the listening tests. Writes to <exp_folder>/enhanced_signals/evaluation. Use split=test,
then run pack_submission.py.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad1Task1
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad1Task1)  # before the slow imports

from dataclasses import replace
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza.challenges.cad1_task1 import enhancement
from cadenza.challenges.cad1_task1.songs import SongPair, read_song_pairs
from cadenza.runner import cli
from cadenza.runner.blocks import StemBlocks, build_stem_blocks
from cadenza.runner.items import Item
from cadenza.runner.step import Step, run_step
from cadenza.runner.tables import clipping
from cadenza.stems import STEMS

STEP = Step(
    version=enhancement.VERSION,
    columns=enhancement.COLUMNS,
    show="clipped_fraction",
    settings=enhancement.SETTINGS,
)


def items(config: DictConfig, pairs: list[SongPair], blocks: StemBlocks) -> list[Item[SongPair]]:
    """Pairs with the files that are read and written."""
    folder = Path(config.path.submission_dir)
    return [
        Item.of(pair, blocks.input_files(pair.file("mixture")), pair.outputs(folder, config.stems))
        for pair in pairs
    ]


def process_item(item: Item[SongPair], config: DictConfig, blocks: StemBlocks) -> dict[str, float]:
    """Enhance one song and cut its segments; returns the clipped fraction of the remix."""
    clipped = enhancement.write_enhanced_song(
        item.data,
        blocks.stems_of(item.data.file("mixture")),
        blocks.hearing_aid,
        folder=Path(config.path.submission_dir),
        output=enhancement.OutputFormat.of(config),
    )
    return {"clipped_fraction": clipped}


def run(config: DictConfig) -> int:
    """Enhance whole songs and keep their segments."""
    output = enhancement.OutputFormat.of(config)
    folder = Path(config.path.submission_dir)
    pairs = read_song_pairs(config.path, with_segments=True)
    blocks = build_stem_blocks(config, rate_key="sample_rate", sources=STEMS)
    report = run_step(
        replace(STEP, settings=output.settings),
        config,
        items(config, pairs, blocks),
        partial(process_item, config=config, blocks=blocks),
        table=folder.with_name(f"{folder.name}.csv"),
        file_digests=blocks.file_digests,
    )
    clipped = clipping(report.rows, soft=config.soft_clip)
    print(f"{len(report.rows)} of {report.n_items} enhanced songs are in {folder}{clipped}")
    return report.exit_status


main = cli.script(__file__, run, Cad1Task1)

if __name__ == "__main__":
    main()
