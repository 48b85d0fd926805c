"""Notes, keys, melodies, and the patterns that rhythms are written in.

Pitches are MIDI note numbers (A4 = 69 = 440 Hz, 12 to the octave, fractions allowed). Times are in
seconds. A *pattern* is one bar on an even grid, one character a step::

    x o          a loud and a soft stroke
    1 2 ... 9 0  the first, second ... ninth and tenth tone above the root of the bar's chord
    c            the whole chord
    m            a tone of the melody
    .            the previous sound continues
    -            silence

``"1...5.8-"`` in 4/4 is the root for two beats, the fifth for one, the octave for half a beat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cadenza.synthetic.synthesis import Signal

MAJOR = (0, 2, 4, 5, 7, 9, 11)
MINOR = (0, 2, 3, 5, 7, 8, 10)
DORIAN = (0, 2, 3, 5, 7, 9, 10)
MIXOLYDIAN = (0, 2, 4, 5, 7, 9, 10)

SCALES = (MAJOR, MAJOR, MINOR, DORIAN, MIXOLYDIAN)
"""Scales of random pieces: major is twice as likely as each of the others."""

TRIAD = (0, 2, 4)
"""Scale degrees of a chord above its root."""


@dataclass(frozen=True)
class Note:
    """One note: its start, how long it is held, its pitch and its strength (0 to 1)."""

    start_s: float
    duration_s: float
    pitch: float
    velocity: float

    @property
    def frequency_hz(self) -> float:
        """Frequency of the pitch.

        >>> Note(start_s=0, duration_s=1, pitch=69, velocity=0.7).frequency_hz
        440.0
        """
        return float(440.0 * 2.0 ** ((self.pitch - 69) / 12))


class Instrument(Protocol):
    """Anything that turns a note into sound.

    The sound begins with the note, is mono, and may ring on after the note has ended. It depends
    only on the note, the sample rate in Hz and the state of `rng`. The mix sets its level.
    """

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one note."""
        ...


@dataclass(frozen=True)
class Key:
    """Key of a piece: the pitch of its keynote, and its scale in semitones above it."""

    tonic: int
    scale: tuple[int, ...]

    @classmethod
    def random(cls, rng: np.random.Generator, *, lowest: int) -> Key:
        """Any key; its keynote lies in the octave that begins with `lowest`."""
        return cls(int(rng.integers(lowest, lowest + 12)), SCALES[rng.integers(len(SCALES))])

    def pitch(self, degree: int) -> int:
        """Pitch of a scale degree: 0 is the keynote, 7 an octave above, -1 a step below.

        >>> [Key(60, MAJOR).pitch(degree) for degree in (0, 2, 4, 7, -1)]
        [60, 64, 67, 72, 59]
        """
        octave, step = divmod(degree, len(self.scale))
        return self.tonic + 12 * octave + self.scale[step]


def next_degree(
    degree: int,
    compass: Sequence[int],
    rng: np.random.Generator,
    *,
    root: int,
    on_beat: bool,
    tones: tuple[int, ...] = TRIAD,
) -> int:
    """Scale degree that follows `degree` in a melody.

    On the beat the melody moves to a nearby tone of the chord, that is to one of the `tones` above
    its `root`. In between it walks the scale. It keeps to the degrees of `compass`, an octave or
    more.
    """
    move = int(rng.integers(-3, 4))
    if on_beat:
        chord = [d for d in compass if (d - root) % 7 in tones]
        return min(chord, key=lambda d: abs(d - degree - move))
    return min(max(degree + (1 if move > 0 else -1), compass[0]), compass[-1])


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
    """Pattern of `n_steps`: a random sequence of shorter patterns, of which the last may be cut."""
    pattern = ""
    while len(pattern) < n_steps:
        pattern += cells[int(rng.integers(len(cells)))]
    return pattern[:n_steps]
