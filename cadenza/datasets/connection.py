"""Requests to a server, repeated when they fail for a reason that may pass."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import IncompleteRead
from itertools import pairwise
from typing import TYPE_CHECKING

from cadenza import __version__
from cadenza._durations import in_words
from cadenza.errors import InputError

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

_PIECE_BYTES = 2**18
_MAY_PASS = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}  # and 500 and above
_LONGEST_S = 1e9  # nobody waits for longer, whatever a server says
RAW = {"Accept-Encoding": "identity"}
"""Headers that ask for bytes as they are, for `pieces`."""


@dataclass(frozen=True)
class Patience:
    """How often a request is repeated, and after how long.

    Parameters
    ----------
    first_wait_s : float
        Seconds before the second attempt; each further one waits twice as long.
    longest_wait_s : float
        No wait is longer, in seconds. If a server asks for more, the request is given up.
    most_failures : int
        Attempts in a row that bring nothing.
    connect_timeout_s, read_timeout_s : float
        Seconds to wait for a connection, and for the next bytes.
    """

    first_wait_s: float = 1.0
    longest_wait_s: float = 900.0
    most_failures: int = 8
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0


class TemporaryError(Exception):
    """Something that may pass; `wait_s` is how long the server asks to wait, in seconds."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class UnreachableError(TemporaryError):
    """There was no connection to the server."""


class NotFoundError(InputError):
    """The server has nothing at this address."""


class RangeError(TemporaryError):
    """The server does not give the range of bytes that was asked for."""


class GivenUpError(Exception):
    """There were too many failures, or the server asks to wait for too long."""


class StoppedError(Exception):
    """The download was told to stop."""


class Attempts:
    """Counts the failures of a request, and waits between attempts.

    Parameters
    ----------
    address : str
        What is asked for, for messages.
    patience : Patience
        How often and how long.
    stop : threading.Event
        Ends a wait with a `StoppedError` when it is set.
    most_unreachable : int, optional
        Attempts without any connection. Default: those of `patience`.
    """

    def __init__(
        self,
        address: str,
        patience: Patience,
        stop: threading.Event,
        *,
        most_unreachable: int | None = None,
    ) -> None:
        self._address, self._patience, self._stop = address, patience, stop
        self._most_unreachable = most_unreachable or patience.most_failures
        self._n_failures = 0

    def reset(self) -> None:
        """Start counting from zero: there was progress."""
        self._n_failures = 0

    def wait_after(self, error: TemporaryError) -> None:
        """Count a failure, say what happened, and wait before the next attempt.

        Raises
        ------
        GivenUpError
            If there are too many failures, or the wait would be too long.
        StoppedError
            If it is told to stop.
        """
        self._n_failures += 1
        patience = self._patience
        unreachable = isinstance(error, UnreachableError)
        most = self._most_unreachable if unreachable else patience.most_failures
        if self._n_failures >= most:
            raise GivenUpError(f"{self._address}: gave up after {most} attempts: {error}")
        if error.wait_s > patience.longest_wait_s:
            wait = in_words(error.wait_s)
            raise GivenUpError(f"{self._address}: {error} and asks to try again in {wait}")
        backoff_s = patience.first_wait_s * 2 ** (self._n_failures - 1)
        wait_s = min(max(error.wait_s, backoff_s), patience.longest_wait_s)
        logger.warning("%s: %s; trying again in %s", self._address, error, in_words(wait_s))
        if self._stop.wait(wait_s):
            raise StoppedError


def open_session() -> requests.Session:
    """A session that says who asks."""
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = f"cadenza/{__version__}"
    return session


def ask(
    session: requests.Session, url: str, headers: Mapping[str, str], patience: Patience
) -> requests.Response:
    """Ask for a file or a part of it; the content is read with `pieces`.

    Parameters
    ----------
    session : requests.Session
        From `open_session`.
    url : str
        What is asked for.
    headers : mapping of str to str
        Headers of the request.
    patience : Patience
        Its timeouts are used.

    Returns
    -------
    requests.Response
        With the status 200 or 206; use it as a context manager.

    Raises
    ------
    TemporaryError
        If another attempt may succeed.
    InputError
        If it would not.
    """
    import requests

    timeout_s = (patience.connect_timeout_s, patience.read_timeout_s)
    try:
        response = session.get(url, headers=headers, stream=True, timeout=timeout_s)
    except requests.TooManyRedirects:
        raise InputError(f"{url}: the server redirects without end") from None
    except ValueError as error:  # an address that is none, here or in a redirect
        raise InputError(f"{url}: the address, or one it redirects to, is wrong: {error}") from None
    except requests.RequestException as error:
        kind = UnreachableError if _is_unreachable(error) else TemporaryError
        raise kind(reason_of(error)) from None
    except OSError as error:  # of this machine: certificates that are missing, for example
        raise InputError(f"{url}: {error}") from None
    try:
        _check_redirects(response)
        _check_status(response, url)
    except (InputError, TemporaryError):
        response.close()
        raise
    return response


def pieces(response: requests.Response) -> Iterator[bytes]:
    """Content of an answer, each piece as soon as it arrives, so that a cut loses nothing.

    Raises
    ------
    TemporaryError
        If the connection breaks.
    """
    from urllib3.exceptions import HTTPError

    while True:
        try:
            piece = response.raw.read1(_PIECE_BYTES, decode_content=False)
        except HTTPError as error:
            raise TemporaryError(reason_of(error)) from None
        if not piece:
            return
        yield piece


def _is_unreachable(error: requests.RequestException) -> bool:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, ConnectTimeoutError | NewConnectionError | ProxyError)


def _check_redirects(response: requests.Response) -> None:
    """Refuse an answer that anyone on the way could have changed though https was asked for."""
    addresses = [answer.url for answer in (*response.history, response)]
    for before, after in pairwise(addresses):
        if before.startswith("https:") and not after.startswith("https:"):
            raise InputError(
                f"{before}: refused, it redirects from https to {after}, which is not encrypted"
            )


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    known = status in HTTPStatus.__members__.values()
    problem = f"the server answers {status}{f' {HTTPStatus(status).phrase}' if known else ''}"
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise RangeError(problem)
    if status in _MAY_PASS or status >= 500:
        raise TemporaryError(problem, _retry_after_s(response.headers.get("Retry-After", "")))
    kind = NotFoundError if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) else InputError
    raise kind(f"{url}: {problem}")


def _retry_after_s(text: str) -> float:
    """Seconds that a server asks to wait, given as a number or a date; 0 if it does not say.

    Examples
    --------
    >>> _retry_after_s("120"), _retry_after_s("soon"), _retry_after_s("")
    (120.0, 0.0, 0.0)
    """
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_S)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


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
        if isinstance(cause, IncompleteRead):
            return "the connection ended early"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        inner = [argument for argument in cause.args if isinstance(argument, BaseException)]
        reason = getattr(cause, "reason", None)
        inner += [reason] if isinstance(reason, BaseException) else []
        cause = inner[0] if inner else cause.__cause__ or cause.__context__
    timeouts = ("ConnectTimeout", "ReadTimeout", "ReadTimeoutError")
    return "timed out" if type(error).__name__ in timeouts else str(error) or type(error).__name__
