"""Draw the training scenes of ICASSP 2024 and their listeners.

Reads the songs, gains, head positions and listeners of the challenge root and writes
scenes.train.json and scene_listeners.train.json. With the default settings they are identical to
the published files. scene.number_scenes_per_song=6 adds two scenes to the four of each song. Scenes
are numbered song by song, so most of them get another number, and therefore other listeners.
Existing files that this script could draw again are replaced; all others are kept unless
overwrite=true.
"""

from __future__ import annotations

from cadenza.challenges.options import Icassp2024Generation
from cadenza.runner import early

if __name__ == "__main__":
    early.start(__file__, Icassp2024Generation, calculates=False)  # before the slow imports

from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from cadenza._check import renamed
from cadenza._paths import require_files
from cadenza.challenges.icassp_2024 import head_positions_file, read_head_positions
from cadenza.challenges.metadata import read_challenge_listeners, read_gains, read_tracks
from cadenza.challenges.scene_files import SceneFile, n_each, n_listeners, write_scene_files
from cadenza.challenges.scenes import icassp_2024_scene_listeners, icassp_2024_scenes
from cadenza.runner import cli

KEYS = {
    "scenes_per_song": "scene.number_scenes_per_song",
    "listeners_per_scene": "scene_listener.number_listeners_per_scene",
}


def run(config: DictConfig) -> int:
    """Draw scenes and listeners and write both files."""
    path = {key: Path(value) for key, value in config.path.items()}
    positions_file = head_positions_file(path["head_loudspeaker_positions_file"])
    names = ("music_file", "listeners_file", "gains_file")
    require_files([*(path[name] for name in names), positions_file])
    tracks = read_tracks(path["music_file"], path["music_dir"])
    gains = list(read_gains(path["gains_file"]))
    positions = list(read_head_positions(positions_file))
    listeners = list(read_challenge_listeners(path["listeners_file"]))
    draw_scenes = partial(icassp_2024_scenes, tracks, gains, positions)
    draw_listeners = partial(icassp_2024_scene_listeners, listeners=listeners)

    per_song = config.scene.number_scenes_per_song
    per_scene = config.scene_listener.number_listeners_per_scene
    with renamed(KEYS):
        scenes = draw_scenes(scenes_per_song=per_song)
        scene_listeners = draw_listeners(scenes, listeners_per_scene=per_scene)
    written = write_scene_files(
        [
            SceneFile(
                path["scene_file"],
                scenes,
                redraw=lambda old: draw_scenes(scenes_per_song=n_each(old, len(tracks))),
            ),
            SceneFile(
                path["scene_listeners_file"],
                scene_listeners,
                redraw=lambda old: draw_listeners(old, listeners_per_scene=n_listeners(old)),
            ),
        ],
        overwrite=config.overwrite,
    )
    print(
        f"{len(scenes)} scenes, {per_song} for each of {len(tracks)} songs,",
        "written to" if written else "are already in",
        path["scene_file"],
    )
    return 0


main = cli.script(__file__, run, Icassp2024Generation)

if __name__ == "__main__":
    main()
