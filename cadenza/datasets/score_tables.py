"""Tables of HAAQI scores by anyone: reading them, and comparing two."""

from __future__ import annotations

import codecs
import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cadenza._check import raise_if
from cadenza._paths import folded, safe_name
from cadenza.challenges.cad1_task1.songs import SCORE_COLUMNS
from cadenza.errors import InputError

Key = tuple[str, ...]

_NAMES = {
    **dict.fromkeys(("track", "track_name", "music"), "song"),
    **dict.fromkeys(("scene_id",), "scene"),
    **dict.fromkeys(("listener_id", "listener_name"), "listener"),
    **dict.fromkeys(("left_score", "left_haaqi", "haaqi_left"), "left"),
    **dict.fromkeys(("right_score", "right_haaqi", "haaqi_right"), "right"),
    **dict.fromkeys(("average", "avg", "mean", "haaqi", "avg_haaqi", "haaqi_avg"), "score"),
}
"""Other names of columns, among them those of the recipes."""

STEM_COLUMNS = SCORE_COLUMNS[3:]
_SHOWN = 10  # columns, tables or problems that are named
_SCORES = ("left", "right", "score", *STEM_COLUMNS)


@dataclass(frozen=True)
class Table:
    """Scores by pair and column.

    Parameters
    ----------
    files : tuple of Path
        Where they were found.
    columns : tuple of str
        ``left``, ``right``, ``score`` or columns of stems, such as ``left_drums``.
    rows : dict
        For each pair, by its labels without letter case, the scores that there are.
    """

    files: tuple[Path, ...]
    columns: tuple[str, ...]
    rows: Mapping[Key, Mapping[str, float]]


def read_scores(files: Sequence[Path], labels: Key, folder: Path) -> Table:
    """Read tables of scores, of which each may hold some of the pairs.

    Tables without columns for the pair and for a score are passed over. Numbers may have decimal
    commas, if the columns are separated by something else. A pair that is listed twice must have
    the same scores.

    Parameters
    ----------
    files : sequence of Path
        The tables, in CSV.
    labels : tuple of str
        Columns that name a pair.
    folder : Path
        Where they were looked for, for messages.

    Raises
    ------
    InputError
        If none is a table of scores, or a table has two columns for the same, a line of another
        length than its heading, a score that is no number or above 1, or another score for a pair
        than elsewhere.
    """
    used: list[Path] = []
    columns: dict[str, None] = {}
    rows: dict[Key, dict[str, float]] = {}
    first_at: dict[Key, str] = {}
    problems: list[str] = []
    seen: list[str] = []
    for path in files:
        table = _read_csv(path)
        scores = [name for name in _SCORES if name in table.names]
        if not (scores and set(labels) <= set(table.names)):
            seen.append(f"{path.name} ({', '.join(table.heading[:_SHOWN]) or 'no table'})")
            continue
        used.append(path)
        columns |= dict.fromkeys(scores)
        problems += [f"{path}: {problem}" for problem in table.problems([*labels, *scores])]
        for number, row in table.rows:
            key = tuple(plain_label(row[label]) for label in labels)
            where = f"{path}: line {number}"
            before = first_at.setdefault(key, where)
            found = {name: row[name] for name in scores}
            problems += [
                f"{where}: {text}" for text in _add(rows.setdefault(key, {}), found, before)
            ]
    if not used:
        wanted = f"{' and '.join(labels)}, and left, right or score"
        others = f"; found {', '.join(seen[:_SHOWN])}" if seen else ""
        raise InputError(
            f"{folder}: no table of scores: expected a .csv file with the columns {wanted}{others}"
        )
    raise_if(_first(problems))
    return Table(tuple(used), tuple(columns), rows)


def _add(row: dict[str, float], found: Mapping[str, str], before: str) -> Iterator[str]:
    """Add the scores of a line to those of its pair; what is wrong with them is yielded."""
    for name, text in found.items():
        value = _number(text)
        if value is None:
            yield f"{name}: expected a score, 1 at most, found {text[:40]!r}"
        elif not math.isnan(value) and row.setdefault(name, value) != value:
            yield f"{name}: {value}, but {row[name]} for the same pair in {before}"


def _first(problems: Sequence[str]) -> list[str]:
    """The first problems: of a wrong table, all lines are."""
    more = len(problems) - _SHOWN
    return [*problems[:_SHOWN], *([f"and {more} more like these"] if more > 0 else [])]


class _Csv(NamedTuple):
    """A file with columns; the names are those that are used here."""

    heading: list[str]
    names: list[str]
    lines: list[tuple[int, list[str]]]

    @property
    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Number of each line, and its cells by name; lines that are too long are left out."""
        n_columns = len(self.names)
        for number, line in self.lines:
            if not any(line[n_columns:]):
                cells = [*line, *[""] * (n_columns - len(line))]
                yield number, dict(zip(self.names, cells, strict=False))

    def problems(self, used: Sequence[str]) -> Iterator[str]:
        """Columns that mean the same, and lines that are too long."""
        for name in used:
            alike = [h for h, n in zip(self.heading, self.names, strict=True) if n == name]
            if len(alike) > 1:
                yield f"two columns for {name}: {' and '.join(alike)}; remove one"
        for number, line in self.lines:
            if any(line[len(self.names) :]):
                yield (
                    f"line {number}: {len(line)} cells, but the heading has {len(self.names)}; "
                    "with decimal commas, separate columns by semicolons"
                )


def _read_csv(path: Path) -> _Csv:
    """Read a file; there are no columns if it is no table."""
    text = "\n".join(_decoded(path.read_bytes()).splitlines())
    first_line = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first_line.count))
    try:
        heading, *lines = [(reader.line_num, line) for line in reader if any(line)] or [(0, [])]
    except csv.Error:  # something else with this suffix
        return _Csv([], [], [])
    names = ["_".join(name.split()).casefold() for name in heading[1]]
    return _Csv(heading[1], [_NAMES.get(name, name) for name in names], lines)


def _decoded(content: bytes) -> str:
    """Text in UTF-8, or as spreadsheets write it."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def plain_label(text: str) -> str:
    """A label as it is compared: whatever the letter case, as in the name of a file."""
    return folded(safe_name(text.strip()))


def _number(text: str) -> float | None:
    """A score; NaN if there is none, None if it is something else."""
    plain = text.strip().casefold()
    if plain in ("", "none", "na", "n/a", "nan"):
        return math.nan
    try:
        value = float(plain.replace(",", "."))
    except ValueError:
        return None
    return value if -1 <= value <= 1 else None  # of noise, HAAQI may be below 0


class Difference(NamedTuple):
    """A score of an entrant, and ours; NaN where there is none."""

    key: Key
    column: str
    theirs: float
    ours: float


def differences(theirs: Table, ours: Table) -> Iterator[Difference]:
    """Compare the scores of pairs that both tables have, row by row.

    An ear's score, where a table has none, is the mean of its stems. Where only one table has a
    score, the other one's is NaN.

    Examples
    --------
    >>> key = ("a song", "l0001")
    >>> theirs = Table((), ("left",), {key: {"left": 0.5}})
    >>> stems = {"left_bass": 0.25, "left_drums": 0.5}
    >>> ours = Table((), tuple(stems), {key: stems})
    >>> [(found.column, found.ours - found.theirs) for found in differences(theirs, ours)]
    [('left', -0.125)]
    """
    columns = [
        name for name in theirs.columns if name in _with_ears(dict.fromkeys(ours.columns, 0.0))
    ]
    for key, row in theirs.rows.items():
        if key not in ours.rows:
            continue
        other = _with_ears(ours.rows[key])
        for name in columns:
            if name in row or name in other:
                yield Difference(key, name, row.get(name, math.nan), other.get(name, math.nan))


def _with_ears(row: Mapping[str, float]) -> dict[str, float]:
    full = dict(row)
    for side in ("left", "right"):
        stems = [row[name] for name in STEM_COLUMNS if name.startswith(side) and name in row]
        if stems and side not in row:
            full[side] = math.fsum(stems) / len(stems)
    return full
