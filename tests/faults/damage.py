"""Damage to files: audio, JSON, and files of any kind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import soundfile

Place = tuple[Any, ...]

WRONG_VALUES: tuple[Any, ...] = (None, True, -1, 0.5, 10**400, "", "text", [], {}, [None], {"a": 1})
"""Candidates for what a place in a JSON file must not hold."""

NAMES = (
    "../x",
    "../../../../tmp/x",
    "/x",
    "..",
    "x/../../y",
    "C:\\x",
    "\\\\server\\x",
    "n" * 250,
    "n" * 120,
    "é" * 60,
    "a\0b",
    "a\nb",
    "\ud800",
    "Bjo\u0308rk – Jóga ♥ 音楽",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x")',
    " ",
    "-rf",
    "%s{}$(x)`x`",
)  # fmt: skip


def truncated(path: Path, rng: Random) -> None:
    """Cut a file somewhere."""
    content = path.read_bytes()
    replace(path, content[: rng.randrange(len(content))])


def garbage(path: Path, rng: Random) -> None:
    """Random bytes, as many as before."""
    replace(path, rng.randbytes(path.stat().st_size))


def zeros(path: Path, rng: Random) -> None:
    """Zeros, as many as before, as some file systems leave them when the power fails."""
    replace(path, bytes(path.stat().st_size))


def emptied(path: Path, rng: Random) -> None:
    """No bytes."""
    replace(path, b"")


def missing(path: Path, rng: Random) -> None:
    """No file."""
    path.unlink()


def replace(path: Path, content: bytes) -> None:
    """Write a file as another program would, with the time of now."""
    path.write_bytes(content)


FILES: dict[str, Callable[[Path, Random], None]] = {
    "truncated": truncated,
    "garbage": garbage,
    "zeros": zeros,
    "empty": emptied,
    "missing": missing,
}


def not_a_number(path: Path, rng: Random) -> None:
    """One sample is NaN or infinite."""
    signal, rate = soundfile.read(path, always_2d=True)
    signal[rng.randrange(len(signal)), 0] = rng.choice([np.nan, np.inf])
    _write(path, signal, rate, "FLOAT")


def other_rate(path: Path, rng: Random) -> None:
    """The header says another rate."""
    signal, rate = soundfile.read(path, always_2d=True)
    _write(path, signal, 48000 if rate != 48000 else 16000)


def mono(path: Path, rng: Random) -> None:
    """One channel for two."""
    signal, rate = soundfile.read(path, always_2d=True)
    _write(path, signal[:, :1] if signal.shape[1] > 1 else np.repeat(signal, 2, axis=1), rate)


def no_samples(path: Path, rng: Random) -> None:
    """A header without samples."""
    signal, rate = soundfile.read(path, always_2d=True)
    _write(path, signal[:0], rate)


def _write(path: Path, signal: np.ndarray, rate: int, subtype: str = "PCM_16") -> None:
    kind = "WAV" if subtype == "FLOAT" or path.suffix == ".wav" or not len(signal) else "FLAC"
    path.unlink()
    soundfile.write(path, signal, rate, subtype=subtype, format=kind)


AUDIO: dict[str, Callable[[Path, Random], None]] = {
    "NaN in audio": not_a_number,
    "other sample rate": other_rate,
    "mono for stereo": mono,
    "audio without samples": no_samples,
}


def places(content: object, here: Place = ()) -> Iterator[tuple[Place, object]]:
    """Every place in a JSON value, and what is there."""
    yield here, content
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*here, key))


def with_value(content: Any, place: Place, value: object) -> Any:
    """A copy with another value in one place."""
    if not place:
        return value
    copied = content.copy()
    copied[place[0]] = with_value(content[place[0]], place[1:], value)
    return copied


def is_another_valid_value(old: object, new: object) -> bool:
    """Whether a value could be meant: a number for a number, a text for a text."""
    if isinstance(old, bool) or isinstance(new, bool):
        return False
    numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return numbers or (isinstance(old, str) and isinstance(new, str)) or old == new


def wrong_value(path: Path, rng: Random) -> str:
    """Null or a wrong type in one place; returns what was done."""
    content = json.loads(path.read_text())
    place, old = rng.choice(list(places(content)))
    new = rng.choice([v for v in WRONG_VALUES if not is_another_valid_value(old, v)])
    path.write_text(json.dumps(with_value(content, place, new)))
    return f"{list(place)}: {str(new)[:20]!r} for {str(old)[:30]!r}"


def missing_key(path: Path, rng: Random) -> str:
    """A record without one of its fields; entries of a table are no fields."""
    content = json.loads(path.read_text())
    found = [p for p, _ in places(content) if len(p) > 1 and isinstance(p[-1], str)]
    if not found:
        return ""
    place = rng.choice(found)
    record = dict(_at(content, place[:-1]))
    del record[place[-1]]
    path.write_text(json.dumps(with_value(content, place[:-1], record)))
    return f"without {list(place)}"


def duplicate_key(path: Path, rng: Random) -> str:
    """An object that has a key twice, with another value or the same."""
    content = json.loads(path.read_text())
    found = [p for p, _ in places(content) if p and isinstance(p[-1], str)]
    if not found:
        return ""
    place = rng.choice(found)
    record = _at(content, place[:-1])
    mark = "twice-in-a-record"
    text = json.dumps(with_value(content, place[:-1], {**record, mark: rng.choice([1, None])}))
    path.write_text(text.replace(f'"{mark}":', f"{json.dumps(place[-1])}:"))
    return f"{list(place)} twice"


def unknown_id(path: Path, rng: Random) -> str:
    """A text that refers to nothing: a value, or the name of an entry."""
    content = json.loads(path.read_text())
    values = [p for p, v in places(content) if isinstance(v, str) and v]
    names = [p for p, _ in places(content) if p and isinstance(p[-1], str)]
    if values and rng.random() < 0.5:
        place = rng.choice(values)
        changed = with_value(content, place, "X99999")
    else:
        place = rng.choice(names or values)
        record = _at(content, place[:-1])
        renamed = {("X99999" if k == place[-1] else k): v for k, v in record.items()}
        changed = with_value(content, place[:-1], renamed)
    path.write_text(json.dumps(changed))
    return f"X99999 at {list(place)}"


def no_json(path: Path, rng: Random) -> str:
    """A file that is no JSON, or not the usual kind."""
    text = path.read_text()
    kind = rng.choice(["NaN", "deep", "utf-16", "mark", "latin", "binary", "comma"])
    content = {
        "NaN": b"NaN",
        "deep": b"[" * 100_000,
        "utf-16": text.encode("utf-16"),
        "mark": text.encode("utf-8-sig"),
        "latin": text.encode() + b"\xe9",
        "binary": rng.randbytes(100),
        "comma": text.encode() + b",",
    }[kind]
    path.write_bytes(content)
    return kind


def _at(content: Any, place: Place) -> Any:
    for key in place:
        content = content[key]
    return content


JSON: dict[str, Callable[[Path, Random], str]] = {
    "wrong JSON value": wrong_value,
    "missing JSON key": missing_key,
    "duplicate JSON key": duplicate_key,
    "unknown id": unknown_id,
    "not JSON": no_json,
}


def rename_everywhere(folder: Path, old: str, new: str) -> None:
    """Another name in all JSON files below a folder, as value and as key."""
    for path in folder.rglob("*.json"):
        text = path.read_text()
        if json.dumps(old)[1:-1] in text and not path.name.startswith("."):
            path.write_text(text.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1]))


def names_in(path: Path) -> list[str]:
    """Ids and texts of a JSON file."""
    found = list(places(json.loads(path.read_text())))
    texts = [v for _, v in found if isinstance(v, str) and v]
    return sorted({*texts, *(str(p[-1]) for p, _ in found if p and isinstance(p[-1], str))})


def older(folder: Path, seconds: float) -> None:
    """Shift the times of all files, as if the clock had been set since."""
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            times = (
                int(status.st_atime_ns + 1e9 * seconds),
                int(status.st_mtime_ns + 1e9 * seconds),
            )
            os.utime(path, ns=times)
