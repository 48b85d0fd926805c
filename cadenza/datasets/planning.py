"""What is to be fetched: what the records say, and what is there already. Nothing is written."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._paths import folded, in_bytes, require_disk_space
from cadenza.datasets.connection import Patience, open_session
from cadenza.datasets.downloads import ByteProgress
from cadenza.datasets.registry import ALL_FILES, Part
from cadenza.datasets.transfer import n_bytes_there
from cadenza.datasets.unpacking import read_manifest
from cadenza.datasets.zenodo import RemoteFile, base_url, list_files, read_listing
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

NOTES = ".cadenza-fetch"
"""Folder beside the downloads: listings of the records, what is verified, what was unpacked."""

PATIENCE = Patience()
"""How often requests are repeated, by default."""

_UNPACKED_RATIO = 2  # WAV files are up to 1.5 times as large as their archive
_MAX_SIZE_RATIO = 2  # of the size in the record to that in the registry


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
    stamp : mapping, optional
        What is remembered of the archive if it is there and its content was verified.
    n_unpacked : int, optional
        Number of files that were unpacked from this version of the archive; None if it was not.
    missing, changed : tuple of str
        Which of these are gone, and which have been edited.
    n_content_bytes : float
        Bytes that are still to be unpacked, as far as is known.
    """

    part: Part
    file: RemoteFile
    archive: Path
    stamp: Mapping[str, object] | None = None
    n_unpacked: int | None = None
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    n_content_bytes: float = 0

    @property
    def is_loaded(self) -> bool:
        """Whether the archive is there."""
        return self.stamp is not None

    @property
    def is_news(self) -> bool:
        """Whether it is not remembered yet that the archive is there."""
        return self.stamp is not None and self.stamp != read_note(self.archive)

    @property
    def is_to_unpack(self) -> bool:
        """Whether there is something to unpack."""
        return self.part.unpack and (self.n_unpacked is None or bool(self.missing))

    @property
    def is_to_load(self) -> bool:
        """Whether the archive is needed and not there."""
        return not self.is_loaded and (self.is_to_unpack or not self.part.unpack)

    @property
    def n_missing_bytes(self) -> int:
        """Bytes to download."""
        if not self.is_to_load:
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
        One for each file.
    listings : mapping of int to mapping of str to RemoteFile
        What the records say now, to be remembered, if it is not what they said before.
    absent : tuple of str
        Parts that the records do not have, of those that may be absent.
    repair : bool
        Whether files that have been edited are unpacked again.
    offline : str, optional
        Why the records could not be asked; what they said last time is used.
    """

    folder: Path
    steps: tuple[Step, ...]
    listings: Mapping[int, Mapping[str, RemoteFile]]
    absent: tuple[str, ...] = ()
    repair: bool = False
    offline: str | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes to download."""
        return sum(step.n_missing_bytes for step in self.steps)

    @property
    def n_disk_bytes(self) -> float:
        """Bytes that the disk must hold in addition."""
        return self.n_bytes + sum(step.n_content_bytes for step in self.steps)

    @property
    def changes_anything(self) -> bool:
        """Whether something is to be downloaded, unpacked or remembered."""
        return bool(self.listings) or any(
            step.is_to_load or step.is_to_unpack or step.is_news for step in self.steps
        )

    @property
    def problems(self) -> list[str]:
        """Why `fetch` will refuse to do it."""
        if self.folder.exists() and not self.folder.is_dir():
            return [f"{self.folder}: expected a folder, found a file"]
        problems = []
        missing = [step.part.name for step in self.steps if step.is_to_load]
        if self.offline and missing:
            problems.append(f"{self.offline}. Missing: {', '.join(missing)}")
        try:
            require_disk_space(self.folder, round(self.n_disk_bytes))
        except InputError as error:
            problems += error.problems
        return problems


def plan_fetch(
    parts: Sequence[Part],
    folder: str | Path,
    *,
    url: str | None = None,
    optional: Collection[str] = (),
    repair: bool = False,
    patience: Patience = PATIENCE,
) -> FetchPlan:
    """Ask the records what the parts are, and look what is there. Nothing is written.

    Archives that are there are verified: by their checksum the first time, later by size and time.
    Files that were unpacked from them are counted, and compared by size.

    Parameters
    ----------
    parts : sequence of Part
        What to fetch.
    folder : str or Path
        Where the data go.
    url : str, optional
        Address of a mirror. Default: the environment variable ``CADENZA_ZENODO_URL``, or Zenodo.
    optional : collection of str
        Names of parts that are left out, with a warning, if the records do not have them.
    repair : bool
        Whether to unpack again what has been edited since it was unpacked. Content is compared too.
    patience : Patience
        How often, and after how long, a request that fails is repeated.

    Raises
    ------
    InputError
        If a record does not have a file, or has another one than the registry means, or there is
        no connection and the records were never asked before.
    """
    folder = Path(folder)
    listings: dict[int, dict[str, RemoteFile]] = {}
    fresh: dict[int, dict[str, RemoteFile]] = {}
    offline, problems = None, []
    with open_session() as session:
        for record in dict.fromkeys(part.record for part in parts):
            wanted = _wanted(record, parts)
            needed = _wanted(record, [part for part in parts if part.name not in optional])
            before = read_listing(listing_file(folder, record))
            files: dict[str, RemoteFile] = {}
            try:
                files = list_files(session, base_url(url), record, wanted=wanted, patience=patience)
            except ConnectionError as error:
                files, offline = before, str(error)
                if not needed <= files.keys() or not (files or optional):
                    problems.append(f"{error}. Without a connection nothing can be fetched")
            except InputError as error:
                if any(part.record == record and part.name not in optional for part in parts):
                    problems += error.problems
            else:
                _tell_changes(record, before, files)
                if files and needed <= files.keys() and files != before:
                    fresh[record] = files
            listings[record] = files
    if offline and not any(listings.values()) and not problems:
        problems.append(f"{offline}. Without a connection nothing can be fetched")
    raise_if(problems)
    found, absent = _found(parts, listings, optional)
    steps = [_step(p, listings[p.record][p.file], folder, repair=repair) for p in found]
    return FetchPlan(folder, tuple(steps), fresh, tuple(absent), repair, offline)


def _wanted(record: int, parts: Sequence[Part]) -> set[str]:
    """Names of files that parts need of a record."""
    return {part.file for part in parts if part.record == record} - {ALL_FILES}


def listing_file(folder: Path, record: int) -> Path:
    """Where it is remembered what a record said."""
    return folder / NOTES / f"record-{record}.json"


def _found(
    parts: Sequence[Part],
    listings: Mapping[int, Mapping[str, RemoteFile]],
    optional: Collection[str],
) -> tuple[list[Part], list[str]]:
    """Parts that the records have, and names of those that they lack and that may be absent."""
    found: dict[tuple[int, str], Part] = {}
    absent, problems = [], []
    singles = [single for part in parts for single in part.files_of(listings[part.record])]
    for part in singles:
        files = listings[part.record]
        if part.file in files:
            problems += _pin_problems(part, files[part.file])
            found.setdefault((part.record, part.file), part)
        elif part.name in optional:
            absent.append(part.name)
            logger.warning("record %d has no file %s: left out", part.record, part.file)
        else:
            there = ", ".join(files) or "none that can be fetched"
            problems.append(f"record {part.record} has no file {part.file}; it has {there}")
    if not found and not problems:
        problems.append("the records have none of these parts")
    raise_if([*problems, *_name_clashes(list(found.values()))])
    return list(found.values()), absent


def _name_clashes(parts: Sequence[Part]) -> list[str]:
    """Parts whose downloads would have the same name, though they are other files."""
    problems: list[str] = []
    first_of: dict[str, Part] = {}
    for part in parts:
        first = first_of.setdefault(folded(part.file), part)
        if first is not part:
            problems.append(
                f"{first.name} and {part.name} have the same file name, {first.file} in record "
                f"{first.record} and {part.file} in record {part.record}: fetch them into two "
                "folders"
            )
    return problems


def _pin_problems(part: Part, file: RemoteFile) -> list[str]:
    """Whether the file of a record is another one than the registry means."""
    algorithm, _, digest = file.checksum.partition(":")
    if not part.md5 or algorithm != "md5" or digest.lower() == part.md5.lower():
        return []
    what = f"{file.name} in record {part.record} is not the file of the registry"
    return [f"{what}: its md5 is {digest}, expected {part.md5}"]


def _tell_changes(
    record: int, before: Mapping[str, RemoteFile], now: Mapping[str, RemoteFile]
) -> None:
    for name, file in before.items():
        if name not in now:
            logger.warning("record %d has changed: %s is gone", record, name)
        elif now[name].checksum != file.checksum:
            logger.warning("record %d has changed: %s has another content", record, name)


def _tell_size(part: Part, file: RemoteFile) -> None:
    if part.about_bytes and not (
        1 / _MAX_SIZE_RATIO <= file.size / part.about_bytes <= _MAX_SIZE_RATIO
    ):
        logger.warning(
            "%s in record %d has %s, the registry expects about %s",
            *(file.name, part.record, in_bytes(file.size), in_bytes(part.about_bytes)),
        )


def _step(part: Part, file: RemoteFile, folder: Path, *, repair: bool) -> Step:
    if not file.has_checksum:
        logger.warning(
            "%s in record %d has no checksum: only its size can be verified", file.name, part.record
        )
    archive = folder / "downloads" / file.name
    note = read_note(archive)
    other = note.get("record", part.record)
    if other != part.record and note.get("checksum") != file.checksum and archive.is_file():
        raise InputError(
            f"{archive} is the file of record {other}: move it away, or fetch the one of record "
            f"{part.record} into another folder"
        )
    step = Step(part, file, archive, stamp=_verified(archive, part, file))
    if not step.is_loaded:
        _tell_size(part, file)
    if not part.unpack:
        return step
    manifest = read_manifest(manifest_file(folder, part))
    if manifest.checksum != file.checksum:
        return replace(step, n_content_bytes=_UNPACKED_RATIO * file.size)
    missing, changed = manifest.compare(folder, content=repair)
    if repair:
        missing, changed = missing + changed, []
    return replace(
        step,
        n_unpacked=len(manifest.files),
        missing=tuple(missing),
        changed=tuple(changed),
        n_content_bytes=sum(manifest.files[name][0] for name in missing),
    )


def manifest_file(folder: Path, part: Part) -> Path:
    """Where it is remembered what was unpacked from an archive."""
    return folder / NOTES / f"unpacked-{part.record}-{part.file}.json"


def _verified(archive: Path, part: Part, file: RemoteFile) -> Mapping[str, object] | None:
    """What to remember of an archive if it is whole; its content is read only once."""
    if not archive.is_file():
        return None
    record = {"record": part.record}
    stamp, note = file.stamp(archive) | record, read_note(archive)
    if note | record == stamp:
        return stamp
    logger.info("verifying %s", archive)
    with ByteProgress(file.size, what="verifying") as progress:
        verified = file.verify(archive, show=progress.add)
    if not verified:
        logger.warning("%s is damaged or of another version", archive)
        return None
    return verified | record


def note_file(archive: Path) -> Path:
    """Where it is remembered that an archive was verified."""
    return archive.parents[1] / NOTES / f"{archive.name}.json"


def read_note(archive: Path) -> dict[str, object]:
    """What is remembered of an archive."""
    try:
        return read_json(note_file(archive), dict)
    except InputError:  # not there yet, or damaged: then it is found out again
        return {}
