"""Tables of HAAQI scores by anyone: reading them, and comparing two."""

from __future__ import annotations

import csv
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


def read_scores(files: Sequence[Path], labels: Key) -> Table:
    """Read tables of scores, of which each may hold some of the pairs.

    Tables without columns for the pair and for a score are passed over.

    Raises
    ------
    InputError
        If none is a table of scores, a score is no number, or two tables differ.
    """
    used: list[Path] = []
    columns: dict[str, None] = {}
    rows: dict[Key, dict[str, float]] = {}
    problems: list[str] = []
    for path in files:
        names, lines = _read_csv(path)
        scores = [name for name in _SCORES if name in names]
        if not (scores and set(labels) <= set(names)):
            continue
        used.append(path)
        columns |= dict.fromkeys(scores)
        for number, line in enumerate(lines, 2):
            key = tuple(plain_label(line[label]) for label in labels)
            row = rows.setdefault(key, {})
            for name in scores:
                value = _number(line[name])
                where = f"{path}: line {number}: {name}"
                if value is None:
                    problems.append(f"{where}: expected a number, found {line[name][:40]!r}")
                elif not math.isnan(value) and row.setdefault(name, value) != value:
                    pair = " and ".join(key)
                    problems.append(f"{where}: {value} for {pair}, elsewhere {row[name]}")
    if not used:
        wanted = f"{' and '.join(labels)}, and left, right or score"
        raise InputError(f"no table of scores: expected a .csv file with the columns {wanted}")
    raise_if(problems)
    return Table(tuple(used), tuple(columns), rows)


def _read_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Names of the columns, as they are called here, and the lines; empty if it is no table."""
    try:
        text = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return [], []
    if not text:
        return [], []
    delimiter = max(",;\t", key=text[0].count)
    header, *lines = csv.reader(text, delimiter=delimiter)
    names = ["_".join(name.split()).casefold() for name in header]
    names = [_NAMES.get(name, name) for name in names]
    padded = ([*line, *[""] * (len(names) - len(line))] for line in lines if line)
    return names, [dict(zip(names, line, strict=False)) for line in padded]


def plain_label(text: str) -> str:
    """A label as it is compared: whatever the letter case, as in the name of a file."""
    return folded(safe_name(text.strip()))


def _number(text: str) -> float | None:
    """A score; NaN if there is none, None if it is something else."""
    if text.strip().casefold() in ("", "none", "na", "n/a"):
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None


class Difference(NamedTuple):
    """A score of an entrant, and ours."""

    key: Key
    column: str
    theirs: float
    ours: float


def differences(theirs: Table, ours: Table) -> Iterator[Difference]:
    """Compare the scores that both tables have, row by row.

    An ear's score, where one table has none, is the mean of its stems.

    Examples
    --------
    >>> key = ("a song", "l0001")
    >>> theirs = Table((), ("left",), {key: {"left": 0.5}})
    >>> ours = Table((), ("left_bass", "left_drums"), {key: {"left_bass": 0.25, "left_drums": 0.5}})
    >>> [(found.column, found.ours - found.theirs) for found in differences(theirs, ours)]
    [('left', -0.125)]
    """
    for key, row in theirs.rows.items():
        other = _with_ears(ours.rows.get(key, {}))
        for column, value in row.items():
            if column in other:
                yield Difference(key, column, value, other[column])


def _with_ears(row: Mapping[str, float]) -> dict[str, float]:
    full = dict(row)
    for side in ("left", "right"):
        stems = [row[name] for name in STEM_COLUMNS if name.startswith(side) and name in row]
        if stems and side not in row:
            full[side] = math.fsum(stems) / len(stems)
    return full
