"""Several processes that work on items side by side, each on one item at a time.

Every worker is a process of its own that joblib's loky starts. Items with the same first input file
go to the same worker, one after the other, so that what it keeps of a file (the stems of a song,
its loudness) serves all of them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import partial
from pickle import PicklingError
from typing import Any, Generic, TypeVar

from cadenza.errors import InputError
from cadenza.runner import worker
from cadenza.runner.items import Item, Result
from cadenza.runner.journal import Row
from cadenza.runner.stages import Outcome

T = TypeVar("T")

KILLED = "its process was killed; if the memory was full, use fewer processes (jobs=...)"

THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
)
"""Environment variables from which libraries take their number of threads."""


_SMALL_BYTES = 50_000_000  # some five minutes of stereo music: seconds of work


def n_cores() -> int:
    """Cores that this process may use, by its affinity and the limits of its container.

    Examples
    --------
    >>> n_cores() >= 1
    True
    """
    import joblib

    return int(joblib.cpu_count())


def n_processes(items: Sequence[Item[Any]], wanted: int | None) -> int:
    """How many processes to use for some items.

    Parameters
    ----------
    items : sequence of Item
        What is to be done.
    wanted : int or None
        None: one for each core that this process may use, or only this process if the input files
        are so small that others would take longer to start than to work.

    Examples
    --------
    >>> n_processes([Item("a", {}, None)], None)
    1
    >>> n_processes([Item("a", {}, None), Item("b", {}, None)], 8)
    2
    """
    if wanted is None:
        n_bytes = sum(path.stat().st_size for item in items for path in item.inputs)
        wanted = n_cores() if n_bytes > _SMALL_BYTES else 1
    return max(1, min(wanted, len(items)))


def side_by_side(
    items: Sequence[Item[T]], process_item: Callable[[Any], Row | Result], n_jobs: int
) -> Generator[tuple[Item[T], Outcome], None, None]:
    """Process items in several processes; yields each as it ends, with what came out.

    When the iterator is closed, or an exception such as KeyboardInterrupt passes through it, the
    processes end at once.

    Parameters
    ----------
    items : sequence of Item
        What to do.
    process_item : callable
        As for `run_items`. It is sent to every process once; cloudpickle packs it.
    n_jobs : int
        Number of processes. They share the cores: each gets as many threads as its part.
    """
    queue = _Queue(items)
    threads = str(max(1, n_cores() // n_jobs))
    with ExitStack() as stack:
        running: dict[Future[worker.Done], tuple[_Worker, Item[T]]] = {}

        def start_next(process: _Worker) -> None:
            item = queue.next_for(process)
            if item is not None:
                running[process.submit(item)] = (process, item)

        for _ in range(min(n_jobs, len(items))):
            process = _Worker(process_item, dict.fromkeys(THREADS, threads))
            stack.callback(process.kill)
            start_next(process)
        while running:
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                process, item = running.pop(future)
                outcome = _outcome(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    process.restart()
                start_next(process)
                yield item, outcome


class _Queue(Generic[T]):
    """Items that wait, in groups with the same first input file."""

    def __init__(self, items: Sequence[Item[T]]) -> None:
        groups: dict[object, deque[Item[T]]] = {}
        for item in items:
            groups.setdefault(item.inputs[:1], deque()).append(item)
        self._waiting = deque(groups.values())
        self._begun: dict[_Worker, deque[Item[T]]] = {}

    def next_for(self, process: _Worker) -> Item[T] | None:
        """Next item of the worker's group, else of a new group, else the last of a long one."""
        own = self._begun.get(process)
        if not own and self._waiting:
            own = self._begun[process] = self._waiting.popleft()
        if own:
            return own.popleft()
        longest = max(self._begun.values(), key=len, default=None)
        return longest.pop() if longest else None


class _Worker:
    """One process, which can be killed and started again.

    Parameters
    ----------
    process_item : callable
        What it does with each item.
    environment : dict
        Variables of its environment.
    """

    def __init__(
        self, process_item: Callable[[Any], Row | Result], environment: dict[str, str]
    ) -> None:
        self._setup = (process_item, worker.log_levels())
        self._environment = environment
        self.restart()

    def restart(self) -> None:
        """Start a new process."""
        from joblib.externals.loky import ProcessPoolExecutor

        self._executor = ProcessPoolExecutor(
            1, initializer=worker.set_up, initargs=self._setup, env=self._environment
        )

    def submit(self, item: Item[Any]) -> Future[worker.Done]:
        """Let the process work on an item."""
        try:
            future: Future[worker.Done] = self._executor.submit(worker.process, item)
        except (PicklingError, TypeError, AttributeError) as error:  # a block of the user's own
            raise InputError(f"{error}; it cannot go to other processes, use jobs=1") from None
        return future

    def kill(self) -> None:
        """End the process at once."""
        self._executor.shutdown(wait=True, kill_workers=True)


def _outcome(future: Future[worker.Done]) -> Outcome:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        return partial(_failed, KILLED)
    if error is not None:  # the item or its result could not be sent
        return partial(_failed, f"{type(error).__name__}: {error}")
    done = future.result()
    for record in done.records:
        if (logger := logging.getLogger(record.name)).isEnabledFor(record.levelno):
            logger.handle(record)
    if done.result is None:
        return partial(_failed, done.failure, done.where)
    return partial(_same, done.result)


class _Elsewhere(Exception):  # noqa: N818
    """Shows, as the cause of an error, the traceback from another process."""


def _failed(reason: str, where: str = "") -> Row | Result:
    raise InputError(reason) from (_Elsewhere(f"\n{where}") if where else None)


def _same(result: Row | Result) -> Row | Result:
    return result
