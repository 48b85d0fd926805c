"""Files that are either complete or absent, JSON, and digests of a file's content."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, TypeVar

from cadenza.errors import InputError

T = TypeVar("T")

_ABANDONED_S = 3600  # nobody writes to a temporary file of this age any more
_FULL = (errno.ENOSPC, errno.EDQUOT)
_WRITE_ERRORS = (*_FULL, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes the place of `path` in one step.

    A process that is killed at any moment leaves `path` as it was, and so does a power cut: the
    content is on the disk before the name is. The temporary file of a process that was killed is
    removed when another process writes the same file.

    Raises
    ------
    OSError
        If the file cannot be written; the message names `path` and the reason.

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
    temporary = _temporary_for(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        # A failed write does not name its file
        if error.errno in _WRITE_ERRORS or str(error.filename) == str(temporary):
            raise cannot_write(path, error) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    file = os.open(path, os.O_RDWR)  # not every system can do it for a file that is only read
    try:
        os.fsync(file)
    finally:
        os.close(file)


def no_progress(_: int) -> None:
    """Show nothing."""


class ShownFile(io.RawIOBase):
    """A file that tells how much of it has been read.

    Parameters
    ----------
    file : binary file
        What is read.
    show : callable
        Gets the number of bytes, after each piece.
    """

    def __init__(self, file: IO[bytes], show: Callable[[int], object]) -> None:
        self._file, self._show, self.name = file, show, file.name

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the next piece."""
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        self._show(len(block))
        return len(block)


def sync_all(paths: Iterable[Path]) -> None:
    """Wait until the content of files is on the disk: for many files faster than one by one."""
    if hasattr(os, "sync"):
        os.sync()
    else:  # Windows
        for path in paths:
            sync(path)


def _temporary_for(path: Path) -> Path:
    """A new name beside `path`; the folder is made if it is missing, and tidied up."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: cannot write: this is a folder, expected a file name")
    if path.exists() and not path.is_file():  # a rename would take the place of /dev/null
        raise OSError(f"{path}: cannot write: this is a device or a pipe, expected a file name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path.parent, error, "cannot create the folder") from None
    for name in _leftovers(path.parent.absolute()):
        leftover = path.with_name(name)
        if name.startswith(f".{path.name}.") and _is_abandoned(leftover):
            leftover.unlink(missing_ok=True)
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{owner}.tmp")


@lru_cache(maxsize=256)
def _leftovers(folder: Path) -> tuple[str, ...]:
    """Temporary files that were in a folder when this process first wrote there.

    Listing it for every file would take longer and longer as it fills.
    """
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return tuple(name for name in names if name.startswith(".") and name.endswith(".tmp"))


def cannot_write(path: Path, error: OSError, what: str = "cannot write") -> OSError:
    """The same error with a message about the wanted file instead of the temporary one.

    Parameters
    ----------
    path : Path
        The wanted file.
    error : OSError
        What the system said.
    what : str
        What failed.
    """
    reason = reason_of_system(error)
    if error.errno in _FULL:
        existing = next(folder for folder in path.absolute().parents if folder.is_dir())
        free_mb = shutil.disk_usage(existing).free / 1e6
        reason = f"no space left on device ({free_mb:.1f} MB free)"
    failure = type(error)(f"{path}: {what}: {reason}")
    failure.errno = error.errno
    return failure


def reason_of_system(error: OSError) -> str:
    """What the operating system says, without its number and without the name of the file."""
    return (error.strerror or str(error)).lower()


def require_file(path: Path, expected: str) -> None:
    """Raise an `InputError` unless `path` is a file that can be read and is not empty.

    Parameters
    ----------
    path : Path
        What the user named.
    expected : str
        What it should be, for the message: "an audio file".
    """
    if path.is_dir():
        raise InputError(f"{path}: expected {expected}, found a folder")
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe waits for someone to write
            raise InputError(f"{path}: not a file: expected {expected}, found a pipe or a device")
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except FileNotFoundError:
        raise InputError(f"{path}: file not found") from None
    except OSError as error:
        raise InputError(f"{path}: cannot read: {reason_of_system(error)}") from None
    if is_empty:
        raise InputError(f"{path}: expected {expected}, found an empty file (0 bytes)")


def _is_abandoned(temporary: Path) -> bool:
    """Whether the process that wrote a temporary file is gone; another may be writing right now."""
    host, process, _ = temporary.stem.rsplit(".", 1)[-1].rsplit("-", 2)
    processes = Path("/proc")
    if host == socket.gethostname() and (processes / "self").exists():
        return not (processes / process).exists()
    try:
        return time.time() - temporary.stat().st_mtime > _ABANDONED_S
    except FileNotFoundError:
        return False


def read_json(path: Path, kind: type[T]) -> T:
    """Parse a JSON file whose content must be a `kind` (``dict`` or ``list``).

    Raises
    ------
    InputError
        If the file cannot be read or parsed, contains something else, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise ValueError("the file is empty")
        content = json.loads(text, object_pairs_hook=_object_without_duplicates)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {reason_of_system(error)}") from None
    except (ValueError, RecursionError) as error:
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


def file_digest(path: Path) -> str:
    """Short SHA-256 of a file's content; a copied or moved file keeps it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


class FileMemory:
    """What was found out about files, remembered while the size and time of a file stay the same.

    Parameters
    ----------
    memory : Path
        Where it is remembered for later runs; it may be deleted at any time.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory
        try:
            self._known = read_json(memory, dict)
        except InputError:
            self._known = {}

    def get(self, path: Path) -> str | None:
        """What is known of a file as it is now; None if nothing is."""
        known = self._known.get(_name(path))
        if not isinstance(known, list) or known[:2] != stamp_of(path):
            return None
        return known[2] if len(known) == 3 and isinstance(known[2], str) else None

    def set(self, path: Path, found: str, stamp: list[int]) -> None:
        """Keep what was found out about a file, with the stamp from before it was read."""
        self._known[_name(path)] = [*stamp, found]

    def save(self) -> None:
        """Write all of it for later runs."""
        with replacing(self._memory) as temporary:
            temporary.write_text(json.dumps(self._known), encoding="utf-8")


class DigestCache(FileMemory):
    """Digests of files, remembered while the size and time of a file stay the same."""

    def __call__(self, path: Path) -> str:
        """Digest of a file's content."""
        known = self.get(path)
        if known is None:
            stamp, known = stamp_of(path), file_digest(path)
            self.set(path, known, stamp)
        return known


def _name(path: Path) -> str:
    return str(path.absolute())


def stamp_of(path: Path) -> list[int]:
    """Size and time of a file; another content has another stamp."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
