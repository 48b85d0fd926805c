"""Metadata of the ICASSP 2024 challenge: typed records, cross-checked with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza._check import raise_if
from cadenza._paths import find_ignoring_case, require_files, safe_name
from cadenza.audiogram import Listener
from cadenza.challenges.metadata import (
    Track,
    how_to_make,
    read_challenge_listeners,
    read_entries,
    read_gains,
    read_scene_listeners,
    read_tracks,
    repeated,
    unknown,
)
from cadenza.challenges.schema import ID, NUMBER, PATH, TEXT, TITLE
from cadenza.remix import remix_to_mixture
from cadenza.stems import STEMS

TRACKS = ("mixture", *STEMS)
"""Audio files of a song."""

SCORE_COLUMNS = ("scene", "song", "listener", "left_score", "right_score", "score")

SMALL_TEST = 15
"""A small test takes every such pair."""

SCENE = {"music": TITLE, "gain": ID, "head_loudspeaker_positions": ID}
"""Fields of an entry of a scene file."""

_DRAW_SCENES = "cad_icassp_2024.generate_dataset.generate_train_scenes"
_RENDER_MUSIC = "cad_icassp_2024.generate_dataset.generate_at_mic_musdb18"


@dataclass(frozen=True)
class HeadPosition:
    """A listener's head between two loudspeakers; angles to the left are negative."""

    microphone: str
    subject: str
    left_angle_deg: float
    right_angle_deg: float


@dataclass(frozen=True)
class AtMicSample:
    """A song played over two loudspeakers and picked up at a listener's ears."""

    name: str
    track: Track
    position_id: str
    position: HeadPosition

    @property
    def path(self) -> str:
        """Folder relative to the at-microphone music."""
        return f"{self.track.split}/{safe_name(self.name)}"

    def sources(self) -> dict[str, Path]:
        """Dry audio files of the mixture and of each stem."""
        return {track: find_ignoring_case(self.track.folder, f"{track}.wav") for track in TRACKS}

    def targets(self, folder: Path) -> dict[str, Path]:
        """Where the mixture and each stem go, below the folder of the at-microphone music."""
        return {track: folder / self.path / f"{track}.wav" for track in TRACKS}

    @property
    def metadata(self) -> dict[str, str]:
        """Entry of ``at_mic_music.*.json``."""
        return {
            "Track Name": self.name,
            "Split": self.track.split,
            "Path": self.path,
            "Original Track Name": self.track.name,
            "Head Position": self.position_id,
        }


@dataclass(frozen=True)
class ScenePair:
    """A scene and one of its listeners; `folder` holds the at-microphone mixture and stems."""

    scene: str
    song: str
    listener: Listener
    gains_db: Mapping[str, float]
    folder: Path

    @property
    def key(self) -> str:
        """Stable name, also of the output file."""
        return safe_name(f"{self.scene}_{self.listener.name}")

    @property
    def labels(self) -> dict[str, str]:
        """First columns of the result tables."""
        return {"scene": self.scene, "song": self.song, "listener": self.listener.name}

    @property
    def depends_on(self) -> dict[str, Any]:
        """What the results depend on besides the audio."""
        audiograms = self.listener.as_numbers()
        return {**self.labels, "gains_db": dict(self.gains_db), "audiograms": audiograms}

    def file(self, track: str) -> Path:
        """Audio file of the mixture or a stem."""
        return find_ignoring_case(self.folder, f"{track}.wav")

    @property
    def tracks(self) -> tuple[tuple[str, Path], ...]:
        """Name and audio file of the mixture and of each stem."""
        return tuple((track, self.file(track)) for track in TRACKS)

    def enhanced_file(self, exp_folder: str) -> Path:
        """Where the enhanced signal goes."""
        return Path(exp_folder) / "enhanced_signals" / f"{self.key}_remix.flac"


def make_reference(
    tracks: tuple[tuple[str, Path], ...], gains_db: tuple[tuple[str, float], ...], sample_rate: int
) -> NDArray[np.float64]:
    """Remix true stems as a scene asks for, at the loudness of the mixture, shape (2, T).

    The arguments can be keys of a cache: one reference serves all listeners of a scene.

    Parameters
    ----------
    tracks : tuple of (str, Path)
        `ScenePair.tracks`.
    gains_db : tuple of (str, float)
        Gain of each stem in dB.
    sample_rate : int
        In Hz.

    Raises
    ------
    InputError
        Naming the files of stems that differ in length, or that cannot be read.
    """
    stems = {
        track: audio.read(file, sample_rate=sample_rate, channels=2)[0] for track, file in tracks
    }
    mixture = stems.pop("mixture")
    (first, stem), *others = stems.items()
    files = dict(tracks)
    raise_if(
        [
            f"{files[name]}: expected {stem.shape[1]} samples at {sample_rate} Hz as in "
            f"{files[first].name}, found {other.shape[1]}"
            for name, other in others
            if other.shape != stem.shape
        ]
    )
    return remix_to_mixture(stems, dict(gains_db), mixture, sample_rate)


def head_positions_file(path: Path) -> Path:
    """File of the head positions; some packages call it ``head_positions.json``."""
    other = path.with_name("head_positions.json")
    return other if other.exists() and not path.exists() else path


def read_head_positions(path: Path) -> dict[str, HeadPosition]:
    """Read ``head_loudspeaker_positions.json``, or what some packages call it."""
    fields = {"subject": ID, "mic": ID, "left_angle": NUMBER, "right_angle": NUMBER}
    return {
        key: HeadPosition(
            microphone=entry["mic"],
            subject=entry["subject"],
            left_angle_deg=entry["left_angle"],
            right_angle_deg=entry["right_angle"],
        )
        for key, entry in read_entries(head_positions_file(path), fields).items()
    }


def read_at_mic_samples(paths: Mapping[str, str]) -> list[AtMicSample]:
    """Distinct songs and head positions of a scene file, in its order.

    Parameters
    ----------
    paths : mapping
        ``scene_file``, ``music_file``, ``music_dir`` and ``head_loudspeaker_positions_file``, as
        in the configuration of the generator.

    Raises
    ------
    InputError
        Listing every missing file, or else every entry that is not what it must be or that refers
        to something unknown.
    """
    scenes_file, music_file = Path(paths["scene_file"]), Path(paths["music_file"])
    positions_file = head_positions_file(Path(paths["head_loudspeaker_positions_file"]))
    hints = {scenes_file: how_to_make(_DRAW_SCENES, paths)}
    require_files([scenes_file, music_file, positions_file], hints)
    tracks = read_tracks(music_file, Path(paths["music_dir"]))
    positions = read_head_positions(positions_file)
    samples: dict[str, AtMicSample] = {}
    problems = []
    for scene, entry in read_entries(scenes_file, SCENE).items():
        music, position = entry["music"], entry["head_loudspeaker_positions"]
        found = unknown("music", music, tracks, music_file)
        found += unknown("head position", position, positions, positions_file)
        problems += [f"{scenes_file}: {scene}: {problem}" for problem in found]
        if not found:
            name = f"{music}-{position}"
            samples[name] = AtMicSample(name, tracks[music], position, positions[position])
    raise_if(problems)
    return list(samples.values())


def read_scene_pairs(paths: Mapping[str, str]) -> list[ScenePair]:
    """Scene and listener pairs of ICASSP 2024, in the order of the scene-listener file.

    Parameters
    ----------
    paths : mapping
        ``scenes_file``, ``scene_listeners_file``, ``listeners_file``, ``gains_file``,
        ``music_file`` and ``music_dir``, as in the recipe's configuration.

    Raises
    ------
    InputError
        Listing every missing file, or else every entry that is not what it must be or that refers
        to something unknown.
    """
    names = ("scenes_file", "scene_listeners_file", "listeners_file", "gains_file", "music_file")
    files = {name: Path(paths[name]) for name in names}
    scenes_file, gains_file, music_file = (
        files[name] for name in ("scenes_file", "gains_file", "music_file")
    )
    hints = _hints(files, paths)
    require_files(files.values(), hints)
    scenes = read_entries(scenes_file, SCENE)
    listeners = read_challenge_listeners(files["listeners_file"])
    gains, songs = read_gains(gains_file), read_entries(music_file, {"Path": PATH}, key=TEXT)
    people = read_scene_listeners(files["scene_listeners_file"], scenes=scenes, listeners=listeners)
    pairs, problems = [], []
    for scene, listener_ids in people.items():
        entry = scenes[scene]
        song, gain = f"{entry['music']}-{entry['head_loudspeaker_positions']}", entry["gain"]
        found = unknown("gain", gain, gains, gains_file)
        found += unknown("music", song, songs, music_file)
        problems += [f"{scenes_file}: {scene}: {problem}" for problem in found]
        problems += [
            f"{files['scene_listeners_file']}: {scene}: listener {name!r} is listed twice"
            for name in repeated(listener_ids)
        ]
        if not found:
            folder = find_ignoring_case(Path(paths["music_dir"]), songs[song]["Path"])
            pairs += [
                ScenePair(scene, song, listeners[name], gains[gain], folder)
                for name in listener_ids
            ]
    if music_file in hints and any(str(music_file) in problem for problem in problems):
        problems.append(f"{music_file} lacks music of the scenes: {hints[music_file]}")
    raise_if(problems)
    return pairs


def _hints(files: Mapping[str, Path], paths: Mapping[str, str]) -> dict[Path, str]:
    """How to make the files that are not downloaded but made: those of the training set."""
    scripts = dict.fromkeys(("scenes_file", "scene_listeners_file"), _DRAW_SCENES)
    scripts["music_file"] = _RENDER_MUSIC
    return {
        files[name]: how_to_make(script, paths)
        for name, script in scripts.items()
        if ".train" in files[name].suffixes
    }
