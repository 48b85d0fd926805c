"""Draw the training scenes of CAD2 Task 2 and their listeners.

Reads the pieces, gains and listeners of the challenge root and writes scenes.train.json and
scene_listeners.train.json, exactly as the published ones were drawn.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cadenza._paths import require_files, write_new_json
from cadenza.audiogram import read_listeners
from cadenza.challenges.cad2_task2.ensembles import read_pieces
from cadenza.challenges.metadata import read_object
from cadenza.challenges.scenes import cad2_task2_scene_listeners, cad2_task2_scenes
from cadenza.runner import cli as app


def run(config: DictConfig) -> int:
    """Draw gains and listeners and write both files."""
    names = ("music_metadata", "gain_metadata", "listeners_file")
    music, gains, people = files = [Path(config.path[name]) for name in names]
    require_files(files)
    scenes = cad2_task2_scenes(
        {name: len(piece.sources) for name, piece in read_pieces(music).items()},
        {n_sources: list(table) for n_sources, table in read_object(gains).items()},
        scenes_per_item=config.gains_per_track,
        seed_name=config.seed_scene_generation,
    )
    scene_listeners = cad2_task2_scene_listeners(
        scenes,
        list(read_listeners(people)),
        listeners_per_scene=config.listener_per_scene,
        distinct=config.distinct_listeners,
    )
    target = Path(config.path.scene_metadata_file)
    write_new_json(
        {target: scenes, Path(config.path.scene_listeners_file): scene_listeners},
        overwrite=config.overwrite,
    )
    print(f"{len(scenes)} scenes of {len(scenes) // config.gains_per_track} pieces are in {target}")
    return 0


main = app.recipe(__file__, run)

if __name__ == "__main__":
    main()
