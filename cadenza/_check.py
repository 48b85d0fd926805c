"""Checks of arguments, with one wording: "<name> must <rule>, got <value>"."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza.errors import InputError


def raise_if(problems: Sequence[str]) -> None:
    """Raise an `InputError` if there are problems."""
    if problems:
        raise InputError(problems)


def signal(name: str, value: ArrayLike, *, ndim: tuple[int, ...] = (1, 2)) -> NDArray[np.float64]:
    """Return `value` as a finite float64 array with time last; integers are not rescaled.

    Raises
    ------
    TypeError
        If the values are not real numbers.
    ValueError
        If the number of axes is not in `ndim`, or a value is NaN or infinite.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim not in ndim:
        allowed = " or ".join(str(n) for n in ndim)
        raise ValueError(f"{name} must have {allowed} axes (time last), got shape {array.shape}")
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite samples")
    return array


def stereo(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return `value` as a finite float64 array of shape (2, T)."""
    array = signal(name, value, ndim=(2,))
    if len(array) != 2:
        raise ValueError(f"{name} must have shape (2, T), got {array.shape}")
    return array


def is_number(value: object) -> bool:
    """Whether a value, say from a JSON file, is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def positive(name: str, value: float) -> float:
    """Return `value` as a float after checking that it is finite and above zero."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive, got {value!r}")
    return float(value)
