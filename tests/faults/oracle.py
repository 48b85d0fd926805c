"""What must hold after a fault: no wrong number, no partial file, one message, the same bytes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .sandbox import Ended, contents, left_behind, run
from .steps import World

MOST_RUNS = 4


@dataclass
class Finding:
    """What came of a fault.

    Parameters
    ----------
    fault, step : str
        What was done, and to what.
    outcome : str
        How the run answered; one of `OUTCOMES`.
    detail : str
        Where it was done.
    problems : list of str
        What should not be so.
    """

    fault: str
    step: str
    outcome: str = ""
    detail: str = ""
    problems: list[str] = field(default_factory=list)


OUTCOMES = {
    "unharmed": "exit status 0, undisturbed results",
    "warned": "exit status 0, other results, and a warning that names the file",
    "reported": "exit status 1, the other items undisturbed, and the file or item named",
    "refused": "exit status 2, nothing changed, and the file named",
    "stopped": "ended by a signal or by the power",
}


class Witness:
    """Compares a folder with the undisturbed one, run by run."""

    def __init__(self, world: World, folder: Path, finding: Finding) -> None:
        self.world, self.folder, self.finding = world, folder, finding

    def problem(self, text: str) -> None:
        """Note that something is not as it should be."""
        self.finding.problems.append(text)

    def run(self, *more: str, **options) -> Ended:
        """Run the step; a traceback or a hang is a problem."""
        ended = run(self.world.step.command, self.folder, *more, **options)
        self.look_at(ended)
        return ended

    def look_at(self, ended: Ended) -> None:
        """No traceback, no hang, a known exit status."""
        if ended.status is None:
            self.problem(f"did not end: {ended.seen[-500:]}")
        if "Traceback" in ended.seen:
            self.problem(f"traceback: {ended.seen[-1500:]}")
        if ended.status is not None and ended.status not in (0, 1, 2, 130) and ended.status > 0:
            self.problem(f"exit status {ended.status}: {ended.seen[-500:]}")
        outside = [p.name for p in self.folder.parent.iterdir() if p != self.folder]
        if outside:
            self.problem(f"left the folder: {outside}")

    def differences(self) -> list[str]:
        """Names of files that are not as after the undisturbed run."""
        found = contents(self.folder)
        new = self.world.new
        return sorted(n for n in {*found, *new} if found.get(n) != new.get(n))

    def other_results(self, damaged: Iterable[str]) -> set[str]:
        """Results that differ, apart from faithful copies of a damaged file."""
        found, damaged = contents(self.folder), set(damaged)
        copies = {found[name] for name in damaged if name in found}
        return {
            name
            for name in set(self.differences()) - damaged
            if not name.endswith(".journal.jsonl") and found.get(name) not in copies
        }

    def names(self, ended: Ended, files: Iterable[str]) -> bool:
        """Whether a file, or the item it belongs to, is named on the screen or in a table."""
        seen = ended.seen + "".join(
            p.read_text(errors="replace") for p in self.folder.rglob("*.failures.csv")
        )
        seen += "".join(p.read_text() for p in self.folder.glob("report/**/index.html"))
        if "its files have changed since it was scored" in seen:  # in a report, of an item
            return True
        return any(Path(file).name in seen for file in files)

    def look_for_parts(self, ignored: Iterable[str] = ()) -> None:
        """Files are those of before or of the undisturbed run; tables may lack rows."""
        old, new, ignored = self.world.old, self.world.new, set(ignored)
        for name, content in contents(self.folder).items():
            if content in (old.get(name), new.get(name)) or name in ignored or left_behind([name]):
                continue
            if name.endswith((".jsonl", ".failures.csv", ".outdated")):
                continue  # lines of their own, checked when they are read; reasons; an old name
            if name.endswith("digest.txt") or name not in new or _is_complete(name, content):
                continue
            if not (name.endswith(".csv") and _is_part(content, new[name])):
                self.problem(f"{name} is neither as before nor as it should be")

    def answer(
        self,
        ended: Ended,
        damaged: Iterable[str],
        *,
        announced: bool = False,
        or_named: Iterable[str] = (),
    ) -> None:
        """Judge a run with a damaged file.

        Other results are right if they are `announced`. A file may be named that refers to the
        damaged one.
        """
        damaged = list(damaged)
        named = self.names(ended, [*damaged, *or_named])
        differences = self.other_results(damaged)
        self.finding.outcome = {0: "unharmed", 1: "reported", 2: "refused"}.get(ended.status, "")
        if ended.status == 0 and differences:
            self.finding.outcome = "warned"
            if not (announced and named):
                self.problem(f"other results without a word: {sorted(differences)[:5]}")
        elif ended.status in (1, 2) and not named:
            self.problem(f"status {ended.status}, the file is not named: {ended.seen[-700:]}")
        if ended.status == 2:
            self.look_for_changes(damaged)
        if not announced:
            copies = set(self.differences()) - self.other_results(damaged)
            self.look_for_parts({*damaged, *copies})

    def look_for_changes(self, damaged: Iterable[str]) -> None:
        """A refused run has changed nothing."""
        found, old = contents(self.folder), self.world.old
        changed = {n for n, content in found.items() if old.get(n, content) != content}
        if changed := changed - set(damaged):
            self.problem(f"refused, but changed {sorted(changed)[:5]}")

    def recover(self, *more: str, advice: bool = True) -> None:
        """The same command, once the fault is gone, gives the undisturbed bytes.

        With `advice`, what an error message recommends is done.
        """
        given = list(more)
        for _ in range(MOST_RUNS):
            ended = self.run(*given)
            if ended.status == 0:
                break
            found = re.search(r"(resume=changed|resume=false|overwrite=true)", ended.seen)
            if not (advice and found):
                break
            given = [*more, found[1]]
        if ended.status != 0:
            self.problem(f"cannot continue, status {ended.status}: {ended.seen[-700:]}")
        elif differences := self.differences():
            self.problem(f"other results than undisturbed: {differences[:5]}")
        if rest := left_behind([str(p.relative_to(self.folder)) for p in self.folder.rglob("*")]):
            self.problem(f"left behind: {rest[:3]}")


def _is_complete(name: str, content: bytes) -> bool:
    """Whether a page, or a plot or network of an unfinished training, is a whole file."""
    if name.endswith(".html"):
        return content.rstrip().endswith(b"</html>")
    if name.endswith("losses.png"):
        return content.endswith(b"IEND\xaeB`\x82")
    if name.endswith(".safetensors"):
        length = int.from_bytes(content[:8], "little")
        entries = json.loads(content[8 : 8 + length])
        ends = [v["data_offsets"][1] for k, v in entries.items() if k != "__metadata__"]
        return len(content) == 8 + length + max(ends)
    return False


def _is_part(content: bytes, whole: bytes) -> bool:
    """Whether a table has only rows of the whole one, or rows without values."""
    (head, *rows), (expected_head, *expected) = map(_rows, (content, whole))
    known = {tuple(row) for row in expected}
    labels = {row[0] for row in expected}
    return head == expected_head and all(
        tuple(row) in known or (row[0] in labels and not row[-1]) for row in rows
    )


def _rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(errors="replace")))) or [[]]
