"""Files of a Zenodo record: names, sizes, checksums and addresses, from the record's own JSON."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cadenza._check import raise_if
from cadenza._files import ShownFile, no_progress, read_json
from cadenza._paths import write_json
from cadenza.datasets.connection import (
    RAW,
    Attempts,
    GivenUpError,
    NotFoundError,
    Patience,
    TemporaryError,
    ask,
    pieces,
)
from cadenza.datasets.registry import is_plain_name
from cadenza.errors import InputError

if TYPE_CHECKING:
    import requests

ZENODO_URL = "https://zenodo.org"
URL_VARIABLE = "CADENZA_ZENODO_URL"
"""Environment variable with the address of a mirror."""

_MOST_UNREACHABLE = 3  # without a connection, what is on the disk should be checked soon
_SIZE_ONLY = "size"

Stamp = dict[str, object]
"""What is remembered of a file whose content was verified: checksum, size and time."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a record.

    Parameters
    ----------
    name : str
        Name of the file.
    size : int
        In bytes.
    checksum : str
        Name of a hash of `hashlib`, a colon, and the digest: ``md5:...``; or ``size:...`` if the
        record has no checksum.
    url : str
        Where it can be downloaded.
    """

    name: str
    size: int
    checksum: str
    url: str

    @property
    def has_checksum(self) -> bool:
        """Whether the record says more than the size."""
        return not self.checksum.startswith(f"{_SIZE_ONLY}:")

    @property
    def version(self) -> str:
        """Short name of this content, for file names."""
        return hashlib.sha256(f"{self.checksum} {self.size}".encode()).hexdigest()[:8]

    def stamp(self, path: Path) -> Stamp:
        """What to remember of a file on the disk, if its content is that of the record."""
        status = path.stat()
        return {"checksum": self.checksum, "size": status.st_size, "time_ns": status.st_mtime_ns}

    def verify(self, path: Path, *, show: Callable[[int], object] = no_progress) -> Stamp | None:
        """Compare a file on the disk with the record.

        Parameters
        ----------
        path : Path
            The file.
        show : callable
            Gets the number of bytes that have been read, after each piece.

        Returns
        -------
        Stamp or None
            Of the file as it was before it was read; None if size or content differ.
        """
        stamp = self.stamp(path)
        if stamp["size"] != self.size:
            return None
        if not self.has_checksum:
            return stamp
        algorithm, digest = self.checksum.split(":", 1)
        with path.open("rb") as file:
            found = hashlib.file_digest(ShownFile(file, show), algorithm).hexdigest()
        return stamp if found == digest else None


def base_url(given: str | None = None) -> str:
    """Address of Zenodo or of a mirror: what is given, or `URL_VARIABLE`, or Zenodo itself.

    Raises
    ------
    InputError
        If it does not begin with ``http://`` or ``https://``.
    """
    url = given or os.environ.get(URL_VARIABLE) or ZENODO_URL
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: the address of a mirror must begin with http:// or https://")
    return url.rstrip("/")


def list_files(
    session: requests.Session,
    url: str,
    record: int,
    *,
    patience: Patience,
    wanted: Collection[str] = (),
) -> dict[str, RemoteFile]:
    """Files of a record by name.

    Parameters
    ----------
    session : requests.Session
        Connection.
    url : str
        Address of Zenodo or of a mirror.
    record : int
        Number of the record.
    patience : Patience
        How failures are repeated.
    wanted : collection of str
        Names of files whose description must be as expected. Others are left out if theirs is not.

    Raises
    ------
    ConnectionError
        If there is no connection, or the server keeps having a problem; try again later.
    InputError
        If there is no such record, or its description or that of a wanted file is not as expected.
    """
    address = f"{url}/api/records/{record}"
    attempts = Attempts(address, patience, threading.Event(), most_unreachable=_MOST_UNREACHABLE)
    while True:
        try:
            with ask(session, address, RAW, patience) as response:
                content = b"".join(pieces(response))
            break
        except NotFoundError as error:
            raise InputError(f"{error}: there is no record {record}") from None
        except TemporaryError as error:
            try:
                attempts.wait_after(error)
            except GivenUpError as given_up:
                raise ConnectionError(str(given_up)) from None
    try:
        description = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{address}: expected the description of a record: {error}") from None
    return _files(description, address, wanted)


def _files(description: object, where: str, wanted: Collection[str]) -> dict[str, RemoteFile]:
    """Files in the description of a record; `where` is its address, or the file that has it."""
    entries = description.get("files") if isinstance(description, dict) else None
    if not isinstance(entries, list):
        raise InputError(f"{where}: expected the description of a record, with a list of files")
    files, problems = {}, []
    for entry in entries:
        name = entry.get("key") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not is_plain_name(name):
            continue  # cannot be one that is wanted
        try:
            files[name] = _file(name, entry, where)
        except ValueError as error:
            if name in wanted:
                problems.append(f"{where}: {name}: {error}")
    raise_if(problems)
    return files


def _file(name: str, entry: Mapping[str, Any], where: str) -> RemoteFile:
    size, links = entry.get("size"), entry.get("links")
    if type(size) is not int or size < 0:
        raise ValueError(f"the size must be a number of bytes, got {size!r}")
    if not isinstance(links, dict) or not isinstance(links.get("self"), str):
        raise ValueError(f"expected links with an address as self, got {links!r}")
    address = urljoin(where, links["self"])  # relative ones are a mirror's
    allowed = ("https://",) if where.startswith("https://") else ("http://", "https://")
    if not address.startswith(allowed):
        schemes = " or ".join(scheme.removesuffix("://") for scheme in allowed)
        raise ValueError(f"the address must be {schemes}, got {address!r}")
    given = entry.get("checksum")
    checksum = _checksum(given) if given else f"{_SIZE_ONLY}:{size}"
    return RemoteFile(name, size, checksum, address)


def _checksum(value: object) -> str:
    """Check that a checksum can be computed, before gigabytes are downloaded."""
    algorithm, _, digest = str(value).lower().partition(":")
    n_digits = 0
    if algorithm in hashlib.algorithms_guaranteed and not algorithm.startswith("shake_"):
        n_digits = 2 * hashlib.new(algorithm).digest_size
    if len(digest) != n_digits or not re.fullmatch("[0-9a-f]+", digest):
        raise ValueError(f"the checksum must be like md5:..., with all its digits, got {value!r}")
    return f"{algorithm}:{digest}"


def save_listing(path: Path, files: Mapping[str, RemoteFile]) -> None:
    """Keep what a record said, in its own form, for the next time without a connection."""
    entries = [
        {
            "key": file.name,
            "size": file.size,
            "checksum": file.checksum if file.has_checksum else None,
            "links": {"self": file.url},
        }
        for file in files.values()
    ]
    write_json(path, {"files": entries})


def read_listing(path: Path) -> dict[str, RemoteFile]:
    """What a record said when it was last asked; empty if it never was, or that is damaged."""
    try:
        return _files(read_json(path, dict), "", ())
    except InputError:
        return {}
