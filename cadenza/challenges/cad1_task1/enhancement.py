"""The enhancement of CAD1 Task 1, of whole songs and of test segments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from tqdm import tqdm

from cadenza import audio
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair
from cadenza.runner import cli
from cadenza.runner.blocks import Blocks, build_blocks
from cadenza.runner.run import Item, Report, run

SETTINGS = [
    "separator",
    "hearing_aid",
    "sample_rate",
    "stem_sample_rate",
    "remix_sample_rate",
    "soft_clip",
]


def enhance_songs(config: DictConfig, pairs: Sequence[SongPair], *, folder: Path) -> Report:
    """Write enhanced stems and remix of all pairs of the batch that are not finished.

    Parameters
    ----------
    config : DictConfig
        Configuration of the recipe.
    pairs : sequence of SongPair
        Songs and listeners, with the segments to cut.
    folder : Path
        Where the enhanced signals go; the table of clipped fractions goes beside.
    """
    blocks = build_blocks(config)
    items = [
        Item.of(pair, blocks.input_files(pair.file("mixture")), pair.outputs(folder))
        for pair in pairs
    ]
    report = run(
        items,
        lambda item: _enhance(item, config, blocks, folder),
        folder=folder.parent,
        name=folder.name,
        columns=["song", "listener", "clipped_fraction"],
        settings={
            **cli.settings(config, "cad1_task1/enhance 1", SETTINGS),
            "made_of": blocks.made_of,
        },
        **cli.run_options(config),
    )
    print(f"{len(report.rows)} of {report.n_items} enhanced songs are in {folder}")
    return report


def _enhance(
    item: Item[SongPair], config: DictConfig, blocks: Blocks, folder: Path
) -> dict[str, float]:
    """Amplify every stem for both ears and sum them; returns the clipped fraction of the remix."""
    pair, rate = item.data, config.sample_rate
    remix = np.zeros((2, 0))
    stems = blocks.stems_of(item.inputs[0])
    for stem, signal in tqdm(stems.items(), desc="amplifying", leave=False, disable=None):
        amplified = blocks.hearing_aid(signal, pair.listener)
        remix = remix + amplified if remix.size else amplified
        for side, channel in zip(SIDES, amplified, strict=True):
            audio.write_flac(
                pair.stem_file(folder, side, stem),
                channel[pair.objective.samples(rate)],
                rate,
                output_sample_rate=config.stem_sample_rate,
                scale=True,
            )
    remix = remix[:, pair.subjective.samples(rate)]
    clipped = audio.write_flac(
        pair.remix_file(folder),
        remix,
        rate,
        output_sample_rate=config.remix_sample_rate,
        soft_clip=config.soft_clip,
    )
    return {"clipped_fraction": clipped}
