"""A small score: notes, parts, and the patterns they are written in.

Pitches are MIDI note numbers (A4 = 69 = 440 Hz; 12 to the octave; fractions are allowed), times
are seconds. A *pattern* is one bar of a part on an even grid, one character a step::

    x o          a loud and a soft stroke
    1 2 ... 9 0  the first, second ... ninth and tenth tone above the root of the bar's chord
    c            the whole chord
    m            a tone of the melody
    .            the previous sound goes on
    -            silence

``"1...5.8-"`` in 4/4 is the root for two beats, the fifth for one, the octave for half a beat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cadenza.stems import Stem

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)


class Instrument(Protocol):
    """Anything that turns one note into sound.

    The sound is mono and may ring on after the end of the note. Everything random in it is drawn
    from `rng`, so the same generator state gives the same sound.
    """

    def __call__(
        self,
        pitch: float,
        duration_s: float,
        velocity: float,
        /,
        *,
        sample_rate: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Sound of one note; `velocity` is its strength, from 0 to 1."""
        ...


@dataclass(frozen=True)
class Note:
    """One note: where it starts, how long it is held, its pitch and strength (0 to 1)."""

    start_s: float
    duration_s: float
    pitch: float
    velocity: float


@dataclass(frozen=True)
class Part:
    """The notes of one instrument, and its place in the mix.

    Parameters
    ----------
    stem : {"vocals", "drums", "bass", "other"}
        Stem to which the part belongs; a stem is the sum of its parts.
    instrument : Instrument
    notes : tuple of Note
    pan : float
        From -1 (left) over 0 (centre) to 1 (right).
    level_db : float
        Level (RMS) of the part relative to the other parts of the song.
    """

    stem: Stem
    instrument: Instrument
    notes: tuple[Note, ...]
    pan: float
    level_db: float


def frequency_hz(pitch: float) -> float:
    """Frequency of a MIDI note number.

    >>> frequency_hz(69)
    440.0
    """
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def scale_pitch(degree: int, *, tonic: int, scale: tuple[int, ...]) -> int:
    """Pitch of a scale degree; 0 is the tonic, 7 the tonic an octave higher, -1 a step below.

    >>> [scale_pitch(degree, tonic=60, scale=MAJOR) for degree in (0, 2, 4, 7, -1)]
    [60, 64, 67, 72, 59]
    """
    octave, step = divmod(degree, len(scale))
    return tonic + 12 * octave + scale[step]


def lift(pitch: int, lowest: int) -> int:
    """Move `pitch` by octaves into the octave that begins with `lowest`.

    >>> lift(76, lowest=40)
    40
    """
    return lowest + (pitch - lowest) % 12


def events(pattern: str) -> Iterator[tuple[int, int, str]]:
    """Sounds of a pattern as (first step, number of steps, character).

    >>> list(events("1..5.-x."))
    [(0, 3, '1'), (3, 2, '5'), (6, 2, 'x')]
    """
    for first, character in enumerate(pattern):
        if character not in ".-":
            rest = pattern[first + 1 :]
            yield first, 1 + len(rest) - len(rest.lstrip(".")), character


def rhythm(cells: Sequence[str], n_steps: int, rng: np.random.Generator) -> str:
    """Pattern of `n_steps` made of short patterns, drawn by chance; the last one may be cut."""
    pattern = ""
    while len(pattern) < n_steps:
        pattern += cells[int(rng.integers(len(cells)))]
    return pattern[:n_steps]
