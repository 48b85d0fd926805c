"""Metadata of the ICASSP 2024 challenge: typed records, cross-checked with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from cadenza._check import is_number, raise_if
from cadenza._paths import find, require_files, safe_name
from cadenza.audiogram import Listener, read_listeners
from cadenza.challenges.metadata import Track, read_gains, read_object, read_tracks
from cadenza.errors import InputError
from cadenza.runner.sharding import thin
from cadenza.stems import STEMS

TRACKS = ("mixture", *STEMS)
"""Audio files of a song."""

SCORE_COLUMNS = ("scene", "song", "listener", "left_score", "right_score", "score")


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


def head_positions_file(path: Path) -> Path:
    """File of the head positions; some packages call it ``head_positions.json``."""
    other = path.with_name("head_positions.json")
    return other if other.exists() and not path.exists() else path


def read_head_positions(path: Path) -> dict[str, HeadPosition]:
    """Read ``head_loudspeaker_positions.json``, or what some packages call it."""
    path = head_positions_file(path)
    positions, problems = {}, []
    for key, entry in read_object(path).items():
        try:
            left, right = entry["left_angle"], entry["right_angle"]
            if not (is_number(left) and is_number(right)):
                raise TypeError
            positions[key] = HeadPosition(entry["mic"], entry["subject"], left, right)
        except (KeyError, TypeError):
            problems.append(
                f"{path}: {key}: expected subject, left_angle, right_angle and mic, got {entry!r}"
            )
    raise_if(problems)
    return positions


def read_at_mic_samples(
    *, scenes_file: Path, music_file: Path, music_dir: Path, positions_file: Path
) -> list[AtMicSample]:
    """Distinct songs and head positions of a scene list, in its order."""
    require_files([scenes_file, music_file, head_positions_file(positions_file)])
    tracks = read_tracks(music_file, music_dir)
    positions = read_head_positions(positions_file)
    samples: dict[str, AtMicSample] = {}
    problems = []
    for scene, entry in _scenes(scenes_file).items():
        music, position = entry["music"], entry["head_loudspeaker_positions"]
        unknown = []
        if music not in tracks:
            unknown.append(f"music {music!r} is not in {music_file}")
        if position not in positions:
            unknown.append(f"head position {position!r} is not in {positions_file}")
        problems += [f"{scenes_file}: {scene}: {problem}" for problem in unknown]
        if not unknown:
            name = f"{music}-{position}"
            samples[name] = AtMicSample(name, tracks[music], position, positions[position])
    raise_if(problems)
    if not samples:
        raise InputError(f"{scenes_file}: no scenes")
    return list(samples.values())


def scene_pairs(config: DictConfig) -> list[ScenePair]:
    """Work list of the recipe's configuration; a small test keeps every 15th pair."""
    return thin(read_scene_pairs(config.path), 15 if config.evaluate.small_test else 1)


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
    files = scenes_file, scene_listeners_file, *others = [Path(paths[name]) for name in names]
    require_files(files)
    scenes = _scenes(scenes_file)
    listeners, gains = read_listeners(others[0]), read_gains(others[1])
    songs = _song_paths(others[2])
    pairs, problems = [], []
    for scene, people in read_object(scene_listeners_file).items():
        entry = scenes.get(scene)
        if entry is None:
            problems.append(f"{scene_listeners_file}: {scene} is not in {scenes_file}")
            continue
        song, gain = f"{entry['music']}-{entry['head_loudspeaker_positions']}", entry["gain"]
        found = [] if gain in gains else [f"gain {gain!r} is not in {others[1]}"]
        found += [] if song in songs else [f"music {song!r} has no Path in {others[2]}"]
        found += _people_problems(people, listeners)
        problems += [f"{scenes_file}: {scene}: {problem}" for problem in found]
        if not found:
            folder = find(Path(paths["music_dir"]), songs[song])
            pairs += [ScenePair(scene, song, listeners[p], gains[gain], folder) for p in people]
    raise_if(problems)
    if not pairs:
        raise InputError(f"{scene_listeners_file}: no scene has a listener")
    return pairs


def _people_problems(people: Any, listeners: Mapping[str, Listener]) -> list[str]:  # noqa: ANN401
    if not (isinstance(people, list) and all(isinstance(name, str) for name in people)):
        return [f"expected a list of listeners, got {people!r}"]
    twice = [f"listener {name!r} is listed twice" for name, n in Counter(people).items() if n > 1]
    return twice + [f"listener {name!r} is unknown" for name in people if name not in listeners]


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


def _song_paths(path: Path) -> dict[str, str]:
    entries = read_object(path)
    return {
        song: entry["Path"]
        for song, entry in entries.items()
        if isinstance(entry, dict) and isinstance(entry.get("Path"), str)
    }
