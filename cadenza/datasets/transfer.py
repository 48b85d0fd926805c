"""Downloading one file: whatever happens to the connection, it is whole in the end, or absent."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cadenza._files import read_json, reason_of_system
from cadenza._paths import write_json
from cadenza.datasets.zenodo import RemoteFile, reason_of
from cadenza.errors import InputError

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 2**16  # Ctrl-C waits until as much has arrived
_TIMEOUT_S = (10, 60)  # to connect, and between two pieces of data
_MOST_FAILURES = 8  # in a row, without a byte between them
_LONGEST_WAIT_S = 120.0


def part_of(target: Path) -> Path:
    """Where a file is while it arrives."""
    return target.with_name(f".{target.name}.part")


class StoppedError(Exception):
    """The download was told to stop; what is there is kept."""


class _RetryError(Exception):
    """Something that may go away; `wait_s` is when the server wants to be asked again."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Download:
    """One file of a record, on its way to the disk.

    What has arrived is in ``.<name>.part`` beside the target, so that a later run continues there.
    The file gets its name only when size and checksum are right.

    Parameters
    ----------
    session : requests.Session
        Connection.
    file : RemoteFile
        What to download.
    target : Path
        Where it goes; the folder exists.
    show : callable
        Gets the number of bytes that have arrived; negative if they must be loaded again.
    stop : threading.Event
        Ends the download with a `StoppedError` when it is set.
    first_wait_s : float
        Seconds before the second attempt; each further one waits twice as long.
    """

    def __init__(
        self,
        session: requests.Session,
        file: RemoteFile,
        target: Path,
        *,
        show: Callable[[int], object],
        stop: threading.Event,
        first_wait_s: float = 1.0,
    ) -> None:
        self._session, self._file, self._target = session, file, target
        self._show, self._stop, self._first_wait_s = show, stop, first_wait_s
        self._part = part_of(target)
        self._note = self._part.with_suffix(".part.json")
        self._tag: str | None = None  # what the server calls this version of the file

    def run(self) -> None:
        """Download the file.

        Raises
        ------
        InputError
            If the server refuses, or keeps failing, or the content is not what the record says.
        StoppedError
            If it was told to stop.
        """
        self._show(self._begin())
        for last_try in (False, True):
            self._load()
            if self._file.matches(self._part):
                break
            problem = f"{self._file.url}: the content does not match the checksum of the record"
            self._forget()
            if last_try:
                raise InputError(f"{problem}, twice; the file or the record is damaged")
            logger.warning("%s; loading it again", problem)
        self._part.replace(self._target)
        self._note.unlink(missing_ok=True)

    @property
    def _n_bytes(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _begin(self) -> int:
        """Bytes of this very file that an earlier run has loaded."""
        try:
            note = read_json(self._note, dict)
        except InputError:
            note = {}
        same = note.get("checksum") == self._file.checksum and note.get("size") == self._file.size
        if not same or self._n_bytes > self._file.size:
            self._part.unlink(missing_ok=True)
        else:
            self._tag = note.get("tag")
        self._write_note()
        return self._n_bytes

    def _write_note(self) -> None:
        note = {"checksum": self._file.checksum, "size": self._file.size, "tag": self._tag}
        write_json(self._note, note)

    def _forget(self) -> None:
        """Start again from the first byte."""
        self._show(-self._n_bytes)
        self._part.unlink(missing_ok=True)

    def _load(self) -> None:
        """Load until the size is right; connections that break are made again."""
        import requests

        self._part.touch()
        failures, most = 0, self._n_bytes
        while self._n_bytes < self._file.size:
            problem, wait_s = "the connection ended early", None
            try:
                self._load_more()
                if self._n_bytes == self._file.size:
                    break
            except _RetryError as error:
                problem, wait_s = str(error), error.wait_s
            except requests.RequestException as error:
                problem = reason_of(error)
            except OSError as error:
                raise InputError(
                    f"{self._target}: cannot write: {reason_of_system(error)}. What has arrived "
                    "is kept: the same command continues from there"
                ) from None
            failures = 1 if self._n_bytes > most else failures + 1
            most = max(most, self._n_bytes)
            if failures >= _MOST_FAILURES:
                raise InputError(
                    f"{self._file.url}: gave up after {failures} attempts: {problem}. What has "
                    "arrived is kept: the same command continues from there"
                )
            if wait_s is None:
                wait_s = self._first_wait_s * 2 ** (failures - 1)
            logger.info("%s: %s; trying again", self._file.name, problem)
            if self._stop.wait(min(wait_s, _LONGEST_WAIT_S)):
                raise StoppedError

    def _load_more(self) -> None:
        """Ask for the rest of the file, and append what arrives."""
        start = self._n_bytes
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self._tag:
                headers["If-Range"] = self._tag
        with self._session.get(
            self._file.url, headers=headers, stream=True, timeout=_TIMEOUT_S
        ) as response:
            self._check(response, start)
            with self._part.open("ab") as part:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    if part.tell() + len(chunk) > self._file.size:
                        break
                    part.write(chunk)
                    self._show(len(chunk))
                    if self._stop.is_set():
                        raise StoppedError
                else:
                    return
        self._forget()
        raise _RetryError(f"it is longer than the {self._file.size} bytes of the record")

    def _check(self, response: requests.Response, start: int) -> None:
        """Accept the rest of this file, or all of it; anything else is an error."""
        status = response.status_code
        if status == 429 or status >= 500:
            raise _RetryError(f"the server answers {status}", _retry_after(response))
        if status == 416 or (status == 206 and not self._continues(response, start)):
            self._forget()
            raise _RetryError("the file has changed on the server")
        if status not in (200, 206):
            raise InputError(f"{self._file.url}: the server answers {status}")
        expected = self._file.size - (start if status == 206 else 0)
        length = response.headers.get("Content-Length", str(expected))
        if length != str(expected):
            raise _RetryError(f"it has {length} bytes, the record says {self._file.size}")
        if status == 200 and start:  # the server sends everything again
            self._forget()
        tag = response.headers.get("ETag")
        if tag != self._tag and not str(tag).startswith("W/"):
            self._tag = tag
            self._write_note()

    def _continues(self, response: requests.Response, start: int) -> bool:
        tag = response.headers.get("ETag")
        if self._tag and tag and tag != self._tag:
            return False
        found = response.headers.get("Content-Range", "")
        return found == f"bytes {start}-{self._file.size - 1}/{self._file.size}"


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait; None if it does not say."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None
