"""`cadenza report`, and the page that `cadenza score --report` adds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from cadenza.errors import InputError
from cadenza.haaqi import HaaqiScore
from cadenza.report import build, build_pair

if TYPE_CHECKING:
    from cadenza.command.scoring import Session


T = TypeVar("T")


def report_runs(
    run: Path,
    other: Path | None,
    *,
    to: Path,
    items: str,
    seconds: float,
    jobs: int | None,
    own_classes: bool,
) -> int:
    """Build the report of a run or the comparison of two; returns the exit status."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("cadenza.runner.progress").setLevel(logging.INFO)
    logging.getLogger("cadenza.audio").setLevel(logging.ERROR)  # the run has said what it clipped
    built = build(
        run, other, to=to, items=items, seconds=seconds, jobs=jobs, own_classes=own_classes
    )
    kept = f", {built.kept} kept" if built.kept else ""
    click.echo(f"{built.made} item pages made{kept}; open {built.index}")
    return 1 if built.problems else 0


def report_scores(
    session: Session, results: Mapping[Path, Mapping[str, HaaqiScore]], to: Path
) -> Path:
    """Build the page of the files that were scored; returns it."""
    names = {file: file.stem for file in results}
    if len(set(names.values())) < len(names):
        names = {file: str(file) for file in results}
    request = session.request
    try:
        return build_pair(
            to,
            session.reference,
            {names[file]: session.read(file) for file in results},
            {names[file]: _named(ears) for file, ears in results.items()},
            ears=_named(session.ears),
            sample_rate=session.sample_rate,
            title=request.reference.name,
            listener=request.listener.rpartition(":")[2] if request.listener else "",
        )
    except OSError as error:
        raise InputError(str(error)) from None


def _named(ears: Mapping[str, T]) -> dict[str, T]:
    """Ears by what the page calls them: "left ear" rather than "left"."""
    return {f"{name} ear" if name in ("left", "right") else name: ear for name, ear in ears.items()}
