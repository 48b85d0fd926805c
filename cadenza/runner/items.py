"""What the engine works on, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from cadenza.errors import InputError
from cadenza.runner.journal import Row

T = TypeVar("T")


class Record(Protocol):
    """What a challenge knows about one piece of work."""

    @property
    def key(self) -> str:
        """Stable name."""

    @property
    def labels(self) -> Mapping[str, str]:
        """First columns of the result tables."""

    @property
    def depends_on(self) -> dict[str, Any]:
        """What the results depend on besides the audio."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Item(Generic[T]):
    """One piece of work.

    Parameters
    ----------
    key : str
        Stable name, unique in the work list.
    labels : mapping
        First columns of the item's row in the result table.
    data : object
        What the work needs to know.
    depends_on : JSON value
        What the result depends on besides the settings and the input files.
    inputs, outputs : tuple of Path
        Files that are read, and files that are written. Only their contents matter here; `data`
        knows them by name.
    """

    key: str
    labels: Mapping[str, str]
    data: T
    depends_on: Any = None
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()

    @classmethod
    def of(cls, record: R, inputs: tuple[Path, ...], outputs: tuple[Path, ...] = ()) -> Item[R]:
        """Make the item of a record, which names and describes itself."""
        return Item(record.key, record.labels, record, record.depends_on, inputs, outputs)


@dataclass(frozen=True)
class Result:
    """What came out of an item, if there is more to say than its values.

    Parameters
    ----------
    row : mapping
        Values of the item's row in the table.
    missing : tuple of str
        Why values are missing, a reason each. The item then counts as finished, but not as good.
    flags : tuple of str
        Reasons to doubt the values; they go into a table of their own.
    """

    row: Row
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a run did.

    Parameters
    ----------
    table : Path
        The result table.
    n_items : int
        Number of items that the run was to finish.
    rows : list of mapping
        Rows of those that are finished, in the order of the work list.
    failures : dict
        Why the others failed, or which values are missing, by key.
    flags : dict
        Reasons to doubt a result, by key.
    """

    table: Path
    n_items: int
    rows: list[Row]
    failures: dict[str, str]
    flags: dict[str, list[str]]

    @property
    def exit_status(self) -> int:
        """0 if all items are finished, 1 if some are not."""
        return 1 if self.failures else 0


def reason_of(error: Exception) -> str:
    """What an error says, and the notes on where it came from.

    Examples
    --------
    >>> reason_of(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    >>> reason_of(InputError("mixture.wav: truncated"))
    'mixture.wav: truncated'
    """
    text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    return "".join([text, *(f" ({note})" for note in getattr(error, "__notes__", []))])
