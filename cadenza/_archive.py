"""Zip files from the internet: checked before anything of them is written."""

from __future__ import annotations

import logging
import lzma
import shutil
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cadenza._check import raise_if
from cadenza._files import reason_of_system, sync
from cadenza._paths import folded, leaves_folder, require_disk_space
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

MAX_RATIO = 200  # audio barely shrinks and JSON about thirtyfold; a zip bomb a thousandfold
HARMLESS_BYTES = 100_000_000  # a package that unpacks to less is no bomb, whatever its ratio
_BLOCK_BYTES = 4096  # what the smallest file takes on a disk
_READ_BYTES = 2**20  # at a time
_DAMAGED = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
_READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def zip_problems(archive: Path) -> list[str]:
    """Why a zip file must not be unpacked; nothing of it is written.

    Parameters
    ----------
    archive : Path
        The zip file.

    Returns
    -------
    list of str
        A message if it is damaged or unpacks to suspiciously much, and one for each member that
        would be written outside the folder it is unpacked to, that is a link or a device, that is
        encrypted or compressed in an unknown way, or whose name is there twice.
    """
    try:
        members = _members(archive)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        return [f"{archive}: damaged: {error}"]
    problems = [f"{shown} {problem}" for m in members for shown, problem in _member_problems(m)]
    names = Counter(folded(member.filename) for member in members if not member.is_dir())
    problems += [f"{name!r} is in it {count} times" for name, count in names.items() if count > 1]
    size = sum(member.file_size for member in members)
    if size > HARMLESS_BYTES and size > MAX_RATIO * archive.stat().st_size:
        problems.append(f"it unpacks to {size / 1e9:.1f} GB, over {MAX_RATIO} times its own size")
    return [f"{archive}: refused: {problem}" for problem in problems]


def _members(archive: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(archive) as content:
        return content.infolist()


def _member_problems(member: zipfile.ZipInfo) -> Iterator[tuple[str, str]]:
    name = member.orig_filename
    if leaves_folder(name) or "\0" in name:
        yield repr(name), "leaves the folder it is unpacked to"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield repr(name), "is a link or a device, not a file"
    if member.flag_bits & 1:
        yield repr(name), "is encrypted"
    if member.compress_type not in _READABLE:
        yield repr(name), "is compressed in a way that cannot be read"


def read_zip(archive: Path) -> Iterator[None]:
    """Read a zip file to its end, block by block, and compare it with its checksums.

    Raises
    ------
    InputError
        If a member is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                with content.open(member) as file:
                    while file.read(_READ_BYTES):
                        yield
    except _DAMAGED as error:
        raise InputError(f"{archive}: damaged: {error}") from None


def unpack_zips(targets: dict[Path, Path]) -> None:
    """Unpack zip files, each into a temporary folder that is renamed when it is complete.

    Parameters
    ----------
    targets : dict of Path to Path
        Zip file -> folder to make. A zip may hold that very folder, or what goes into it.

    Raises
    ------
    InputError
        Listing what is wrong with any of the zip files, before any is unpacked. Or if a zip does
        not fit on the disk, or the content of a member turns out to be damaged.
    """
    raise_if([problem for archive in targets for problem in zip_problems(archive)])
    for archive, target in targets.items():
        members = _members(archive)
        n_bytes = sum(member.file_size for member in members) + _BLOCK_BYTES * len(members)
        require_disk_space(target, n_bytes)
        try:
            _unpack(archive, target)
        except _DAMAGED as error:
            raise InputError(f"{archive}: damaged: {error}") from None
        except OSError as error:
            reason = reason_of_system(error)
            raise InputError(f"{archive}: cannot unpack into {target}: {reason}") from None


def _unpack(archive: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    logger.info("unpacking %s", archive)
    try:
        with zipfile.ZipFile(archive) as content:
            content.extractall(temporary)
        for path in temporary.rglob("*"):
            if path.is_file():
                sync(path)
        inner = temporary / target.name
        (inner if inner.is_dir() else temporary).rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
