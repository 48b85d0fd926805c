"""Unpacking into a folder that holds other files: what came from where, and what has changed."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cadenza._archive import Stamp, extract_zip, zip_problems
from cadenza._check import raise_if
from cadenza._files import read_json, reason_of_system, replacing, sync_all
from cadenza._paths import leaves_folder
from cadenza.datasets.downloads import ByteProgress
from cadenza.datasets.tarballs import extract_tar, own_place
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

_SHOWN = 3  # names in a message
_MANIFESTS = "unpacked-*.json"
_READ_BYTES = 2**20  # at a time


@dataclass(frozen=True)
class Manifest:
    """Files that were unpacked from an archive.

    Parameters
    ----------
    checksum : str
        Checksum of the archive; empty if nothing was unpacked.
    files : mapping of str to (int, int)
        Size and CRC-32 of each file, by its path in the folder.
    """

    checksum: str
    files: Mapping[str, Stamp]

    def compare(self, folder: Path, *, content: bool = False) -> tuple[list[str], list[str]]:
        """Which files are missing, and which have changed since they were unpacked.

        Parameters
        ----------
        folder : Path
            Where they were unpacked.
        content : bool
            Compare content too. Otherwise only sizes, which takes seconds for 100,000 files.
        """
        missing, changed = [], []
        for name, stamp in self.files.items():
            path = folder / name
            if not path.is_file():
                missing.append(name)
            elif path.stat().st_size != stamp[0] or (content and _stamp(path) != stamp):
                changed.append(name)
        return missing, changed


def read_manifest(path: Path) -> Manifest:
    """Manifest in a file; an empty one if there is none, or if it is damaged."""
    try:
        found = read_json(path, dict)
        files = {
            name: (int(size), int(crc))
            for name, (size, crc) in found["files"].items()
            if not leaves_folder(name)
        }
        return Manifest(str(found["checksum"]), files)
    except (InputError, AttributeError, KeyError, TypeError, ValueError):
        return Manifest("", {})


def _write_manifest(path: Path, manifest: Manifest) -> None:
    with replacing(path) as temporary:
        content = {"checksum": manifest.checksum, "files": manifest.files}
        temporary.write_text(json.dumps(content), encoding="utf-8")


def unpack(
    archive: Path, folder: Path, manifest_file: Path, checksum: str, *, repair: bool = False
) -> None:
    """Unpack an archive, or those of its files that are missing.

    A tar archive goes into the folder itself, a zip file into a folder of its own name there.
    It is unpacked to a temporary folder first; when it is complete, the files move to their places.
    Files that another version has left are replaced or removed, unless they have been edited.

    Parameters
    ----------
    archive : Path
        A tar archive, compressed or not, or a zip file.
    folder : Path
        Where its content goes; may hold other files.
    manifest_file : Path
        Where it is remembered what was unpacked, beside the manifests of other archives.
    checksum : str
        Checksum of the archive.
    repair : bool
        Whether files that have been edited since they were unpacked are replaced.

    Raises
    ------
    InputError
        If the archive is damaged or must not be unpacked, or a file that was not unpacked by this
        function is in the way. Nothing has been written then.
    """
    before = read_manifest(manifest_file)
    wanted: Collection[str] | None = None
    if before.checksum == checksum:
        missing, changed = before.compare(folder, content=repair)
        wanted = {*missing, *(changed if repair else ())}
        logger.info("unpacking %d missing or changed files of %s", len(wanted), archive)
    else:
        logger.info("unpacking %s", archive)
    temporary = manifest_file.parent / "unpacking"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        files = _extract(archive, temporary, wanted)
        sync_all([temporary / name for name in files])
        others = _other_manifests(manifest_file)
        _place(files, temporary, folder, [before, *others.values()], repair=repair)
        if wanted is None:
            kept = {name for other in others.values() for name in other.files}
            old = {name: s for name, s in before.files.items() if name not in {*files, *kept}}
            _remove(old, folder)
            for path, other in others.items():
                _hand_over(path, other, files)
            _write_manifest(manifest_file, Manifest(checksum, files))
    except OSError as error:
        reason = reason_of_system(error)
        raise InputError(f"{archive}: cannot unpack into {folder}: {reason}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, temporary: Path, names: Collection[str] | None) -> dict[str, Stamp]:
    def wanted(name: str) -> bool:
        return names is None or name in names

    with archive.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    if not is_zip:
        with ByteProgress(archive.stat().st_size, what="unpacking") as progress:
            return extract_tar(archive, temporary, wanted=wanted, show=progress.add)
    own = archive.stem
    raise_if([f"{archive}: refused: {problem}" for problem in [own_place(own)] if problem])
    raise_if(zip_problems(archive))
    with ByteProgress(archive.stat().st_size, what="unpacking") as progress:
        files = extract_zip(
            archive,
            temporary / own,
            own,
            wanted=lambda name: wanted(f"{own}/{name}"),
            show=progress.add,
        )
    return {f"{own}/{name}": stamp for name, stamp in files.items()}


def _other_manifests(manifest_file: Path) -> dict[Path, Manifest]:
    paths = sorted(manifest_file.parent.glob(_MANIFESTS))
    return {path: read_manifest(path) for path in paths if path != manifest_file}


def _place(
    files: Mapping[str, Stamp],
    temporary: Path,
    folder: Path,
    known: Sequence[Manifest],
    *,
    repair: bool,
) -> None:
    """Move files to their places, unless a file that is not from an archive is in the way."""
    moves: list[str] = []
    edited: list[str] = []
    in_the_way: list[str] = []
    for name, stamp in files.items():
        target = folder / name
        if obstacle := _obstacle(target, folder):
            in_the_way.append(obstacle)
        elif not os.path.lexists(target):
            moves.append(name)
        elif (found := _stamp(target)) == stamp:
            continue
        elif earlier := [m.files[name] for m in known if name in m.files]:
            (moves if repair or found in earlier else edited).append(name)
        else:
            in_the_way.append(name)
    if in_the_way:
        names = in_few_words(list(dict.fromkeys(in_the_way)))
        raise InputError(
            f"{folder}: files that cadenza fetch has not put there are in the way: {names}. Move "
            "them away, or choose another folder"
        )
    for name in moves:
        _move(temporary / name, folder / name)
    if edited:
        logger.warning(
            "%s: edited files are not replaced, unless --repair is given: %s",
            *(folder, in_few_words(edited)),
        )


def _obstacle(target: Path, folder: Path) -> str | None:
    """What keeps a file from having its place: a file for a folder, or a folder for a file."""
    if target.is_dir() or (target.is_symlink() and not target.exists()):
        return str(target.relative_to(folder))
    for path in target.parents:
        if path == folder or path.is_dir():
            return None
        if os.path.lexists(path):
            return str(path.relative_to(folder))
    return None


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as copy:  # the user has put this folder on another disk
            shutil.copyfile(source, copy)


def _remove(files: Mapping[str, Stamp], folder: Path) -> None:
    """Remove files of an old version, and folders that are empty then; not those of the user."""
    edited = []
    for name, stamp in files.items():
        path = folder / name
        if not path.is_file():
            continue
        if _stamp(path) != stamp:
            edited.append(name)
            continue
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()
    if edited:
        logger.warning(
            "%s: edited files of the version before stay: %s",
            *(folder, in_few_words(edited)),
        )


def _hand_over(path: Path, manifest: Manifest, files: Mapping[str, Stamp]) -> None:
    """Forget the files of an archive that those of another one have replaced."""
    left = {
        name: stamp for name, stamp in manifest.files.items() if files.get(name, stamp) == stamp
    }
    if len(left) < len(manifest.files):
        _write_manifest(path, Manifest(manifest.checksum, left))


def _stamp(path: Path) -> Stamp:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            crc = zlib.crc32(block, crc)
    return path.stat().st_size, crc


def in_few_words(names: Collection[str]) -> str:
    """The first of many names."""
    shown = ", ".join([*names][:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
