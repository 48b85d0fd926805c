"""A disk that fails, or is recorded: the file operations of this process below one folder."""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Strike = Callable[[int, str, str], None]
"""Gets the number of an operation, its kind and its file; may raise OSError or end the process."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass
class Operation:
    """One change of the disk; `data` and `target` depend on the kind.

    Kinds are create, write, sync, rename, remove, make_folder and remove_folder. `file` tells the
    open files of a process apart.
    """

    kind: str
    path: str
    file: int = 0
    offset: int = 0
    data: bytes = b""
    target: str = ""


@dataclass
class Disk:
    """Watches the file operations below a folder.

    Before each operation that changes the disk, `strike` is called; during a write, when half of
    the data is written.
    """

    folder: Path
    strike: Strike = lambda number, kind, path: None
    operations: list[Operation] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    n_files: int = 0

    def below(self, path: Any) -> str:
        """Absolute path as text if it is below the folder, else an empty text."""
        try:
            text = os.path.abspath(os.fsdecode(path))
        except TypeError:  # a file descriptor
            return ""
        return text if text.startswith(f"{self.folder}{os.sep}") else ""

    def change(self, operation: Operation) -> None:
        """Let the disk fail, or note the change."""
        self.strike(len(self.operations) + 1, operation.kind, operation.path)
        self.operations.append(operation)

    @contextmanager
    def watched(self) -> Iterator[Disk]:
        """Watch while the context lasts."""
        replaced = {
            (builtins, "open"): self._open(builtins.open),
            (io, "open"): self._open(io.open),
            (os, "open"): self._os_open(os.open),
            (os, "replace"): self._rename(os.replace),
            (os, "rename"): self._rename(os.rename),
            (os, "unlink"): self._simple("remove", os.unlink),
            (os, "remove"): self._simple("remove", os.remove),
            (os, "mkdir"): self._simple("make_folder", os.mkdir),
            (os, "rmdir"): self._simple("remove_folder", os.rmdir),
            (os, "fsync"): self._sync(os.fsync),
            (os, "sync"): self._sync_all,
            (shutil, "_USE_CP_SENDFILE"): False,  # it would write unseen
            (shutil, "_use_fd_functions"): False,  # removes by descriptors, whose paths are unknown
        }
        before = {(module, name): getattr(module, name) for module, name in replaced}
        for (module, name), value in replaced.items():
            setattr(module, name, value)
        try:
            yield self
        finally:
            for (module, name), value in before.items():
                setattr(module, name, value)

    def _open(self, original):
        def opened(
            file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **others
        ):
            path = "" if others.get("opener") else self.below(file)  # a temporary file elsewhere
            if not path or not set(mode) & set("wax+"):
                if path:
                    self.read.add(path)
                return original(file, mode, buffering, encoding, errors, newline, *rest, **others)
            raw = WatchedFile(self, path, "".join(c for c in mode if c in "rwax+"))
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            # a name without this would be a number
            return io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)

        return opened

    def _os_open(self, original):
        def opened(path, flags, mode=0o777, *, dir_fd=None):
            if flags & _WRITING and (below := self.below(path)) and not os.path.exists(below):
                self.n_files += 1
                self.change(Operation("create", below, self.n_files))
            elif flags & _WRITING and (below := self.below(path)):
                self.strike(len(self.operations), "open", below)
            return original(path, flags, mode, dir_fd=dir_fd)

        return opened

    def _rename(self, original):
        def renamed(source, target, **options):
            if below := self.below(source):
                self.change(Operation("rename", below, target=os.path.abspath(os.fsdecode(target))))
            return original(source, target, **options)

        return renamed

    def _simple(self, kind: str, original):
        def changed(path, *arguments, **options):
            exists = os.path.lexists(path) if not isinstance(path, int) else True
            if (below := self.below(path)) and exists == (kind != "make_folder"):
                self.change(Operation(kind, below))
            return original(path, *arguments, **options)

        return changed

    def _sync(self, original):
        def synced(file):
            number = file if isinstance(file, int) else file.fileno()
            path = self.below(os.readlink(f"/proc/self/fd/{number}"))
            if path:
                self.change(Operation("sync", path))
            return original(file)

        return synced

    def _sync_all(self) -> None:
        for path in dict.fromkeys(o.path for o in self.operations if o.kind == "write"):
            if os.path.exists(path):
                self.change(Operation("sync", path))


class WatchedFile(io.FileIO):
    """A file whose writes go through a watched disk."""

    def __init__(self, disk: Disk, path: str, mode: str) -> None:
        disk.n_files += 1
        self._disk, self._path, self._number = disk, path, disk.n_files
        if "w" in mode or not os.path.exists(path):
            disk.change(Operation("create", path, self._number))
        else:
            disk.change(Operation("open", path, self._number))
        super().__init__(path, mode)

    def write(self, data) -> int:
        content = bytes(data)
        offset = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        half = len(content) // 2
        super().write(content[:half])
        self._disk.change(Operation("write", self._path, self._number, offset, content))
        super().write(content[half:])
        return len(content)


def failing(number: int, error: int, *, once: bool, notes: Path) -> Strike:
    """A strike that makes operations fail from the `number`-th on, or only that one.

    A full disk still lets files be removed. The files are listed in `notes`.
    """

    def strike(now: int, kind: str, path: str) -> None:
        if now < number or (once and now > number):
            return
        if error in (errno.ENOSPC, errno.EIO) and kind not in ("create", "write", "make_folder"):
            return
        if error == errno.EROFS and kind in ("write", "sync"):
            return  # was opened before
        with notes.open("a") as file:
            file.write(f"{path}\n")
        raise OSError(error, os.strerror(error), *(() if kind == "write" else (path,)))

    return strike


def signalling(number: int, signal_number: int) -> Strike:
    """A strike that sends this process a signal, once, at the `number`-th operation."""
    sent = []

    def strike(now: int, kind: str, path: str) -> None:
        if now == number and not sent:
            sent.append(now)
            os.kill(os.getpid(), signal_number)

    return strike
