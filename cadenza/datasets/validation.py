"""Whether the data of a challenge are whole, and what can be run with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cadenza._check import raise_if
from cadenza.datasets.registry import find_challenge
from cadenza.datasets.validation_deep import MEMORY, read_all
from cadenza.datasets.validation_findings import Finding, Findings
from cadenza.datasets.validation_roots import INSPECTORS, require_root, splits_in
from cadenza.datasets.validation_steps import Readiness, readiness


@dataclass(frozen=True)
class Validation:
    """What was found in a challenge root.

    Parameters
    ----------
    challenge : str
        Name of the challenge.
    parts : tuple of Finding
        What was found of each part.
    steps : tuple of Readiness
        For each script of the recipes, whether it can be run.
    splits : tuple of str
        The splits that count: those that were asked for, or else those of which anything is there.
    """

    challenge: str
    parts: tuple[Finding, ...]
    steps: tuple[Readiness, ...]
    splits: tuple[str, ...] = ()

    @property
    def is_damaged(self) -> bool:
        """Whether something that is there is not as it should be."""
        return any(part.is_damaged for part in self.parts)

    @property
    def can_run(self) -> bool:
        """Whether any script can be run now."""
        return any(step.state == "ready" for step in self.steps)

    @property
    def lacking(self) -> list[Finding]:
        """Parts that scripts cannot use, of the splits that count.

        Missing parts are left out if a script that can be run, now or after others, makes them.
        """
        made = {
            key
            for step in self.steps
            if step.state in ("ready", "later")
            for key in step.step.makes
        }
        return [
            part
            for part in self.parts
            if part.split in ("", *self.splits)
            and not part.is_usable
            and (part.is_damaged or part.key not in made)
        ]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is lacking, and something can be run."""
        return self.can_run and not self.lacking


def validate(
    challenge: str,
    folder: str | Path,
    *,
    splits: Sequence[str] = (),
    deep: bool = False,
    jobs: int = 1,
) -> Validation:
    """Look at the data of a challenge, with the readers that its recipes use.

    Metadata are read and compared with each other. Of audio files only the headers are read, unless
    `deep` is true.

    Parameters
    ----------
    challenge : str
        Name of the challenge, or its beginning: ``"icassp"``, ``"cad1"``, ``"cad2"``.
    folder : str or Path
        The challenge root; for CAD2 Task 2 also a folder with its download.
    splits : sequence of str
        Only these splits are reported, with what all splits share. Default: all.
    deep : bool
        Whether audio files are decoded, and zip files read, to their end. Which of them are whole
        is remembered in the folder itself: after an interruption only the others are read.
    jobs : int
        Files that are read at a time.

    Raises
    ------
    InputError
        If there is no such challenge or split, or the folder is not a root of the challenge; the
        message says which folder was probably meant.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "metadata").mkdir()
    ...     _ = Path(folder, "metadata", "musdb18.valid.json").write_text("[]")
    ...     found = validate("cad1", folder)
    >>> found.can_run, found.is_damaged, found.is_complete
    (False, True, False)
    >>> [(part.key, part.state) for part in found.parts if part.split == "valid"][:2]
    [('valid listeners', 'absent'), ('valid songs', 'damaged')]
    """
    root, name = Path(folder), find_challenge(challenge, INSPECTORS)
    require_root(name, root)
    inspector = INSPECTORS[name]
    known = list(dict.fromkeys([*inspector.splits, *splits_in(root, inspector)]))
    raise_if([f"no split {s}: there are {', '.join(known)}" for s in splits if s not in known])
    findings = Findings()
    steps = inspector.inspect(root, known, findings)
    shown = ("", *(splits or known))
    if deep:
        files = [
            path for part in findings.parts.values() if part.split in shown for path in part.files
        ]
        reading = read_all(files, root / MEMORY, jobs=jobs)
        findings.add_reading(reading.problems, reading.contents)
    parts = tuple(part for part in findings.parts.values() if part.split in shown)
    ready = tuple(step for step in readiness(steps, findings.parts) if step.step.split in shown)
    there = [split for split in known if any(p.n_found for p in parts if p.split == split)]
    return Validation(name, parts, ready, tuple(splits or there))
