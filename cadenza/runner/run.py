"""The run loop: every item once, failures recorded, finished items kept for the next run."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from filelock import FileLock, Timeout

from cadenza._check import raise_if
from cadenza._files import DigestCache
from cadenza._paths import require_files
from cadenza.errors import InputError
from cadenza.runner.items import Item, Report, Result, reason_of
from cadenza.runner.journal import Entry, Journal, Row
from cadenza.runner.merging import ShardedTable, merge_if_complete
from cadenza.runner.pool import n_processes, side_by_side
from cadenza.runner.progress import Progress
from cadenza.runner.repeats import warnings_once
from cadenza.runner.resume import (
    EXP_FOLDER,
    Earlier,
    Resume,
    Selection,
    failures_path,
    flags_path,
    lock_path,
)
from cadenza.runner.sharding import WHOLE, Shard, every_nth
from cadenza.runner.stages import Outcome, Together, one_by_one, prepared
from cadenza.runner.tables import write_notes, write_table

logger = logging.getLogger(__name__)

T = TypeVar("T")
OnError = Literal["continue", "stop"]


def run_items(
    items: Sequence[Item[T]],
    process_item: Callable[[Any], Row | Result],
    *,
    folder: Path,
    name: str,
    columns: Sequence[str],
    settings: Mapping[str, Any],
    every: int = 1,
    shard: Shard = WHOLE,
    resume: Resume = True,
    on_error: OnError = "continue",
    read_item: Callable[[Item[T]], object] | None = None,
    together: Together | None = None,
    at_once: int = 1,
    jobs: int | None = 1,
    show: str = "",
    folder_key: str = EXP_FOLDER,
) -> Report:
    """Work on the items that are not finished yet and write the table of all results.

    An item is finished if a journal beside the table says so, also that of another shard, and its
    output files are still what was written. An item that fails has empty values in the table and
    is tried again by the next run; ``<name>.failures.csv`` says why. Doubtful results are listed
    in ``<name>.flags.csv``. The last shard to end merges the tables of all.

    Parameters
    ----------
    items : sequence of Item
        The whole work list. The results of items that this run leaves out stay in the table.
    process_item : callable
        Gets an item, or what `read_item` made of it. Writes the output files and returns the
        values of the item's row, or a `Result`.
    folder, name : Path, str
        The table is ``<folder>/<name><suffix of the shard>.csv``. One process at a time may work
        on it.
    columns : sequence of str
        Columns of the table.
    settings : mapping
        JSON values that all results depend on: configuration and version of the algorithm.
    every : int
        Take only every such item of the list, for a small test.
    shard : Shard
        Which part of these; all its input files must exist.
    resume : bool or "changed"
        True keeps what is finished and raises if its inputs or settings have changed; "changed"
        makes what has changed again; False makes everything again.
    on_error : {"continue", "stop"}
        Whether the run goes on after an item that failed.
    read_item : callable, optional
        Gets the next item in a thread of its own while `process_item` is busy. For reading and
        resampling.
    together : callable, optional
        Gets a list of up to `at_once` items, or of what `read_item` made of them, and returns a
        list of what `process_item` gets instead. If it fails, it is called for each item alone.
    at_once : int
        How many items to work on together.
    jobs : int or None
        How many processes work on items side by side; None: as many as there are cores, if it
        pays. The results are the same. Not for items that are read ahead or worked on together.
    show : str
        Column to show on the console as items finish.
    folder_key : str
        Key of the configuration that chooses the folder, for messages.

    Returns
    -------
    Report
        Rows, failures and flags of the items of this run.

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
    ...     report = run_items(
    ...         items, lambda item: {"score": 1 / item.data}, folder=Path(folder), name="scores",
    ...         columns=["song", "score"], settings={"version": 1},
    ...     )
    >>> report.rows, report.failures
    ([{'song': 'a', 'score': 0.25}], {'b': 'ZeroDivisionError: ...'})
    """
    _require_option("on_error", on_error, ("continue", "stop"))
    _require_option("resume", resume, (True, False, "changed"))
    selected = shard.take(every_nth(items, every))
    _require_unique(items)
    require_files(path for item in selected for path in item.inputs)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}{shard.suffix}.csv"
    try:
        with FileLock(lock_path(table), timeout=_patience_s()), warnings_once():
            state = _State(items, selected, table, json.loads(json.dumps(settings)))
            listed = {item.key for item in items}
            selection = Selection(selected, listed, shard.count > 1, every > 1)
            earlier = Earlier.find(table, name, folder_key=folder_key)
            state.open_journal(earlier, selection, resume=resume)
            try:
                with Progress(len(selected), state.n_finished, show=show) as progress:
                    if (n_jobs := n_processes(state.todo, jobs)) > 1:
                        outcomes = side_by_side(state.todo, process_item, n_jobs)
                    else:
                        inputs = prepared(state.todo, read_item, together, at_once)
                        outcomes = one_by_one(state.todo, inputs, process_item)
                    with closing(outcomes):
                        state.work_on(outcomes, progress, stop=on_error == "stop")
            finally:
                report = state.finish(columns)
    except Timeout:
        raise InputError(f"{table}: another run is working on it") from None
    except NotImplementedError:  # by filelock
        raise InputError(f"{folder}: this file system has no file locks (flock)") from None
    if shard.count > 1:
        parts = ShardedTable(folder / f"{name}.csv", columns, show, shard.count)
        merge_if_complete(parts, items, every=every)
    return report


def _patience_s() -> float:
    """How long to wait for another process that works on the same table.

    When SLURM has queued a job again because it lost a node, the first one may still be running
    there.
    """
    return 600 if int(os.environ.get("SLURM_RESTART_COUNT", 0)) else 0


@dataclass
class _State(Generic[T]):
    """A run in progress: what is to do, what is finished, what failed."""

    items: Sequence[Item[T]]
    selected: Sequence[Item[T]]
    table: Path
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        self.digests = DigestCache(self.table.with_name(f".{self.table.stem}.digests.json"))
        self.fingerprints = {item.key: self._fingerprint(item) for item in self.selected}

    def open_journal(self, earlier: Earlier, selection: Selection, *, resume: Resume) -> None:
        """Keep what holds of earlier runs, also of other shards; raise if anything has changed."""
        self.journal: Journal = earlier.start(
            selection, self.fingerprints, self.digests, self.settings, resume=resume
        )

    @property
    def todo(self) -> list[Item[T]]:
        """Items that have no result yet."""
        known = self.journal.entries
        return [i for i in self.selected if i.key not in known or known[i.key].failure]

    @property
    def n_finished(self) -> int:
        """How many items have a result."""
        return len(self.selected) - len(self.todo)

    def work_on(
        self,
        outcomes: Iterable[tuple[Item[T], Outcome]],
        progress: Progress,
        *,
        stop: bool,
    ) -> None:
        """Do what is not finished; failures are recorded."""
        for item, outcome in outcomes:
            try:
                result = outcome()
                entry = self._entry(item, result if isinstance(result, Result) else Result(result))
            except Exception as error:
                entry = Entry.failed(item.key, reason_of(error))
                self.journal.append(entry)
                progress.failed(item.key, entry.failure)
                logger.debug("%s: where it failed", item.key, exc_info=True)
                if stop:
                    return
            else:
                self.journal.append(entry)
                progress.done(item.key, entry.row)

    def finish(self, columns: Sequence[str]) -> Report:
        """Put journal and tables in the order of the work list, whatever the order of the work."""
        known = self.journal.entries
        listed = {item.key: known[item.key] for item in self.items if item.key in known}
        self.journal.start(self.settings, (listed | known).values())
        self.digests.save()
        labels = {item.key: item.labels for item in self.items}
        write_table(
            self.table, columns, [{**labels[key], **entry.row} for key, entry in listed.items()]
        )
        problems = {key: [entry.problems] for key, entry in listed.items() if entry.problems}
        flags = {key: entry.flags for key, entry in listed.items() if entry.flags}
        write_notes(failures_path(self.table), "reason", problems)
        write_notes(flags_path(self.table), "flag", flags)
        ours = {key: listed[key] for key in self.fingerprints if key in listed}
        report = Report(
            self.table,
            len(self.selected),
            [entry.row for entry in ours.values() if not entry.failure],
            {key: entry.problems for key, entry in ours.items() if entry.problems},
            {key: entry.flags for key, entry in ours.items() if entry.flags},
        )
        n_failed, n_flagged = len(report.failures), len(report.flags)
        if n_failed:
            path = failures_path(self.table)
            logger.warning(
                "%d of %d items failed or lack values: %s", n_failed, report.n_items, path
            )
        if n_flagged:
            path = flags_path(self.table)
            logger.warning(
                "%d of %d items have doubtful values: %s", n_flagged, report.n_items, path
            )
        return report

    def _entry(self, item: Item[T], result: Result) -> Entry:
        return Entry(
            item.key,
            self.fingerprints[item.key],
            [self.digests(path) for path in item.outputs],
            {**item.labels, **result.row},
            list(result.missing),
            list(result.flags),
            failure="",
        )

    def _fingerprint(self, item: Item[T]) -> str:
        """Digest of everything that the item's result depends on, apart from the settings."""
        inputs = [self.digests(path) for path in item.inputs]
        parts = json.dumps([item.depends_on, inputs], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _require_option(name: str, value: object, allowed: Sequence[object]) -> None:
    if not any(value is known or (isinstance(known, str) and value == known) for known in allowed):
        shown = ", ".join(str(known).lower() for known in allowed[:-1])
        raise InputError(f"{name} must be {shown} or {allowed[-1]}, got {value!r}")


def _require_unique(items: Sequence[Item[T]]) -> None:
    """Check that no two items have the same name, or write the same file."""
    names = Counter(item.key for item in items)
    files = Counter(path for item in items for path in item.outputs)
    problems = [f"two items are called {key}" for key, count in names.items() if count > 1]
    problems += [f"two items would write {path}" for path, count in files.items() if count > 1]
    raise_if(problems)
