"""The campaign: a plan of faults, the processes that carry it out, and its table."""

from __future__ import annotations

import os
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from json import dumps, loads
from pathlib import Path
from random import Random

from .faults import faults_of, inject
from .oracle import OUTCOMES, Finding
from .steps import World, make_worlds, warm_up

TABLE_BEGINS, TABLE_ENDS = "<!-- table begins -->", "<!-- table ends -->"


@dataclass(frozen=True)
class Planned:
    """A fault to inject."""

    number: int
    step: str
    fault: str


def plan(worlds: dict[str, World], n: int, seed: int) -> list[Planned]:
    """Every fault at every step in turn, in a random order, until there are enough."""
    rng = Random(seed)
    every = [(step, fault) for step, world in worlds.items() for fault in faults_of(world)]
    chosen: list[tuple[str, str]] = []
    while len(chosen) < n:
        chosen += rng.sample(every, len(every))
    return [Planned(number, *pair) for number, pair in enumerate(chosen[:n])]


def carry_out(
    planned: Sequence[Planned],
    worlds: dict[str, World],
    folder: Path,
    seed: int,
    show: Callable[[Finding], None],
) -> Iterator[Finding]:
    """Inject faults one after the other."""
    for item in planned:
        where = folder / f"{item.number}"
        try:
            finding = inject(worlds[item.step], item.fault, where, f"{seed}/{item.number}")
        except Exception:
            finding = Finding(item.fault, item.step, problems=[traceback.format_exc()])
        finding.detail = f"{seed}/{item.number}: {finding.detail}"
        show(finding)
        yield finding


def show(finding: Finding) -> None:
    """Print what should not be so."""
    for problem in finding.problems:
        print(f"\n{finding.step}, {finding.fault}, {finding.detail}\n    {problem}", flush=True)


def campaign(n: int, seed: int, jobs: int, only: str = "") -> list[Finding]:
    """Inject `n` faults, in several processes."""
    warm_up()
    with tempfile.TemporaryDirectory(prefix="cadenza-faults-") as name:
        folder = Path(name)
        worlds = make_worlds(folder / "worlds")
        planned = [p for p in plan(worlds, n, seed) if only in f"{p.step}, {p.fault}"]
        children = []
        for index in range(jobs):
            notes = folder / f"findings-{index}.jsonl"
            children.append((child := os.fork(), notes))
            if not child:
                with notes.open("w") as file:
                    mine = planned[index::jobs]
                    for finding in carry_out(mine, worlds, folder, seed, show):
                        file.write(dumps(asdict(finding)) + "\n")
                        file.flush()
                os._exit(0)
        findings = []
        for child, notes in children:
            os.waitpid(child, 0)
            findings += [Finding(**loads(line)) for line in notes.read_text().splitlines()]
        if len(findings) != len(planned):
            raise RuntimeError(f"{len(planned)} faults were planned, {len(findings)} injected")
        return findings


def table(findings: Sequence[Finding], *, by: str) -> str:
    """How often each outcome came, by fault or by step."""
    outcomes = [*OUTCOMES, "wrong"]
    counts: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        counts[getattr(finding, by), "wrong" if finding.problems else finding.outcome] += 1
    names = list(dict.fromkeys(sorted(name for name, _ in counts)))
    lines = [
        f"| {by} | {' | '.join(outcomes)} | all |",
        f"| --- |{' ---: |' * (len(outcomes) + 1)}",
    ]
    for name in names:
        row = [counts[name, outcome] for outcome in outcomes]
        lines.append(f"| {name} | {' | '.join(str(n or '') for n in row)} | {sum(row)} |")
    row = [sum(counts[name, outcome] for name in names) for outcome in outcomes]
    lines.append(f"| **all** | {' | '.join(map(str, row))} | {sum(row)} |")
    return "\n".join(lines)


def tables(findings: Sequence[Finding], seconds: float, jobs: int) -> str:
    """What is printed and kept."""
    n_wrong = sum(bool(finding.problems) for finding in findings)
    said = (
        f"{len(findings)} faults in {seconds / 60:.1f} minutes, {jobs} processes: {n_wrong} wrong"
    )
    return "\n\n".join([said, table(findings, by="fault"), table(findings, by="step")])


def keep(text: str, page: Path) -> None:
    """Put the tables into a page, between its two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(TABLE_BEGINS)
    _, _, after = rest.partition(TABLE_ENDS)
    page.write_text(f"{before}{TABLE_BEGINS}\n{text}\n{TABLE_ENDS}{after}", encoding="utf-8")


def main(n: int, seed: int, jobs: int, only: str = "", page: Path | None = None) -> int:
    """Run the campaign; returns 1 if anything went wrong."""
    start = time.monotonic()
    findings = campaign(n, seed, jobs, only)
    text = tables(findings, time.monotonic() - start, jobs)
    print(f"\n{text}")
    if page is not None and not only:
        keep(text, page)
    return int(any(finding.problems for finding in findings))
