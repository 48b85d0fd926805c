"""Downloading one file: whatever happens to the connection, it is whole in the end, or absent."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cadenza._files import cannot_write, sync
from cadenza._paths import in_bytes
from cadenza.datasets.connection import (
    RAW,
    Attempts,
    GivenUpError,
    Patience,
    RangeError,
    StoppedError,
    TemporaryError,
    ask,
    pieces,
)
from cadenza.datasets.zenodo import RemoteFile, Stamp
from cadenza.errors import InputError

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


def part_of(target: Path, file: RemoteFile) -> Path:
    """Where a file is while it arrives; another version of it has another name."""
    return target.with_name(f".{target.name}.{file.version}.part")


def n_bytes_there(target: Path, file: RemoteFile) -> int:
    """Bytes of a file that have arrived."""
    part = part_of(target, file)
    return part.stat().st_size if part.exists() else 0


class Download:
    """One file of a record, on its way to the disk.

    What has arrived is in a hidden file beside the target, and stays there until the file is
    complete. A later run continues there. The file gets its name only when size and checksum are
    right; if the checksum is wrong, it is loaded once more from the beginning.

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
    patience : Patience
        How failures are repeated.
    """

    def __init__(
        self,
        session: requests.Session,
        file: RemoteFile,
        target: Path,
        *,
        show: Callable[[int], object],
        stop: threading.Event,
        patience: Patience,
    ) -> None:
        self._session, self._file, self._target = session, file, target
        self._show, self._stop, self._patience = show, stop, patience
        self._part = part_of(target, file)

    def run(self) -> Stamp:
        """Download the file.

        Returns
        -------
        Stamp
            Of the file whose content was verified.

        Raises
        ------
        InputError
            If the server refuses, or keeps failing, or the content is not what the record says, or
            the disk is full.
        StoppedError
            If it was told to stop.
        """
        try:
            stamp = self._load_verified()
            sync(self._part)  # the content is on the disk before the name is
            self._part.replace(self._target)
            self._remove_older_parts()
        except OSError as error:
            problem = cannot_write(self._target, error)
            raise InputError(f"{problem}{self._what_is_kept()}") from None
        return stamp

    def _load_verified(self) -> Stamp:
        self._part.touch()
        if self._n_bytes > self._file.size:
            self._cut_to(0)
        for last_try in (False, True):
            self._load()
            stamp = self._file.verify(self._part)
            if self._stop.is_set():
                raise StoppedError
            if stamp:
                return stamp
            problem = f"{self._file.url}: the content does not match the checksum of the record"
            self._cut_to(0)
            if not last_try:
                logger.warning("%s; loading it again", problem)
        self._part.unlink()
        raise InputError(f"{problem}, twice; the file or the record is damaged")

    @property
    def _n_bytes(self) -> int:
        return self._part.stat().st_size

    def _cut_to(self, n_bytes: int) -> None:
        """Forget what comes after the first bytes."""
        n_lost = self._n_bytes - n_bytes
        with self._part.open("r+b") as part:
            part.truncate(n_bytes)
        self._show(-n_lost)

    def _remove_older_parts(self) -> None:
        """Remove what was loaded of other versions of the file."""
        others = re.compile(rf"\.{re.escape(self._target.name)}\.[0-9a-f]+\.part")
        for path in self._target.parent.iterdir():
            if others.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _what_is_kept(self) -> str:
        n_bytes = n_bytes_there(self._target, self._file)
        if not n_bytes:
            return ""
        there = f"{in_bytes(n_bytes)} of {in_bytes(self._file.size)}"
        return f". {there} have arrived and are kept: the same command continues from there"

    def _load(self) -> None:
        """Load until the size is right, in as many attempts as this takes."""
        attempts = Attempts(self._file.url, self._patience, self._stop)
        from_zero = False
        while (n_before := self._n_bytes) < self._file.size:
            try:
                self._load_more(n_before, from_zero=from_zero)
            except TemporaryError as error:
                if self._n_bytes > n_before:
                    attempts.reset()
                from_zero = isinstance(error, RangeError)
                try:
                    attempts.wait_after(error)
                except GivenUpError as given_up:
                    raise InputError(f"{given_up}{self._what_is_kept()}") from None
            else:
                attempts.reset()

    def _load_more(self, start: int, *, from_zero: bool) -> None:
        """Ask for the rest of the file, and append what arrives."""
        headers = dict(RAW)
        if start and not from_zero:
            headers["Range"] = f"bytes={start}-"
        with ask(self._session, self._file.url, headers, self._patience) as response:
            first, end = self._extent(response, start)
            if first < start:
                logger.info(
                    "%s: the server sends more than was asked for; skipping the %s that are here",
                    *(self._file.name, in_bytes(start - first)),
                )
            complete = self._append(response, n_skipped=start - first, n_wanted=end - start)
        if complete:
            return
        if response.status_code == 200 and "Content-Length" not in response.headers:
            self._cut_to(start)  # it was not cut: it is something else, such as a login page
            raise TemporaryError("the answer is shorter than the file")
        raise TemporaryError("the connection ended early")

    def _extent(self, response: requests.Response, start: int) -> tuple[int, int]:
        """First byte in the answer, and the one after its last.

        An answer may begin before `start`: a server that knows no ranges sends all of the file.
        """
        size = self._file.size
        if response.status_code == 200:
            length = response.headers.get("Content-Length", str(size))
            if length != str(size):
                raise TemporaryError(f"the answer has {length} bytes, the record says {size}")
            return 0, size
        given = response.headers.get("Content-Range", "")
        found = _CONTENT_RANGE.fullmatch(given)
        if found:
            first, last = int(found[1]), int(found[2])
            if first <= start <= last < size and found[3] in ("*", str(size)):
                return first, last + 1
        raise RangeError(
            f"asked for bytes {start}-{size - 1}/{size}, the answer has {given or 'no range'}"
        )

    def _append(self, response: requests.Response, *, n_skipped: int, n_wanted: int) -> bool:
        """Append bytes of an answer; returns whether all that are wanted have arrived."""
        with self._part.open("ab") as part:
            for piece in pieces(response):
                if self._stop.is_set():
                    raise StoppedError
                new = piece[n_skipped : n_skipped + n_wanted]
                n_skipped -= min(n_skipped, len(piece))
                part.write(new)
                part.flush()  # nothing is written later, when the folder may be another process's
                self._show(len(new))
                n_wanted -= len(new)
                if not n_wanted:
                    return True
        return False
