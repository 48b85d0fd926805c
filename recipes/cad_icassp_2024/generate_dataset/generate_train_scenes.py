"""Draw the training scenes of ICASSP 2024 and their listeners.

Reads the songs, gains, head positions and listeners of the challenge root and writes
scenes.train.json and scene_listeners.train.json, exactly as the published ones were drawn.
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from cadenza._paths import require_files, write_new_json
from cadenza.audiogram import read_listeners
from cadenza.challenges.icassp_2024 import head_positions_file, read_head_positions
from cadenza.challenges.metadata import read_gains, read_tracks
from cadenza.challenges.scenes import icassp_2024_scene_listeners, icassp_2024_scenes
from cadenza.runner import cli as app


def run(config: DictConfig) -> int:
    """Draw scenes and listeners and write both files."""
    path = {key: Path(value) for key, value in config.path.items()}
    positions_file = head_positions_file(path["head_loudspeaker_positions_file"])
    names = ("music_file", "listeners_file", "gains_file")
    require_files([*(path[name] for name in names), positions_file])
    scenes = icassp_2024_scenes(
        read_tracks(path["music_file"], path["music_dir"]),
        list(read_gains(path["gains_file"])),
        list(read_head_positions(positions_file)),
        scenes_per_song=config.scene.number_scenes_per_song,
    )
    listeners = icassp_2024_scene_listeners(
        scenes,
        list(read_listeners(path["listeners_file"])),
        listeners_per_scene=config.scene_listener.number_listeners_per_scene,
    )
    files = {path["scene_file"]: scenes, path["scene_listeners_file"]: listeners}
    written = write_new_json(files, overwrite=config.overwrite)
    print(
        f"{len(scenes)} scenes", "written to" if written else "are already in", path["scene_file"]
    )
    return 0


main = app.recipe(__file__, run)

if __name__ == "__main__":
    main()
