"""Which scripts can be run with what was found, and the commands for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cadenza.datasets.validation_findings import Finding, Findings
from cadenza.runner.recipe_separator import missing_weights

_PLAIN = re.compile(r"[\w./@+-]+( +[\w./@+-]+)*", re.ASCII)


@dataclass(frozen=True)
class Step:
    """A script with its arguments.

    Parameters
    ----------
    script : str
        Module below ``cadenza.recipes``.
    arguments : tuple of str
        As on the command line.
    split : str
        Which split it is about; ``""`` for all.
    needs : tuple of str
        Parts of the root that it reads.
    makes : tuple of str
        Parts of the root that it writes.
    repairs : bool
        Whether it makes damaged files of these again.
    after : Step, optional
        Another step, whose results it reads.
    note : str
        What it needs besides, which does not keep it from being ready.
    """

    script: str
    arguments: tuple[str, ...]
    split: str = ""
    needs: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    repairs: bool = False
    after: Step | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """File name of the script."""
        return f"{self.script.rpartition('.')[2]}.py"

    @property
    def command(self) -> str:
        """What to type."""
        return f"python -m cadenza.recipes.{self.script} {shlex.join(self.arguments)}"


@dataclass(frozen=True)
class Readiness:
    """Whether a step can be run.

    Parameters
    ----------
    step : Step
        The step.
    state : {"ready", "done", "later", "not ready"}
        ``"later"``: once other steps are done, which can be.
    reason : str
        Why not, or what to expect.
    """

    step: Step
    state: Literal["ready", "done", "later", "not ready"]
    reason: str = ""


@dataclass(frozen=True)
class Inspector:
    """What is known of a challenge.

    Parameters
    ----------
    splits : tuple of str
        Its usual splits.
    split_files : tuple of str
        Metadata files that each split has, ``<name>.<split>.json``, as regular expressions.
    own_files : tuple of str
        Metadata files that no other challenge has, as glob patterns.
    inspect : callable
        Looks at all parts of a root for given splits; returns the steps of the recipes.
    """

    splits: tuple[str, ...]
    split_files: tuple[str, ...]
    own_files: tuple[str, ...]
    inspect: Callable[[Path, list[str], Findings], list[Step]]


def setting(key: str, value: str | Path) -> str:
    """``key=value`` for a script, quoted for Hydra where it must be.

    Examples
    --------
    >>> setting("path.root", "/data/a b"), setting("path.root", "/data/a,b")
    ('path.root=/data/a b', 'path.root="/data/a,b"')
    """
    text = str(value)
    if not _PLAIN.fullmatch(text):
        text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{key}={text}"


def separator_note(recipe: str, without: str) -> str:
    """What the separator of a recipe needs besides the data, if anything.

    Parameters
    ----------
    recipe : str
        Folder below ``recipes``.
    without : str
        Setting with which it needs nothing.
    """
    missing = missing_weights(recipe)
    return f"{missing} ({without} needs no download)" if missing else ""


def readiness(steps: Sequence[Step], parts: Mapping[str, Finding]) -> list[Readiness]:
    """What can be run, in the order of the steps.

    Parameters
    ----------
    steps : sequence of Step
        Each after those whose results it needs.
    parts : mapping of str to Finding
        What was found, by name.
    """
    made_by: dict[str, Step] = {}  # by steps that can be run
    states: dict[Step, Readiness] = {}
    for step in steps:
        states[step] = state = _readiness(step, parts, made_by, states)
        if state.state in ("ready", "later"):
            made_by |= dict.fromkeys(step.makes, step)
    return list(states.values())


def _readiness(
    step: Step,
    parts: Mapping[str, Finding],
    made_by: Mapping[str, Step],
    states: Mapping[Step, Readiness],
) -> Readiness:
    if step.makes and all(parts[key].is_whole for key in step.makes):
        return Readiness(step, "done")
    first = []
    against: dict[str, list[str]] = {}  # by state
    for part in (parts[key] for key in step.needs):
        if part.is_usable:
            continue
        maker = made_by.get(part.key)
        if maker and (maker.repairs or not part.is_damaged):
            first.append(maker)
        else:
            name = part.part if part.split == step.split else part.key
            against.setdefault(part.state, []).append(name)
    if len(against) > 1:  # what depends on metadata that are missing says no more
        against.pop("not checked", None)
    if against:
        reasons = [f"{', '.join(names)}: {state}" for state, names in against.items()]
        return Readiness(step, "not ready", "; ".join(reasons))
    if step.after and states[step.after].state == "not ready":
        return Readiness(step, "not ready", f"{step.after.name} is not ready")
    if step.after:
        first.append(step.after)
    if first:
        return Readiness(step, "later", f"after {_in_words(_names(first))}")
    converted = [key for key in step.needs if not parts[key].is_whole]
    warning = f"converts files of {', '.join(converted)}" if converted else ""
    return Readiness(step, "ready", warning)


def _in_words(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _names(steps: Sequence[Step]) -> list[str]:
    return list(dict.fromkeys(step.name for step in steps))
