"""Tar archives from the internet: each member is checked before it is written."""

from __future__ import annotations

import logging
import lzma
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from cadenza._archive import HARMLESS_BYTES, MAX_RATIO
from cadenza._files import reason_of_system, sync
from cadenza._paths import folded, leaves_folder
from cadenza.errors import InputError

logger = logging.getLogger(__name__)


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack a tar archive, compressed or not, into a folder that may hold files already.

    It is first unpacked into a temporary folder. Only when it is complete do its files move to
    their places, where they replace files of the same name.

    Parameters
    ----------
    archive : Path
        The archive.
    folder : Path
        Where it goes.

    Raises
    ------
    InputError
        If the archive is damaged, or a member would leave the folder, is a link or a device, is
        there twice, or if it unpacks to suspiciously much or to more than fits on the disk.
    """
    temporary = folder / f".{archive.name}.unpacking"
    shutil.rmtree(temporary, ignore_errors=True)
    logger.info("unpacking %s", archive)
    try:
        _extract(archive, temporary)
        for file in sorted(path for path in temporary.rglob("*") if path.is_file()):
            target = folder / file.relative_to(temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            sync(file)
            file.replace(target)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{archive}: damaged: {error}") from None
    except OSError as error:
        reason = reason_of_system(error)
        raise InputError(f"{archive}: cannot unpack into {folder}: {reason}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, temporary: Path) -> None:
    temporary.mkdir(parents=True)
    room = shutil.disk_usage(temporary).free
    limit = max(HARMLESS_BYTES, MAX_RATIO * archive.stat().st_size)
    names: set[str] = set()
    n_bytes = 0
    with (
        archive.open("rb") as file,
        tqdm.wrapattr(
            file, "read", total=archive.stat().st_size, desc="unpacking", disable=None
        ) as packed,
        tarfile.open(fileobj=cast("IO[bytes]", packed), mode="r|*") as content,
    ):
        for member in content:
            n_bytes += member.size
            problem = _problem(member, names)
            if n_bytes > limit:
                problem = f"it unpacks to over {limit / 1e9:.1f} GB, {MAX_RATIO} times its size"
            elif n_bytes > room:
                problem = f"it unpacks to more than the {room / 1e9:.1f} GB that are free"
            if problem:
                raise InputError(f"{archive}: refused: {problem}")
            source = content.extractfile(member)
            if source is not None:
                target = temporary / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as unpacked:
                    shutil.copyfileobj(source, unpacked, 2**20)


def _problem(member: tarfile.TarInfo, names: set[str]) -> str | None:
    """Why a member must not be written."""
    name = member.name
    if leaves_folder(name):
        return f"{name!r} leaves the folder it is unpacked to"
    if not (member.isreg() or member.isdir()):
        return f"{name!r} is a link or a device, not a file"
    if member.isreg() and folded(name) in names:
        return f"{name!r} is in it twice"
    names.add(folded(name))
    return None
