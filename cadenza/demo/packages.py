"""Archives and the description of a record, in the form in which Zenodo offers data."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # equal members give equal bytes


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """A compressed tar archive of files by name.

    Parameters
    ----------
    members : mapping of str to bytes
        Content of each file, by its path in the archive.

    Returns
    -------
    bytes
        The archive; the same for the same members.

    Examples
    --------
    >>> tar_of({"a.txt": b"1"}) == tar_of({"a.txt": b"1"})
    True
    """
    file = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zip_of(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of files by name.

    Parameters
    ----------
    members : mapping of str to bytes
        Content of each file, by its path in the archive.

    Returns
    -------
    bytes
        The archive; the same for the same members.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _LONG_AGO)
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return file.getvalue()


def record_of(
    number: int, files: Mapping[str, bytes], links: Mapping[str, str]
) -> dict[str, object]:
    """Description of a record, as far as `cadenza fetch` reads it.

    Parameters
    ----------
    number : int
        Number of the record.
    files : mapping of str to bytes
        Content of each file by name.
    links : mapping of str to str
        Address of each file by name; may be relative to the address of the record.

    Returns
    -------
    dict
        For a JSON file.

    Examples
    --------
    >>> record_of(7, {"a.txt": b"1"}, {"a.txt": "../../files/a.txt"})["files"][0]["size"]
    1
    """
    return {
        "id": number,
        "files": [
            {
                "key": name,
                "size": len(content),
                "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
                "links": {"self": links[name]},
            }
            for name, content in files.items()
        ],
    }
