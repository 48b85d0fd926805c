"""Whether a folder is a challenge root; if not, which one was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cadenza._paths import find_roots
from cadenza.datasets import (
    validation_cad1_task1,
    validation_cad2_task2,
    validation_icassp_2024,
)
from cadenza.datasets.validation_steps import Inspector
from cadenza.errors import InputError

INSPECTORS: Mapping[str, Inspector] = {
    "icassp_2024": validation_icassp_2024.INSPECTOR,
    "cad1_task1": validation_cad1_task1.INSPECTOR,
    "cad2_task2": validation_cad2_task2.INSPECTOR,
}
"""By name of the challenge, as in the registry of the data."""


def splits_in(root: Path, inspector: Inspector) -> list[str]:
    """Splits of which a root has metadata."""
    pattern = re.compile(rf"(?:{'|'.join(inspector.split_files)})\.([^.]+)\.json")
    found = {
        match[1]
        for folder in (root / "metadata", root / "metadata" / "musdb18hq")
        if folder.is_dir()
        for path in folder.iterdir()
        if (match := pattern.fullmatch(path.name))
    }
    known = [split for split in inspector.splits if split in found]
    return known + sorted(found - set(known))


def require_root(challenge: str, folder: Path) -> None:
    """Check that a folder is a root of a challenge, or holds its download.

    Raises
    ------
    InputError
        Saying what was expected, and which folder or challenge was probably meant.
    """
    if not folder.is_dir():
        what = "expected a folder, found a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}")
    if challenge == "cad2_task2":
        validation_cad2_task2.require_no_download(folder)
    if is_root(challenge, folder):
        return
    metadata = folder / "metadata"
    if not metadata.is_dir():
        raise InputError(f"{folder}: no challenge root: {_meant(challenge, folder)}")
    for other in INSPECTORS:
        if is_root(other, folder):
            raise InputError(
                f"{folder}: no data of {challenge}; this looks like {other}: "
                f"cadenza validate {other} {folder}"
            )
    names = _examples(challenge)
    raise InputError(f"{metadata}: no metadata of {challenge}; expected files like {names}")


def is_root(challenge: str, folder: Path) -> bool:
    """Whether a folder looks like a root of a challenge, or holds its download."""
    if challenge == "cad2_task2" and validation_cad2_task2.find_download(folder):
        return True
    metadata = folder / "metadata"
    if _has_own(metadata, challenge):
        return True
    others = any(_has_own(metadata, other) for other in INSPECTORS if other != challenge)
    return not others and bool(splits_in(folder, INSPECTORS[challenge]))


def _has_own(metadata: Path, challenge: str) -> bool:
    patterns = INSPECTORS[challenge].own_files
    return any(True for pattern in patterns for _ in metadata.glob(pattern))


def _examples(challenge: str) -> str:
    inspector = INSPECTORS[challenge]
    split = "valid" if "valid" in inspector.splits else inspector.splits[0]
    return " and ".join(f"{name}.{split}.json" for name in inspector.split_files[:2])


def _meant(challenge: str, folder: Path) -> str:
    """Why a folder is no root, and which one is."""
    below = [_above_download(root) for root in find_roots(folder)]
    of_this = [root for root in below if is_root(challenge, root)]
    if of_this:
        return f"it is too high; give {of_this[0]}"
    above = [parent for parent in folder.absolute().parents if (parent / "metadata").is_dir()]
    if above:
        return f"it is too low; give {_above_download(above[0])}"
    if not any(folder.iterdir()):
        return f"the folder is empty. cadenza fetch {challenge} lists what can be downloaded"
    return f"expected the folders metadata (with {_examples(challenge)}) and audio in it"


def _above_download(folder: Path) -> Path:
    """The root, for a folder with the metadata of a download."""
    is_download = validation_cad2_task2.find_download(folder.parent) == folder
    return folder.parent if is_download else folder
