"""Files that are either complete or absent, JSON, and the identity of a file's content."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from cadenza.errors import InputError

T = TypeVar("T")

_ABANDONED_S = 3600  # a temporary file that nobody has written to for so long


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
        if _is_abandoned(leftover):
            leftover.unlink(missing_ok=True)
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{owner}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _escape(name: str) -> str:
    """Name as a glob pattern that matches itself: song titles may hold ``[`` and ``*``."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _is_abandoned(temporary: Path) -> bool:
    """Whether the process that wrote a temporary file is gone; others may be writing right now."""
    host, process, _ = temporary.stem.rsplit(".", 1)[-1].rsplit("-", 2)
    processes = Path("/proc")
    if host == socket.gethostname() and (processes / "self").exists():
        return not (processes / process).exists()
    try:
        return time.time() - temporary.stat().st_mtime > _ABANDONED_S
    except FileNotFoundError:
        return False


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
    """Digest of a file's content; a copied or moved file keeps it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


class Identities:
    """Identities of files, remembered as long as size and time of the file stay the same.

    Parameters
    ----------
    memory : Path
        Where they are remembered for later runs; it may be deleted at any time.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        try:
            self._known = read_json(memory, dict)
        except InputError:
            self._known = {}

    def __call__(self, path: Path) -> str:
        """Identity of a file."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        name = str(path.absolute())
        known = self._known.get(name)
        if not isinstance(known, list) or known[:2] != stamp:
            self._known[name] = known = [*stamp, identity(path)]
        return str(known[2])

    def save(self) -> None:
        """Remember all identities that were asked for."""
        with replacing(self._memory) as temporary:
            temporary.write_text(json.dumps(self._known), encoding="utf-8")
