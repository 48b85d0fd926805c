"""Files that are either complete or absent, JSON, and cheap identities of large files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from cadenza._check import InputError

T = TypeVar("T")

_SAMPLE_BYTES = 1 << 16


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes the place of `path` in one step.

    A process that is killed at any moment leaves `path` as it was. What it leaves behind under the
    temporary name is removed when the same file is written again.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "answer.txt") as temporary:
    ...         _ = temporary.write_text("42")
    ...     [p.name for p in Path(folder).iterdir()]
    ['answer.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{_escape(path.name)}.*.tmp"):
        leftover.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _escape(name: str) -> str:
    """Name as a glob pattern that matches itself: song titles may hold ``[`` and ``*``."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def read_json(path: Path, kind: type[T]) -> T:
    """Parse a JSON file that must hold a `kind` (``dict`` or ``list``).

    Raises
    ------
    InputError
        If the file cannot be read or parsed, holds something else, or has a key twice.
    """
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_object_without_duplicates
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read: {error}") from None
    if not isinstance(content, kind):
        expected = "object" if kind is dict else "list"
        raise InputError(f"{path}: expected a JSON {expected}, got {type(content).__name__}")
    return content


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"keys that occur twice: {', '.join(twice)}")
    return content


def identity(path: Path) -> str:
    """Digest of a file's size, beginning, middle and end: cheap even for hours of audio.

    A truncated or newly made file gets another identity; a copied or moved one keeps it.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in sorted({0, max(0, size // 2), max(0, size - _SAMPLE_BYTES)}):
            file.seek(start)
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]
