"""Internal noise of the ear: normal numbers in rows, one for each band of each path."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cadenza.haaqi.kernels.noise import add_from_table, add_normals, draw_points

Random: TypeAlias = np.random.RandomState | np.random.Generator

_POINTS = 4096  # drawn at a time
_TABLE_SIZE = 2**16
_STRETCH = 192  # samples: 8 ms


class Noise(Protocol):
    """Where the rows come from."""

    def prepare(self, n_rows: int, n_samples: int) -> None:
        """Set up rows that may then be added in any order and from any thread."""

    def add_to(self, signal: NDArray[np.float32], row: int, scale: float) -> None:
        """Add a row, times `scale`, to a signal in place."""

    def draw(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Draw normal numbers that come after all rows."""

    def skip(self, n_numbers: int) -> None:
        """Leave out normal numbers that come after all rows."""


class SeededNoise:
    """Rows that follow one another in a stream, as `RandomState` draws them, within 1e-10.

    Whatever is drawn from the `RandomState` later follows the rows. A source whose stream is not
    the legacy one, such as a `Generator`, only provides a seed.
    """

    def __init__(self, rng: Random) -> None:
        if (
            isinstance(rng, np.random.Generator)
            or rng.get_state(legacy=False)["bit_generator"] != "MT19937"
        ):
            rng = np.random.RandomState(np.frombuffer(rng.bytes(32), np.uint32))
        self._rng = rng

    def prepare(self, n_rows: int, n_samples: int) -> None:
        """Find the state of the generator at the start of each row, and move on to their end."""
        legacy: Any = self._rng.get_state()
        name, key, position, self._n_spare, self._spare = legacy
        state = np.append(key, position).astype(np.uint32)
        self._states = []
        # Numbers come in pairs; one of them may still be left from an earlier draw
        starts = np.maximum(np.arange(n_rows + 1) * n_samples - self._n_spare, 0)
        for n_pairs in np.diff(starts // 2):
            self._states.append(state.copy())
            draw_points(state, n_pairs, np.empty((2, 1)))
        self._skips = starts % 2
        self._rng.set_state((name, state[:-1], int(state[-1]), 0, 0.0))
        if self._skips[-1]:
            self._rng.standard_normal()

    def add_to(self, signal: NDArray[np.float32], row: int, scale: float) -> None:
        """Add a row, times `scale`, to a signal in place."""
        if row == 0 and self._n_spare:
            signal[0] += scale * self._spare
            signal = signal[1:]
        state, points = self._states[row].copy(), np.empty((2, _POINTS))
        for start in range(-self._skips[row], signal.size, 2 * _POINTS):
            n_pairs = min(_POINTS, (signal.size - start + 1) // 2)
            draw_points(state, n_pairs, points[:, :n_pairs])
            part = signal[max(start, 0) : start + 2 * n_pairs]
            add_normals(part, points, n_pairs, max(-start, 0), scale)

    def draw(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Draw normal numbers that come after all rows."""
        return self._rng.standard_normal(shape)

    def skip(self, n_numbers: int) -> None:
        """Leave out normal numbers that come after all rows."""
        SeededNoise(self._rng).prepare(1, n_numbers)


class FastNoise:
    """Rows made of stretches of 8 ms, each from a random place in a table of normal numbers.

    Each path has its own table, so that they never share noise.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def prepare(self, n_rows: int, n_samples: int) -> None:  # noqa: ARG002
        """Draw the tables, and the seed for the random places."""
        tables = self._rng.standard_normal((2, _TABLE_SIZE)).astype(np.float32)
        seed = int(tables[0, :2].view(np.int64)[0])
        self._rows = [(tables[2 * row // n_rows], seed + row) for row in range(n_rows)]

    def add_to(self, signal: NDArray[np.float32], row: int, scale: float) -> None:
        """Add a row, times `scale`, to a signal in place."""
        table, seed = self._rows[row]
        add_from_table(signal, table, seed, _STRETCH, scale)

    def draw(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Draw normal numbers that come after all rows."""
        return self._rng.standard_normal(shape)

    def skip(self, n_numbers: int) -> None:
        """Nothing to leave out: there is no stream to continue."""


class NoNoise:
    """Rows of zeros."""

    def prepare(self, n_rows: int, n_samples: int) -> None:
        """Nothing to set up."""

    def add_to(self, signal: NDArray[np.float32], row: int, scale: float) -> None:
        """Leave the signal as it is."""

    def draw(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return zeros."""
        return np.zeros(shape)

    def skip(self, n_numbers: int) -> None:
        """Nothing to leave out."""


def noise_named(name: str, rng: Random) -> Noise:
    """Make the noise of one ear."""
    if name == "none":
        return NoNoise()
    return SeededNoise(rng) if name == "seeded" else FastNoise(rng)


def random_source(rng: int | Random) -> Random:
    """Check what draws the noise, and seed it if it is an integer."""
    if isinstance(rng, np.random.RandomState | np.random.Generator):
        return rng
    if isinstance(rng, Integral) and not isinstance(rng, bool):
        return np.random.RandomState(int(rng))
    raise TypeError(f"rng must be an integer, a RandomState or a Generator, got {rng!r}")
