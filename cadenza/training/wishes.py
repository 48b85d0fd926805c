"""What HAAQI asks of an example in training: who listens, and which remix that listener wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import Listener
from cadenza.errors import InputError
from cadenza.loudness import matching_gain_db
from cadenza.remix import level_compensation_db, remix, source_gain_table, stem_gain_table
from cadenza.stems import STEMS
from cadenza.synthetic.listeners import random_listener

Ears = Literal["both", "one"]
_LEFT, _RIGHT = 0, 1


@dataclass(frozen=True)
class Wish:
    """A listener, and the gains that the listener asks for.

    Parameters
    ----------
    listener : Listener
    ears : tuple of int
        Ears that are scored: 0 is the left one, 1 the right one.
    gains_db : dict of str to float
        Gain of each source in dB.
    """

    listener: Listener
    ears: tuple[int, ...]
    gains_db: dict[str, float]


class Wishes:
    """Draws listeners and gains as the challenges have them.

    Parameters
    ----------
    sources : sequence of str
        Sources of an example, in order. The four stems of songs get the gains of the ICASSP 2024
        challenge; an instrument and its accompaniment get those of CAD2 for a duet, one of the two
        being changed.
    listeners : sequence of Listener, optional
        Those to draw from. By default every example has a new one, see
        `cadenza.synthetic.listeners.random_listener`.
    ears : {"both", "one"}
        Score both ears of the listener, or one of them drawn at random, in half the time.

    Raises
    ------
    InputError
        If there are no listeners, or the option is unknown.

    Examples
    --------
    >>> wish = Wishes(["Violin", "accompaniment"], ears="one")(np.random.default_rng(1))
    >>> wish.ears, wish.gains_db
    ((1,), {'Violin': 10, 'accompaniment': 0})
    """

    def __init__(
        self,
        sources: Sequence[str],
        *,
        listeners: Sequence[Listener] | None = None,
        ears: str = "both",
    ) -> None:
        if ears not in get_args(Ears):
            raise InputError(f"ears must be both or one, got {ears!r}")
        if listeners is not None and not listeners:
            raise InputError("listeners must hold at least one listener, got none")
        self.sources, self.ears = tuple(sources), ears
        self._listeners = listeners
        self._is_song = self.sources == STEMS
        tables = source_gain_table()
        table = stem_gain_table() if self._is_song else tables.get(len(self.sources), {})
        if not table:
            raise InputError(f"there must be 2 to 5 sources to remix, got {len(self.sources)}")
        self._gains_db = [list(gains_db.values()) for gains_db in table.values()]

    def __call__(self, rng: np.random.Generator) -> Wish:
        """Draw a wish."""
        gains_db = self._gains_db[rng.integers(len(self._gains_db))]
        ears = (_LEFT, _RIGHT) if self.ears == "both" else (int(rng.integers(2)),)
        if self._listeners is None:
            listener = random_listener("random", rng)
        else:
            listener = self._listeners[int(rng.integers(len(self._listeners)))]
        return Wish(listener, ears, dict(zip(self.sources, gains_db, strict=True)))

    def total_gains_db(
        self, wish: Wish, sources: NDArray[np.float64], *, sample_rate: int
    ) -> NDArray[np.float64]:
        """Gain of each source in dB with the compensation that the challenge makes for the level.

        The remix of stems gets the loudness of the mixture; that of an instrument and its
        accompaniment gets the level that follows from the gains.

        Parameters
        ----------
        wish : Wish
        sources : ndarray, shape (n_sources, 2, T)
            The true sources, at least 0.4 s.
        sample_rate : int
            In Hz.

        Returns
        -------
        ndarray, shape (n_sources,)
        """
        if self._is_song:
            wanted = remix(dict(zip(self.sources, sources, strict=True)), wish.gains_db)
            extra_db = matching_gain_db(wanted, sources.sum(axis=0), sample_rate)
        else:
            extra_db = level_compensation_db(wish.gains_db)
        return np.array([*wish.gains_db.values()]) + extra_db
