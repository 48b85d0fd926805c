"""The one run loop: every item once, failures recorded, and a re-run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from filelock import FileLock, Timeout
from tqdm import tqdm

from cadenza._check import raise_if
from cadenza._files import Identities
from cadenza._paths import require_files
from cadenza.errors import InputError
from cadenza.runner.results import Journal, Row, journal_path, write_table
from cadenza.runner.sharding import WHOLE, Shard

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Record(Protocol):
    """What a challenge knows about one piece of work."""

    @property
    def key(self) -> str:
        """Stable name."""

    @property
    def labels(self) -> dict[str, str]:
        """First columns of the result tables."""

    @property
    def depends_on(self) -> dict[str, Any]:
        """What the results depend on besides the audio."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Item(Generic[T]):
    """One piece of work.

    Parameters
    ----------
    key : str
        Stable name, unique in the work list.
    labels : mapping
        First columns of the item's row in the result table.
    data : object
        What the work function needs to know.
    depends_on : JSON value
        What the result depends on besides the settings and the input files.
    inputs, outputs : tuple of Path
        Files that are read; files that are written.
    """

    key: str
    labels: Mapping[str, str]
    data: T
    depends_on: Any = None
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()

    @classmethod
    def of(cls, record: R, inputs: tuple[Path, ...], outputs: tuple[Path, ...] = ()) -> Item[R]:
        """Make the item of a record, which names and describes itself."""
        return Item(record.key, record.labels, record, record.depends_on, inputs, outputs)


class PartialResult(Exception):  # noqa: N818
    """An item is finished, but some of its values could not be found.

    Parameters
    ----------
    row : mapping
        The values that were found.
    reasons : list of str
        Why the others are missing.
    """

    def __init__(self, row: Row, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.row = row


@dataclass(frozen=True)
class Report:
    """What a run did.

    Parameters
    ----------
    table : Path
        The result table.
    n_items : int
        Length of the work list.
    rows : list of mapping
        Rows of the finished items, in order.
    failures : dict
        Why the failed items failed.
    """

    table: Path
    n_items: int
    rows: list[Row]
    failures: dict[str, str]

    @property
    def exit_status(self) -> int:
        """0 if all items are finished, 1 if some are not."""
        return 1 if self.failures else 0


def run(
    items: Sequence[Item[T]],
    work: Callable[..., Row],
    *,
    folder: Path,
    name: str,
    columns: Sequence[str],
    settings: Mapping[str, Any],
    shard: Shard = WHOLE,
    resume: bool = True,
    on_error: Literal["continue", "stop"] = "continue",
    prepare: Callable[[Item[T]], object] | None = None,
) -> Report:
    """Work on all items of a shard that are not finished yet and write the table of its results.

    An item is finished if a journal beside the table says so, also that of another shard, and its
    output files are still what was written. An item that fails is recorded with its reason in
    ``<name>.failures.csv``, has empty values in the table, and is tried again by the next run.
    One that raises `PartialResult` is finished; its missing values are reported likewise.

    Parameters
    ----------
    items : sequence of Item
        The work list of all shards; all input files of this shard must exist.
    work : callable
        Gets an item, and what was prepared for it; writes its output files and returns the
        values of its row.
    folder, name : Path, str
        The result table is ``<folder>/<name><suffix of the shard>.csv``. One process at a time may
        work on it.
    columns : sequence of str
        Columns of the table.
    settings : mapping
        JSON values that all results depend on: configuration and version of the algorithm.
    shard : Shard
        Which part of the work list.
    resume : bool
        False forgets what is finished.
    on_error : {"continue", "stop"}
        Whether the run goes on after an item that failed.
    prepare : callable, optional
        Gets the next item while `work` is busy with this one, in a thread of its own; what it
        returns is handed to `work` with the item. For reading and resampling.

    Returns
    -------
    Report
        Rows and failures.

    Raises
    ------
    InputError
        If an input file is missing, another process works on the table, or finished items were
        made with other settings or inputs: nothing is mixed.

    Examples
    --------
    >>> import tempfile
    >>> items = [Item("a", {"song": "a"}, data=4), Item("b", {"song": "b"}, data=0)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = run(
    ...         items, lambda item: {"score": 1 / item.data}, folder=Path(folder), name="scores",
    ...         columns=["song", "score"], settings={"version": 1},
    ...     )
    >>> report.rows, report.failures
    ([{'song': 'a', 'score': 0.25}], {'b': 'ZeroDivisionError: ...'})
    """
    if on_error not in ("continue", "stop"):
        raise InputError(f"on_error must be continue or stop, got {on_error!r}")
    items = shard.take(items)
    _require_unique(items)
    require_files(path for item in items for path in item.inputs)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}{shard.suffix}.csv"
    try:
        with FileLock(_lock_path(table), blocking=False):
            state = _State(items, table, name, json.loads(json.dumps(settings)))
            state.open_journal(resume=resume)
            try:
                state.work_on(work, prepare, stop=on_error == "stop")
            finally:
                rows = state.finish(columns)
    except Timeout:
        raise InputError(f"{table}: another run is working on it") from None
    return Report(table, len(items), rows, state.failures)


class _State(Generic[T]):
    """A run in progress: what is to do, what is finished, what failed."""

    def __init__(
        self, items: Sequence[Item[T]], table: Path, name: str, settings: dict[str, Any]
    ) -> None:
        self.items = items
        self.table = table
        self.name = name
        self.settings = settings
        self.failures: dict[str, str] = {}
        self.identity = Identities(table.with_name(f".{table.stem}.identities.json"))
        self.identities = {item.key: self._identity(item) for item in items}

    def open_journal(self, *, resume: bool) -> None:
        """Keep what holds of earlier runs, also of other shards; raise if anything has changed."""
        others = sorted(self.table.parent.glob(f"{self.name}*.journal.jsonl"))
        if not resume:
            self._forget(others)
        self.journal = Journal(journal_path(self.table), read=resume)
        own = self.journal.entries
        if resume:
            entries = self._entries_of(others) | own
            finished = {i.key: entries[i.key] for i in self.items if self._holds(i, entries)}
            elsewhere = {key: own[key] for key in own if key not in self.identities}
            own = finished | elsewhere
        self.journal.start(self.settings, list(own.values()))

    def work_on(
        self,
        work: Callable[..., Row],
        prepare: Callable[[Item[T]], object] | None,
        *,
        stop: bool,
    ) -> None:
        """Do what is not finished; failures are recorded."""
        todo = [item for item in self.items if item.key not in self.journal.entries]
        if len(todo) < len(self.items):
            n_finished = len(self.items) - len(todo)
            logger.info("%d of %d items were finished before", n_finished, len(self.items))
        has_terminal = sys.stderr.isatty()
        prepared = _one_ahead(prepare, todo) if prepare else repeat(_nothing)
        bar = tqdm(todo, disable=not has_terminal)
        for number, (item, ready) in enumerate(zip(bar, prepared, strict=False), 1):
            if not has_terminal:
                logger.info("%d of %d: %s", number, len(todo), item.key)
            try:
                entry = self._entry(item, work, ready)
            except Exception as error:
                self.failures[item.key] = f"{type(error).__name__}: {error}"
                logger.error("%s failed: %s", item.key, self.failures[item.key])
                logger.debug("where it failed:", exc_info=True)
                if stop:
                    return
            else:
                self.journal.append(entry)

    def finish(self, columns: Sequence[str]) -> list[Row]:
        """Put journal and tables in the order of the work list, whatever the order of the work."""
        known = self.journal.entries
        entries = {item.key: known[item.key] for item in self.items if item.key in known}
        self.journal.start(self.settings, list((entries | known).values()))
        self.identity.save()
        missing = {key: entry["missing"] for key, entry in entries.items() if entry["missing"]}
        self.failures |= missing
        rows = {item.key: item.labels for item in self.items if item.key in self.failures}
        rows |= {key: entry["row"] for key, entry in entries.items()}
        write_table(self.table, columns, [rows[i.key] for i in self.items if i.key in rows])
        failures_path = self.table.with_suffix(".failures.csv")
        if self.failures:
            reasons = [{"item": key, "reason": text} for key, text in self.failures.items()]
            write_table(failures_path, ["item", "reason"], reasons)
        else:
            failures_path.unlink(missing_ok=True)
        return [entry["row"] for entry in entries.values()]

    def _entry(
        self, item: Item[T], work: Callable[..., Row], ready: Callable[[], tuple[object, ...]]
    ) -> dict[str, Any]:
        """Do the work; what the journal keeps of it."""
        missing = ""
        try:
            row = work(item, *ready())
        except PartialResult as partial:
            row, missing = partial.row, str(partial)
            logger.warning("%s: %s", item.key, missing)
        return {
            "key": item.key,
            "identity": self.identities[item.key],
            "outputs": [self.identity(path) for path in item.outputs],
            "row": {**item.labels, **row},
            "missing": missing,
        }

    def _identity(self, item: Item[T]) -> str:
        """Digest of everything that the item's result depends on, apart from the settings."""
        parts = [item.depends_on, [self.identity(path) for path in item.inputs]]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def _entries_of(self, journals: Sequence[Path]) -> dict[str, dict[str, Any]]:
        """Entries of journals in the results folder; all must have been made as ours will be."""
        entries: dict[str, dict[str, Any]] = {}
        for path in journals:
            journal = Journal(path)
            if journal.entries and journal.settings != self.settings:
                problem = (
                    f"{path}: has results that were made with other settings; resume=false starts "
                    "again, another folder (path.exp_folder=...) keeps both"
                )
                raise InputError([problem, *_differences(journal.settings or {}, self.settings)])
            entries |= journal.entries
        keys = self.identities
        changed = [k for k in keys if k in entries and entries[k].get("identity") != keys[k]]
        if changed:
            raise InputError(
                f"{self.table}: the inputs of {len(changed)} finished items have changed since, "
                f"beginning with {changed[0]}; resume=false makes them anew"
            )
        return entries

    def _holds(self, item: Item[T], entries: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether an item is finished and its output is still what was written."""
        if item.key not in entries:
            return False
        found = [self.identity(path) if path.is_file() else None for path in item.outputs]
        if found != entries[item.key].get("outputs"):
            logger.warning("%s: its output is missing or damaged and is made again", item.key)
            return False
        return True

    def _forget(self, journals: Sequence[Path]) -> None:
        """Remove results of other shards that were made with other settings."""
        for path in journals:
            table = path.with_name(path.name.removesuffix(".journal.jsonl") + ".csv")
            if table == self.table or Journal(path).settings == self.settings:
                continue
            with suppress(Timeout), FileLock(_lock_path(table), blocking=False):
                path.unlink()
                table.unlink(missing_ok=True)


def _nothing() -> tuple[object, ...]:
    return ()


def _one_ahead(
    prepare: Callable[[Item[T]], object], items: Sequence[Item[T]]
) -> Iterator[Callable[[], tuple[object, ...]]]:
    """Yield for every item a function that waits for what was prepared, or raises its error."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        futures = deque(thread.submit(prepare, item) for item in items[:1])
        for following in [*items[1:], None]:
            if following is not None:
                futures.append(thread.submit(prepare, following))
            if futures:
                yield partial(_result_of, futures.popleft())


def _result_of(future: Future[object]) -> tuple[object, ...]:
    return (future.result(),)


def _lock_path(table: Path) -> Path:
    return table.with_name(f".{table.name}.lock")


def _require_unique(items: Sequence[Item[T]]) -> None:
    """Check that no two items have one name, or would write one file."""
    names = Counter(item.key for item in items)
    files = Counter(path for item in items for path in item.outputs)
    problems = [f"two items are called {key}" for key, count in names.items() if count > 1]
    problems += [f"two items would write {path}" for path, count in files.items() if count > 1]
    raise_if(problems)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            lines += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"  {prefix}{key}: {old} before, {new} now")
    return lines
