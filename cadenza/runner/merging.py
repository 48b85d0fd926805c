"""Merging the tables of all shards into one, in the order of the work list."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cadenza._check import raise_if
from cadenza._settings import settings_differences
from cadenza.errors import InputError
from cadenza.runner.items import Record
from cadenza.runner.journal import NOTES, Journal, journal_path, without_notes
from cadenza.runner.resume import failures_path, flags_path, lock_path
from cadenza.runner.sharding import Shard, every_nth
from cadenza.runner.tables import as_text, mean_of, read_table, summary, write_notes, write_table

logger = logging.getLogger(__name__)

_MERGING_S = 60  # longest wait for another process that merges

Rows = dict[tuple[str, ...], dict[str, str]]


@dataclass(frozen=True)
class ShardedTable:
    """A table of which every shard has its own part.

    Parameters
    ----------
    path : Path
        Where the merged table goes, ``<name>.csv``; the parts lie beside it.
    columns : sequence of str
        Columns of all parts; the labels of the records come first.
    show : str
        The column whose mean tells how the items did.
    n_shards : int
        Number of parts. With one, the part is the table itself.
    """

    path: Path
    columns: Sequence[str]
    show: str
    n_shards: int

    @property
    def parts(self) -> list[Path]:
        """Tables of the shards."""
        shards = [Shard(index, self.n_shards) for index in range(max(1, self.n_shards))]
        return [self.path.with_name(f"{self.path.stem}{shard.suffix}.csv") for shard in shards]

    def merge(self, records: Sequence[Record], *, every: int = 1) -> list[dict[str, str]]:
        """Write the merged table, and those of failures and flags if the parts have any.

        Parameters
        ----------
        records : sequence of Record
            The whole work list.
        every : int
            Every such record must have a row. Rows of the other records are kept.

        Returns
        -------
        list of dict
            Rows of the required records, in the order of the work list.

        Raises
        ------
        InputError
            Listing parts that are missing or were made with different settings, and rows that
            are missing, unknown, not as in the journal or there twice with different values; also
            if the table that is there has results that the merged one would lose. Nothing is
            written then.

        Examples
        --------
        >>> import tempfile
        >>> from types import SimpleNamespace
        >>> records = [SimpleNamespace(key=song, labels={"song": song}) for song in "ab"]
        >>> columns = ["song", "score"]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = ShardedTable(Path(folder, "scores.csv"), columns, "score", n_shards=2)
        ...     write_table(table.parts[0], columns, [{"song": "a", "score": 0.1}])
        ...     write_table(table.parts[1], columns, [{"song": "b", "score": 0.2}])
        ...     table.merge(records)
        [{'song': 'a', 'score': '0.1'}, {'song': 'b', 'score': '0.2'}]
        """
        raise_if([f"missing file: {part}" for part in self.parts if not part.is_file()])
        _require_equal_settings(self.parts)
        rows, problems = self._rows(records)
        required = [tuple(record.labels.values()) for record in every_nth(records, every)]
        problems += [f"no result for {' '.join(key)}" for key in required if key not in rows]
        problems += self._losses(records, rows)
        raise_if(problems)
        order = [tuple(record.labels.values()) for record in records]
        write_table(self.path, self.columns, [rows[key] for key in order if key in rows])
        for path_of, kind in ((failures_path, "reason"), (flags_path, "flag")):
            notes = _notes([path_of(part) for part in self.parts], kind)
            in_order = {r.key: notes[r.key] for r in records if r.key in notes}
            write_notes(path_of(self.path), kind, in_order)
        return [rows[key] for key in required]

    def _rows(self, records: Sequence[Record]) -> tuple[Rows, list[str]]:
        """Rows of all parts by their labels, and what is wrong with them."""
        known = {tuple(record.labels.values()) for record in records}
        rows: Rows = {}
        problems = []
        for part in self.parts:
            recorded = self._recorded(part, list(records[0].labels))
            for row in read_table(part, self.columns):
                key = tuple(row[label] for label in records[0].labels)
                if key not in known:
                    problems.append(f"{part}: unknown item {' '.join(key)}")
                elif key in recorded and recorded[key] != row:
                    problems.append(
                        f"{part}: {' '.join(key)}: {journal_path(part).name} has other values; "
                        "run this batch again"
                    )
                elif rows.setdefault(key, row) != row:
                    problems.append(f"{part}: {' '.join(key)} is there twice, with other values")
        return rows, problems

    def _recorded(self, part: Path, labels: Sequence[str]) -> Rows:
        """Rows of a part as its journal has them: a table may be cut in the middle of a number."""
        if not journal_path(part).exists():
            return {}
        made = (entry.row for entry in Journal(journal_path(part)).entries.values() if entry.row)
        rows = ({column: as_text(row.get(column)) for column in self.columns} for row in made)
        return {tuple(row[label] for label in labels): row for row in rows}

    def _losses(self, records: Sequence[Record], rows: Rows) -> list[str]:
        """What the table that is there has and the merged one would not have."""
        if not self.path.exists() or self.path in self.parts:
            return []
        labels = list(records[0].labels)
        known = {tuple(record.labels.values()) for record in records}
        before = {tuple(row[k] for k in labels) for row in read_table(self.path, self.columns)}
        lost = len((before & known) - set(rows))
        return [f"{self.path}: would lose {lost} results; rename it, then merge"] if lost else []


def merge_if_complete(table: ShardedTable, records: Sequence[Record], *, every: int) -> bool:
    """Merge the parts of a table if all of them are complete; says so if they are not.

    Parameters
    ----------
    table : ShardedTable
        The table.
    records, every
        As for `ShardedTable.merge`.

    Returns
    -------
    bool
        Whether the table is merged.
    """
    missing = [part for part in table.parts if not part.is_file()]
    if missing:
        n_there, n_parts = table.n_shards - len(missing), table.n_shards
        logger.info("%d of %d batches are finished; the last one merges", n_there, n_parts)
        return False
    try:
        with FileLock(lock_path(table.path), timeout=_MERGING_S):  # two may end at the same time
            rows = table.merge(records, every=every)
    except (InputError, Timeout) as error:
        reason = str(error).splitlines()[0]
        logger.info("the tables of the batches are not merged yet: %s", reason)
        return False
    mean = summary(table.path, rows, table.show, n_wanted=len(rows))
    logger.info("all %d batches are finished and merged: %s", table.n_shards, mean)
    return True


def merge_batches(tables: Sequence[ShardedTable], records: Sequence[Record], *, every: int) -> int:
    """Merge the parts of all tables that have any, and print the mean of each.

    Parameters
    ----------
    tables : sequence of ShardedTable
        The first one must have its parts, unless another one has.
    records : sequence of Record
        The whole work list.
    every : int
        As for `ShardedTable.merge`.

    Returns
    -------
    int
        Exit status: 1 if a value is missing because its item failed.
    """
    # a table in one part is already merged
    there = [t for t in tables if t.n_shards > 1 and any(part.is_file() for part in t.parts)]
    complete = True
    for table in there or tables[:1]:
        rows = table.merge(records, every=every)
        print(summary(table.path, rows, table.show, n_wanted=len(rows)))
        complete &= mean_of(rows, table.show)[1] == len(rows)
    return 0 if complete else 1


def _require_equal_settings(parts: Sequence[Path]) -> None:
    """Check that the parts that have a journal were made with the same settings."""
    journals = [Journal(path) for part in parts if (path := journal_path(part)).exists()]
    for journal in journals[1:]:
        before, now = journals[0].settings, journal.settings
        if before is None or now is None:
            continue
        if not (NOTES in before and NOTES in now):  # an earlier version took none
            before, now = without_notes(before), without_notes(now)
        if before != now:
            raise InputError(
                [
                    f"made with different settings: {journals[0].path} and {journal.path}",
                    *settings_differences(before, now),
                ]
            )


def _notes(paths: Sequence[Path], kind: str) -> Mapping[str, list[str]]:
    notes: dict[str, list[str]] = {}
    for path in paths:
        for row in read_table(path, ["item", kind]) if path.is_file() else ():
            texts = notes.setdefault(row["item"], [])
            if row[kind] not in texts:
                texts.append(row[kind])
    return notes
