"""Names of stems and instruments, and of the files of stems."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

Stem = Literal["vocals", "drums", "bass", "other"]
"""A stem of a song, as MUSDB18 names it."""

STEMS: tuple[Stem, ...] = get_args(Stem)
"""The four stems of a song, in the order of the challenges."""


INSTRUMENTS = ("Bassoon", "Cello", "Clarinet", "Flute", "Oboe", "Sax", "Viola", "Violin")
"""The instruments of the second challenge (CAD2); for each there is a published network."""


def instrument_of(voice: str) -> str:
    """Name of the instrument without the number of the voice.

    Examples
    --------
    >>> instrument_of("Violin_1"), instrument_of("Cello")
    ('Violin', 'Cello')
    """
    return voice.partition("_")[0]


def stem_file(folder: Path, stem: str) -> Path:
    """File of a stem: ``<stem>.wav``, or ``<stem>.flac`` where there is only that.

    Examples
    --------
    >>> stem_file(Path("song"), "vocals").name
    'vocals.wav'
    """
    wav, flac = folder / f"{stem}.wav", folder / f"{stem}.flac"
    return flac if flac.is_file() and not wav.is_file() else wav
