"""Metadata that the challenges share: songs and gains, checked before any audio is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza._check import is_number, raise_if
from cadenza._files import read_json
from cadenza._paths import find, safe_name
from cadenza.stems import STEMS


@dataclass(frozen=True)
class Track:
    """A song of the MUSDB18 list: `folder` holds its ``mixture.wav`` and four stems."""

    name: str
    split: str
    folder: Path


def read_tracks(music_file: Path, music_dir: Path) -> dict[str, Track]:
    """Read a ``musdb18.*.json`` list.

    `Path` defaults to ``<Split>/<Track Name>``; songs for validation may also lie in ``train``,
    from which MUSDB18 takes them.
    """
    tracks: dict[str, Track] = {}
    problems = []
    for index, entry in enumerate(_list(music_file)):
        missing = [key for key in ("Track Name", "Split") if not isinstance(entry.get(key), str)]
        if missing:
            problems.append(f"{music_file}: entry {index} lacks {', '.join(missing)}")
            continue
        name, split = entry["Track Name"], entry["Split"]
        path = entry.get("Path", f"{split}/{safe_name(name)}")
        if not isinstance(path, str):
            problems.append(f"{music_file}: track {name!r}: Path must be text, got {path!r}")
            continue
        if name in tracks:
            problems.append(f"{music_file}: track {name!r} is listed twice")
        folder = find(music_dir, path)
        if split == "valid" and not folder.exists():
            folder = find(music_dir, f"train/{safe_name(name)}")
        tracks[name] = Track(name, split, folder)
    raise_if(problems)
    return tracks


def read_gains(path: Path) -> dict[str, dict[str, float]]:
    """Read a gain table: id -> stem -> gain in dB; every entry must name exactly the four stems."""
    problems = []
    table = read_object(path)
    for key, gains in table.items():
        if not isinstance(gains, dict):
            problems.append(f"{path}: {key}: expected an object of gains, got {gains!r}")
            continue
        problems += [
            f"{path}: {key} lacks a gain for {stem}" for stem in STEMS if stem not in gains
        ]
        problems += [
            f"{path}: {key} has an unknown stem {stem}" for stem in gains if stem not in STEMS
        ]
        problems += [
            f"{path}: {key}: {stem} must be a number in dB, got {gain!r}"
            for stem, gain in gains.items()
            if not is_number(gain)
        ]
    raise_if(problems)
    return table


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    return read_json(path, dict)


def _list(path: Path) -> list[dict[str, Any]]:
    return [entry if isinstance(entry, dict) else {} for entry in read_json(path, list)]
