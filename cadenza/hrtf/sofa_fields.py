"""Fields of a SOFA file: values with their shapes and units, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadenza.hrtf.measured import unit_vectors

_METRE = ("metre", "metres", "meter", "meters", "m")
_DEGREE = ("degree", "degrees")
_UNITS = {
    "cartesian": ("metre", (_METRE, _METRE, _METRE)),
    "spherical": ("degree, degree, metre", (_DEGREE, _DEGREE, _METRE)),
}


class Fields:
    """Reads fields and collects the problems found.

    Parameters
    ----------
    path : Path
        The file, for messages.
    content : sofar.Sofa
        Its content.
    """

    def __init__(self, path: Path, content: Any) -> None:  # noqa: ANN401
        self.problems: list[str] = []
        self._path = path
        self._content = content

    def report(self, name: str, problem: str) -> None:
        """Add a problem with a field."""
        shown = name.removeprefix("GLOBAL_").replace("Data_", "Data.", 1)
        self.problems.append(f"{self._path}: {shown}: {problem}")

    def has(self, name: str) -> bool:
        """Whether the file has a field."""
        return hasattr(self._content, name)

    def text(self, name: str) -> str | None:
        """Return an attribute, or None beside a reported problem."""
        value = getattr(self._content, name, None)
        if value is None:
            self.report(name, "missing")
            return None
        return str(value).strip()

    def numbers(
        self, name: str, shape: Sequence[int | str], meaning: str
    ) -> NDArray[np.float64] | None:
        """Finite numbers of a shape, or None beside a reported problem.

        Parameters
        ----------
        name : str
            Name of the field, as sofar spells it.
        shape : sequence of int or str
            Lengths of the axes; those that are not fixed by their letter in the standard.
        meaning : str
            What the axes are, for messages.
        """
        value = getattr(self._content, name, None)
        if value is None:
            self.report(name, "missing")
            return None
        missing = np.ma.is_masked(value)
        array = np.atleast_1d(np.asarray(value))
        if missing or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            self.report(name, "expected finite numbers, found missing values, NaN or text")
            return None
        fits = array.ndim == len(shape) and all(
            found == wanted if isinstance(wanted, int) else found > 0
            for found, wanted in zip(array.shape, shape, strict=True)
        )
        if not fits:
            expected = " x ".join(str(n) for n in shape)
            found = " x ".join(str(n) for n in array.shape)
            self.report(name, f"expected {expected} numbers ({meaning}), found {found}")
            return None
        return array.astype(np.float64)

    def positions(self, name: str, shape: Sequence[int | str]) -> NDArray[np.float64] | None:
        """Positions or directions as cartesian metres: forwards, to the left, up.

        The second axis holds the coordinates. ListenerUp has type and units of ListenerView.
        """
        values = self.numbers(name, shape, "with three coordinates each")
        typed = "ListenerView" if name == "ListenerUp" else name
        if values is None or not self.has(typed):
            return values
        kind, units = self.text(f"{typed}_Type"), self.text(f"{typed}_Units")
        if kind is None or units is None:
            return None
        if kind not in _UNITS:
            self.report(name, f"expected Type cartesian or spherical, found {kind!r}")
            return None
        expected, allowed = _UNITS[kind]
        found = [unit.strip().lower() for unit in units.split(",")]
        found = found * 3 if len(found) == 1 else found
        if len(found) != 3 or any(u not in a for u, a in zip(found, allowed, strict=True)):
            self.report(name, f"expected Units {expected} for Type {kind}, found {units!r}")
            return None
        return values if kind == "cartesian" else _cartesian(values)

    def for_each(
        self, name: str, values: NDArray[np.float64], n_measured: int
    ) -> NDArray[np.float64] | None:
        """Values for each measurement, also if there is only one for all."""
        if len(values) in (1, n_measured):
            return np.repeat(values, n_measured // len(values), axis=0)
        self.report(name, f"expected 1 or {n_measured} rows, found {len(values)}")
        return None


def relative_to_listener(
    fields: Fields, n_measured: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Azimuths (right is positive) and elevations of the sources in degrees, shape (M,) each."""
    defaults = {"ListenerPosition": (0, 0, 0), "ListenerView": (1, 0, 0), "ListenerUp": (0, 0, 1)}
    found = {"SourcePosition": fields.positions("SourcePosition", ("I or M", 3))}
    for name, default in defaults.items():
        found[name] = np.array([default], dtype=np.float64)
        if fields.has(name):
            found[name] = fields.positions(name, ("I or M", 3))
    rows = {
        name: fields.for_each(name, values, n_measured)
        for name, values in found.items()
        if values is not None and n_measured
    }
    source, position, view, up = (rows.get(name) for name in ("SourcePosition", *defaults))
    if source is None or position is None or view is None or up is None:
        return None
    ahead, left = _unit(view), _unit(np.cross(up, view))
    towards = source - position
    if not (_lengths(towards).all() and _lengths(ahead).all() and _lengths(left).all()):
        fields.report(
            "SourcePosition",
            "expected sources away from the listener, and ListenerView at an angle to ListenerUp",
        )
        return None
    front, side, height = (
        np.sum(towards * axis, axis=1) for axis in (ahead, left, np.cross(ahead, left))
    )
    elevation_deg = np.degrees(np.arctan2(height, np.hypot(front, side)))
    return np.degrees(np.arctan2(-side, front)) + 0.0, elevation_deg  # no negative zero


def _cartesian(spherical: NDArray[np.float64]) -> NDArray[np.float64]:
    """Azimuth and elevation in degrees and distance, on the second axis, as x, y, z."""
    directions = unit_vectors(-spherical[:, 0], spherical[:, 1])  # SOFA's azimuth grows to the left
    return np.moveaxis(directions, -1, 1) * spherical[:, 2:3]


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(vectors, axis=1))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors of length 1; those without a direction stay zero."""
    lengths = _lengths(vectors)[:, None]
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-9)
