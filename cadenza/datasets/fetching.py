"""Fetching parts of a challenge: the plan, the downloads, and unpacking."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from cadenza._archive import unpack_zips
from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._paths import folded, require_disk_space, write_json
from cadenza.datasets.connection import Patience, open_session
from cadenza.datasets.downloads import download_all
from cadenza.datasets.registry import Part
from cadenza.datasets.tarballs import unpack_tar
from cadenza.datasets.transfer import n_bytes_there
from cadenza.datasets.zenodo import (
    RemoteFile,
    Stamp,
    base_url,
    list_files,
    read_listing,
    save_listing,
)
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

_NOTES = ".cadenza-fetch"  # folder beside the downloads: listings of the records, what is verified
_PATIENCE = Patience()
_UNPACKED_RATIO = 1.2  # about how much larger audio is outside its archive


@dataclass(frozen=True)
class Step:
    """What is to be done about one part.

    Parameters
    ----------
    part : Part
        The part.
    file : RemoteFile
        What the record says about it.
    archive : Path
        Where the download goes.
    is_loaded, is_unpacked : bool
        What is done already. The content of a download was verified.
    """

    part: Part
    file: RemoteFile
    archive: Path
    is_loaded: bool
    is_unpacked: bool

    @property
    def n_missing_bytes(self) -> int:
        """Bytes to download."""
        if self.is_loaded:
            return 0
        return max(0, self.file.size - n_bytes_there(self.archive, self.file))


@dataclass(frozen=True)
class FetchPlan:
    """What `fetch` will do.

    Parameters
    ----------
    folder : Path
        Where the data go: archives into ``downloads``, their content beside it.
    steps : tuple of Step
        One for each part.
    offline : str, optional
        Why the records could not be asked; what they said last time is used.
    """

    folder: Path
    steps: tuple[Step, ...]
    offline: str | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes to download."""
        return sum({step.archive: step.n_missing_bytes for step in self.steps}.values())

    @property
    def n_disk_bytes(self) -> float:
        """Bytes that the disk must hold in addition."""
        unpacked = [step.file.size for step in self.steps if _is_to_unpack(step)]
        return self.n_bytes + _UNPACKED_RATIO * sum(unpacked)


def plan_fetch(
    parts: Sequence[Part],
    folder: str | Path,
    *,
    url: str | None = None,
    unpack_again: bool = False,
    patience: Patience = _PATIENCE,
) -> FetchPlan:
    """Ask the records what the parts are, and look what is there.

    Files that are there are verified: by their checksum the first time, later by size and time.

    Parameters
    ----------
    parts : sequence of Part
        What to fetch.
    folder : str or Path
        Where the data go.
    url : str, optional
        Address of a mirror. Default: the environment variable ``CADENZA_ZENODO_URL``, or Zenodo.
    unpack_again : bool
        Whether archives that were unpacked before are unpacked once more.
    patience : Patience
        How often, and after how long, a request that fails is repeated.

    Raises
    ------
    InputError
        If a record does not have a file, two files have the same name, or there is no connection
        and the records were never asked before.
    """
    folder = Path(folder)
    raise_if(_name_clashes(parts))
    listings, offline = _ask_records(parts, folder, base_url(url), patience)
    steps = [_step(part, listings[part.record][part.file], folder) for part in parts]
    if unpack_again:
        steps = [replace(step, is_unpacked=False) for step in steps]
    return FetchPlan(folder, tuple(steps), offline)


def _ask_records(
    parts: Sequence[Part], folder: Path, url: str, patience: Patience
) -> tuple[dict[int, dict[str, RemoteFile]], str | None]:
    """What the records say, or said last time if they cannot be asked; and why they cannot."""
    listings: dict[int, dict[str, RemoteFile]] = {}
    offline, problems = None, []
    with open_session() as session:
        for record in dict.fromkeys(part.record for part in parts):
            wanted = {part.file for part in parts if part.record == record}
            saved = folder / _NOTES / f"record-{record}.json"
            before = read_listing(saved)
            try:
                files = list_files(session, url, record, wanted=wanted, patience=patience)
            except ConnectionError as error:
                files, offline = before, str(error)
                if not wanted <= files.keys():
                    problems.append(f"{error}. Without a connection nothing can be fetched")
            except InputError as error:
                problems += error.problems
                continue
            else:
                _tell_changes(record, before, files)
                problems += _absent(record, wanted, files)
                if wanted <= files.keys() and files != before:
                    save_listing(saved, files)
            listings[record] = files
    raise_if(problems)
    return listings, offline


def _absent(record: int, wanted: Iterable[str], files: Iterable[str]) -> list[str]:
    there = ", ".join(files) or "none that can be fetched"
    return [
        f"record {record} has no file {name}; it has {there}"
        for name in sorted(set(wanted) - set(files))
    ]


def _tell_changes(
    record: int, before: Mapping[str, RemoteFile], now: Mapping[str, RemoteFile]
) -> None:
    for name, file in before.items():
        if name not in now:
            logger.warning("record %d has changed: %s is gone", record, name)
        elif now[name].checksum != file.checksum:
            logger.warning("record %d has changed: %s has another content", record, name)


def _name_clashes(parts: Sequence[Part]) -> list[str]:
    """Parts whose downloads would have the same name, though they are other files."""
    problems: list[str] = []
    first_of: dict[str, Part] = {}
    for part in parts:
        first = first_of.setdefault(folded(part.file), part)
        if (first.record, first.file) != (part.record, part.file):
            problems.append(
                f"{first.name} and {part.name} have the same file name, {first.file} in record "
                f"{first.record} and {part.file} in record {part.record}: fetch them into two "
                "folders"
            )
    return problems


def _step(part: Part, file: RemoteFile, folder: Path) -> Step:
    if part.md5 and file.checksum != f"md5:{part.md5.lower()}":
        logger.warning(
            "%s in record %d is not the file of the registry: its checksum is %s, expected md5:%s",
            *(file.name, part.record, file.checksum, part.md5),
        )
    if not file.has_checksum:
        logger.warning(
            "%s in record %d has no checksum: only its size can be verified", file.name, part.record
        )
    archive = folder / "downloads" / file.name
    note = _note(archive)
    other = note.get("record", part.record)
    if other != part.record and note.get("checksum") != file.checksum and archive.is_file():
        raise InputError(
            f"{archive} is the file of record {other}: move it away, or fetch the one of record "
            f"{part.record} into another folder"
        )
    return Step(
        part,
        file,
        archive,
        is_loaded=_is_verified(archive, part, file),
        is_unpacked=note.get("unpacked") == file.checksum,
    )


def _is_to_unpack(step: Step) -> bool:
    return step.part.unpack and not step.is_unpacked


def _is_verified(archive: Path, part: Part, file: RemoteFile) -> bool:
    """Whether the whole file is there; its content is read once and then remembered."""
    if not archive.is_file():
        return False
    stamp, note = file.stamp(archive), _note(archive)
    if {key: note.get(key) for key in stamp} == stamp:
        return True
    logger.info("verifying %s", archive)
    verified = file.verify(archive)
    if not verified:
        logger.warning("%s is damaged or of another version: it will be loaded again", archive)
        return False
    write_json(_note_file(archive), note | verified | {"record": part.record})
    return True


def _note_file(archive: Path) -> Path:
    return archive.parents[1] / _NOTES / f"{archive.name}.json"


def _note(archive: Path) -> dict[str, object]:
    try:
        return read_json(_note_file(archive), dict)
    except InputError:  # not there yet, or damaged: then it is found out again
        return {}


def fetch(plan: FetchPlan, *, connections: int = 3, patience: Patience = _PATIENCE) -> None:
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
    missing = [step for step in plan.steps if not step.is_loaded]
    if plan.offline and missing:
        names = ", ".join(step.part.name for step in missing)
        raise InputError(f"{plan.offline}. Missing: {names}")
    if not missing and not any(_is_to_unpack(step) for step in plan.steps):
        return  # also in a folder that is read-only
    require_disk_space(plan.folder, round(plan.n_disk_bytes))
    (plan.folder / "downloads").mkdir(parents=True, exist_ok=True)
    (plan.folder / _NOTES).mkdir(exist_ok=True)
    try:
        with FileLock(plan.folder / _NOTES / "lock", blocking=False):
            problems = _load(missing, connections, patience)
            for step in {s.archive: s for s in plan.steps if _is_to_unpack(s)}.values():
                if step.archive.is_file():
                    try:
                        _unpack(step, plan.folder)
                    except InputError as error:
                        problems += error.problems
    except Timeout:
        raise InputError(f"{plan.folder}: another process is fetching into this folder") from None
    raise_if(problems)


def _load(steps: Sequence[Step], connections: int, patience: Patience) -> list[str]:
    """Download side by side; returns what went wrong."""
    records = {step.archive: step.part.record for step in steps}

    def keep(archive: Path, stamp: Stamp) -> None:
        write_json(_note_file(archive), stamp | {"record": records[archive]})

    files = {step.archive: step.file for step in steps}
    return download_all(files, connections=connections, patience=patience, keep=keep)


def _unpack(step: Step, folder: Path) -> None:
    if zipfile.is_zipfile(step.archive):
        target = folder / step.archive.stem
        if target.exists():
            raise InputError(f"{target}: delete this folder to unpack {step.archive} again")
        unpack_zips({step.archive: target})
    else:
        unpack_tar(step.archive, folder)
    note_file = _note_file(step.archive)
    write_json(note_file, _note(step.archive) | {"unpacked": step.file.checksum})
