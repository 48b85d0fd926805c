"""Parts of a work list: every n-th item for a small test, shards for a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cadenza.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One part of a work list: items ``index``, ``index + count``, ``index + 2 count`` ...

    Parameters
    ----------
    index : int
        0-based; the challenges call it ``evaluate.batch``.
    count : int
        Number of shards; the challenges call it ``evaluate.batch_size``.

    Raises
    ------
    InputError
        If `count` is below 1 or `index` is outside 0 ... count - 1.

    Examples
    --------
    >>> Shard(1, 3).take("abcdefg")
    ['b', 'e']
    >>> Shard(1, 3).suffix
    '_2-3'
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"evaluate.batch_size must be at least 1, got {self.count}")
        if not 0 <= self.index < self.count:
            raise InputError(
                f"evaluate.batch must be 0 ... {self.count - 1} "
                f"(evaluate.batch_size is {self.count}), got {self.index}"
            )

    def take(self, items: Sequence[T]) -> list[T]:
        """Items of this shard, in order."""
        return list(items[self.index :: self.count])

    @property
    def suffix(self) -> str:
        """Suffix of this shard's result files, ``_<1-based index>-<count>``; empty if alone."""
        return "" if self.count == 1 else f"_{self.index + 1}-{self.count}"


WHOLE = Shard()
"""The only shard of a run that is not split."""


def every_nth(items: Sequence[T], n: int) -> list[T]:
    """Every `n`-th item, beginning with the first.

    Examples
    --------
    >>> every_nth("abcdefg", 3)
    ['a', 'd', 'g']
    """
    return list(items[::n])
