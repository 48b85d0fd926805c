"""Small roots of the three challenges with all that the recipes read, written in a moment."""

from __future__ import annotations

import shutil
from pathlib import Path

from cadenza.challenges.cad2_task2.download import steps_of_download
from cadenza.challenges.icassp_2024 import (
    read_at_mic_samples,
    read_head_positions,
)
from cadenza.challenges.metadata import read_gains, read_tracks
from cadenza.challenges.scenes import icassp_2024_scene_listeners, icassp_2024_scenes
from cadenza.runner.recipe_paths import recipe_paths
from tests.recipes.conftest import (
    SONGS,
    listeners,
    write_cad2_download,
    write_json,
    write_root,
    write_song,
)


def write_icassp(root: Path) -> None:
    """Two songs, four scenes, and dry music in place of what would be rendered."""
    write_root(root)
    paths = recipe_paths("cad_icassp_2024/generate_dataset", root, "train")
    metadata = root / "metadata"
    scenes = icassp_2024_scenes(
        read_tracks(metadata / "musdb18.train.json", Path(paths["music_dir"])),
        list(read_gains(metadata / "gains.json")),
        list(read_head_positions(metadata / "head_loudspeaker_positions.json")),
        scenes_per_song=2,
    )
    people = icassp_2024_scene_listeners(
        scenes, listeners=list(listeners("train")), listeners_per_scene=2
    )
    write_json(metadata / "scenes.train.json", scenes)
    write_json(metadata / "scene_listeners.train.json", people)
    samples = read_at_mic_samples(paths)
    for sample in samples:
        targets = sample.targets(Path(paths["output_music_dir"]))
        for track, source in sample.sources().items():
            targets[track].parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, targets[track])
    write_json(metadata / "at_mic_music.train.json", {s.name: s.metadata for s in samples})


def write_cad1(root: Path) -> None:
    """A song for validation and one for the test, with segments."""
    for split, song in zip(("valid", "test"), ("One", "Two"), strict=True):
        folder = "train" if split == "valid" else "test"
        write_song(root / "audio" / "musdb18hq" / folder / song, 1)
        entry = {"Track Name": song, "Split": split}
        write_json(root / "metadata" / f"musdb18.{split}.json", [entry])
        write_json(root / "metadata" / f"listeners.{split}.json", listeners("valid"))
    segment = {"start": 0.1, "end": 0.6}
    write_json(
        root / "metadata" / "musdb18.segments.test.json",
        {"Two": {"objective_evaluation": segment, "subjective_evaluation": segment}},
    )


def write_cad2(root: Path) -> None:
    """A download with two pieces, and the root that is made of it."""
    download = root / "zenodo_download"
    write_cad2_download(download)
    for step in steps_of_download(download, root):
        step.make()


WRITERS = {"icassp": write_icassp, "cad1": write_cad1, "cad2": write_cad2}

AT_MIC = "audio/at_mic_music/train"
SONG = f"audio/music/train/{SONGS[0]}"
