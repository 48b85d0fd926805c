"""Fetching parts of a challenge: the downloads, and unpacking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from cadenza._check import raise_if
from cadenza._paths import write_json
from cadenza.datasets.connection import Patience
from cadenza.datasets.downloads import download_all
from cadenza.datasets.planning import (
    NOTES,
    PATIENCE,
    FetchPlan,
    Step,
    listing_file,
    manifest_file,
    note_file,
    read_note,
)
from cadenza.datasets.unpacking import unpack
from cadenza.datasets.zenodo import Stamp, save_listing
from cadenza.errors import InputError


def fetch(plan: FetchPlan, *, connections: int = 3, patience: Patience = PATIENCE) -> None:
    """Download what is missing, verify it, and unpack it.

    May be stopped at any moment, also by a broken connection or ``kill -9``: the next call
    continues. Nothing has its final name before it is whole.

    Parameters
    ----------
    plan : FetchPlan
        From `plan_fetch`.
    connections : int
        Files that are downloaded at a time.
    patience : Patience
        How often, and after how long, a request that fails is repeated.

    Raises
    ------
    InputError
        If there is no connection, the disk is too small, a download or an archive is damaged, or
        another process is fetching into the same folder.
    """
    raise_if(plan.problems)
    if not plan.changes_anything:
        return  # also in a folder that is read-only
    (plan.folder / "downloads").mkdir(parents=True, exist_ok=True)
    (plan.folder / NOTES).mkdir(exist_ok=True)
    try:
        with FileLock(plan.folder / NOTES / "lock", blocking=False):
            for record, files in plan.listings.items():
                save_listing(listing_file(plan.folder, record), files)
            for step in plan.steps:
                if step.is_news:
                    write_json(note_file(step.archive), step.stamp)
            missing = [step for step in plan.steps if step.is_to_load]
            problems = _load(missing, connections, patience)
            for step in plan.steps:
                problems += _unpack(step, plan)
    except Timeout:
        raise InputError(f"{plan.folder}: another process is fetching into this folder") from None
    raise_if(problems)


def _load(steps: Sequence[Step], connections: int, patience: Patience) -> list[str]:
    """Download side by side; returns what went wrong."""
    records = {step.archive: step.part.record for step in steps}

    def keep(archive: Path, stamp: Stamp) -> None:
        write_json(note_file(archive), stamp | {"record": records[archive]})

    files = {step.archive: step.file for step in steps}
    return download_all(files, connections=connections, patience=patience, keep=keep)


def _unpack(step: Step, plan: FetchPlan) -> list[str]:
    """Unpack an archive if it is there and must be; returns what went wrong."""
    archive, part = step.archive, step.part
    if not archive.is_file() or read_note(archive).get("checksum") != step.file.checksum:
        return []  # it could not be downloaded; another version may be there
    if part.md5 and not step.file.checksum.startswith("md5:"):  # the record could not tell
        pinned = replace(step.file, checksum=f"md5:{part.md5.lower()}")
        if not pinned.verify(archive):
            return [f"{archive}: is not the file of the registry: its md5 is not {part.md5}"]
    if not step.is_to_unpack:
        return []
    manifest = manifest_file(plan.folder, part)
    try:
        unpack(archive, plan.folder, manifest, step.file.checksum, repair=plan.repair)
    except InputError as error:
        return list(error.problems)
    return []
