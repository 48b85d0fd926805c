"""The results of a run, read from its folder: also of batches and of an unfinished run."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza.audiogram import SEVERITIES, Audiogram, Listener, Severity
from cadenza.errors import InputError
from cadenza.report.challenges import CHALLENGES, Challenge, gains_db_of
from cadenza.report.defaults import changes
from cadenza.runner.journal import Entry
from cadenza.runner.resume import Earlier
from cadenza.runner.saved import Config, Saved, read_saved, with_settings
from cadenza.runner.sharding import every_nth
from cadenza.statistics import mean

_NOT_ENHANCED_HERE = (
    "{}.py has left no settings in this folder; those of the enhancement are what "
    "evaluate.py was given"
)


@dataclass(frozen=True)
class ItemResult:
    """What a run made of one item.

    Parameters
    ----------
    key, slug : str
        Its name, and that name as a file name.
    pair : object
        Its record in the work list of the challenge.
    labels : mapping
        Scene, song and listener.
    score, left, right : float
        HAAQI of the item and of either ear; NaN without a score.
    clipped_fraction : float
        Of the enhanced signal; NaN if it is not known.
    flags : tuple of str
        Reasons to doubt the score.
    problem : str
        Why there is no score, or an incomplete one; empty if all is well.
    fingerprint : str
        Digest of what the result depends on; empty if it is not known.
    """

    key: str
    slug: str
    pair: Any
    labels: Mapping[str, str]
    score: float
    left: float
    right: float
    clipped_fraction: float
    flags: tuple[str, ...]
    problem: str
    fingerprint: str

    @property
    def is_scored(self) -> bool:
        """Whether there is a score."""
        return math.isfinite(self.score)

    @property
    def listener(self) -> Listener:
        """Who listens."""
        listener: Listener = self.pair.listener
        return listener

    @property
    def gains_db(self) -> dict[str, float]:
        """Gains that were asked for."""
        return gains_db_of(self.pair)

    def severity(self, *, better: bool) -> Severity:
        """Severity of the hearing loss of the better or the worse ear."""
        ears: tuple[Audiogram, Audiogram] = (self.listener.left, self.listener.right)
        ranks = [SEVERITIES.index(ear.severity) for ear in ears]
        return SEVERITIES[min(ranks) if better else max(ranks)]


@dataclass(frozen=True)
class Run:
    """A run of the baseline of a challenge.

    Parameters
    ----------
    name : str
        Name of its folder.
    challenge : Challenge
        Which one.
    config : Config
        With what its items are read again.
    settings : mapping
        What it was run with, by full key.
    changes : dict of str to str
        Settings that are not the defaults of the recipe.
    items : list of ItemResult
        The whole work list, in its order; those without a result, too.
    notes : tuple of str
        What a reader should know about the results.
    """

    name: str
    challenge: Challenge
    config: Config
    settings: Mapping[str, Any]
    changes: Mapping[str, str]
    items: list[ItemResult]
    notes: tuple[str, ...]

    @property
    def scored(self) -> list[ItemResult]:
        """Items with a score, the worst first."""
        return sorted(
            (item for item in self.items if item.is_scored), key=lambda i: (i.score, i.key)
        )

    @property
    def failed(self) -> list[ItemResult]:
        """Items that failed or lack values."""
        return [item for item in self.items if item.problem]

    @property
    def n_open(self) -> int:
        """Items that the run has not come to."""
        return sum(1 for item in self.items if not item.is_scored and not item.problem)


def read_run(folder: Path) -> Run:
    """Read the results of a run of any challenge.

    Parameters
    ----------
    folder : Path
        Its ``path.exp_folder``.

    Raises
    ------
    InputError
        If there is no such folder, it holds no results of a baseline, or the challenge's files are
        not where the run found them.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the path.exp_folder of a run")
    scores = _entries(folder / "scores.csv")
    evaluate = read_saved(folder, "evaluate")
    if evaluate:
        evaluate = with_settings(evaluate, json.loads(scores.settings or "{}"))
    main = evaluate or read_saved(folder, "enhance")
    if main is None:
        raise InputError(
            f"{folder}: no results of a baseline; give the path.exp_folder of enhance.py and "
            "evaluate.py"
        )
    challenge = _challenge(folder, scores, _entries(folder / "enhanced_signals.csv"))
    enhancement = challenge.enhancement(main.config)
    enhance, made = read_saved(folder, enhancement.script), _entries(enhancement.table)
    pairs = challenge.read_pairs(main.config)
    if main.config.evaluate.small_test:
        pairs = every_nth(pairs, challenge.small_test)
    if not scores.entries:
        scores = _from_table(folder, pairs, scores)
    missing = () if enhance else (_NOT_ENHANCED_HERE.format(enhancement.script),)
    return Run(
        folder.absolute().name,
        challenge,
        main.config,
        _settings(enhance, evaluate, used_by_scores=scores.used),
        _changes(enhance, evaluate, challenge.recipe, used_by_scores=scores.used),
        [_item(pair, scores, made, challenge) for pair in pairs],
        (*scores.notes, *made.notes, *missing),
    )


@dataclass(frozen=True)
class _Entries:
    """Entries of the journals of a step."""

    step: str
    settings: str
    entries: dict[str, Entry]
    notes: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """Keys and blocks that the results depend on."""
        return tuple(json.loads(self.settings or "{}"))


def _entries(table: Path) -> _Entries:
    """Entries of all batches that were made with the same settings."""
    if not table.parent.is_dir():
        return _Entries("", "", {})
    found = Earlier.find(table, table.stem)
    journals = [j for j in (found.own, *found.others) if j.entries]
    if not journals:
        return _Entries("", "", {})
    settings = journals[0].settings or {}
    entries: dict[str, Entry] = {}
    for journal in reversed([j for j in journals if j.made_with(settings)]):
        better = {k: e for k, e in journal.entries.items() if not e.failure or k not in entries}
        entries |= better
    notes = tuple(
        f"{j.path.name} was left out: it was made with other settings"
        for j in journals
        if not j.made_with(settings)
    )
    return _Entries(
        str(settings.get("step", "")), json.dumps(settings, sort_keys=True), entries, notes
    )


def _challenge(folder: Path, *found: _Entries) -> Challenge:
    steps = [entries.step for entries in found if entries.step]
    for challenge in CHALLENGES:
        if any(step.startswith(f"{challenge.recipe}/") for step in steps):
            return challenge
    raise InputError(f"{folder}: no results yet, or not of one of the three challenges")


def _from_table(folder: Path, pairs: list[Any], known: _Entries) -> _Entries:
    """Scores of a table without a journal, such as one that another program wrote."""
    table = folder / "scores.csv"
    if not table.is_file():
        return known
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = {tuple(pair.labels.items()): pair.key for pair in pairs}
    labels = list(pairs[0].labels) if pairs else []
    entries = {}
    for row in rows:
        key = keys.get(tuple((name, row.get(name, "")) for name in labels))
        if key:
            entries[key] = Entry(key, "", [], row, [], [], "")
    return _Entries(known.step, known.settings, entries, ("scores.csv has no journal",))


def _settings(
    enhance: Saved | None, evaluate: Saved | None, *, used_by_scores: Sequence[str]
) -> dict[str, Any]:
    """Settings of both steps; each rules over what it alone uses."""
    enhanced = enhance.settings() if enhance else {}
    evaluated = evaluate.settings() if evaluate else {}
    scoring = {k: v for k, v in evaluated.items() if _is_scoring(k, used_by_scores)}
    return {**evaluated, **enhanced, **scoring}


def _changes(
    enhance: Saved | None, evaluate: Saved | None, recipe: str, *, used_by_scores: Sequence[str]
) -> dict[str, str]:
    """What each step has used that is not the default."""
    enhanced = changes(enhance, recipe) if enhance else {}
    evaluated = changes(evaluate, recipe) if evaluate else {}
    if enhance and evaluate:
        enhanced = {k: v for k, v in enhanced.items() if not _is_scoring(k, used_by_scores)}
        evaluated = {
            k: v
            for k, v in evaluated.items()
            if _is_scoring(k, used_by_scores)
            or any(k == u or k.startswith(f"{u}.") for u in used_by_scores)
        }
    return enhanced | evaluated


def _is_scoring(key: str, used_by_scores: Sequence[str]) -> bool:
    """Whether a setting is about the scores alone; `release` is, where the scores use it."""
    is_release = key == "release" and key in used_by_scores
    return key.startswith("evaluate.") or "HAAQI" in key or is_release


def _item(pair: Any, scores: _Entries, made: _Entries, challenge: Challenge) -> ItemResult:  # noqa: ANN401
    entry, enhanced = scores.entries.get(pair.key), made.entries.get(pair.key)
    row = entry.row if entry else {}
    problem = entry.problems if entry else enhanced.failure if enhanced else ""
    values = {
        side: mean([v for v in (_number(row.get(c)) for c in columns) if math.isfinite(v)])
        for side, columns in (("left", challenge.left), ("right", challenge.right))
    }
    known = entry is not None and entry.fingerprint
    parts = [scores.settings, made.settings, entry and entry.fingerprint, dict(row)]
    return ItemResult(
        pair.key,
        slug_of(pair.key),
        pair,
        pair.labels,
        _number(row.get(challenge.score)),
        values["left"],
        values["right"],
        _number(enhanced.row.get("clipped_fraction")) if enhanced else math.nan,
        tuple(entry.flags) if entry else (),
        problem,
        hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16] if known else "",
    )


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def slug_of(key: str) -> str:
    """Key as a file name for every system and for links; different keys stay different.

    Examples
    --------
    >>> slug_of("scene_10001_L0001")
    'scene_10001_L0001'
    >>> slug_of("L1_AC/DC: Live?")
    'L1_AC_DC_Live-923d8e'
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", key).strip("_")[:80]
    if plain == key:
        return key
    return f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:6]}"
