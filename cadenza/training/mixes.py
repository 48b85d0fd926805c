"""Random examples for training, mixed from the parts of different pieces.

An example is an array (n_sources, 2, T); the mixture is the sum of its sources. It depends only on
its index and on the generator that is handed in.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cadenza import _check
from cadenza.errors import InputError
from cadenza.training.augmentation import change_gains
from cadenza.training.pieces import Part, Piece, list_instruments

logger = logging.getLogger(__name__)

ACCOMPANIMENT = "accompaniment"
_MOST_ACCOMPANISTS = 3


Variation = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]
"""Changes the sources of an example, (n_sources, 2, T), at random."""


class RandomMixes(Protocol):
    """Random examples: a call with an index and a generator makes one."""

    def __len__(self) -> int:
        """Examples per epoch."""

    def __call__(self, index: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Example of shape (n_sources, 2, T)."""


class TargetMixes:
    """An instrument, accompanied by others from different pieces: two sources.

    Every piece with the target appears `samples_per_track` times in an epoch; all its voices of the
    target are used. The accompaniment is one to three other instruments, each from a random piece
    with all its voices there. Excerpts begin at random whole seconds: the voices of the target
    together, each part of the accompaniment independently.

    Parameters
    ----------
    pieces : sequence of Piece
        Parts that are shorter than a segment are left out, with a logged warning.
    target : str
        The instrument.
    segment_s : float
        Length of the examples in seconds.
    samples_per_track : int
        Examples per epoch and piece.
    vary : callable, optional
        ``vary(sources, rng)`` changes the sources at random.

    Raises
    ------
    InputError
        If no piece contains the target, or none contains anything else.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        *,
        target: str,
        segment_s: float,
        samples_per_track: int,
        vary: Variation | None = None,
    ) -> None:
        self._segment_s = _check.positive("segment_s", segment_s)
        self._samples_per_track = samples_per_track
        self._vary = vary
        by_instrument = _by_instrument(pieces, segment_s)
        if target not in by_instrument:
            found = list_instruments(pieces)
            raise InputError(f"no piece for training has {segment_s:g} s of {target}: {found}")
        self._targets = by_instrument.pop(target)
        if not by_instrument:
            raise InputError(f"no piece for training has {segment_s:g} s of anything but {target}")
        self._others = by_instrument

    def __len__(self) -> int:
        return len(self._targets) * self._samples_per_track

    def __call__(self, index: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Target and accompaniment, shape (2, 2, T)."""
        voices = self._targets[index // self._samples_per_track]
        start_s = _draw_start(min(part.duration_s for part in voices), self._segment_s, rng)
        target = sum(change_gains(part.read(start_s, self._segment_s), rng) for part in voices)
        n_accompanists = min(int(rng.integers(_MOST_ACCOMPANISTS)) + 1, len(self._others))
        accompanists = [
            part
            for instrument in rng.choice(list(self._others), n_accompanists, replace=False)
            for part in _pick(self._others[instrument], rng)
        ]
        accompaniment = sum(_excerpt(part, self._segment_s, rng) for part in accompanists)
        sources = np.stack([target, accompaniment])
        return sources if self._vary is None else self._vary(sources, rng)


class StemMixes:
    """Every stem from another song: as many sources as there are stems.

    Parameters
    ----------
    songs : sequence of Piece
        Stems that are shorter than a segment are left out, with a logged warning.
    stems : sequence of str
        Sources, in order.
    segment_s : float
        Length of the examples in seconds; they begin at random whole seconds.
    samples_per_track : int
        Examples per epoch are this times the number of songs.
    vary : callable, optional
        ``vary(sources, rng)`` changes the sources at random.

    Raises
    ------
    InputError
        If no song has one of the stems.
    """

    def __init__(
        self,
        songs: Sequence[Piece],
        *,
        stems: Sequence[str],
        segment_s: float,
        samples_per_track: int,
        vary: Variation | None = None,
    ) -> None:
        self._vary = vary
        self._segment_s = _check.positive("segment_s", segment_s)
        self._length = len(songs) * samples_per_track
        by_stem = _by_instrument(songs, segment_s)
        if missing := [stem for stem in stems if stem not in by_stem]:
            names, found = ", ".join(missing), list_instruments(songs)
            raise InputError(f"no song for training has {segment_s:g} s of {names}: {found}")
        self._stems = [by_stem[stem] for stem in stems]

    def __len__(self) -> int:
        return self._length

    def __call__(self, index: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """All stems, shape (n_stems, 2, T)."""
        del index  # all songs are alike
        sources = np.stack(
            [
                sum(_excerpt(part, self._segment_s, rng) for part in _pick(songs, rng))
                for songs in self._stems
            ]
        )
        return sources if self._vary is None else self._vary(sources, rng)


def _by_instrument(pieces: Sequence[Piece], segment_s: float) -> dict[str, list[list[Part]]]:
    """Instrument -> for every piece that contains it, its voices of at least `segment_s`."""
    table: dict[str, list[list[Part]]] = {}
    n_short = 0
    for piece in pieces:
        for instrument in sorted({part.instrument for part in piece.parts}):
            voices = piece.parts_of(instrument)
            long_enough = [part for part in voices if part.duration_s >= segment_s]
            n_short += len(voices) - len(long_enough)
            if long_enough:
                table.setdefault(instrument, []).append(long_enough)
    if n_short:
        logger.warning("%d parts are shorter than %g s and are left out", n_short, segment_s)
    return dict(sorted(table.items()))


def _excerpt(part: Part, segment_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    start_s = _draw_start(part.duration_s, segment_s, rng)
    return change_gains(part.read(start_s, segment_s), rng)


def _draw_start(duration_s: float, segment_s: float, rng: np.random.Generator) -> float:
    """A whole second below ``floor(duration) - segment``; 0 if there is none."""
    return float(rng.integers(max(1, math.ceil(math.floor(duration_s) - segment_s))))


def _pick(voices: list[list[Part]], rng: np.random.Generator) -> list[Part]:
    return voices[rng.integers(len(voices))]
