"""Stem gains and remixing.

A song is a set of stems, by name; a listener asks for a gain in dB on each of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import combinations, product
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.levels import db_to_gain
from cadenza.loudness import match_loudness
from cadenza.stems import STEMS, instrument_of

GAIN_STEPS_DB = (-10, -6, -3, 3, 6, 10)
"""Gains that a listener may ask for; 0 dB leaves a stem unchanged."""


def stem_gain_table() -> dict[str, dict[str, int]]:
    """List every rebalancing of the four stems that leaves at least one of them unchanged.

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
    return _number(_rebalancings(STEMS, range(len(STEMS))), start=1)


def source_gain_table() -> dict[int, dict[str, dict[str, int]]]:
    """List every rebalancing of two to five sources that changes some of them, but not all.

    Returns
    -------
    dict of int to dict of str to dict of str to int
        For each number of sources: id to the gain in dB of ``source_1``, ``source_2`` ... The ids
        are numbered across all numbers of sources, ``"gain_0001"`` to ``"gain_10272"``.

    Examples
    --------
    >>> table = source_gain_table()
    >>> {n_sources: len(gains) for n_sources, gains in table.items()}
    {2: 12, 3: 126, 4: 1104, 5: 9030}
    >>> table[3]["gain_0138"]
    {'source_1': 0, 'source_2': 10, 'source_3': 10}
    """
    table: dict[int, dict[str, dict[str, int]]] = {}
    start = 1
    for n_sources in range(2, 6):
        names = [f"source_{n}" for n in range(1, n_sources + 1)]
        table[n_sources] = _number(_rebalancings(names, range(1, n_sources)), start=start)
        start += len(table[n_sources])
    return table


def _rebalancings(names: Sequence[str], numbers_changed: range) -> list[dict[str, int]]:
    return [
        dict.fromkeys(names, 0) | dict(zip(changed, gains_db, strict=True))
        for n_changed in numbers_changed
        for changed in combinations(names, n_changed)
        for gains_db in product(GAIN_STEPS_DB, repeat=n_changed)
    ]


def _number(table: list[dict[str, int]], *, start: int) -> dict[str, dict[str, int]]:
    return {f"gain_{number:04d}": gains_db for number, gains_db in enumerate(table, start=start)}


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
    return {name: signal * db_to_gain(gains_db[name]) for name, signal in signals.items()}


def remix(stems: Mapping[str, ArrayLike], gains_db: Mapping[str, float]) -> NDArray[np.float64]:
    """Sum the stems after multiplying each by its gain.

    Parameters and errors are those of `apply_gains`.

    Returns
    -------
    ndarray
        In the shape of one stem.

    Examples
    --------
    >>> remix({"vocals": [0.1, 0.2], "other": [0.3, 0.4]}, {"vocals": 20, "other": 0})
    array([1.3, 2.4])
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

    Examples
    --------
    >>> import numpy as np
    >>> vocals, other = np.random.default_rng(1).normal(scale=0.1, size=(2, 2, 44100))
    >>> gains_db = {"vocals": 6, "other": 6}  # louder, not rebalanced: matching undoes it
    >>> remixed = remix_to_mixture(
    ...     {"vocals": vocals, "other": other}, gains_db, vocals + other, 44100
    ... )
    >>> bool(np.allclose(remixed, vocals + other))
    True
    """
    remixed = remix(stems, gains_db)
    if np.shape(mixture) != remixed.shape:
        raise ValueError(
            f"mixture must have the shape {remixed.shape} of the stems, got {np.shape(mixture)}"
        )
    return match_loudness(remixed, mixture, sample_rate)


def level_compensation_db(gains_db: Mapping[str, float]) -> float:
    """Gain that brings the remixed sources back to the level of the mixture, as in CAD2.

    It assumes sources of equal power that are independent of each other, so that the powers of the
    amplified sources add up.

    Parameters
    ----------
    gains_db : mapping of str to float
        Gain of each source in dB, also those of 0 dB. These are the gains that the listener asked
        for, even if the voices of an instrument share a gain (`repeated_instrument_gains`).

    Returns
    -------
    float
        Gain in dB on the sum of the sources.

    Raises
    ------
    ValueError
        If there is no gain or one that is not finite.

    Examples
    --------
    >>> round(level_compensation_db({"source_1": -10, "source_2": 0}), 4)
    2.5964
    """
    if not gains_db or not all(math.isfinite(gain_db) for gain_db in gains_db.values()):
        raise ValueError(f"gains_db must be one or more finite numbers, got {dict(gains_db)}")
    power = fmean(10 ** (gain_db / 10) for gain_db in gains_db.values())
    return -10 * math.log10(power)


def repeated_instrument_gains(
    gains_db: Mapping[str, float],
    instruments: Mapping[str, str],
    *,
    mean_over: Literal["instrument", "all_repeated"] = "instrument",
) -> dict[str, float]:
    """Give the voices of one instrument a common gain, as a separator cannot tell them apart.

    Parameters
    ----------
    gains_db : mapping of str to float
        Gain of each source in dB.
    instruments : mapping of str to str
        Instrument of each source; the number of a voice after an underscore is ignored.
    mean_over : {"instrument", "all_repeated"}
        ``"instrument"``: the mean in dB over the voices of the instrument. ``"all_repeated"``: one
        mean over the voices of all instruments that occur more than once, even if the instruments
        differ, as in the published CAD2 baseline.

    Returns
    -------
    dict of str to float
        Gain of each source in dB, in the order of `gains_db`.

    Raises
    ------
    ValueError
        If the names of `gains_db` and `instruments` differ, or `mean_over` is unknown.

    Examples
    --------
    >>> repeated_instrument_gains(
    ...     {"source_1": 10, "source_2": -6, "source_3": 3},
    ...     {"source_1": "Violin_1", "source_2": "Violin_2", "source_3": "Cello"},
    ... )
    {'source_1': 2.0, 'source_2': 2.0, 'source_3': 3.0}
    """
    if set(gains_db) != set(instruments):
        raise ValueError(
            f"instruments must name exactly the sources {sorted(gains_db)}, "
            f"got {sorted(instruments)}"
        )
    if mean_over not in ("instrument", "all_repeated"):
        raise ValueError(f"mean_over must be 'instrument' or 'all_repeated', got {mean_over!r}")
    group = {source: instrument_of(instruments[source]) for source in gains_db}
    if mean_over == "all_repeated":
        n_voices = Counter(group.values())
        group = {s: name if n_voices[name] == 1 else "repeated" for s, name in group.items()}
    return {
        source: fmean(gains_db[voice] for voice in gains_db if group[voice] == group[source])
        for source in gains_db
    }
