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

from cadenza._check import raise_if
from cadenza._paths import find_ignoring_case, require_files, safe_name
from cadenza.audiogram import Listener
from cadenza.challenges.metadata import (
    how_to_make,
    read_challenge_listeners,
    read_entries,
    read_object,
    read_scene_listeners,
    repeated,
)
from cadenza.challenges.schema import (
    DURATION,
    ID,
    NAME,
    NUMBER,
    PATH,
    TIME,
    Kind,
    entry_problems,
)
from cadenza.stems import INSTRUMENTS, instrument_of

logger = logging.getLogger(__name__)

SCORE_COLUMNS = ("scene", "song", "listener", "left_haaqi", "right_haaqi", "avg_haaqi")

SMALL_TEST = 400
"""A small test takes every such pair."""

SOURCE = {"instrument": NAME, "track": PATH, "start": TIME, "duration": DURATION}
"""Fields of an entry of a music file."""

_SCENE_ID = Kind(
    "an id like S10001, an S and a number", lambda v: bool(re.fullmatch(r"S[0-9]{1,9}", str(v)))
)
_PREPARE = "cad2.task2.process_dataset.process_zenodo_download"
_DRAW_SCENES = "cad2.task2.process_dataset.generate_train_scenes"
_DRAWN = ("scenes_file", "scene_listeners_file")
_PACKAGED = ("listeners_file", "gains_file", "music_file", "enhancer_params_file")


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
class EnsemblePair:
    """A scene, with a piece of two to five sources, and one of its listeners."""

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
        """Audio file of a source."""
        return source_file(self.music_dir, self.split, source)

    def read(self, source: Source, sample_rate: int) -> NDArray[np.float64]:
        """Part of the audio file that belongs to the piece, shape (2, T)."""
        from cadenza import audio  # drawing scenes needs none

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


def source_file(music_dir: Path, split: str, source: Source) -> Path:
    """Audio file of a source; training tracks are named without their split."""
    plain = find_ignoring_case(music_dir, source.track)
    return plain if plain.exists() else find_ignoring_case(music_dir, f"{split}/{source.track}")


def read_pieces(path: Path) -> dict[str, Piece]:
    """Read a ``music.*.json`` file: sources under their own keys, in any order.

    Raises
    ------
    InputError
        Listing every field that is not what it must be, and every piece that does not have
        sources and one mixture.
    """
    pieces, problems = {}, []
    for name, entries in read_entries(path, {}, key=NAME).items():
        found = sources_problems(entries)
        problems += [f"{path}: {name}: {problem}" for problem in found]
        if found:
            continue
        parsed = {key: parse_source(entry) for key, entry in entries.items()}
        mixtures = [key for key, source in parsed.items() if "Mixture" in source.instrument]
        sources = {key: source for key, source in parsed.items() if key not in mixtures}
        if len(mixtures) != 1 or not sources:
            problems.append(f"{path}: {name}: expected sources and one mixture, got {list(parsed)}")
        else:
            pieces[name] = Piece(name, sources, parsed[mixtures[0]])
    raise_if(problems)
    return pieces


def sources_problems(entries: Mapping[str, Any]) -> list[str]:
    """What is wrong with the entries of a piece, for a message each."""
    problems = []
    for key, entry in entries.items():
        named = isinstance(entry, dict) and "source_dataset" in entry
        fields = SOURCE | {"source_dataset": NAME} if named else SOURCE
        problems += entry_problems(key, entry, fields, key=ID)
    return problems


def parse_source(entry: Mapping[str, Any]) -> Source:
    """Read an entry of a music file in which `sources_problems` found nothing wrong."""
    return Source(
        instrument=entry["instrument"],
        track=entry["track"],
        start_s=entry["start"],
        duration_s=entry["duration"],
        data_set=entry.get("source_dataset", ""),
    )


def read_source_gains(path: Path) -> dict[str, dict[str, float]]:
    """Read ``gains.json``: gain id -> source -> gain in dB."""
    content = read_object(path)
    raise_if([f"{path}: {problem}" for problem in _gain_problems(content)])
    return content


def read_gain_tables(path: Path) -> dict[str, list[str]]:
    """Read ``gains_meta.json``: ids of the gains for each number of sources, ``"2"`` to ``"5"``."""
    tables = read_entries(path, {})
    raise_if(
        [
            f"{path}: {n_sources}: {problem}"
            for n_sources, table in tables.items()
            for problem in _gain_problems(table)
        ]
    )
    return {n_sources: list(table) for n_sources, table in tables.items()}


def _gain_problems(table: Mapping[str, Any]) -> list[str]:
    if not table:
        return ["has no gains"]
    problems = []
    for name, gains_db in table.items():
        fields = dict.fromkeys(gains_db if isinstance(gains_db, dict) else (), NUMBER)
        problems += entry_problems(name, gains_db, fields, key=ID)
    return problems


def scenes_file(path: str | Path) -> Path:
    """Scene file; early packages call it ``scene.<split>.json``."""
    plain = Path(path)
    early = plain.with_name(plain.name.replace("scenes.", "scene.", 1))
    return early if early.exists() and not plain.exists() else plain


def read_ensemble_pairs(paths: Mapping[str, str]) -> list[EnsemblePair]:
    """Scene and listener pairs of CAD2 Task 2, in the order of the scene-listener file.

    A listener who was drawn twice for a scene counts once.

    Parameters
    ----------
    paths : mapping
        ``scenes_file``, ``scene_listeners_file``, ``listeners_file``, ``gains_file``,
        ``music_file``, ``enhancer_params_file`` and ``music_dir``, as in the recipe's
        configuration.

    Raises
    ------
    InputError
        Listing every missing file, or else every entry that is not what it must be, that refers to
        something unknown, or whose gains do not name exactly the sources of its music.
    """
    files = {key: Path(paths[key]) for key in (*_DRAWN, *_PACKAGED)}
    files["scenes_file"] = scene_file = scenes_file(files["scenes_file"])
    require_files(files.values(), {path: _hint(key, path, paths) for key, path in files.items()})
    listeners = read_challenge_listeners(files["listeners_file"])
    compression = read_object(files["enhancer_params_file"])
    from cadenza.hearing_aid import read_compressor_params  # not needed to draw scenes

    read_compressor_params(files["enhancer_params_file"])
    pieces = read_pieces(files["music_file"])
    gains = read_source_gains(files["gains_file"])
    scenes = read_entries(scene_file, {"music": NAME, "gain": ID}, key=_SCENE_ID)
    people = read_scene_listeners(files["scene_listeners_file"], scenes=scenes, listeners=listeners)
    pairs, problems = [], []
    for scene, listener_ids in people.items():
        entry = scenes[scene]
        found = _scene_problems(entry, pieces, gains)
        found += [
            f"no compressor parameters of {name!r} in {files['enhancer_params_file']}"
            for name in listener_ids
            if name not in compression
        ]
        problems += [f"{scene_file}: {scene}: {problem}" for problem in found]
        if twice := repeated(listener_ids):
            logger.warning("%s: %s lists %s twice", files["scene_listeners_file"], scene, twice[0])
        if not found:
            piece, gains_db = pieces[entry["music"]], gains[entry["gain"]]
            folder = Path(paths["music_dir"])
            pairs += [
                EnsemblePair(scene, piece, listeners[name], gains_db, folder, compression[name])
                for name in dict.fromkeys(listener_ids)
            ]
    raise_if(problems)
    return pairs


def _hint(key: str, path: Path, paths: Mapping[str, str]) -> str:
    """How to make a missing file; training scenes are drawn, all others come with the download."""
    drawn = key in _DRAWN and ".train" in path.suffixes
    return how_to_make(_DRAW_SCENES if drawn else _PREPARE, paths)


def _scene_problems(
    entry: Mapping[str, str],
    pieces: Mapping[str, Piece],
    gains: Mapping[str, Mapping[str, float]],
) -> list[str]:
    music, gain = entry["music"], entry["gain"]
    problems = [] if music in pieces else [f"music {music!r} is unknown"]
    problems += [] if gain in gains else [f"gain {gain!r} is unknown"]
    if problems:
        return problems
    piece, gains_db = pieces[music], gains[gain]
    if set(gains_db) != set(piece.sources):
        return [f"{gain} must name the sources {list(piece.sources)}, got {list(gains_db)}"]
    return [
        f"{piece.name}: {source.instrument} is none of {', '.join(INSTRUMENTS)}"
        for source in piece.sources.values()
        if source.family not in INSTRUMENTS
    ]
