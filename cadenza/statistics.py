"""Means with confidence intervals, groups, and paired differences of scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from cadenza import _check

T = TypeVar("T")

N_RESAMPLES = 2000
_AT_ONCE = 2_000_000  # numbers in memory while resampling


@dataclass(frozen=True)
class Interval:
    """A mean and its confidence interval.

    Parameters
    ----------
    mean, low, high : float
        NaN if there are no values.
    n : int
        Number of values.
    """

    mean: float
    low: float
    high: float
    n: int


def bootstrap(values: ArrayLike, *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Mean with a bootstrap confidence interval (percentile method, 2000 resamples).

    The items are resampled as if they were independent. Items that share a song or a listener are
    not quite, so the interval is rather too narrow than too wide.

    Parameters
    ----------
    values : array_like, shape (n,)
        Finite numbers; there may be none.
    confidence : float
        Between 0 and 1.
    seed : int
        Of the resampling: the same values give the same interval.

    Raises
    ------
    ValueError
        If the values are not a list of finite numbers, or the confidence is out of range.

    Examples
    --------
    >>> interval = bootstrap([0.2, 0.4, 0.4, 0.6])
    >>> round(interval.mean, 3), interval.low < 0.4 < interval.high
    (0.4, True)
    """
    x = _check.numbers("values", values, rule="a list of finite numbers")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
    if x.size == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    rng = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // x.size)
    means = np.concatenate(
        [
            x[rng.integers(x.size, size=(min(rows, N_RESAMPLES - first), x.size))].mean(axis=1)
            for first in range(0, N_RESAMPLES, rows)
        ]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(math.fsum(x) / x.size, float(low), float(high), int(x.size))


@dataclass(frozen=True)
class Paired:
    """How two runs differ on the items that both have scored.

    Parameters
    ----------
    difference : Interval
        Second minus first.
    wins, losses, ties : int
        Items on which the second run is better, worse, equal.
    """

    difference: Interval
    wins: int
    losses: int
    ties: int


def paired(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare scores of the same items in the same order.

    Raises
    ------
    ValueError
        If there are not as many of one as of the other.

    Examples
    --------
    >>> result = paired([0.5, 0.6, 0.7], [0.6, 0.8, 0.7])
    >>> round(result.difference.mean, 3), result.wins, result.losses, result.ties
    (0.1, 2, 0, 1)
    """
    a = _check.numbers("first", first, rule="a list of finite numbers")
    b = _check.numbers("second", second, rule="a list of finite numbers")
    if a.size != b.size:
        raise ValueError(f"first and second must be as many, got {a.size} and {b.size}")
    counts = (np.count_nonzero(which) for which in (b > a, b < a, b == a))
    return Paired(bootstrap(b - a), *(int(count) for count in counts))


def grouped(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """Items by what `key` says of them, in the order of first appearance.

    Examples
    --------
    >>> grouped(["apple", "bean", "avocado"], lambda word: word[0])
    {'a': ['apple', 'avocado'], 'b': ['bean']}
    """
    groups: dict[str, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def mean(values: Sequence[float]) -> float:
    """Mean that does not depend on the order; NaN if there are no values."""
    return math.fsum(values) / len(values) if values else math.nan
