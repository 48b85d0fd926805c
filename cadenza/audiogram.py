"""Audiograms and listeners.

An audiogram lists hearing thresholds of one ear in dB HL (positive = loss) over frequency in Hz;
a listener has one for each ear.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza._check import raise_if
from cadenza._files import read_json

CHALLENGE_FREQUENCIES_HZ = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
"""Frequencies at which the Cadenza listeners were measured."""

PRESCRIPTION_FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 6000)
"""Frequencies that NAL-R and HAAQI use."""

Severity = Literal["NOTHING", "MILD", "MODERATE", "SEVERE"]


@dataclass(frozen=True, eq=False, init=False)
class Audiogram:
    """Hearing thresholds of one ear.

    Parameters
    ----------
    levels_db_hl : array_like, shape (n,)
        Thresholds in dB HL, finite. Values outside -20 ... 130 dB HL give a warning.
    frequencies_hz : array_like, shape (n,)
        Frequencies in Hz, positive and strictly ascending. Default: the eight frequencies of the
        Cadenza listeners, 250 Hz to 8 kHz.

    Raises
    ------
    ValueError
        If the lengths differ, a value is not finite, or the frequencies are not positive and
        strictly ascending.

    Examples
    --------
    >>> audiogram = Audiogram([45, 45, 35, 45, 60, 65, 70, 65])
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
        levels = np.array(levels_db_hl, dtype=np.float64)
        frequencies = np.array(frequencies_hz, dtype=np.float64)
        if levels.ndim != 1 or levels.shape != frequencies.shape or levels.size == 0:
            raise ValueError(
                "an audiogram must have one level per frequency, "
                f"got {levels.shape} levels and {frequencies.shape} frequencies"
            )
        if not np.isfinite(levels).all():
            raise ValueError(f"audiogram levels must be finite, got {levels.tolist()}")
        if not (np.isfinite(frequencies).all() and frequencies[0] > 0):
            raise ValueError(
                f"audiogram frequencies must be finite and positive, got {frequencies.tolist()}"
            )
        if not (np.diff(frequencies) > 0).all():
            raise ValueError(
                "audiogram frequencies must be strictly ascending without duplicates, "
                f"got {frequencies.tolist()}"
            )
        if levels.min() < -20 or levels.max() > 130:
            warnings.warn(
                f"audiogram levels are outside -20 ... 130 dB HL: {levels.tolist()}", stacklevel=2
            )
        for array in (levels, frequencies):
            array.flags.writeable = False
        object.__setattr__(self, "levels_db_hl", levels)
        object.__setattr__(self, "frequencies_hz", frequencies)

    def at(
        self, frequencies_hz: ArrayLike, *, scale: Literal["log", "linear"] = "log"
    ) -> NDArray[np.float64]:
        """Thresholds at other frequencies; end values are held, nothing is extrapolated.

        Parameters
        ----------
        frequencies_hz : array_like
            Frequencies in Hz, positive.
        scale : {"log", "linear"}
            Frequency axis on which the levels in dB are interpolated linearly.

        Returns
        -------
        ndarray
            Thresholds in dB HL, in the shape of `frequencies_hz`.
        """
        wanted = np.asarray(frequencies_hz, dtype=np.float64)
        if scale == "linear":
            return np.interp(wanted, self.frequencies_hz, self.levels_db_hl)
        if scale != "log":
            raise ValueError(f"scale must be 'log' or 'linear', got {scale!r}")
        return np.interp(np.log(wanted), np.log(self.frequencies_hz), self.levels_db_hl)

    @property
    def severity(self) -> Severity:
        """Category by the mean level from 2 to 8 kHz, as in the Cadenza challenges.

        This is not the classification of the British Society of Audiology.
        """
        inside = (self.frequencies_hz >= 2000) & (self.frequencies_hz <= 8000)
        mean = float(self.levels_db_hl[inside].mean()) if inside.any() else 0.0
        if mean > 56:
            return "SEVERE"
        if mean > 35:
            return "MODERATE"
        return "MILD" if mean > 15 else "NOTHING"


@dataclass(frozen=True, eq=False)
class Listener:
    """A person with two ears.

    Parameters
    ----------
    name : str
        Identifier, for example ``"L0001"``; it appears in output file names.
    left, right : Audiogram
        Audiogram of each ear.

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

    def as_numbers(self) -> list[list[float]]:
        """Frequencies and levels of the left, then of the right ear; equal for equal ears."""
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
            listeners[key] = _listener(key, entry)
        except ValueError as error:
            problems.append(f"{path}: listener {key}: {error}")
    raise_if(problems)
    return listeners


def _listener(key: str, entry: object) -> Listener:
    if not isinstance(entry, Mapping):
        raise ValueError(f"expected an object, got {entry!r}")
    required = ("name", "audiogram_cfs", "audiogram_levels_l", "audiogram_levels_r")
    if missing := [k for k in required if k not in entry]:
        raise ValueError(f"missing {', '.join(missing)}")
    if entry["name"] != key:
        raise ValueError(f"its name is {entry['name']!r}, expected the same as its id")
    ears = []
    for ear, levels in (
        ("left", entry["audiogram_levels_l"]),
        ("right", entry["audiogram_levels_r"]),
    ):
        if not isinstance(levels, list):
            raise ValueError(f"{ear} ear: expected a list of levels, got {levels!r}")
        for index, level in enumerate(levels):
            if not isinstance(level, int | float) or isinstance(level, bool):
                raise ValueError(f"{ear} ear, level {index}: expected a number, got {level!r}")
        try:
            ears.append(Audiogram(levels, entry["audiogram_cfs"]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{ear} ear: {error}") from None
    return Listener(key, *ears)
