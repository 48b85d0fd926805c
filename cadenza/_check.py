"""Checks of arguments, with one wording: "<name> must <rule>, got <value>"."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza.errors import InputError

_TO_FULL_SCALE_1 = {"uint8": "x / 128 - 1", "int32": "x / 2147483648"}
_ALWAYS_PLAUSIBLE = 2  # channels, however short the signal is


def raise_if(problems: Sequence[str]) -> None:
    """Raise an `InputError` if there are problems."""
    if problems:
        raise InputError(problems)


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Say a configuration's keys for the parameters that errors begin with.

    Examples
    --------
    >>> with renamed({"n_songs": "scene.number_of_songs"}):
    ...     raise InputError("n_songs must be positive, got 0")
    Traceback (most recent call last):
    cadenza.errors.InputError: scene.number_of_songs must be positive, got 0
    """
    try:
        yield
    except InputError as error:
        words = [problem.partition(" ") for problem in error.problems]
        raise InputError([names.get(w[0], w[0]) + w[1] + w[2] for w in words]) from None


def signal(
    name: str, value: ArrayLike, *, ndim: tuple[int, ...] | None = (1, 2)
) -> NDArray[np.float64]:
    """Return audio as a finite float64 array with time on the last axis.

    Parameters
    ----------
    name : str
        What to call the signal in a message.
    value : array_like, shape (T,), (channels, T) ...
        Floating-point samples. Integers are refused: their full scale is not known here.
    ndim : tuple of int, optional
        Allowed numbers of axes; None for any number from one on.

    Raises
    ------
    TypeError
        If the samples are integers, or no real numbers at all.
    ValueError
        If the number of axes is wrong, the axes seem to be swapped, or a sample is NaN or infinite.
    """
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        example = _TO_FULL_SCALE_1.get(array.dtype.name, "x / 32768")
        raise TypeError(
            f"{name} has integer samples ({array.dtype}): convert to float with full scale 1, "
            f"for example {example}"
        )
    if array.dtype.kind != "f":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim < 1 if ndim is None else array.ndim not in ndim:
        allowed = "one or more" if ndim is None else " or ".join(str(n) for n in ndim)
        axes = "axis" if ndim == (1,) else "axes"
        raise ValueError(f"{name} must have {allowed} {axes} (time last), got shape {array.shape}")
    if array.ndim > 1 and array.shape[-2] > max(array.shape[-1], _ALWAYS_PLAUSIBLE):
        transpose = f"{name}.T" if name.isidentifier() else "its transpose (.T)"
        raise ValueError(
            f"{name} must have time on the last axis, got shape {array.shape}: "
            f"did you mean {transpose}?"
        )
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite samples")
    return array


def mono(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return one channel of audio, given as (T,) or (1, T), in the shape (T,)."""
    array = signal(name, value)
    if array.ndim == 2 and len(array) != 1:
        raise ValueError(f"{name} must have one channel, got shape {array.shape}")
    return array.reshape(-1)


def stereo(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return two channels of audio, shape (2, T), with at least one sample."""
    array = signal(name, value)
    if array.ndim != 2 or len(array) != 2 or array.shape[1] == 0:
        raise ValueError(f"{name} must have shape (2, T), got {array.shape}")
    return array


def mono_or_stereo(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return audio of one or two channels in the shape (2, T); mono is used for both channels."""
    array = np.atleast_2d(signal(name, value))
    if len(array) not in (1, 2):
        raise ValueError(f"{name} must have 1 or 2 channels, got shape {array.shape}")
    return np.repeat(array, 2, axis=0) if len(array) == 1 else array


def is_number(value: object) -> bool:
    """Whether a value, say from a JSON file, is a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of float
        return False


def number(name: str, value: object) -> float:
    """Return `value` as a float after checking that it is a finite number."""
    result = _real(name, value)
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return result


def positive(name: str, value: object) -> float:
    """Return `value` as a float after checking that it is finite and above zero."""
    result = _real(name, value)
    if not (math.isfinite(result) and result > 0):
        raise ValueError(f"{name} must be positive, got {value!r}")
    return result


def within(name: str, value: object, low: float, high: float = math.inf) -> float:
    """Return `value` as a float after checking that it is finite and from `low` to `high`."""
    result = _real(name, value)
    if not (math.isfinite(result) and low <= result <= high):
        allowed = f"from {low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return result


def numbers(
    name: str, value: object, *, rule: str = "one finite number or a list of them"
) -> NDArray[np.float64]:
    """Return one number or a list of numbers as a new, finite float64 array."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        raise ValueError(f"{name} must be {rule}, got {value!r}") from None
    if array.size and array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got {value!r}")
    if array.ndim > 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be {rule}, got {value!r}")
    return array.astype(np.float64)


def whole(name: str, value: object) -> int:
    """Return `value` as an integer after checking that it is a whole number above zero."""
    result = _real(name, value)
    if not (math.isfinite(result) and result > 0 and result == int(result)):
        raise ValueError(f"{name} must be a positive whole number, got {value!r}")
    return int(result)


def _real(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return float(value)
