"""Building a report: which pages, made by how many processes, and which are still good."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import multiprocessing
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from cadenza._check import positive, whole
from cadenza._paths import write_json
from cadenza.challenges.scoring import details_file
from cadenza.errors import InputError
from cadenza.haaqi import HaaqiScore
from cadenza.haaqi.storage import load_scores
from cadenza.report import item as items_module
from cadenza.report.challenges import CHALLENGES
from cadenza.report.hearing import ears_of, prescribed_gains
from cadenza.report.item import ItemPage, Version, is_current, mark_current, write_item
from cadenza.report.overview import write_comparison, write_overview
from cadenza.report.pages import percent, score, write_assets
from cadenza.report.results import ItemResult, Run, read_run
from cadenza.report.signals import ItemSignals
from cadenza.runner.items import reason_of
from cadenza.runner.progress import Progress
from cadenza.runner.saved import Config, shared_targets, targets_of
from cadenza.statistics import mean

logger = logging.getLogger(__name__)

Made = tuple[str, ItemResult, ItemSignals | None, str]

_SAME_SCORE = 1e-4
"""Differences that rounding and the random noise in HAAQI may make."""

MARK = "report.json"
"""File that says that a folder holds a report."""


@dataclass(frozen=True)
class Built:
    """What was built.

    Parameters
    ----------
    index : Path
        The first page.
    made, kept : int
        Item pages that were made, and those that were still good.
    problems : dict of str to str
        Why there is nothing to hear of some items, by key.
    """

    index: Path
    made: int
    kept: int
    problems: dict[str, str]


@dataclass(frozen=True)
class _Job:
    """An item page to make; it goes to another process."""

    folder: Path
    recipe: str
    results: tuple[tuple[str, ItemResult, Config], ...]
    seconds: float
    digest: str
    workers: int | None


def build(
    run: str | Path,
    other: str | Path | None = None,
    *,
    to: str | Path,
    items: str = "all",
    seconds: float = 30.0,
    jobs: int | None = None,
    own_classes: bool = False,
) -> Built:
    """Build the report of a run, or the comparison of two.

    The report opens by a double click on its ``index.html`` and needs no network. The same results
    give the same bytes. Pages of items that have not changed are kept, so a report that was
    interrupted, or that is built again as a run progresses, takes little time.

    Parameters
    ----------
    run : str or Path
        The ``path.exp_folder`` of ``enhance.py`` and ``evaluate.py`` of any challenge. The run may
        be unfinished, or in batches.
    other : str or Path, optional
        A second run of the same challenge, to be compared with the first.
    to : str or Path
        Folder of the report. It must be new, empty or an earlier report.
    items : str
        Which items get pages: ``all``, ``none``, ``worst:20``, ``best:20``, ``changed:20`` (of a
        comparison, those that differ most), or keys with commas between them.
    seconds : float
        Longest part of the music on an item's page; of longer music, that in which most was lost.
    jobs : int, optional
        Number of processes. Default: all cores that this process may use.
    own_classes : bool
        Whether a hearing aid that is not one of cadenza's is called. A run names it, so this runs
        code that the folder of the run chooses.

    Returns
    -------
    Built

    Raises
    ------
    InputError
        If a run cannot be read or needs classes that are not cadenza's, the runs are of different
        challenges, `items` is none of these, or the folder holds something else.
    """
    folder = Path(to)
    positive("seconds", seconds)
    n_jobs = _cores() if jobs is None else whole("jobs", jobs)
    runs = [read_run(Path(path)) for path in (run, other) if path is not None]
    _require_same_challenge(runs)
    if not own_classes:
        _require_known_classes(runs)
    require_free(folder)
    chosen = _chosen(runs, items)
    write_json(folder / MARK, {"program": "cadenza report"})
    write_assets(folder)
    numbers = {key: number for number, key in enumerate(chosen)}
    names = _run_names(runs)
    if len(runs) == 1:
        write_overview(folder / "index.html", runs[0], numbers, name=names[0], other="")
    else:
        write_comparison(folder / "index.html", (runs[0], runs[1]), numbers, names)
        for file, this, name in zip(("a.html", "b.html"), runs, names, strict=True):
            write_overview(folder / file, this, numbers, name=name, other="index.html")
    made, kept, problems = _make_items(folder, runs, names, chosen, seconds, n_jobs)
    _remove_others(folder / "item", {_slugs(runs)[key] for key in chosen})
    return Built(folder / "index.html", made, kept, problems)


def _make_items(
    folder: Path,
    runs: Sequence[Run],
    names: Sequence[str],
    chosen: Sequence[str],
    seconds: float,
    n_jobs: int,
) -> tuple[int, int, dict[str, str]]:
    """Make the pages of items that have none or an old one."""
    by_key = [{item.key: item for item in run.items} for run in runs]
    program = items_module.program_digest()
    todo = []
    for key in chosen:
        found = [
            (name, results[key], run.config)
            for name, results, run in zip(names, by_key, runs, strict=True)
            if key in results
        ]
        digest = _digest(program, found, seconds)
        target = folder / "item" / found[0][1].slug
        if not digest or not is_current(target, digest):
            workers = 1 if n_jobs > 1 else None
            job = _Job(target, runs[0].challenge.recipe, tuple(found), seconds, digest, workers)
            todo.append(job)
    problems = {}
    kept = len(chosen) - len(todo)
    with Progress(len(chosen), kept) as progress:
        for job, problem in _in_processes(todo, n_jobs):
            key = job.results[0][1].key
            if problem:
                problems[key] = problem
                progress.failed(key, problem)
            else:
                progress.done(key, {})
    return len(todo), kept, problems


def _in_processes(jobs: Sequence[_Job], n: int) -> Iterator[tuple[_Job, str]]:
    n = min(n, len(jobs))
    if n <= 1:
        yield from ((job, make_item(job)) for job in jobs)
        return
    # not fork: threads of numerical libraries do not survive it
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n, mp_context=context) as executor:
        yield from zip(jobs, executor.map(make_item, jobs), strict=True)


def make_item(job: _Job) -> str:
    """Make the page of an item; returns why there is nothing to hear, or an empty text."""
    challenge = next(c for c in CHALLENGES if c.recipe == job.recipe)
    made: list[Made] = []
    for name, result, config in job.results:
        try:
            kept = _kept_scores(result, config)
            signals = challenge.read_signals(result.pair, config, kept=kept, workers=job.workers)
            _require_its_score(result, signals.scores)
            made.append((name, result, signals, result.problem))
        except Exception as error:  # one broken file must not cost the other pages
            made.append((name, result, None, result.problem or reason_of(error)))
    if job.folder.is_dir():
        shutil.rmtree(job.folder)
    write_item(job.folder, page_of(made), seconds=job.seconds, assets="../../assets")
    problem = next((text for _, _, signals, text in made if signals is None), "")
    if job.digest and not problem:
        mark_current(job.folder, job.digest)
    return problem


def _require_its_score(result: ItemResult, scores: Mapping[str, HaaqiScore]) -> None:
    """Raise an `InputError` unless what is shown is what was scored by cadenza."""
    if not result.fingerprint:
        return
    for side, before in (("left", result.left), ("right", result.right)):
        found = [s.score for name, s in scores.items() if side in name]
        if found and math.isfinite(before) and abs(mean(found) - before) > _SAME_SCORE:
            raise InputError(
                f"its files have changed since it was scored: HAAQI of the {side} ear was "
                f"{before:.4f} and is {mean(found):.4f}; run evaluate.py again"
            )


def _kept_scores(result: ItemResult, config: Config) -> dict[str, HaaqiScore] | None:
    """Scores with details that the evaluation has kept, if they are those of the result."""
    try:
        scores = load_scores(details_file(config.path.exp_folder, result.key))
    except InputError:
        return None
    for side, expected in (("left", result.left), ("right", result.right)):
        found = mean([s.score for name, s in scores.items() if name.startswith(side)])
        if not math.isclose(found, expected, rel_tol=1e-12):
            return None
    return scores


def page_of(made: Sequence[Made]) -> ItemPage:
    """What the page of an item shows.

    Parameters
    ----------
    made : sequence of (str, ItemResult, ItemSignals or None, str)
        For each run its name, its result, the signals, and what is wrong.
    """
    result = made[0][1]
    ears = ears_of(result.listener)
    compression = getattr(result.pair, "compression", None)
    return ItemPage(
        title=result.key,
        facts=list(result.labels.items()),
        listener=result.listener.name,
        ears=ears,
        prescription="compressor, below its thresholds" if compression else "NAL-R",
        curves=prescribed_gains(ears, compression),
        gains_db=result.gains_db,
        versions=[
            Version(name, _facts(found), found.flags, problem, signals)
            for name, found, signals, problem in made
        ],
        home="../../index.html",
    )


def _facts(result: ItemResult) -> list[tuple[str, str]]:
    return [
        ("HAAQI", score(result.score)),
        ("left ear", score(result.left)),
        ("right ear", score(result.right)),
        ("clipped", percent(result.clipped_fraction)),
    ]


def _digest(program: str, found: Sequence[tuple[str, ItemResult, Config]], seconds: float) -> str:
    """What a page depends on; empty if that is not known."""
    if not all(result.fingerprint and result.is_scored for _, result, _ in found):
        return ""
    parts = [
        program,
        seconds,
        [
            [name, r.fingerprint, r.problem, r.flags, str(r.clipped_fraction), r.pair.depends_on]
            for name, r, _ in found
        ],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _chosen(runs: Sequence[Run], items: str) -> list[str]:
    """Keys of the items that get pages, the worst first."""
    order = [item.key for item in runs[0].scored]
    order += [item.key for item in runs[0].items if not item.is_scored]
    order += [item.key for run in runs[1:] for item in run.items if item.key not in set(order)]
    if items in ("all", "none"):
        return order if items == "all" else []
    if wanted := re.fullmatch(r"(worst|best|changed):([1-9]\d*)", items):
        word, n = wanted[1], int(wanted[2])
        if word == "changed":
            order = _by_change(runs)
        scored = {item.key for run in runs for item in run.items if item.is_scored}
        ranked = [key for key in order if key in scored]
        return ranked[:n] if word != "best" else ranked[::-1][:n]
    keys = [key.strip() for key in items.split(",")]
    if unknown := [key for key in keys if key not in set(order)]:
        raise InputError(
            f"items must be all, none, worst:N, best:N, changed:N or keys of items, "
            f"got {unknown[0]!r}"
        )
    return list(dict.fromkeys(keys))


def _by_change(runs: Sequence[Run]) -> list[str]:
    if len(runs) != 2:
        raise InputError("items=changed:N needs two runs")
    first, second = ({item.key: item.score for item in run.scored} for run in runs)
    both = [key for key in first if key in second]
    return sorted(both, key=lambda key: (-abs(second[key] - first[key]), key))


def _require_same_challenge(runs: Sequence[Run]) -> None:
    titles = [run.challenge.title for run in runs]
    if len(set(titles)) > 1:
        raise InputError(f"the runs are of different challenges: {titles[0]}, and {titles[1]}")


def _require_known_classes(runs: Sequence[Run]) -> None:
    """Raise an `InputError` if a page would need a hearing aid that is not one of cadenza's."""
    for run in runs:
        if not run.challenge.uses_hearing_aid:
            continue
        if others := targets_of(run.config.hearing_aid) - shared_targets("hearing_aid"):
            raise InputError(
                f"{run.name}: its hearing aid is {min(others)}, which is not one of cadenza's; "
                "--own-classes lets the report run it"
            )


def require_free(folder: Path) -> None:
    """Raise an `InputError` if a folder holds anything but a report."""
    if folder.is_file():
        raise InputError(f"{folder}: expected a folder for the report, found a file")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InputError(f"{folder}: holds something else; give the report a folder of its own")


def _remove_others(folder: Path, slugs: set[str]) -> None:
    """Remove pages that are no longer part of the report."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path.name not in slugs:
            shutil.rmtree(path)


def _slugs(runs: Sequence[Run]) -> dict[str, str]:
    return {item.key: item.slug for run in runs for item in run.items}


def _run_names(runs: Sequence[Run]) -> list[str]:
    """Short names of the runs: without the beginning that they share.

    Folders of the same name are told apart by a letter.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        return [f"{name} ({letter})" for name, letter in zip(names, "AB", strict=False)]
    if len(names) == 1:
        return names
    letters = zip(*names, strict=False)
    same = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], letters))
    start = 1 + max(same.rfind(mark) for mark in "_-. ")
    return [name[start:] or name for name in names]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
