"""Downloading several files side by side, and how far they are."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from tqdm import tqdm

from cadenza._durations import in_words
from cadenza._paths import in_bytes
from cadenza.datasets.connection import Patience, StoppedError, open_session
from cadenza.datasets.transfer import Download, n_bytes_there
from cadenza.datasets.zenodo import RemoteFile, Stamp
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

_GRACE_S = 1.0  # for threads that write; one that waits for a server may take a minute
_SHARE_PER_LINE, _SHORTEST_S, _LONGEST_S = 0.1, 10.0, 60.0  # of the lines of progress


class ByteProgress:
    """How much has arrived: a bar on a terminal, a log line now and then elsewhere.

    Use it as a context manager. Several threads may add to it.

    Parameters
    ----------
    n_total : int
        Bytes of all files.
    n_before : int
        Bytes that arrived in earlier runs.
    what : str
        What is being done.
    clock : callable
        Time in seconds.

    Examples
    --------
    >>> progress = ByteProgress(10**9, 0, clock=iter([0.0, 50.0]).__next__)
    >>> progress.add(5 * 10**8)
    '500 MB of 1 GB (50 %), 10 MB/s, 50 s left'
    """

    def __init__(
        self,
        n_total: int,
        n_before: int = 0,
        *,
        what: str = "fetching",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._n_total, self._n_before, self._n_there = max(1, n_total), n_before, n_before
        self._clock, self._lock = clock, threading.Lock()
        self._start_s = self._line_s = clock()
        self._n_line = n_before
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> ByteProgress:
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=self._n_total,
                initial=self._n_before,
                unit="B",
                unit_scale=True,
                desc=self._what,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def add(self, n_bytes: int) -> str | None:
        """Count bytes that have arrived, or are lost if negative; returns the line, if it is time.

        There is a line for every 10 %, but none within 10 s of another, and one every minute.
        """
        with self._lock:
            self._n_there += n_bytes
            if self._bar is not None:
                self._bar.update(n_bytes)
                return None
            now_s = self._clock()
            elapsed_s = now_s - self._line_s
            is_much = self._n_there - self._n_line >= _SHARE_PER_LINE * self._n_total
            if elapsed_s < (_SHORTEST_S if is_much else _LONGEST_S):
                return None
            self._line_s, self._n_line = now_s, self._n_there
            line = self._line(now_s - self._start_s)
        logger.info("%s: %s", self._what, line)
        return line

    def _line(self, elapsed_s: float) -> str:
        percent = 100 * self._n_there / self._n_total
        line = f"{in_bytes(self._n_there)} of {in_bytes(self._n_total)} ({percent:.0f} %)"
        rate = (self._n_there - self._n_before) / elapsed_s
        if rate <= 0:
            return line
        left = in_words((self._n_total - self._n_there) / rate)
        return f"{line}, {in_bytes(rate)}/s, {left} left"


def download_all(
    files: Mapping[Path, RemoteFile],
    *,
    connections: int,
    patience: Patience,
    keep: Callable[[Path, Stamp], object],
) -> list[str]:
    """Download files side by side. Ctrl-C stops all of them at once.

    Parameters
    ----------
    files : mapping of Path to RemoteFile
        What to download, and where to; the folders exist.
    connections : int
        Files that are downloaded at a time.
    patience : Patience
        How failures are repeated.
    keep : callable
        Gets each file that is complete, and what to remember of it.

    Returns
    -------
    list of str
        What went wrong, in the order of the files.
    """
    stop = threading.Event()
    problems: dict[Path, list[str]] = {}
    n_before = sum(n_bytes_there(target, file) for target, file in files.items())
    progress = ByteProgress(sum(file.size for file in files.values()), n_before)

    def load(target: Path, file: RemoteFile) -> None:
        download = Download(session, file, target, show=progress.add, stop=stop, patience=patience)
        try:
            keep(target, download.run())
        except InputError as error:
            problems[target] = error.problems
        else:
            logger.info("%s is whole: %s", target, in_bytes(file.size))

    with open_session() as session, progress:
        _side_by_side([partial(load, *item) for item in files.items()], connections, stop)
    return [problem for target in files for problem in problems.get(target, [])]


def _side_by_side(
    tasks: Sequence[Callable[[], object]], n_threads: int, stop: threading.Event
) -> None:
    """Call functions in threads; `stop` tells them to end with a `StoppedError`.

    A thread that waits for a server cannot be woken. The threads are daemons, so that such a one
    does not hold up the end of the program.
    """
    waiting, failures, lock = iter(tasks), SimpleQueue[BaseException](), threading.Lock()
    ended = threading.Semaphore(0)

    def next_task() -> Callable[[], object] | None:
        with lock:
            return next(waiting, None)

    def work() -> None:
        try:
            while not stop.is_set() and (task := next_task()):
                task()
        except StoppedError:
            return
        except BaseException as error:
            failures.put(error)  # is raised again in the main thread
            stop.set()
        finally:
            ended.release()

    threads = [threading.Thread(target=work, daemon=True) for _ in tasks[:n_threads]]
    try:
        for thread in threads:
            thread.start()
        _wait_for(len(threads), ended, stop)
    finally:
        stop.set()
        end_s = time.monotonic() + _GRACE_S
        for thread in threads:
            thread.join(max(0.0, end_s - time.monotonic()))
    if not failures.empty():
        raise failures.get()


def _wait_for(n_threads: int, ended: threading.Semaphore, stop: threading.Event) -> None:
    for _ in range(n_threads):
        while not ended.acquire(timeout=0.2):  # without a limit, Ctrl-C has no effect on Windows
            if stop.is_set():
                return
