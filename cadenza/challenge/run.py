"""The one run loop: every item once, failures recorded, and a re-run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from filelock import FileLock, Timeout
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from cadenza._check import InputError
from cadenza._files import identity
from cadenza.challenge.files import require_files
from cadenza.challenge.pairs import WHOLE, Shard
from cadenza.challenge.results import Journal, Row, journal_path, write_table

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
    work: Callable[[Item[T]], Row],
    *,
    folder: Path,
    name: str,
    columns: Sequence[str],
    settings: Mapping[str, Any],
    shard: Shard = WHOLE,
    resume: bool = True,
    on_error: Literal["continue", "stop"] = "continue",
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
        Gets an item, writes its output files and returns the values of its row.
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

    Returns
    -------
    Report
        Rows and failures.

    Raises
    ------
    InputError
        If an input file is missing, another process works on the table, or finished items were
        made with other settings or inputs: nothing is mixed.
    """
    if on_error not in ("continue", "stop"):
        raise InputError(f"on_error must be continue or stop, got {on_error!r}")
    items = shard.take(items)
    require_files(path for item in items for path in item.inputs)
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"{name}{shard.suffix}.csv"
    try:
        with FileLock(table.with_name(f".{table.name}.lock"), blocking=False):
            settings = json.loads(json.dumps(settings))
            identities = {item.key: _identity(item) for item in items}
            journal = Journal(journal_path(table))
            done = _finished(items, identities, table, name, settings) if resume else {}
            journal.start(settings, list(done.values()))
            failures: dict[str, str] = {}
            try:
                _work_on(items, work, identities, journal, failures, stop=on_error == "stop")
            finally:
                rows = _finish(items, table, columns, settings, journal, failures)
    except Timeout:
        raise InputError(f"{table}: another run is working on it") from None
    return Report(table, len(items), rows, failures)


def _work_on(
    items: Sequence[Item[T]],
    work: Callable[[Item[T]], Row],
    identities: Mapping[str, str],
    journal: Journal,
    failures: dict[str, str],
    *,
    stop: bool,
) -> None:
    todo = [item for item in items if item.key not in journal.entries]
    if len(todo) < len(items):
        logger.info("%d of %d items were finished before", len(items) - len(todo), len(items))
    has_terminal = sys.stderr.isatty()
    with logging_redirect_tqdm():
        for number, item in enumerate(tqdm(todo, disable=not has_terminal), 1):
            if not has_terminal:
                logger.info("%d of %d: %s", number, len(todo), item.key)
            try:
                entry = _entry(item, work)
            except Exception as error:
                failures[item.key] = f"{type(error).__name__}: {error}"
                logger.error("%s failed: %s", item.key, failures[item.key])
                logger.debug("where it failed:", exc_info=True)
                if stop:
                    return
            else:
                journal.append({"key": item.key, "identity": identities[item.key], **entry})


def _entry(item: Item[T], work: Callable[[Item[T]], Row]) -> dict[str, Any]:
    """Do the work; what the journal keeps of it."""
    missing = ""
    try:
        row = work(item)
    except PartialResult as partial:
        row, missing = partial.row, str(partial)
        logger.warning("%s: %s", item.key, missing)
    outputs = [identity(path) for path in item.outputs]
    return {"outputs": outputs, "row": {**item.labels, **row}, "missing": missing}


def _finish(
    items: Sequence[Item[T]],
    table: Path,
    columns: Sequence[str],
    settings: Mapping[str, Any],
    journal: Journal,
    failures: dict[str, str],
) -> list[Row]:
    """Put journal and table in the order of the work list, whatever the order of the work."""
    entries = [journal.entries[item.key] for item in items if item.key in journal.entries]
    failures |= {entry["key"]: entry["missing"] for entry in entries if entry["missing"]}
    journal.start(settings, entries)
    rows = {item.key: item.labels for item in items if item.key in failures}
    rows |= {entry["key"]: entry["row"] for entry in entries}
    write_table(table, columns, [rows[item.key] for item in items if item.key in rows])
    failures_path = table.with_suffix(".failures.csv")
    if failures:
        reasons = [{"item": key, "reason": reason} for key, reason in failures.items()]
        write_table(failures_path, ["item", "reason"], reasons)
    else:
        failures_path.unlink(missing_ok=True)
    return [entry["row"] for entry in entries]


def _identity(item: Item[T]) -> str:
    """Digest of everything that the item's result depends on, apart from the settings."""
    parts = [item.depends_on, [identity(path) for path in item.inputs]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _finished(
    items: Sequence[Item[T]],
    identities: Mapping[str, str],
    table: Path,
    name: str,
    settings: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Journal entries that still hold, from this table or from other shards of the same work."""
    own = Journal(journal_path(table))
    if own.entries and own.settings != settings:
        problem = (
            f"{table}: made with other settings; resume=false starts again, "
            "another folder (path.exp_folder=...) keeps both"
        )
        raise InputError([problem, *_differences(own.settings or {}, settings)])
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(table.parent.glob(f"{name}*.journal.jsonl")):
        shard = Journal(path)
        if shard.settings == settings:
            entries |= shard.entries
    entries |= own.entries
    changed = [k for k in identities if k in entries and entries[k]["identity"] != identities[k]]
    if changed:
        raise InputError(
            f"{table}: the inputs of {len(changed)} finished items have changed since, beginning "
            f"with {changed[0]}; resume=false makes them anew"
        )
    return {
        item.key: entries[item.key]
        for item in items
        if item.key in entries and _outputs_are_intact(item, entries[item.key])
    }


def _outputs_are_intact(item: Item[T], entry: Mapping[str, Any]) -> bool:
    found = [identity(path) if path.is_file() else None for path in item.outputs]
    if found != entry["outputs"]:
        logger.warning("%s: its output is missing or damaged and is made again", item.key)
        return False
    return True


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            lines += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"  {prefix}{key}: {old} before, {new} now")
    return lines
