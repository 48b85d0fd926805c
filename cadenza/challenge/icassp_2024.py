"""Metadata of the ICASSP 2024 challenge: typed records, cross-checked with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza._check import InputError
from cadenza.audiogram import Listener, read_listeners
from cadenza.challenge.files import find, require_files, safe_name
from cadenza.challenge.metadata import Track, raise_if, read_gains, read_object, read_tracks


@dataclass(frozen=True)
class HeadPosition:
    """Whose head it is and where two loudspeakers stand around it, left with a negative angle."""

    microphone: str
    subject: str
    left_angle_deg: float
    right_angle_deg: float


@dataclass(frozen=True)
class AtMicSample:
    """A song as the microphones at a listener's ears pick it up."""

    name: str
    track: Track
    position_id: str
    position: HeadPosition

    @property
    def path(self) -> str:
        """Folder relative to the at-microphone music."""
        return f"{self.track.split}/{safe_name(self.name)}"

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
    """A scene of ICASSP 2024 for one of its listeners; `folder` holds the at-microphone stems."""

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
        return find(self.folder, f"{track}.wav")

    def enhanced_file(self, exp_folder: str) -> Path:
        """Where the enhanced signal goes."""
        return Path(exp_folder) / "enhanced_signals" / f"{self.key}_remix.flac"


def read_head_positions(path: Path) -> dict[str, HeadPosition]:
    """Read ``head_loudspeaker_positions.json``; its old name ``head_positions.json`` works too."""
    old = path.with_name("head_positions.json")
    if not path.exists() and old.exists():
        path = old
    positions, problems = {}, []
    for key, entry in read_object(path).items():
        try:
            left, right = float(entry["left_angle"]), float(entry["right_angle"])
            positions[key] = HeadPosition(entry["mic"], entry["subject"], left, right)
        except (KeyError, TypeError, ValueError):
            problems.append(
                f"{path}: {key}: expected subject, left_angle, right_angle and mic, got {entry!r}"
            )
    raise_if(problems)
    return positions


def read_at_mic_samples(
    *, scenes_file: Path, music_file: Path, music_dir: Path, head_positions_file: Path
) -> list[AtMicSample]:
    """Distinct songs and head positions of a scene list, in its order."""
    require_files([scenes_file, music_file])
    tracks = read_tracks(music_file, music_dir)
    positions = read_head_positions(head_positions_file)
    samples: dict[str, AtMicSample] = {}
    problems = []
    for scene, entry in _scenes(scenes_file).items():
        music, position = entry["music"], entry["head_loudspeaker_positions"]
        unknown = []
        if music not in tracks:
            unknown.append(f"music {music!r} is not in {music_file}")
        if position not in positions:
            unknown.append(f"head position {position!r} is not in {head_positions_file}")
        problems += [f"{scenes_file}: {scene}: {problem}" for problem in unknown]
        if not unknown:
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
        Listing every missing file, or else every scene that refers to something unknown.
    """
    names = ("scenes_file", "scene_listeners_file", "listeners_file", "gains_file", "music_file")
    files = [Path(paths[name]) for name in names]
    require_files(files)
    scenes_file, scene_listeners_file, listeners_file, gains_file, music_file = files
    scenes = _scenes(scenes_file)
    listeners = read_listeners(listeners_file)
    gains = read_gains(gains_file)
    songs = read_object(music_file)
    pairs = []
    problems = []
    for scene, names in read_object(scene_listeners_file).items():
        if scene not in scenes:
            problems.append(f"{scene_listeners_file}: {scene} is not in {scenes_file}")
            continue
        if not isinstance(names, list):
            problems.append(f"{scene_listeners_file}: {scene}: expected a list, got {names!r}")
            continue
        entry = scenes[scene]
        song = f"{entry['music']}-{entry['head_loudspeaker_positions']}"
        if entry["gain"] not in gains:
            problems.append(
                f"{scenes_file}: {scene}: gain {entry['gain']!r} is not in {gains_file}"
            )
        path = _song_path(song, songs)
        if path is None:
            problems.append(f"{scenes_file}: {scene}: music {song!r} has no Path in {music_file}")
        unknown = [name for name in names if name not in listeners]
        problems += [
            f"{scene_listeners_file}: {scene}: listener {name!r} is not in {listeners_file}"
            for name in unknown
        ]
        problems += [
            f"{scene_listeners_file}: {scene}: listener {name!r} is listed twice"
            for name in sorted({name for name in names if names.count(name) > 1})
        ]
        if entry["gain"] in gains and path is not None and not unknown:
            folder = find(Path(paths["music_dir"]), path)
            pairs += [
                ScenePair(scene, song, listeners[name], gains[entry["gain"]], folder)
                for name in names
            ]
    raise_if(problems)
    if not pairs:
        raise InputError(f"{scene_listeners_file}: no scene has a listener")
    return pairs


def _scenes(path: Path) -> dict[str, dict[str, str]]:
    scenes = read_object(path)
    keys = ("music", "gain", "head_loudspeaker_positions")
    raise_if(
        [
            f"{path}: {scene}: expected an object with {', '.join(keys)}, got {entry!r}"
            for scene, entry in scenes.items()
            if not isinstance(entry, dict) or any(not isinstance(entry.get(k), str) for k in keys)
        ]
    )
    return scenes


def _song_path(song: str, songs: Mapping[str, Any]) -> str | None:
    entry = songs.get(song)
    path = entry.get("Path") if isinstance(entry, dict) else None
    return path if isinstance(path, str) else None
