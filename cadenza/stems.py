"""Names of stems and instruments."""

from __future__ import annotations

from typing import Literal, get_args

Stem = Literal["vocals", "drums", "bass", "other"]
"""A stem of a song, as MUSDB18 names it."""

STEMS: tuple[Stem, ...] = get_args(Stem)
"""The four stems of a song, in the order of the challenges."""


def instrument_of(voice: str) -> str:
    """Name of the instrument without the number of the voice.

    Examples
    --------
    >>> instrument_of("Violin_1"), instrument_of("Cello")
    ('Violin', 'Cello')
    """
    return voice.partition("_")[0]
