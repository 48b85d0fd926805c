"""Enhance the music of ICASSP 2024 for its listeners.

For every scene and listener: separate the music at the microphones into stems, apply the gains of
the scene, match the loudness of the remix to that of the mixture, and amplify it for the listener.
Writes <exp_folder>/enhanced_signals/<scene>_<listener>_remix.flac, and the fraction of clipped
samples in each to <exp_folder>/enhanced_signals.csv.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024)  # before the slow imports

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.icassp_2024 import SMALL_TEST, ScenePair, read_scene_pairs
from cadenza.remix import remix_to_mixture
from cadenza.runner import cli
from cadenza.runner.blocks import StemBlocks, build_stem_blocks
from cadenza.runner.items import Item
from cadenza.runner.step import Step, run_step
from cadenza.runner.tables import clipping
from cadenza.separation.overlap_add import fade_end
from cadenza.stems import STEMS

STEP = Step(
    version="cad_icassp_2024/enhance 1",
    columns=("scene", "song", "listener", "clipped_fraction"),
    show="clipped_fraction",
    settings=(
        *("release", "separator", "hearing_aid"),
        *("sample_rate", "remix_sample_rate", "soft_clip"),
    ),
    small_test=SMALL_TEST,
)


def items(config: DictConfig, pairs: list[ScenePair], blocks: StemBlocks) -> list[Item[ScenePair]]:
    """Pairs with the files that are read and written."""
    return [
        Item.of(
            pair,
            inputs=blocks.input_files(pair.file("mixture")),
            outputs=(pair.enhanced_file(config.path.exp_folder),),
        )
        for pair in pairs
    ]


def process_item(item: Item[ScenePair], config: DictConfig, blocks: StemBlocks) -> dict[str, float]:
    """Enhance one scene for one listener; returns the fraction of clipped samples."""
    pair, mixture_file = item.data, item.data.file("mixture")
    mixture, sample_rate = audio.read(mixture_file, sample_rate=config.sample_rate, channels=2)
    stems = blocks.stems_of(mixture_file)
    if config.release == "published":
        offset = blocks.added_mean(mixture)
        stems = {
            name: fade_end(stem, sample_rate=sample_rate, offset=offset)
            for name, stem in stems.items()
        }
    remix = remix_to_mixture(stems, pair.gains_db, mixture, sample_rate)
    clipped = audio.write_flac(
        pair.enhanced_file(config.path.exp_folder),
        blocks.hearing_aid(remix, pair.listener),
        sample_rate,
        output_sample_rate=config.remix_sample_rate,
        soft_clip=config.soft_clip,
    )
    return {"clipped_fraction": clipped}


def run(config: DictConfig) -> int:
    """Enhance all pairs of the batch that are not finished."""
    folder = Path(config.path.exp_folder)
    pairs = read_scene_pairs(config.path)
    blocks = build_stem_blocks(config, rate_key="sample_rate", sources=STEMS)
    report = run_step(
        STEP,
        config,
        items(config, pairs, blocks),
        partial(process_item, config=config, blocks=blocks),
        table=folder / "enhanced_signals.csv",
        jobs=blocks.jobs(config.jobs),
        file_digests=blocks.file_digests,
    )
    remedy = "hearing_aid=nalr_limited turns the gain down instead"
    clipped = clipping(report.rows, soft=config.soft_clip, remedy=remedy)
    print(f"{len(report.rows)} of {report.n_items} enhanced signals are in {folder}{clipped}")
    return report.exit_status


main = cli.script(__file__, run, Icassp2024)

if __name__ == "__main__":
    main()
