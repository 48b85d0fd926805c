"""Result tables: CSV files that are complete or absent, and their means."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.runner.journal import Row

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write a CSV table in one step: comma, CRLF, floats in shortest round-trip form.

    Values that a row lacks stay empty. A text that a spreadsheet would take for a formula gets an
    apostrophe in front, which `read_table` takes away.

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
        writer.writerows({key: _harmless(value) for key, value in row.items()} for row in rows)


def _harmless(value: object) -> object:
    """Value that no spreadsheet takes for a formula; numbers stay what they are."""
    if not (isinstance(value, str) and value.lstrip("'").startswith(_FORMULA)):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _plain(text: str) -> str:
    is_marked = text.startswith("'") and text.lstrip("'").startswith(_FORMULA)
    return text[1:] if is_marked else text


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV table as text; its columns must be `columns`.

    Raises
    ------
    InputError
        If the file is damaged, or has other columns.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            found = list(reader.fieldnames or [])
            rows = list(reader)
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: damaged table: {error}") from None
    if found != list(columns):
        text = ", ".join(found)[:60] or "none"
        raise InputError(f"{path}: expected the columns {', '.join(columns)}, found {text!r}")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise InputError(f"{path}: damaged table: row {number} is not complete")
    return [{key: _plain(text) for key, text in row.items()} for row in rows]


def as_text(value: object) -> str:
    """Value as `write_table` writes it.

    Examples
    --------
    >>> as_text(0.1), as_text(None)
    ('0.1', '')
    """
    return "" if value is None else str(value)


def write_notes(path: Path, kind: str, notes: Mapping[str, Sequence[str]]) -> None:
    """Write a table of what there is to say about some items; no notes, no file.

    Parameters
    ----------
    path : Path
        The table; its columns are ``item`` and `kind`.
    kind : str
        What the notes are: ``reason`` or ``flag``.
    notes : mapping of str to sequence of str
        Notes by the key of their item.
    """
    rows = [{"item": key, kind: text} for key, texts in notes.items() for text in texts]
    if rows:
        write_table(path, ["item", kind], rows)
    else:
        path.unlink(missing_ok=True)


def summary(table: Path, rows: Sequence[Row], column: str, *, n_wanted: int) -> str:
    """One line: the mean of a column, how many items it covers, and where the table is.

    Examples
    --------
    >>> summary(Path("exp/scores.csv"), [{"score": 0.25}, {"score": 0.75}], "score", n_wanted=3)
    'mean score 0.5000 over 2 of 3 items: exp/scores.csv'
    """
    mean, n_values = mean_of(rows, column)
    return f"mean {column} {mean:.4f} over {n_values} of {n_wanted} items: {table}"


MUCH = 0.01
"""Fraction of clipped samples above which clipping is heard."""


def clipping(
    rows: Sequence[Row],
    columns: Sequence[str] = ("clipped_fraction",),
    *,
    soft: bool | None = None,
    remedy: str = "",
) -> str:
    """Say how many results were clipped, to be added to a line; empty if none was.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a result table.
    columns : sequence of str
        Columns with the fractions of clipped samples.
    soft : bool, optional
        Value of the option ``soft_clip``, if the script has it.
    remedy : str
        What helps where more than 1 % of the samples are clipped, if not ``soft_clip``.

    Examples
    --------
    >>> clipping([{"clipped_fraction": 0.0}, {"clipped_fraction": 0.0036}], soft=False)
    '; 1 was clipped, in at most 0.36 % of the samples (soft_clip=true limits smoothly)'
    >>> clipping([{"clipped_fraction": 0.002}, {"clipped_fraction": 0.25}], remedy="turn it down")
    '; 2 were clipped, 1 of them in more than 1 % of the samples, at most 25 % (turn it down)'
    >>> clipping([{"clipped_fraction": 0.0}])
    ''
    """
    worst = [max(float(row.get(column) or 0) for column in columns) for row in rows]
    n_clipped = sum(fraction > 0 for fraction in worst)
    if not n_clipped:
        return ""
    verb = f"{'was' if n_clipped == 1 else 'were'} {'soft-clipped' if soft else 'clipped'}"
    n_much = sum(fraction > MUCH for fraction in worst)
    advice = "soft_clip=true limits smoothly" if soft is False else ""
    advice = remedy if remedy and n_much else advice
    highest = f"at most {100 * max(worst):.2g} %"
    share = f"in {highest} of the samples"
    if n_much:
        whose = "" if n_clipped == 1 else f"{n_much} of them "
        share = f"{whose}in more than {100 * MUCH:g} % of the samples, {highest}"
    return f"; {n_clipped} {verb}, {share}{f' ({advice})' if advice else ''}"


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
