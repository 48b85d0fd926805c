"""Archives from the internet: names and sizes of members are checked before they are written."""

from __future__ import annotations

import logging
import lzma
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from cadenza._check import raise_if
from cadenza._files import no_progress, reason_of_system, sync_all
from cadenza._paths import folded, in_bytes, leaves_folder, require_disk_space
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

MAX_RATIO = 200  # audio barely shrinks and JSON about thirtyfold; a zip bomb a thousandfold
HARMLESS_BYTES = 100_000_000  # a package that unpacks to less is no bomb, whatever its ratio
MAX_MEMBERS = 200_000  # the largest package has about ten thousand
Stamp = tuple[int, int]
"""Size of a file in bytes, and CRC-32 of its content."""

_MAX_NAME_BYTES, _MAX_PATH_BYTES = 255, 1024  # of a file or folder; of the whole path
_BLOCK_BYTES = 4096  # what the smallest file takes on a disk
_READ_BYTES = 2**20  # at a time
_DAMAGED = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
_READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def every_name(_: str) -> bool:
    """Accept all members."""
    return True


class MemberNames:
    """Names of the members of an archive, as they would be on a disk.

    Examples
    --------
    >>> names = MemberNames()
    >>> names.problem("songs/a.wav"), names.problem("./songs/A.wav")
    (None, "'./songs/A.wav' is in it twice")
    >>> names.problem("songs/a.wav/b")
    "'songs/a.wav/b' is below a member that is a file"
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    @property
    def n_files(self) -> int:
        """Number of files so far."""
        return len(self._files)

    def problem(self, name: str, *, is_folder: bool = False) -> str | None:
        """Why a member must not be written; None if it may."""
        if leaves_folder(name):
            return f"{name!r} leaves the folder it is unpacked to"
        path = plain_name(name)
        if "\0" in name or (not path and not is_folder):
            return f"{name!r} is not a file name"
        parts = path.split("/")
        if max(_n_bytes(part) for part in parts) > _MAX_NAME_BYTES or _n_bytes(path) > (
            _MAX_PATH_BYTES
        ):
            return f"{name[:40]!r}... is too long for a file name"
        above = [folded("/".join(parts[:n])) for n in range(1, len(parts))]
        if any(folder in self._files for folder in above):
            return f"{name!r} is below a member that is a file"
        this = folded(path)
        if is_folder:
            above.append(this)
        if this in self._files or (not is_folder and this in self._folders):
            return f"{name!r} is in it twice"
        self._folders.update(above)
        if not is_folder:
            self._files.add(this)
        return None


def plain_name(name: str) -> str:
    """Path of a member without ``.`` and double slashes; empty for the folder itself."""
    return "/".join(PurePosixPath(name).parts)


def is_clutter(name: str) -> bool:
    """Whether a member is one that macOS adds to archives; these are left out.

    Examples
    --------
    >>> [is_clutter(name) for name in ("__MACOSX/a/._b", "a/.DS_Store", "./._a", "a/b")]
    [True, True, True, False]
    """
    path = PurePosixPath(name)
    return path.parts[:1] == ("__MACOSX",) or path.name == ".DS_Store" or path.name.startswith("._")


def _n_bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape"))


def write_member(source: IO[bytes], target: Path) -> Stamp:
    """Write the content of a member to a new file, and make the folders that it needs."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = crc = 0
    with target.open("xb") as file:
        while block := source.read(_READ_BYTES):
            file.write(block)
            size, crc = size + len(block), zlib.crc32(block, crc)
    return size, crc


def zip_problems(archive: Path) -> list[str]:
    """Why a zip file must not be unpacked; nothing of it is written.

    Parameters
    ----------
    archive : Path
        The zip file.

    Returns
    -------
    list of str
        A message if it is damaged, empty or unpacks to suspiciously much, and one for each member
        that would be written outside the folder it is unpacked to, that is a link or a device, that
        is encrypted or compressed in an unknown way, or whose name is there twice.
    """
    try:
        members = _members(archive)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        return [f"{archive}: damaged: {error}"]
    names = MemberNames()
    problems = [problem for member in members for problem in _member_problems(member, names)]
    size = sum(member.file_size for member in members)
    if size > HARMLESS_BYTES and size > MAX_RATIO * archive.stat().st_size:
        problems.append(f"it unpacks to {in_bytes(size)}, over {MAX_RATIO} times its own size")
    if len(members) > MAX_MEMBERS:
        problems.append(f"it has {len(members)} members; at most {MAX_MEMBERS} are allowed")
    if all(member.is_dir() for member in members):
        problems.append("there are no files in it")
    return [f"{archive}: refused: {problem}" for problem in problems]


def _members(archive: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(archive) as content:
        return [member for member in content.infolist() if not is_clutter(member.filename)]


def _member_problems(member: zipfile.ZipInfo, names: MemberNames) -> Iterator[str]:
    name = member.orig_filename  # the other one ends before a NUL
    if problem := names.problem(name, is_folder=member.is_dir()):
        yield problem
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield f"{name!r} is a link or a device, not a file"
    if member.flag_bits & 1:
        yield f"{name!r} is encrypted"
    if member.compress_type not in _READABLE:
        yield f"{name!r} is compressed in a way that cannot be read"


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


def extract_zip(
    archive: Path,
    folder: Path,
    inner: str,
    *,
    wanted: Callable[[str], bool] = every_name,
    show: Callable[[int], object] = no_progress,
) -> dict[str, Stamp]:
    """Write the members of a zip file without problems to a new folder.

    Parameters
    ----------
    archive : Path
        The zip file; check it with `zip_problems` first.
    folder : Path
        Where its members go.
    inner : str
        Folder in the zip whose members go to `folder` itself. It is kept if members outside it
        have the same names.
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
        If it does not fit on the disk, or is damaged.
    OSError
        If it cannot be written.
    """
    files = [member for member in _members(archive) if not member.is_dir()]
    names = [plain_name(member.filename) for member in files]
    short = [name.removeprefix(f"{inner}/") for name in names]
    chosen = short if _fit_together(short) else names
    targets = {name: member for name, member in zip(chosen, files, strict=True) if wanted(name)}
    n_bytes = sum(member.file_size for member in targets.values())
    require_disk_space(folder.parent, n_bytes + _BLOCK_BYTES * len(targets))
    found = {}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as content:
            for name, member in targets.items():
                with content.open(member) as source:
                    found[name] = write_member(source, folder / name)
                show(member.compress_size)
    except _DAMAGED as error:
        raise InputError(f"{archive}: damaged: {error}") from None
    return found


def _fit_together(names: Iterable[str]) -> bool:
    known = MemberNames()
    return not any(known.problem(name) for name in names)


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
        temporary = target.with_name(f".{target.name}.unpacking")
        shutil.rmtree(temporary, ignore_errors=True)
        logger.info("unpacking %s", archive)
        try:
            files = extract_zip(archive, temporary, target.name)
            sync_all([temporary / name for name in files])
            temporary.rename(target)
        except OSError as error:
            reason = reason_of_system(error)
            raise InputError(f"{archive}: cannot unpack into {target}: {reason}") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
