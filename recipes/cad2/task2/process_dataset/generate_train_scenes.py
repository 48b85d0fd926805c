"""Draw the training scenes of CAD2 Task 2 and their listeners.

Reads the pieces, gains and listeners of the challenge root and writes scenes.train.json and
scene_listeners.train.json. With the default settings they are identical to the published files.
Existing files that this script could draw again are replaced; all others are kept unless
overwrite=true.
"""

from __future__ import annotations

from cadenza.challenges.options import Cad2Task2Processing
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Cad2Task2Processing, calculates=False)  # before the slow imports

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza._check import renamed
from cadenza._paths import require_files
from cadenza.challenges.cad2_task2.ensembles import read_gain_tables, read_pieces
from cadenza.challenges.metadata import read_challenge_listeners
from cadenza.challenges.scene_files import SceneFile, n_each, n_listeners, write_scene_files
from cadenza.challenges.scenes import cad2_task2_scene_listeners, cad2_task2_scenes
from cadenza.runner import cli

KEYS = {"scenes_per_item": "gains_per_track", "listeners_per_scene": "listener_per_scene"}


def run(config: DictConfig) -> int:
    """Draw gains and listeners and write both files."""
    inputs = ("music_metadata", "gain_metadata", "listeners_file")
    music, gains, people = files = [Path(config.path[name]) for name in inputs]
    require_files(files)
    n_sources = {name: len(piece.sources) for name, piece in read_pieces(music).items()}
    seed_name = config.seed_scene_generation
    draw_scenes = partial(
        cad2_task2_scenes, n_sources, read_gain_tables(gains), seed_name=seed_name
    )
    listeners = list(read_challenge_listeners(people))
    draw_listeners = partial(
        cad2_task2_scene_listeners, listeners=listeners, distinct=config.distinct_listeners
    )

    with renamed(KEYS):
        scenes = draw_scenes(scenes_per_item=config.gains_per_track)
        scene_listeners = draw_listeners(scenes, listeners_per_scene=config.listener_per_scene)

    def redraw_scenes(old: dict[str, object]) -> dict[str, dict[str, str]]:
        return draw_scenes(scenes_per_item=n_each(old, len(n_sources)))

    def redraw_listeners(old: dict[str, object]) -> dict[str, list[str]]:
        either_way = (
            draw_listeners(old, listeners_per_scene=n_listeners(old), distinct=distinct)
            for distinct in (True, False)
        )
        return next((draw for draw in either_way if draw == old), {})

    target = Path(config.path.scene_metadata_file)
    target_listeners = Path(config.path.scene_listeners_file)
    write_scene_files(
        [
            SceneFile(target, scenes, redraw_scenes),
            SceneFile(target_listeners, scene_listeners, redraw_listeners),
        ],
        overwrite=config.overwrite,
    )
    print(f"{len(scenes)} scenes of {len(n_sources)} pieces are in {target}")
    return 0


main = cli.script(__file__, run, Cad2Task2Processing)

if __name__ == "__main__":
    main()
