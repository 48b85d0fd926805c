"""Pieces, sources and scenes of CAD2 Task 2: typed records, cross-checked with each other."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from cadenza import audio
from cadenza._check import is_number, raise_if
from cadenza._paths import find, require_files, safe_name
from cadenza.audiogram import Listener, read_listeners
from cadenza.challenges.metadata import read_object
from cadenza.errors import InputError
from cadenza.runner.sharding import thin
from cadenza.stems import INSTRUMENTS, instrument_of

logger = logging.getLogger(__name__)

SCORE_COLUMNS = ("scene", "song", "listener", "left_haaqi", "right_haaqi", "avg_haaqi")


@dataclass(frozen=True)
class Source:
    """One source of a piece, or its mixture: a part of an audio file."""

    instrument: str
    track: str
    start_s: float
    duration_s: float
    data_set: str = ""

    @property
    def family(self) -> str:
        """Instrument without the number of its voice: Violin for Violin_1."""
        return instrument_of(self.instrument)


@dataclass(frozen=True)
class Piece:
    """A piece of music: its sources by name, and its mixture."""

    name: str
    sources: Mapping[str, Source]
    mixture: Source


@dataclass(frozen=True)
class QuartetPair:
    """A scene of CAD2 Task 2 for one of its listeners."""

    scene: str
    piece: Piece
    listener: Listener
    gains_db: Mapping[str, float]
    music_dir: Path
    compression: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Stable name, also of the output file."""
        return safe_name(f"{self.scene}_{self.listener.name}")

    @property
    def labels(self) -> dict[str, str]:
        """First columns of the result tables."""
        return {"scene": self.scene, "song": self.piece.name, "listener": self.listener.name}

    @property
    def split(self) -> str:
        """Split of the scene, by its number: train, valid or test."""
        number = int(self.scene[1:])
        return "train" if number < 50000 else "valid" if number < 60000 else "test"

    @property
    def depends_on(self) -> dict[str, Any]:
        """What the results depend on besides the audio."""
        sources = {**self.piece.sources, "mixture": self.piece.mixture}
        parts = {name: [s.instrument, s.start_s, s.duration_s] for name, s in sources.items()}
        return {
            **self.labels,
            "gains_db": dict(self.gains_db),
            "sources": parts,
            "audiograms": self.listener.as_numbers(),
            "compression": dict(self.compression),
        }

    def file(self, source: Source) -> Path:
        """Audio file of a source; training tracks are named without their split."""
        plain = find(self.music_dir, source.track)
        return plain if plain.exists() else find(self.music_dir, f"{self.split}/{source.track}")

    def read(self, source: Source, sample_rate: int) -> NDArray[np.float64]:
        """Part of the audio file that belongs to the piece, shape (2, T)."""
        signal, _ = audio.read(
            self.file(source),
            sample_rate=sample_rate,
            channels=2,
            start_s=source.start_s,
            duration_s=source.duration_s,
        )
        return signal

    def enhanced_file(self, exp_folder: str) -> Path:
        """Where the enhanced signal goes."""
        return Path(exp_folder) / "enhanced_signals" / self.split / f"{self.key}_remix.flac"


def read_pieces(path: Path) -> dict[str, Piece]:
    """Read a ``music.*.json`` file: sources under their own keys, in any order."""
    pieces, problems = {}, []
    for name, entries in read_object(path).items():
        parsed, found = _parse_sources(f"{path}: {name}", entries)
        problems += found
        mixtures = [key for key, source in parsed.items() if "Mixture" in source.instrument]
        sources = {key: source for key, source in parsed.items() if key not in mixtures}
        if not found and (len(mixtures) != 1 or not sources):
            problems.append(f"{path}: {name}: expected sources and one mixture, got {list(parsed)}")
        elif not found:
            pieces[name] = Piece(name, sources, parsed[mixtures[0]])
    raise_if(problems)
    return pieces


def parse_source(entry: Mapping[str, Any]) -> Source:
    """Read one entry of a music file; raises KeyError, TypeError or ValueError if it is none."""
    numbers = entry["start"], entry["duration"]
    if not (all(map(is_number, numbers)) and numbers[0] >= 0 and numbers[1] > 0):
        raise ValueError("start must not be negative and duration must be positive")
    texts = entry["instrument"], entry["track"], entry.get("source_dataset", "")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("instrument, track and source_dataset must be text")
    return Source(texts[0], texts[1], *numbers, data_set=texts[2])


def _parse_sources(where: str, entries: object) -> tuple[dict[str, Source], list[str]]:
    if not isinstance(entries, dict):
        return {}, [f"{where}: expected an object of sources"]
    sources, problems = {}, []
    for key, entry in entries.items():
        try:
            sources[key] = parse_source(entry)
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"{where}: {key}: {type(error).__name__}: {error}")
    return sources, problems


def scenes_file(path: str | Path) -> Path:
    """Scene file; early packages call it ``scene.<split>.json``."""
    plain = Path(path)
    early = plain.with_name(plain.name.replace("scenes.", "scene.", 1))
    return early if early.exists() and not plain.exists() else plain


def quartet_pairs(config: DictConfig) -> list[QuartetPair]:
    """Work list of the recipe's configuration; a small test keeps every 400th pair."""
    return thin(read_quartet_pairs(config.path), 400 if config.evaluate.small_test else 1)


def read_quartet_pairs(paths: Mapping[str, str]) -> list[QuartetPair]:
    """Scene and listener pairs of CAD2 Task 2, in the order of the scene-listener file.

    A listener who is drawn twice for a scene counts once.

    Parameters
    ----------
    paths : mapping
        ``scenes_file``, ``scene_listeners_file``, ``listeners_file``, ``gains_file``,
        ``music_file``, ``enhancer_params_file`` and ``music_dir``, as in the recipe's
        configuration.

    Raises
    ------
    InputError
        Listing every missing file, or else every scene that refers to something unknown or whose
        gains do not name exactly the sources of its music.
    """
    names = (
        "scene_listeners_file",
        "listeners_file",
        "gains_file",
        "music_file",
        "enhancer_params_file",
    )
    files = scene_listeners_file, *_ = [Path(paths[name]) for name in names]
    where = scenes_file(paths["scenes_file"])
    require_files([where, *files])
    scenes, listeners, gains = read_object(where), read_listeners(files[1]), read_object(files[2])
    pieces, compression = read_pieces(files[3]), read_object(files[4])
    pairs, problems = [], []
    for scene, names_of_listeners in read_object(scene_listeners_file).items():
        found = _scene_problems(scene, scenes.get(scene), pieces, gains)
        for kind, known in (("listener", listeners), ("compressor parameters of", compression)):
            found += [f"no {kind} {name!r}" for name in names_of_listeners if name not in known]
        problems += [f"{where}: {scene}: {problem}" for problem in found]
        if not found:
            piece, gains_db = pieces[scenes[scene]["music"]], gains[scenes[scene]["gain"]]
            if len(set(names_of_listeners)) < len(names_of_listeners):
                logger.warning("%s: %s lists a listener twice", scene_listeners_file, scene)
            pairs += [
                QuartetPair(
                    scene,
                    piece,
                    listeners[name],
                    gains_db,
                    Path(paths["music_dir"]),
                    compression[name],
                )
                for name in dict.fromkeys(names_of_listeners)
            ]
    raise_if(problems)
    if not pairs:
        raise InputError(f"{scene_listeners_file}: no scene has a listener")
    return pairs


def _scene_problems(
    scene: str,
    entry: object,
    pieces: Mapping[str, Piece],
    gains: Mapping[str, Any],
) -> list[str]:
    if not re.fullmatch(r"S\d+", scene):
        return ["the id must be S and a number"]
    if not isinstance(entry, dict) or not {"music", "gain"} <= set(entry):
        return [f"expected an object with music and gain in the scene file, got {entry!r}"]
    problems = []
    if entry["music"] not in pieces:
        problems.append(f"music {entry['music']!r} is unknown")
    if entry["gain"] not in gains:
        problems.append(f"gain {entry['gain']!r} is unknown")
    if problems:
        return problems
    piece, gains_db = pieces[entry["music"]], gains[entry["gain"]]
    if not isinstance(gains_db, dict) or set(gains_db) != set(piece.sources):
        found = list(gains_db) if isinstance(gains_db, dict) else gains_db
        return [f"{entry['gain']} must name the sources {list(piece.sources)}, got {found}"]
    if not all(map(is_number, gains_db.values())):
        return [f"{entry['gain']} must have gains in dB, got {gains_db}"]
    return [
        f"{piece.name}: {source.instrument} is none of {', '.join(INSTRUMENTS)}"
        for source in piece.sources.values()
        if source.family not in INSTRUMENTS
    ]
