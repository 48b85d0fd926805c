"""Fetching parts of a challenge: the plan, the downloads side by side, and unpacking."""

from __future__ import annotations

import logging
import threading
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from tqdm import tqdm

from cadenza import __version__
from cadenza._archive import unpack_zips
from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._paths import require_disk_space, write_json
from cadenza.datasets.registry import Part
from cadenza.datasets.tarballs import unpack_tar
from cadenza.datasets.transfer import Download, StoppedError, part_of
from cadenza.datasets.zenodo import RemoteFile, base_url, list_files, read_listing, save_listing
from cadenza.errors import InputError

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

_NOTES = ".cadenza-fetch"  # folder beside the downloads: listings of the records, what is verified
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
        partial_file = part_of(self.archive)
        n_there = partial_file.stat().st_size if partial_file.exists() else 0
        return 0 if self.is_loaded else max(0, self.file.size - n_there)


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
        return sum(step.n_missing_bytes for step in self.steps)

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

    Raises
    ------
    InputError
        If a record does not have a file, or there is no connection and the records were never
        asked before.
    """
    folder = Path(folder)
    listings: dict[int, dict[str, RemoteFile]] = {}
    offline, problems = None, []
    with _session() as session:
        for record in dict.fromkeys(part.record for part in parts):
            saved = folder / _NOTES / f"record-{record}.json"
            try:
                files = list_files(session, base_url(url), record)
            except ConnectionError as error:
                files, offline = read_listing(saved), str(error)
                if not files:
                    problems.append(f"{error}. Without a connection nothing can be fetched")
            else:
                before = read_listing(saved)
                _tell_changes(record, before, files)
                if files != before:
                    save_listing(saved, files)
            listings[record] = files
    problems += [
        f"record {part.record} has no file {part.file}; it has {', '.join(listings[part.record])}"
        for part in parts
        if listings[part.record] and part.file not in listings[part.record]
    ]
    raise_if(problems)
    steps = [_step(part, listings[part.record][part.file], folder) for part in parts]
    if unpack_again:
        steps = [replace(step, is_unpacked=False) for step in steps]
    return FetchPlan(folder, tuple(steps), offline)


def _tell_changes(
    record: int, before: Mapping[str, RemoteFile], now: Mapping[str, RemoteFile]
) -> None:
    for name, file in before.items():
        if name not in now:
            logger.warning("record %d has changed: %s is gone", record, name)
        elif now[name].checksum != file.checksum:
            logger.warning("record %d has changed: %s has another content", record, name)


def _step(part: Part, file: RemoteFile, folder: Path) -> Step:
    if part.md5 and file.checksum != f"md5:{part.md5}":
        logger.warning(
            "%s in record %d is not the file of the registry: its checksum is %s, expected md5:%s",
            *(file.name, part.record, file.checksum, part.md5),
        )
    archive = folder / "downloads" / file.name
    note = _note(archive)
    return Step(
        part,
        file,
        archive,
        is_loaded=_is_verified(archive, file),
        is_unpacked=note.get("unpacked") == file.checksum,
    )


def _is_to_unpack(step: Step) -> bool:
    return step.part.unpack and not step.is_unpacked


def _is_verified(archive: Path, file: RemoteFile) -> bool:
    """Whether the whole file is there; its content is read once and then remembered."""
    if not archive.is_file():
        return False
    stamp, note = _stamp(archive, file), _note(archive)
    if {key: note.get(key) for key in stamp} == stamp:
        return True
    logger.info("verifying %s", archive)
    if not file.matches(archive):
        logger.warning("%s is damaged or of another version: it will be loaded again", archive)
        return False
    write_json(_note_file(archive), note | stamp)
    return True


def _stamp(archive: Path, file: RemoteFile) -> dict[str, object]:
    """What is remembered of a file whose content was compared with the checksum."""
    status = archive.stat()
    return {"checksum": file.checksum, "size": status.st_size, "time_ns": status.st_mtime_ns}


def _note_file(archive: Path) -> Path:
    return archive.parents[1] / _NOTES / f"{archive.name}.json"


def _note(archive: Path) -> dict[str, object]:
    try:
        return read_json(_note_file(archive), dict)
    except InputError:  # not there yet, or damaged: then it is found out again
        return {}


def fetch(plan: FetchPlan, *, connections: int = 3) -> None:
    """Download what is missing, verify it, and unpack it.

    May be stopped at any moment, also by a broken connection or ``kill -9``: the next call
    continues. Nothing has its final name before it is whole.

    Parameters
    ----------
    plan : FetchPlan
        From `plan_fetch`.
    connections : int
        Files that are downloaded at a time.

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
            problems = _load(missing, connections)
            for step in plan.steps:
                if _is_to_unpack(step) and step.archive.is_file():
                    try:
                        _unpack(step, plan.folder)
                    except InputError as error:
                        problems += error.problems
    except Timeout:
        raise InputError(f"{plan.folder}: another process is fetching into this folder") from None
    raise_if(problems)


def _load(steps: Sequence[Step], connections: int) -> list[str]:
    """Download side by side; returns what went wrong. Ctrl-C stops all downloads."""
    stop, lock = threading.Event(), threading.Lock()
    bar = tqdm(
        total=sum(step.file.size for step in steps),
        unit="B",
        unit_scale=True,
        desc="fetching",
        disable=None,  # without a terminal
    )

    def show(n_bytes: int) -> None:
        with lock:
            bar.update(n_bytes)

    def load(step: Step) -> list[str]:
        try:
            Download(session, step.file, step.archive, show=show, stop=stop).run()
        except InputError as error:
            return list(error.problems)
        except StoppedError:
            return []
        write_json(_note_file(step.archive), _stamp(step.archive, step.file))
        logger.info("%s is whole: %s", step.archive, in_bytes(step.file.size))
        return []

    with _session() as session, ThreadPoolExecutor(connections) as pool, bar:
        tasks = [pool.submit(load, step) for step in steps]
        try:
            return [problem for task in tasks for problem in task.result()]
        finally:
            stop.set()


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


def _session() -> requests.Session:
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = f"cadenza/{__version__}"
    return session


def in_bytes(n_bytes: float) -> str:
    """Size for people.

    Examples
    --------
    >>> in_bytes(230_000), in_bytes(14_800_000_000)
    ('230 kB', '14.8 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.0f} bytes"
