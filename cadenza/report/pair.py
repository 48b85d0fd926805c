"""The page of a reference and of what was made of it, without a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza._paths import write_json
from cadenza.audiogram import Audiogram
from cadenza.haaqi import HaaqiScore
from cadenza.report.building import MARK, require_free
from cadenza.report.hearing import prescribed_gains
from cadenza.report.item import ItemPage, Version, write_item
from cadenza.report.pages import score, write_assets
from cadenza.report.signals import ItemSignals, Sound


def build_pair(
    to: str | Path,
    reference: ArrayLike,
    processed: Mapping[str, ArrayLike],
    scores: Mapping[str, Mapping[str, HaaqiScore]],
    *,
    ears: Mapping[str, Audiogram],
    sample_rate: int,
    title: str = "Reference and processed",
    listener: str = "",
    seconds: float = 30.0,
) -> Path:
    """Build the page of a reference and of what one or several programs made of it.

    Parameters
    ----------
    to : str or Path
        Folder of the page. It must be new, empty or an earlier report.
    reference : array_like, shape (channels, T)
        The reference, a channel for each ear.
    processed : mapping of str to array_like, shape (channels, T')
        Processed signals by name.
    scores : mapping of str to mapping of str to HaaqiScore
        Scores by the same names, then by the names of the ears; those with details are opened up.
    ears : mapping of str to Audiogram
        Audiogram of each channel's ear, by the name of the ear.
    sample_rate : int
        Of all signals, in Hz.
    title : str
        Heading of the page.
    listener : str
        Name of the listener.
    seconds : float
        Longest part of the music to show and to play: that in which most was lost.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder holds something else.
    ValueError
        If the signals do not have a channel for each ear, or names differ.

    Examples
    --------
    >>> import tempfile
    >>> from cadenza.haaqi import haaqi
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=24000)
    >>> ear = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
    >>> result = haaqi(
    ...     music, np.clip(music, -0.1, 0.1), sample_rate=24000, audiogram=ear,
    ...     equalisation="none", details=True,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = build_pair(
    ...         folder, [music], {"clipped": [np.clip(music, -0.1, 0.1)]},
    ...         {"clipped": {"one ear": result}}, ears={"one ear": ear}, sample_rate=24000,
    ...     )
    ...     page.name
    'index.html'
    """
    folder = Path(to)
    _check.positive("seconds", seconds)
    if set(processed) != set(scores) or not processed:
        raise ValueError(
            f"scores must have the names of processed, got {list(scores)} and {list(processed)}"
        )
    original = _channels("reference", reference, len(ears))
    require_free(folder)
    versions = []
    for name, signal in processed.items():
        x = _channels(name, signal, len(ears))
        signals = ItemSignals(
            Sound("mixture", np.zeros((len(ears), 0)), sample_rate),
            Sound("reference", original, sample_rate),
            Sound("enhanced", x, sample_rate),
            (),
            (original, x),
            sample_rate,
            dict(scores[name]),
        )
        versions.append(
            Version(name, _facts(scores[name]), _flags(scores[name]), "", signals, name)
        )
    write_json(folder / MARK, {"program": "cadenza report"})
    write_assets(folder)
    curves = prescribed_gains(ears)
    page = ItemPage(title, [], listener, ears, "NAL-R", curves, {}, versions)
    write_item(folder, page, seconds=seconds, assets="assets")
    return folder / "index.html"


def _channels(name: str, signal: ArrayLike, n: int) -> NDArray[np.float64]:
    x = np.atleast_2d(_check.signal(name, signal))
    if len(x) != n:
        raise ValueError(f"{name} must have a channel for each of {n} ears, got {len(x)}")
    return x


def _facts(found: Mapping[str, HaaqiScore]) -> Sequence[tuple[str, str]]:
    mean = sum(result.score for result in found.values()) / len(found)
    parts = [(name, score(result.score)) for name, result in found.items()]
    return [("HAAQI", score(mean)), *(parts if len(parts) > 1 else [])]


def _flags(found: Mapping[str, HaaqiScore]) -> list[str]:
    return [f"{name}: {flag}" for name, result in found.items() for flag in result.flags]
