"""Audiograms and listeners.

An audiogram lists hearing thresholds of one ear in dB HL (positive = loss) over frequency in Hz;
a listener has one for each ear.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._notebook import audiogram_html

logger = logging.getLogger(__name__)

CHALLENGE_FREQUENCIES_HZ = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
"""Frequencies at which the Cadenza listeners were measured."""

PRESCRIPTION_FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 6000)
"""Frequencies that NAL-R and HAAQI use."""

Severity = Literal["NOTHING", "MILD", "MODERATE", "SEVERE"]

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Severities of a hearing loss, the mildest first."""

_LOWEST_HZ = 20  # frequencies all below it were probably meant in kHz


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Audiogram:
    """Hearing thresholds of one ear.

    Audiograms with the same thresholds at the same frequencies are equal, and can be used as keys
    of a dictionary.

    Parameters
    ----------
    levels_db_hl : array_like, shape (n,)
        Thresholds in dB HL, finite. Values outside -20 ... 130 dB HL give a warning.
    frequencies_hz : array_like, shape (n,)
        Frequencies in Hz, positive and strictly ascending. Default: the eight frequencies of the
        Cadenza listeners, 250 Hz to 8 kHz.

    Raises
    ------
    TypeError
        If a value is not a real number.
    ValueError
        If the lengths differ, a value is not finite, or the frequencies are not positive, not
        strictly ascending or not in Hz.

    Examples
    --------
    >>> audiogram = Audiogram([45, 45, 35, 45, 60, 65, 70, 65])
    >>> audiogram
    Audiogram([45, 45, 35, 45, 60, 65, 70, 65])
    >>> audiogram.at([375, 1500])
    array([45.        , 40.84962501])
    >>> audiogram.severity
    'SEVERE'
    """

    levels_db_hl: NDArray[np.float64]
    frequencies_hz: NDArray[np.float64]

    def __init__(
        self, levels_db_hl: ArrayLike, frequencies_hz: ArrayLike = CHALLENGE_FREQUENCIES_HZ
    ) -> None:
        rule = "a list of finite numbers"
        levels = _check.numbers("audiogram levels", levels_db_hl, rule=rule)
        frequencies = _check.numbers("audiogram frequencies", frequencies_hz, rule=rule)
        _check_axes(levels, frequencies)
        if levels.min() < -20 or levels.max() > 130:
            warnings.warn(
                f"audiogram levels are outside -20 ... 130 dB HL: {_short(levels)}", stacklevel=2
            )
        for array in (levels, frequencies):
            array.flags.writeable = False
        object.__setattr__(self, "levels_db_hl", levels)
        object.__setattr__(self, "frequencies_hz", frequencies)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Audiogram):
            return NotImplemented
        return self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        levels, frequencies = (_short(part) for part in self._values)
        if self._values[1] == CHALLENGE_FREQUENCIES_HZ:
            return f"Audiogram({levels})"
        return f"Audiogram({levels}, frequencies_hz={frequencies})"

    def _repr_html_(self) -> str:
        return audiogram_html({"": self})

    @property
    def _values(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return tuple(self.levels_db_hl.tolist()), tuple(self.frequencies_hz.tolist())

    def at(
        self, frequencies_hz: ArrayLike, *, scale: Literal["log", "linear"] = "log"
    ) -> NDArray[np.float64]:
        """Thresholds at other frequencies; beyond the ends, the first and last value are used.

        Parameters
        ----------
        frequencies_hz : array_like
            Frequencies in Hz, positive.
        scale : {"log", "linear"}
            Frequency axis for the linear interpolation of the levels in dB.

        Returns
        -------
        ndarray
            Thresholds in dB HL, in the shape of `frequencies_hz`.
        """
        wanted = np.asarray(frequencies_hz, dtype=np.float64)
        if not ((wanted > 0) & np.isfinite(wanted)).all():
            raise ValueError(f"frequencies_hz must be finite and positive, got {wanted.tolist()}")
        if scale == "linear":
            return np.interp(wanted, self.frequencies_hz, self.levels_db_hl)
        if scale != "log":
            raise ValueError(f"scale must be 'log' or 'linear', got {scale!r}")
        return np.interp(np.log(wanted), np.log(self.frequencies_hz), self.levels_db_hl)

    @property
    def severity(self) -> Severity:
        """Category of the mean level from 2 to 8 kHz, as in the Cadenza challenges.

        This is not the classification of the British Society of Audiology.
        """
        inside = (self.frequencies_hz >= 2000) & (self.frequencies_hz <= 8000)
        mean = float(self.levels_db_hl[inside].mean()) if inside.any() else 0.0
        if mean > 56:
            return "SEVERE"
        if mean > 35:
            return "MODERATE"
        return "MILD" if mean > 15 else "NOTHING"


def _short(values: Iterable[float]) -> str:
    """The list as a person would write it: 250 instead of 250.0."""
    return f"[{', '.join(str(int(v) if v.is_integer() else v) for v in values)}]"


def _check_axes(levels: NDArray[np.float64], frequencies: NDArray[np.float64]) -> None:
    """Raise a `ValueError` unless there is a level at each of some ascending frequencies in Hz."""
    given = _short(frequencies.reshape(-1).tolist())
    if levels.ndim != 1 or levels.shape != frequencies.shape or levels.size == 0:
        raise ValueError(
            "an audiogram must have one level per frequency, "
            f"got {levels.size} levels for {frequencies.size} frequencies: {given} Hz"
        )
    if frequencies.min() <= 0:
        raise ValueError(f"audiogram frequencies must be positive, got {given}")
    if not (np.diff(frequencies) > 0).all():
        raise ValueError(
            f"audiogram frequencies must be strictly ascending without duplicates, got {given}"
        )
    if frequencies.max() < _LOWEST_HZ:
        raise ValueError(f"audiogram frequencies must be in Hz, got {given}: are these kHz?")


@dataclass(frozen=True)
class Listener:
    """A person with two ears.

    Parameters
    ----------
    name : str
        Identifier, for example ``"L0001"``; output files are named after it.
    left, right : Audiogram
        Audiogram of each ear.

    Raises
    ------
    TypeError
        If the name is not a text, or an ear has no `Audiogram`.

    Examples
    --------
    >>> left = Audiogram([15, 20, 25, 30, 35, 40, 45, 50])
    >>> right = Audiogram([30, 30, 35, 45, 50, 60, 65, 70])
    >>> listener = Listener("L0001", left, right)
    >>> listener.left.severity, listener.right.severity
    ('MODERATE', 'SEVERE')
    """

    name: str
    left: Audiogram
    right: Audiogram

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a text such as 'L0001', got {self.name!r}")
        for ear, audiogram in (("left", self.left), ("right", self.right)):
            if not isinstance(audiogram, Audiogram):
                raise TypeError(f"{ear} must be an Audiogram, got {audiogram!r}")

    def _repr_html_(self) -> str:
        return audiogram_html({"left": self.left, "right": self.right}, self.name)

    def as_numbers(self) -> list[list[float]]:
        """Frequencies and levels of the left ear, then those of the right ear."""
        ears = (self.left, self.right)
        return [part.tolist() for ear in ears for part in (ear.frequencies_hz, ear.levels_db_hl)]


def read_listeners(path: str | Path) -> dict[str, Listener]:
    """Read a Cadenza listener file (``listeners.*.json``).

    Parameters
    ----------
    path : str or Path
        JSON object: id -> ``name``, ``audiogram_cfs`` (Hz), ``audiogram_levels_l`` and
        ``audiogram_levels_r`` (dB HL). Other keys are ignored.

    Returns
    -------
    dict of str to Listener
        In the order of the file.

    Raises
    ------
    InputError
        Listing every listener whose entry is incomplete or invalid (ear and index are named), or
        whose ``name`` differs from its id.

    Examples
    --------
    >>> import json, tempfile
    >>> entry = {"name": "L0001", "audiogram_cfs": [500, 2000]}
    >>> entry |= {"audiogram_levels_l": [10, 40], "audiogram_levels_r": [20, 60]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "listeners.json").write_text(json.dumps({"L0001": entry}))
    ...     listeners = read_listeners(f"{folder}/listeners.json")
    >>> listeners["L0001"].right.at([500, 1000, 2000])
    array([20., 40., 60.])
    """
    path = Path(path)
    entries = read_json(path, dict)
    listeners: dict[str, Listener] = {}
    problems = []
    for key, entry in entries.items():
        try:
            listeners[key] = _listener(key, entry, path)
        except ValueError as error:
            problems.append(f"{path}: listener {key}: {error}")
    raise_if(problems)
    return listeners


def _listener(key: str, entry: object, path: Path) -> Listener:
    if not isinstance(entry, Mapping):
        raise ValueError(f"expected an object, got {entry!r}")
    required = ("name", "audiogram_cfs", "audiogram_levels_l", "audiogram_levels_r")
    if missing := [k for k in required if k not in entry]:
        raise ValueError(f"missing {', '.join(missing)}")
    if entry["name"] != key:
        raise ValueError(f"its name is {entry['name']!r}, expected the same as its id")
    frequencies = _numbers("frequencies", "frequency", entry["audiogram_cfs"])
    ears = []
    for ear in ("left", "right"):
        levels = _numbers(f"{ear} ear", "level", entry[f"audiogram_levels_{ear[0]}"])
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                ears.append(Audiogram(levels, frequencies))
        except ValueError as error:
            raise ValueError(f"{ear} ear: {error}") from None
        for warning in caught:
            logger.warning("%s: listener %s: %s ear: %s", path, key, ear, warning.message)
    return Listener(key, *ears)


def _numbers(name: str, what: str, values: object) -> list[float]:
    if not isinstance(values, list):
        raise ValueError(f"{name}: expected a list of numbers, got {values!r:.60}")
    for index, value in enumerate(values):
        if not _check.is_number(value):
            raise ValueError(f"{name}, {what} {index}: expected a number, got {value!r:.60}")
    return values
