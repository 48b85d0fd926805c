"""Exceptions that a user may see and catch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave is wrong; the message says what, where and what was expected.

    Scripts print the message without a traceback and exit with status 2.

    Parameters
    ----------
    problems : str or sequence of str
        One problem, or all problems found, a line each.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class SilentReferenceError(ValueError):
    """The reference is silent: there is no quality to measure."""


@contextmanager
def noting(note: str) -> Iterator[None]:
    """Add a note to any error that leaves the context, for example which class raised it.

    Examples
    --------
    >>> try:
    ...     with noting("in separator MidSide"):
    ...         1 / 0
    ... except ZeroDivisionError as error:
    ...     error.__notes__
    ['in separator MidSide']
    """
    try:
        yield
    except Exception as error:
        error.add_note(note)
        raise
