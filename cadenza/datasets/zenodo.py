"""Files of a Zenodo record: names, sizes, checksums and addresses, from the record's own JSON."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from cadenza._files import read_json
from cadenza._paths import write_json
from cadenza.datasets.registry import is_plain_name
from cadenza.errors import InputError

if TYPE_CHECKING:
    import requests

ZENODO_URL = "https://zenodo.org"
URL_VARIABLE = "CADENZA_ZENODO_URL"
"""Environment variable with the address of a mirror."""


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
        Name of a hash of `hashlib`, a colon, and the digest: ``md5:...``.
    url : str
        Where it can be downloaded.
    """

    name: str
    size: int
    checksum: str
    url: str

    def matches(self, path: Path) -> bool:
        """Whether a file on the disk has this size and content."""
        if path.stat().st_size != self.size:
            return False
        algorithm, digest = self.checksum.split(":", 1)
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == digest.lower()


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


def list_files(session: requests.Session, url: str, record: int) -> dict[str, RemoteFile]:
    """Files of a record by name.

    Parameters
    ----------
    session : requests.Session
        Connection.
    url : str
        Address of Zenodo or of a mirror.
    record : int
        Number of the record.

    Raises
    ------
    ConnectionError
        If there is no connection, or the server has a problem; try again later.
    InputError
        If there is no such record, or its description is not as expected.
    """
    import requests

    address = f"{url}/api/records/{record}"
    try:
        response = session.get(address, timeout=(10, 60))
    except requests.RequestException as error:
        raise ConnectionError(f"{address}: {reason_of(error)}") from None
    if response.status_code == 429 or response.status_code >= 500:
        raise ConnectionError(f"{address}: the server answers {response.status_code}")
    if response.status_code != 200:
        raise InputError(f"{address}: the server answers {response.status_code}: no such record?")
    try:
        files = [_file(entry, address) for entry in response.json()["files"]]
        return {file.name: file for file in files}
    except (KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise InputError(f"{address}: expected the description of a record, {found}") from None


def _file(entry: Mapping[str, Any], record_url: str) -> RemoteFile:
    name, size, checksum = entry["key"], entry["size"], entry["checksum"]
    address = urljoin(record_url, str(entry["links"]["self"]))  # relative ones are a mirror's
    if not isinstance(name, str) or not is_plain_name(name):
        raise ValueError(f"the name of a file must not lead to another folder: {name!r}")
    if type(size) is not int or size < 0:
        raise ValueError(f"{name}: the size must be a number of bytes, got {size!r}")
    algorithm, _, digest = str(checksum).partition(":")
    if algorithm not in hashlib.algorithms_guaranteed or not digest:
        raise ValueError(f"{name}: the checksum must be like md5:..., got {checksum!r}")
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{name}: the address must be http or https, got {address!r}")
    return RemoteFile(name, size, f"{algorithm}:{digest}", address)


def save_listing(path: Path, files: Mapping[str, RemoteFile]) -> None:
    """Keep what a record said, for the next time without a connection."""
    write_json(path, [asdict(file) for file in files.values()])


def read_listing(path: Path) -> dict[str, RemoteFile]:
    """What a record said when it was last asked; empty if it never was.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        files = [RemoteFile(**entry) for entry in read_json(path, list)]
    except TypeError as error:
        raise InputError(f"{path}: damaged ({error}): delete it, and fetch again") from None
    return {file.name: file for file in files}


def reason_of(error: BaseException) -> str:
    """Short reason of a failed connection.

    Examples
    --------
    >>> reason_of(ConnectionError(OSError(111, "Connection refused")))
    'connection refused'
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        inner = [argument for argument in cause.args if isinstance(argument, BaseException)]
        reason = getattr(cause, "reason", None)
        inner += [reason] if isinstance(reason, BaseException) else []
        cause = inner[0] if inner else cause.__cause__ or cause.__context__
    return {"ConnectTimeout": "timed out", "ReadTimeout": "timed out"}.get(
        type(error).__name__, str(error) or type(error).__name__
    )
