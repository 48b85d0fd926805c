"""The overview of a run, and the comparison of two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cadenza.report import charts
from cadenza.report.pages import write_assets, write_page
from cadenza.report.results import ItemResult, Run
from cadenza.statistics import bootstrap, mean, paired

N_EXTREMES = 10


def write_overview(
    path: Path, run: Run, numbers: Mapping[str, int], *, name: str, other: str
) -> None:
    """Write the overview of a run.

    Parameters
    ----------
    path : Path
        The page.
    run : Run
        Its results.
    numbers : mapping of str to int
        Items that have pages, by key.
    name : str
        What the run is called.
    other : str
        Link to the comparison that the run is a part of; may be empty.
    """
    scored = run.scored
    context: dict[str, Any] = {
        "run": run,
        "name": name,
        "other": other,
        "assets": "assets",
        "mean": bootstrap([item.score for item in scored]),
        "sides": [
            ("left ear", mean([i.left for i in scored if math.isfinite(i.left)])),
            ("right ear", mean([i.right for i in scored if math.isfinite(i.right)])),
        ],
        "items": [*scored, *(item for item in run.items if not item.is_scored)],
        "numbers": numbers,
        "charts": charts.overview(run, numbers) if scored else None,
        "left_out": {
            "listeners": _left_out({item.listener.name for item in scored}),
            "songs": _left_out({item.labels["song"] for item in scored}),
        },
    }
    write_page(path, "overview.html", context)


def write_comparison(
    path: Path, runs: tuple[Run, Run], numbers: Mapping[str, int], names: list[str]
) -> None:
    """Write the comparison of two runs."""
    first, second = ({item.key: item for item in run.scored} for run in runs)
    both = [key for key in first if key in second]
    pairs = [(first[key], second[key]) for key in both]
    ranked = sorted(pairs, key=lambda pair: (pair[1].score - pair[0].score, pair[0].key))
    context: dict[str, Any] = {
        "runs": list(zip(("a.html", "b.html"), names, runs, strict=True)),
        "names": names,
        "challenge": runs[0].challenge,
        "assets": "assets",
        "paired": paired([a.score for a, _ in pairs], [b.score for _, b in pairs]),
        "means": [bootstrap([item.score for item in run.scored]) for run in runs],
        "n_single": len(first) + len(second) - 2 * len(both),
        "pairs": ranked,
        "lost": [pair for pair in ranked if pair[1].score < pair[0].score][:N_EXTREMES],
        "gained": [pair for pair in reversed(ranked) if pair[1].score > pair[0].score][:N_EXTREMES],
        "settings": _setting_differences(*runs),
        "numbers": numbers,
        "scatter": _scatter(pairs, numbers, (names[0], names[1])),
        "differences": charts.differences([b.score - a.score for a, b in pairs]) if pairs else "",
    }
    write_page(path, "comparison.html", context)


def _left_out(groups: set[str]) -> str:
    """What to say if a chart does not show all groups."""
    n, most = len(groups), charts.MOST_GROUPS
    return f"The {most} with the lowest means, of {n}." if n > most else ""


def write_contents(path: Path, title: str, reports: Mapping[str, str]) -> None:
    """Write a page that leads to several reports.

    Parameters
    ----------
    path : Path
        The page.
    title : str
        Its heading.
    reports : mapping of str to str
        Links, relative to the page, by the name of the report.
    """
    write_assets(path.parent)
    write_page(path, "contents.html", {"assets": "assets", "title": title, "reports": reports})


def _scatter(
    pairs: list[tuple[ItemResult, ItemResult]],
    numbers: Mapping[str, int],
    names: tuple[str, str],
) -> str:
    points = [(numbers.get(a.key), a.score, b.score) for a, b in pairs]
    return charts.against(points, names) if points else ""


def _setting_differences(first: Run, second: Run) -> list[tuple[str, str, str]]:
    """Settings in which two runs differ, or that only one has."""
    rows = []
    for key in dict.fromkeys([*first.settings, *second.settings]):
        values = [run.settings.get(key, "–") for run in (first, second)]
        if values[0] != values[1]:
            rows.append((key, str(values[0]), str(values[1])))
    return rows
