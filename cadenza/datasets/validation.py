"""Whether the data of a challenge are whole, and what can be run with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    """

    challenge: str
    parts: tuple[Finding, ...]
    steps: tuple[Readiness, ...]

    @property
    def is_damaged(self) -> bool:
        """Whether something that is there is not as it should be."""
        return any(part.is_damaged for part in self.parts)

    @property
    def can_run(self) -> bool:
        """Whether any script can be run now."""
        return any(step.state == "ready" for step in self.steps)


def validate(
    challenge: str, folder: str | Path, *, deep: bool = False, jobs: int = 1
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
    deep : bool
        Whether audio files are decoded, and zip files read, to their end. Which of them are whole
        is remembered in the folder itself: after an interruption only the others are read.
    jobs : int
        Files that are read at a time.

    Raises
    ------
    InputError
        If there is no such challenge, or the folder is not a root of it; the message says which
        folder was probably meant.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "metadata").mkdir()
    ...     _ = Path(folder, "metadata", "musdb18.valid.json").write_text("[]")
    ...     found = validate("cad1", folder)
    >>> found.can_run, found.is_damaged
    (False, True)
    >>> [(part.key, part.state) for part in found.parts if part.split == "valid"][:2]
    [('valid listeners', 'absent'), ('valid songs', 'damaged')]
    """
    root, name = Path(folder), find_challenge(challenge, INSPECTORS)
    require_root(name, root)
    inspector = INSPECTORS[name]
    found = splits_in(root, inspector)
    splits = [*inspector.splits, *(split for split in found if split not in inspector.splits)]
    findings = Findings()
    steps = inspector.inspect(root, splits, findings)
    if deep:
        files = [path for part in findings.parts.values() for path in part.files]
        findings.add_problems(read_all(files, root / MEMORY, jobs=jobs))
    return Validation(name, tuple(findings.parts.values()), tuple(readiness(steps, findings.parts)))
