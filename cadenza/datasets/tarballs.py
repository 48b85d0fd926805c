"""Tar archives from the internet: each member is checked before it is written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import shutil
import tarfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

from cadenza._archive import (
    HARMLESS_BYTES,
    MAX_MEMBERS,
    MAX_RATIO,
    MemberNames,
    Stamp,
    every_name,
    is_clutter,
    plain_name,
    write_member,
)
from cadenza._files import ShownFile, no_progress
from cadenza._paths import folded, in_bytes
from cadenza.errors import InputError

_READ_BYTES = 2**20  # at a time
_MAX_HEADER_BYTES = 2**20  # of a member: its name, and what else is known of it
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, RecursionError, UnicodeError)
_OPENERS: dict[bytes, Callable[[IO[bytes]], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}


def extract_tar(
    archive: Path,
    folder: Path,
    *,
    wanted: Callable[[str], bool] = every_name,
    show: Callable[[int], object] = no_progress,
) -> dict[str, Stamp]:
    """Write the members of a tar archive, compressed or not, to a new folder.

    The archive is read to its end, so that its checksum is verified too.

    Parameters
    ----------
    archive : Path
        The archive.
    folder : Path
        Where its members go.
    wanted : callable
        Which members are written, by their names below `folder`.
    show : callable
        Gets the number of bytes of the archive that have been read.

    Returns
    -------
    dict of str to Stamp
        What was written, by names below `folder`.

    Raises
    ------
    InputError
        If the archive is damaged, or a member would leave the folder, would be hidden or go where
        ``cadenza fetch`` keeps its own files, is a link or a device, or is there twice; or if it
        unpacks to suspiciously much, or to more than fits on the disk.
    OSError
        If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open("rb") as file, ExitStack() as stack:
            stream = _Stream(_decompressed(ShownFile(file, show), stack), archive)
            found = _extract(archive, stream, folder, wanted)
            stream.allow(math.inf)
            while stream.read(_READ_BYTES):
                pass
    except _DAMAGED as error:
        raise InputError(f"{archive}: damaged: {error}") from None
    except OSError as error:
        if error.errno is not None:  # from the system, not from the decompression
            raise
        raise InputError(f"{archive}: damaged: {error}") from None
    return found


def own_place(name: str) -> str | None:
    """Why a member must not have a name in the top folder, where users and we have files."""
    first = folded(plain_name(name).partition("/")[0])
    if first.startswith("."):
        return f"{name!r} would be hidden"
    if first == "downloads":
        return f"{name!r} would be among the downloads"
    return None


class _Stream:
    """Content of an archive, of which only so much is read as is allowed.

    Without a limit, a small archive may have headers that take gigabytes of memory.
    """

    def __init__(self, content: IO[bytes], archive: Path) -> None:
        self._content, self._archive = content, archive
        self._limit = max(HARMLESS_BYTES, MAX_RATIO * archive.stat().st_size)
        self._n_bytes, self._allowed = 0, math.inf

    def allow(self, n_bytes: float) -> None:
        """Allow so much to be read from here on."""
        self._allowed = self._n_bytes + n_bytes

    def read(self, size: int) -> bytes:
        block = self._content.read(size)
        self._n_bytes += len(block)
        if self._n_bytes > self._allowed:
            raise InputError(f"{self._archive}: refused: a member has too large a header")
        self.check(self._n_bytes)
        return block

    def check(self, n_bytes: int) -> None:
        """Refuse an archive that is a bomb."""
        if n_bytes > self._limit:
            raise InputError(
                f"{self._archive}: refused: it unpacks to over {in_bytes(self._limit)}, "
                f"{MAX_RATIO} times its size"
            )


class _Header(tarfile.TarInfo):
    """A header; damaged ones are errors, where tarfile would take them for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the mark at the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None
        if header.size < 0:
            raise tarfile.ReadError("a member has a negative size")
        return header


def _decompressed(file: io.RawIOBase, stack: ExitStack) -> IO[bytes]:
    plain = io.BufferedReader(file, _READ_BYTES)
    start = plain.peek(6)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return stack.enter_context(cast(IO[bytes], opener(plain)))
    return plain


def _extract(
    archive: Path, stream: _Stream, folder: Path, wanted: Callable[[str], bool]
) -> dict[str, Stamp]:
    room = shutil.disk_usage(folder).free
    names = MemberNames()
    found: dict[str, Stamp] = {}
    n_members = n_bytes = 0
    stream.allow(_MAX_HEADER_BYTES)
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as content:  # type: ignore[call-overload]
        while member := content.next():
            content.members = []  # it would keep them all
            n_members += 1
            n_bytes += member.size
            stream.check(n_bytes)
            problem = _problem(member, names)
            if n_members > MAX_MEMBERS:
                problem = f"it has more than {MAX_MEMBERS} members"
            elif n_bytes > room:
                problem = f"it unpacks to more than the {in_bytes(room)} that are free"
            if problem:
                raise InputError(f"{archive}: refused: {problem}")
            stream.allow(math.inf)
            source = content.extractfile(member)
            name = plain_name(member.name)
            if source is not None and wanted(name) and not is_clutter(name):
                found[name] = write_member(source, folder / name)
            elif source is not None:
                shutil.copyfileobj(source, _Nowhere(), _READ_BYTES)
            stream.allow(_MAX_HEADER_BYTES)
    if not names.n_files:
        raise InputError(f"{archive}: refused: there are no files in it")
    return found


class _Nowhere:
    def write(self, _: bytes) -> None:
        pass


def _problem(member: tarfile.TarInfo, names: MemberNames) -> str | None:
    """Why a member must not be written."""
    if member.size < 0:  # an extended header may say so
        return f"{member.name!r} has a negative size"
    if member.issparse():
        return f"{member.name!r} is a sparse file"
    if not (member.isreg() or member.isdir()):
        return f"{member.name!r} is a link or a device, not a file"
    if is_clutter(member.name):
        return None
    return names.problem(member.name, is_folder=member.isdir()) or own_place(member.name)
