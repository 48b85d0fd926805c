"""Running a step in a child process, and comparing folders."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza.runner import early

from .disk import Disk, Strike

PATIENCE_S = 300

_LEFT_BEHIND = (".tmp", ".unpacking")
_VOLATILE_FOLDERS = {".hydra", "tensorboard", "checkpoints"}
_VOLATILE_SUFFIXES = (".log", ".lock", ".digests.json", "conf.yml")


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    `status` is negative after a signal, as in `subprocess`, and None if the run had to be stopped.
    """

    status: int | None
    seen: str
    seconds: float
    disk: Disk | None = None


@dataclass(frozen=True)
class Command:
    """A script or command and its arguments, and what calls it in this process."""

    main: Callable[[], Any]
    arguments: tuple[str, ...]

    def __call__(self, *more: str) -> int:
        """Run it as from the command line; returns the exit status."""
        sys.argv = ["campaign", *self.arguments, *more]
        try:
            return int(self.main() or 0)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1


class Running:
    """A command in a child process, in a folder of its own; it has nothing to compile or import."""

    def __init__(
        self,
        command: Command,
        folder: Path,
        *more: str,
        strike: Strike | None = None,
        prepare: Callable[[], None] = lambda: None,
        record: bool = False,
    ) -> None:
        self._notes = folder.parent / f".{folder.name}.{time.monotonic_ns()}"
        self._notes.mkdir()
        self._start = time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            self._be_the_child(command, folder, more, strike, prepare, record=record)

    def _be_the_child(self, command, folder, more, strike, prepare, *, record):
        status = 70
        try:
            seen = os.open(self._notes / "seen", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(seen, 1)
            os.dup2(seen, 2)
            os.chdir(folder)
            for number in getattr(early, "SIGNALS", (signal.SIGINT,)):
                signal.signal(number, early._end)  # as `early.start` does
            prepare()
            disk = Disk(folder)
            disk.strike = strike or disk.strike
            with disk.watched():
                status = command(*more)
            if record:
                disk.strike = None  # it cannot be sent
                (self._notes / "disk").write_bytes(pickle.dumps(disk))
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def ended(self, *, patience_s: float = PATIENCE_S) -> Ended:
        """Wait for the end."""
        status = None
        while status is None and time.monotonic() - self._start < patience_s:
            pid, code = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                status = os.waitstatus_to_exitcode(code)
            else:
                time.sleep(0.004)
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        seen = (self._notes / "seen").read_text(errors="replace")
        record = self._notes / "disk"
        disk = pickle.loads(record.read_bytes()) if record.is_file() else None
        shutil.rmtree(self._notes)
        return Ended(status, seen, time.monotonic() - self._start, disk)


def run(command: Command, folder: Path, *more: str, **options: Any) -> Ended:
    """Run a command and wait for its end."""
    return Running(command, folder, *more, **options).ended()


def contents(folder: Path) -> dict[str, bytes]:
    """Files of a folder by name; logs, locks and memories of digests left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        volatile = _VOLATILE_FOLDERS & set(relative.parts) or path.name.endswith(_VOLATILE_SUFFIXES)
        if path.is_file() and not volatile:
            found[relative.as_posix()] = path.read_bytes()
    return found


def left_behind(names: Sequence[str]) -> list[str]:
    """Names of temporary files and folders."""
    return [
        name
        for name in names
        if any(part.startswith(".") and part.endswith(_LEFT_BEHIND) for part in name.split("/"))
    ]
