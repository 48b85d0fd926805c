"""Result files that survive a kill: a journal to resume from, a table to read, shards to merge."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cadenza._check import raise_if
from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.runner.sharding import Shard

Row = Mapping[str, Any]


class Journal:
    """Append-only record of the finished items of one step, a JSON object per line.

    The first line holds the settings that the results depend on. A line that a kill cut short is
    dropped when the journal is opened again; the last line of an item counts.

    Parameters
    ----------
    path : Path
        The journal; created by `start`.
    read : bool
        Whether to read what is there.

    Raises
    ------
    InputError
        If the file is no journal.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder, "scores.journal.jsonl"))
    ...     journal.start({"level_db_spl": 65}, [])
    ...     journal.append({"key": "song 1", "row": {"score": 0.5}})
    ...     Journal(Path(folder, "scores.journal.jsonl")).entries
    {'song 1': {'key': 'song 1', 'row': {'score': 0.5}}}
    """

    def __init__(self, path: Path, *, read: bool = True) -> None:
        self.path = path
        self.settings: dict[str, Any] | None = None
        self.entries: dict[str, dict[str, Any]] = {}
        lines = _complete_lines(path) if read else []
        if lines:
            self.settings, *entries = lines
            self.entries = {entry["key"]: entry for entry in entries}

    def start(self, settings: Mapping[str, Any], entries: Sequence[Row]) -> None:
        """Begin anew with these settings and entries, in one step."""
        self.settings = dict(settings)
        self.entries = {entry["key"]: dict(entry) for entry in entries}
        with replacing(self.path) as temporary:
            lines = [self.settings, *self.entries.values()]
            temporary.write_text("".join(map(_line, lines)), encoding="utf-8")

    def append(self, entry: Row) -> None:
        """Add one entry; once this returns, the entry survives a kill of the process."""
        self.entries[entry["key"]] = dict(entry)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))


def journal_path(table: Path) -> Path:
    """Journal that belongs to a result table.

    Examples
    --------
    >>> journal_path(Path("scores.csv")).name
    'scores.journal.jsonl'
    """
    return table.with_suffix(".journal.jsonl")


def _line(entry: Row) -> str:
    return json.dumps(entry) + "\n"


def _complete_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    *lines, _cut_short = path.read_text(encoding="utf-8").split("\n")
    try:
        parsed = [json.loads(line) for line in lines]
    except ValueError:
        parsed = [None]
    kept = all(isinstance(line, dict) for line in parsed)
    if not (kept and all("key" in entry and "row" in entry for entry in parsed[1:])):
        raise InputError(f"{path}: damaged; resume=false starts again")
    return parsed


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write a CSV table in one step: comma, CRLF, floats in shortest round-trip form.

    Values that a row lacks stay empty.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "scores.csv")
    ...     write_table(table, ["song", "score"], [{"song": "a", "score": 0.1}, {"song": "b"}])
    ...     read_table(table, ["song", "score"])
    [{'song': 'a', 'score': '0.1'}, {'song': 'b', 'score': ''}]
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV table as text; its columns must be `columns`."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if list(reader.fieldnames or []) != list(columns):
            raise InputError(
                f"{path}: expected the columns {', '.join(columns)}, got {reader.fieldnames}"
            )
        return list(reader)


def merge_tables(
    parts: Sequence[Path], target: Path, columns: Sequence[str], keys: Sequence[tuple[str, ...]]
) -> list[dict[str, str]]:
    """Merge the result tables of all shards into one, in the order of `keys`.

    Parameters
    ----------
    parts : sequence of Path
        Tables to read.
    target : Path
        Table to write; it may be one of the parts.
    columns : sequence of str
        Columns of all tables; the first ones identify a row.
    keys : sequence of tuple of str
        First values of every row that the merged table must have, in order.

    Returns
    -------
    list of dict
        The merged rows.

    Raises
    ------
    InputError
        Listing missing parts, or parts that were made with different settings, or rows that are
        missing, unknown or there twice; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> columns = ["song", "score"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     parts = [Path(folder, "scores_1-2.csv"), Path(folder, "scores_2-2.csv")]
    ...     write_table(parts[0], columns, [{"song": "a", "score": 0.1}])
    ...     write_table(parts[1], columns, [{"song": "b", "score": 0.2}])
    ...     merge_tables(parts, Path(folder, "scores.csv"), columns, [("a",), ("b",)])
    [{'song': 'a', 'score': '0.1'}, {'song': 'b', 'score': '0.2'}]
    """
    missing = [f"missing file: {part}" for part in parts if not part.is_file()]
    raise_if(missing)
    settings = {json.dumps(Journal(journal_path(part)).settings): part for part in parts}
    if len(settings) > 1:
        different = " and ".join(map(str, settings.values()))
        raise InputError(f"made with different settings: {different}")
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    problems = []
    for part in parts:
        for row in read_table(part, columns):
            key = tuple(row[column] for column in columns[: len(keys[0])])
            if key in rows:
                problems.append(f"{part}: {' '.join(key)} is there twice")
            rows[key] = row
    wanted = set(keys)
    problems += [f"no result for {' '.join(key)}" for key in keys if key not in rows]
    problems += [f"unknown item {' '.join(key)}" for key in rows if key not in wanted]
    raise_if(problems)
    merged = [rows[key] for key in keys]
    write_table(target, columns, merged)
    return merged


def merge_scores(
    folder: Path,
    columns: Sequence[str],
    keys: Sequence[tuple[str, ...]],
    *,
    n_batches: int,
    score: str,
) -> int:
    """Merge the score tables of all batches in a folder into ``scores.csv`` and print the mean.

    Returns
    -------
    int
        Exit status: 1 if a score is missing because its item failed.
    """
    shards = [Shard(index, n_batches) for index in range(max(1, n_batches))]
    parts = [folder / f"scores{shard.suffix}.csv" for shard in shards]
    table = folder / "scores.csv"
    rows = merge_tables(parts, table, columns, keys)
    print(summary(table, rows, score, n_wanted=len(keys)))
    return 0 if mean_of(rows, score)[1] == len(keys) else 1


def summary(table: Path, rows: Sequence[Row], score: str, *, n_wanted: int) -> str:
    """One line: the mean score, how many items it covers, and where all scores are."""
    mean, n_scores = mean_of(rows, score)
    return f"mean HAAQI {mean:.4f} over {n_scores} of {n_wanted} items: {table}"


def mean_of(rows: Sequence[Row], column: str) -> tuple[float, int]:
    """Mean over the rows that have a finite value in `column`, and how many these are.

    Examples
    --------
    >>> mean_of([{"score": 0.25}, {"score": 0.75}, {"score": ""}], "score")
    (0.5, 2)
    """
    values = [float(row[column]) for row in rows if row.get(column) not in (None, "")]
    values = [value for value in values if math.isfinite(value)]
    return (math.fsum(values) / len(values) if values else math.nan, len(values))
