"""`cadenza validate`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from cadenza.datasets import read_registry
from cadenza.datasets.validation import Validation, validate
from cadenza.datasets.validation_findings import Finding
from cadenza.datasets.validation_steps import Readiness
from cadenza.runner.pool import n_cores

_SHOWN = 10  # problems of a part that are listed


class _Once(logging.Filter):
    """Lets each message through once."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        is_new = record.getMessage() not in self._seen
        self._seen.add(record.getMessage())
        return is_new


def validate_folder(
    challenge: str, folder: Path, *, splits: Sequence[str], deep: bool, jobs: int | None
) -> int:
    """Print what is in a folder and what can be run; returns the exit status."""
    handler = logging.StreamHandler()
    handler.addFilter(_Once())  # several parts read the same listeners
    logging.basicConfig(format="%(message)s", level=logging.WARNING, handlers=[handler])
    found = validate(challenge, folder, splits=splits, deep=deep, jobs=jobs or n_cores())
    click.echo(f"{read_registry()[found.challenge].title} in {folder}\n")
    click.echo("\n".join(_table(found.parts, folder)))
    click.echo("\nWhat can be run\n")
    click.echo("\n".join(_steps(found.steps)))
    for number, line in enumerate(_summary(found, deep=deep, is_choice=bool(splits))):
        click.echo(line if number else f"\n{line}")
    return 0 if found.is_complete else 1


def _table(parts: Sequence[Finding], root: Path) -> Iterator[str]:
    """A row for each part; below it what is wrong."""
    there = {part.split for part in parts if part.n_found}
    below_root = re.compile(rf"(?<![\w/.-]){re.escape(str(root))}/")
    rows = [
        (p.split, p.part, _counts(p), p.state, below_root.sub("", _absent(p) or p.note))
        for p in parts
    ]
    heading = ("split", "part", "found", "state", "")
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(4)]
    yield _row(heading, widths)
    told: set[str] = set()
    for part, row in zip(parts, rows, strict=True):
        if part.split not in there:
            if part.split not in told:
                yield _row((part.split, "all parts", "-", "absent", ""), widths)
            told.add(part.split)
            continue
        yield _row(row, widths)
        if part.is_absent:
            continue
        for problem in part.problems[:_SHOWN]:
            yield "    " + below_root.sub("", problem.text)
        if len(part.problems) > _SHOWN:
            yield f"    and {len(part.problems) - _SHOWN} more"


def _absent(part: Finding) -> str:
    """What is missing if all of a part is, in a few words."""
    if not part.is_absent:
        return ""
    first, *others = part.problems
    return first.text + (f"; and {len(others)} more" if others else "")


def _counts(part: Finding) -> str:
    return "-" if part.n_expected is None else f"{part.n_found} of {part.n_expected}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, *cells[len(widths) :]]).rstrip()


def _steps(steps: Sequence[Readiness]) -> Iterator[str]:
    """A line for each script, and the command if it can be run."""
    names = [f"{step.step.split} {step.step.name}".strip() for step in steps]
    width = max(map(len, names))
    for name, step in zip(names, steps, strict=True):
        text = step.reason if step.state == "later" else step.state
        if step.reason and step.state != "later":
            text += f": {step.reason}"
        if step.state in ("ready", "later") and step.step.note:
            text += f"; {step.step.note}"
        yield f"{name.ljust(width)}  {text}"
        if step.state in ("ready", "later"):
            yield f"    {step.step.command}"


def _summary(found: Validation, *, deep: bool, is_choice: bool) -> Iterator[str]:
    lacking: dict[str, list[str]] = {}
    for part in found.lacking:
        lacking.setdefault(part.split, []).append(f"{part.part} ({part.state})")
    for split, names in lacking.items():
        yield f"Not usable{f', split {split}' if split else ''}: {', '.join(names)}"
    others = [split for split in found.splits if split not in lacking]
    if others and lacking and "" not in lacking and not is_choice:
        yield f"{' '.join(f'--split {split}' for split in others)} leaves the other splits out."
    if found.is_damaged:
        yield (
            "To restore files from the downloaded archives, run the same `cadenza fetch` command "
            "again with --repair."
        )
    absent = [part for part in found.parts if part.is_absent]
    if absent and any(step.state == "not ready" for step in found.steps):
        yield f"cadenza fetch {found.challenge} lists what can be downloaded."
    if not deep:
        yield "Only the headers of audio files were read; --deep decodes all of them."
