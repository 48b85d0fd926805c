"""Stem gains and remixing.

A song is a set of stems, by name; a listener asks for a gain in dB on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from itertools import combinations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.loudness import match_loudness

STEMS = ("vocals", "drums", "bass", "other")
"""Stems of popular music, in the order of the challenges' gain tables (VDBO)."""

GAIN_STEPS_DB = (-10, -6, -3, 3, 6, 10)
"""Gains that a listener may ask for; 0 dB leaves a stem as it is."""


def stem_gain_table() -> dict[str, dict[str, int]]:
    """List every rebalancing of the four stems that leaves at least one of them as it is.

    Returns
    -------
    dict of str to dict of str to int
        ``"gain_0001"`` to ``"gain_1105"``, each with the gain in dB of every stem: first no
        change, then every way of changing one, two and three stems.

    Examples
    --------
    >>> stem_gain_table()["gain_0138"]
    {'vocals': 0, 'drums': -10, 'bass': 6, 'other': 0}
    """
    table = [
        dict.fromkeys(STEMS, 0) | dict(zip(changed, gains_db, strict=True))
        for n_changed in range(len(STEMS))
        for changed in combinations(STEMS, n_changed)
        for gains_db in product(GAIN_STEPS_DB, repeat=n_changed)
    ]
    return {f"gain_{number:04d}": gains_db for number, gains_db in enumerate(table, start=1)}


def apply_gains(
    stems: Mapping[str, ArrayLike], gains_db: Mapping[str, float]
) -> dict[str, NDArray[np.float64]]:
    """Multiply every stem by its gain.

    Parameters
    ----------
    stems : mapping of str to array_like, shape (T,) or (channels, T)
        Stems by name, all of one shape.
    gains_db : mapping of str to float
        Gain of each stem in dB; the names must be those of `stems`.

    Returns
    -------
    dict of str to ndarray
        New arrays, in the order of `gains_db`.

    Raises
    ------
    ValueError
        If a stem has no gain, a gain has no stem, a gain is not finite, or the shapes differ.

    Examples
    --------
    >>> apply_gains({"vocals": [0.1, 0.2], "other": [0.3, 0.4]}, {"vocals": 20, "other": 0})
    {'vocals': array([1., 2.]), 'other': array([0.3, 0.4])}
    """
    if not stems or set(stems) != set(gains_db):
        raise ValueError(
            f"gains_db must name exactly the stems {sorted(stems)}, got {sorted(gains_db)}"
        )
    signals = {name: _check.signal(f"stem {name}", stems[name]) for name in gains_db}
    shapes = {name: signal.shape for name, signal in signals.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"stems must have one shape, got {shapes}")
    if not all(np.isfinite(gain_db) for gain_db in gains_db.values()):
        raise ValueError(f"gains_db must be finite, got {dict(gains_db)}")
    return {name: signal * 10 ** (gains_db[name] / 20) for name, signal in signals.items()}


def remix(stems: Mapping[str, ArrayLike], gains_db: Mapping[str, float]) -> NDArray[np.float64]:
    """Sum the stems after multiplying each by its gain.

    Parameters and errors are those of `apply_gains`.

    Returns
    -------
    ndarray
        In the shape of one stem.
    """
    return reduce(np.add, apply_gains(stems, gains_db).values())


def remix_to_mixture(
    stems: Mapping[str, ArrayLike],
    gains_db: Mapping[str, float],
    mixture: ArrayLike,
    sample_rate: int,
) -> NDArray[np.float64]:
    """Remix the stems and give the result the loudness of the mixture, as in ICASSP 2024.

    Parameters
    ----------
    stems, gains_db
        As in `apply_gains`.
    mixture : array_like
        Music before remixing, in the shape of one stem.
    sample_rate : int
        In Hz.

    Returns
    -------
    ndarray
        In the shape of one stem.

    Raises
    ------
    ValueError
        As `apply_gains` does, or if the shape of `mixture` differs from the stems'.
    """
    remixed = remix(stems, gains_db)
    if np.shape(mixture) != remixed.shape:
        raise ValueError(
            f"mixture must have the shape {remixed.shape} of the stems, got {np.shape(mixture)}"
        )
    return match_loudness(remixed, mixture, sample_rate)
