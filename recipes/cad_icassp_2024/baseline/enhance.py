"""Enhance the music of ICASSP 2024 for its listeners.

For every scene and listener: separate the music at the microphones into stems, apply the gains
that the scene asks for, bring the remix back to the loudness of the mixture, and amplify it for
the listener. Writes <exp_folder>/enhanced_signals/<scene>_<listener>_remix.flac and
<exp_folder>/enhanced_signals.csv, which tells how much of each was clipped.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024)  # before the slow imports

from pathlib import Path

from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.icassp_2024 import ScenePair, read_scene_pairs
from cadenza.remix import remix_to_mixture
from cadenza.runner import cli
from cadenza.runner.blocks import Blocks, build_blocks
from cadenza.runner.run import Item
from cadenza.runner.run import run as run_items
from cadenza.runner.sharding import thin

COLUMNS = ["scene", "song", "listener", "clipped_fraction"]
SETTINGS = ["separator", "hearing_aid", "sample_rate", "remix_sample_rate", "soft_clip"]


def process_item(item: Item[ScenePair], config: DictConfig, blocks: Blocks) -> dict[str, float]:
    """Enhance one scene for one listener; returns the fraction of clipped samples."""
    pair, mixture_file = item.data, item.inputs[0]
    mixture, sample_rate = audio.read(mixture_file, sample_rate=config.sample_rate, channels=2)
    stems = blocks.stems_of(mixture_file)
    remix = remix_to_mixture(stems, pair.gains_db, mixture, sample_rate)
    amplified = blocks.hearing_aid(remix, pair.listener)
    clipped = audio.write_flac(
        item.outputs[0],
        amplified,
        sample_rate,
        output_sample_rate=config.remix_sample_rate,
        soft_clip=config.soft_clip,
    )
    return {"clipped_fraction": clipped}


def run(config: DictConfig) -> int:
    """Enhance all pairs of the batch that are not finished."""
    folder = Path(config.path.exp_folder)
    pairs = read_scene_pairs(config.path)
    pairs = thin(pairs, 15 if config.evaluate.small_test else 1)
    blocks = build_blocks(config)
    items = [
        Item.of(
            pair,
            inputs=blocks.input_files(pair.file("mixture")),
            outputs=(pair.enhanced_file(config.path.exp_folder),),
        )
        for pair in pairs
    ]
    report = run_items(
        items,
        lambda item: process_item(item, config, blocks),
        folder=folder,
        name="enhanced_signals",
        columns=COLUMNS,
        settings={
            **cli.settings(config, "cad_icassp_2024/enhance 1", SETTINGS),
            "made_of": blocks.made_of,
        },
        **cli.run_options(config),
    )
    print(f"{len(report.rows)} enhanced signals are in {folder / 'enhanced_signals'}")
    return report.exit_status


main = cli.script(__file__, run, Icassp2024)

if __name__ == "__main__":
    main()
