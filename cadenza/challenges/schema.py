"""What an entry of a metadata file must look like, and a message for each field that does not."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from cadenza._check import is_number
from cadenza._paths import leaves_folder

_MAX_ID_BYTES = 40
_MAX_TITLE_BYTES = 100
_MAX_PATH_PART_BYTES = 160
"""Files are named after ids and titles. File systems allow 255 bytes for a name, of which suffixes
and temporary names need some."""


class Kind(NamedTuple):
    """What a value must be: in words for the message, and as a test."""

    expected: str
    accepts: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_title(value: object, max_bytes: int = _MAX_TITLE_BYTES) -> bool:
    """Whether a value may become a file name once its path separators are replaced."""
    if not isinstance(value, str) or not value.strip():
        return False
    # control characters, and halves of surrogate pairs, which cannot be encoded
    if value.isascii() and value.isprintable():
        return len(value) <= max_bytes
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return False
    return len(value.encode()) <= max_bytes


def _is_name(value: object, max_bytes: int = _MAX_TITLE_BYTES) -> bool:
    """Whether a value is a file name as it is."""
    return (
        isinstance(value, str)
        and _is_title(value, max_bytes)
        and not set(value) & set("/\\")
        and bool(value.strip(". "))
    )


def _is_path(value: object) -> bool:
    """Whether a value names a file or folder below the one that it is relative to."""
    if not isinstance(value, str) or leaves_folder(value):
        return False
    parts = PurePosixPath(value).parts or ("",)
    return all(_is_title(part, _MAX_PATH_PART_BYTES) for part in parts)


TEXT = Kind("text", _is_text)
TITLE = Kind(f"a title of at most {_MAX_TITLE_BYTES} bytes without control characters", _is_title)
NAME = Kind(f"a name of at most {_MAX_TITLE_BYTES} bytes without / and \\", _is_name)
ID = Kind(
    f"an id of at most {_MAX_ID_BYTES} bytes without / and \\",
    lambda v: _is_name(v, _MAX_ID_BYTES),
)
PATH = Kind("a relative path without '..'", _is_path)
NUMBER = Kind("a number", is_number)
TIME = Kind("a time in seconds, not negative", lambda v: is_number(v) and _float(v) >= 0)
DURATION = Kind("a positive duration in seconds", lambda v: is_number(v) and _float(v) > 0)
OBJECT = Kind("an object", lambda v: isinstance(v, dict))
PATHS = Kind("a list of paths", lambda v: isinstance(v, list) and all(map(_is_path, v)))


def _float(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def shown(value: object) -> str:
    """Value as JSON, for a message: shortened to 60 characters.

    Examples
    --------
    >>> shown(None), shown(["L0001"])
    ('null', '["L0001"]')
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def value_problems(value: object, kind: Kind) -> list[str]:
    """Why a value is not of a kind: no message, or one.

    Examples
    --------
    >>> value_problems(None, NUMBER)
    ['expected a number, got null']
    """
    return [] if kind.accepts(value) else [f"expected {kind.expected}, got {shown(value)}"]


def field_problems(entry: object, fields: Mapping[str, Kind]) -> list[str]:
    """What is wrong with an entry that must be an object with certain fields; others are ignored.

    Examples
    --------
    >>> field_problems({"music": 5}, {"music": TEXT, "gain": ID})
    ['music: expected text, got 5', 'gain is missing']
    >>> field_problems(None, {"music": TEXT, "gain": ID})
    ['expected an object with music, gain, got null']
    """
    if not isinstance(entry, dict):
        names = f" with {', '.join(fields)}" if fields else ""
        return [f"expected an object{names}, got {shown(entry)}"]
    problems = []
    for name, kind in fields.items():
        if name not in entry:
            problems.append(f"{name} is missing")
        elif not kind.accepts(entry[name]):  # rarely; there may be 100,000 values
            problems += [f"{name}: {problem}" for problem in value_problems(entry[name], kind)]
    return problems


def entry_problems(name: str, entry: object, fields: Mapping[str, Kind], *, key: Kind) -> list[str]:
    r"""What is wrong with a named entry; `key` is what its name must be.

    Examples
    --------
    >>> entry_problems("S10001", {"gain": 3}, {"gain": ID}, key=ID)
    ['S10001: gain: expected an id of at most 40 bytes without / and \\, got 3']
    """
    if problems := value_problems(name, key):
        return [f"name of an entry: {problem}" for problem in problems]
    return [f"{name}: {problem}" for problem in field_problems(entry, fields)]
