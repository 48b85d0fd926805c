"""Metadata that the challenges share, checked before any audio is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._paths import find_ignoring_case, safe_name
from cadenza.audiogram import Listener, read_listeners
from cadenza.challenges.schema import (
    ID,
    NUMBER,
    PATH,
    TITLE,
    Kind,
    entry_problems,
    field_problems,
    shown,
)
from cadenza.errors import InputError
from cadenza.stems import STEMS


@dataclass(frozen=True)
class Track:
    """A song of the MUSDB18 list: `folder` holds its ``mixture.wav`` and four stems."""

    name: str
    split: str
    folder: Path


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object that is not empty."""
    content = read_json(path, dict)
    if not content:
        raise InputError(f"{path}: has no entries")
    return content


def read_entries(path: Path, fields: Mapping[str, Kind], *, key: Kind = ID) -> dict[str, Any]:
    """Read a JSON object of entries that must all have the same fields.

    Parameters
    ----------
    path : Path
        The file.
    fields : mapping of str to Kind
        Fields that every entry must have; others are ignored.
    key : Kind
        What the names of the entries must be.

    Raises
    ------
    InputError
        Listing every name and every field that is not what it must be.
    """
    content = read_object(path)
    raise_if(
        [
            f"{path}: {problem}"
            for name, entry in content.items()
            for problem in entry_problems(name, entry, fields, key=key)
        ]
    )
    return content


def read_tracks(music_file: Path, music_dir: Path) -> dict[str, Track]:
    """Read a ``musdb18.*.json`` list.

    `Path` defaults to ``<Split>/<Track Name>``. Validation songs are looked for in ``train`` too,
    which is where MUSDB18 has them.

    Raises
    ------
    InputError
        Listing every entry that lacks a field, and every song that is listed twice.
    """
    entries = read_json(music_file, list)
    if not entries:
        raise InputError(f"{music_file}: has no entries")
    tracks: dict[str, Track] = {}
    problems = []
    for index, entry in enumerate(entries):
        fields = {"Track Name": TITLE, "Split": ID}
        if isinstance(entry, dict) and "Path" in entry:
            fields["Path"] = PATH
        if found := field_problems(entry, fields):
            problems += [f"{music_file}: entry {index}: {problem}" for problem in found]
            continue
        name, split = entry["Track Name"], entry["Split"]
        if name in tracks:
            problems.append(f"{music_file}: track {name!r} is listed twice")
        folder = find_ignoring_case(music_dir, entry.get("Path", f"{split}/{safe_name(name)}"))
        if split == "valid" and not folder.exists():
            folder = find_ignoring_case(music_dir, f"train/{safe_name(name)}")
        tracks[name] = Track(name, split, folder)
    raise_if(problems)
    return tracks


def read_gains(path: Path) -> dict[str, dict[str, float]]:
    """Read a gain table: id -> stem -> gain in dB; every entry must name exactly the four stems."""
    table = read_entries(path, dict.fromkeys(STEMS, NUMBER))
    raise_if(
        [
            f"{path}: {key}: {stem} is not one of {', '.join(STEMS)}"
            for key, gains in table.items()
            for stem in gains
            if stem not in STEMS
        ]
    )
    return table


def read_challenge_listeners(path: Path) -> dict[str, Listener]:
    """Read a listener file whose ids can be used in file names.

    Raises
    ------
    InputError
        If there is no listener, or listing everything that is wrong with them.
    """
    read_entries(path, {})
    return read_listeners(path)


def read_scene_listeners(
    path: Path, *, scenes: Collection[str], listeners: Collection[str]
) -> dict[str, list[str]]:
    """Read a ``scene_listeners.*.json`` file: scene id -> ids of its listeners.

    Parameters
    ----------
    path : Path
        The file.
    scenes, listeners : collection of str
        Ids that are known.

    Returns
    -------
    dict
        As in the file. A listener may be there twice for a scene, as in the published file of
        CAD2 Task 2; see `repeated`.

    Raises
    ------
    InputError
        Listing every scene that is unknown, that has anything but a list of listener ids, or that
        has an unknown listener; or if no scene has a listener.
    """
    content = read_object(path)
    problems = []
    for scene, names in content.items():
        if scene not in scenes:
            problems.append(f"{path}: scene {shown(scene)} is not in the scene file")
            continue
        found = []
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            found.append(f'expected a list of listener ids like ["L0001"], got {shown(names)}')
        else:
            unknown = [name for name in dict.fromkeys(names) if name not in listeners]
            found += [f"listener {shown(name)} is not in the listener file" for name in unknown]
        problems += [f"{path}: {scene}: {problem}" for problem in found]
    raise_if(problems)
    if not any(content.values()):
        raise InputError(f"{path}: no scene has a listener")
    return content


def unknown(kind: str, name: str, known: Collection[str], file: Path) -> list[str]:
    """Message for a name that a file does not have: none, or one.

    Examples
    --------
    >>> unknown("gain", "gain_0007", ["gain_0001"], Path("gains.json"))
    ["gain 'gain_0007' is not in gains.json"]
    """
    return [] if name in known else [f"{kind} {name!r} is not in {file}"]


def repeated(names: Collection[str]) -> list[str]:
    """Names that occur more than once.

    Examples
    --------
    >>> repeated(["L0001", "L0002", "L0001"])
    ['L0001']
    """
    return [name for name, count in Counter(names).items() if count > 1]


def how_to_make(script: str, paths: Mapping[str, str]) -> str:
    """How to make a missing file: the command line of a script.

    Parameters
    ----------
    script : str
        Module of the script below ``cadenza.recipes``.
    paths : mapping
        Paths of the configuration, for the ``root`` that the command gets.

    Examples
    --------
    >>> how_to_make("cad1.task1.baseline.test", {"root": "/data"})
    'python -m cadenza.recipes.cad1.task1.baseline.test path.root=/data makes it'
    """
    return f"python -m cadenza.recipes.{script} path.root={paths.get('root', '...')} makes it"
