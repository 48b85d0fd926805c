"""Composition: from a style (key, tempo, chords, patterns) to the notes of a song.

The melody is composed: on the beat it visits tones of the chord, in between it walks the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cadenza.stems import Stem
from cadenza.synthetic.instruments import (
    BASS_GUITAR,
    GUITAR,
    PAD,
    STRINGS,
    Voice,
    electric_piano,
    hi_hat,
    kick,
    snare,
)
from cadenza.synthetic.score import (
    MAJOR,
    MINOR,
    Instrument,
    Note,
    Part,
    events,
    lift,
    scale_pitch,
)


@dataclass(frozen=True)
class Line:
    """What an instrument plays: patterns, one a bar, in turn.

    Parameters
    ----------
    stem : {"vocals", "drums", "bass", "other"}
    instrument : Instrument
    patterns : tuple of str
        In the notation of `cadenza.synthetic.score`; all bars have the same number of steps.
    lowest : int
        Pitch of a drum's stroke; otherwise chords and roots are placed in the octave above it.
        The melody goes by the tonic of the style instead.
    pan, level_db : float
        As in `cadenza.synthetic.score.Part`.
    """

    stem: Stem
    instrument: Instrument
    patterns: tuple[str, ...]
    lowest: int
    pan: float
    level_db: float


@dataclass(frozen=True)
class Style:
    """All that makes a song, apart from chance.

    Parameters
    ----------
    title, genre : str
    tempo_bpm : float
        Beats a minute.
    beats_per_bar : int
    tonic : int
        Pitch of the key note, in the range of the voice.
    scale : tuple of int
        Semitones of the scale's seven tones above the tonic, `MAJOR` or `MINOR`.
    progression : tuple of int
        Scale degree (0 is the tonic) of each bar's chord.
    reverberation_s : float
        Reverberation time (60 dB) of the room.
    lines : tuple of Line
    """

    title: str
    genre: str
    tempo_bpm: float
    beats_per_bar: int
    tonic: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    reverberation_s: float
    lines: tuple[Line, ...]

    @property
    def bar_s(self) -> float:
        """Length of a bar in seconds."""
        return self.beats_per_bar * 60 / self.tempo_bpm


STYLES = (
    Style(
        title="Demo Band - Night Bus",
        genre="Pop/Rock",
        tempo_bpm=120,
        beats_per_bar=4,
        tonic=64,
        scale=MINOR,
        progression=(0, 5, 2, 6),
        reverberation_s=0.5,
        lines=(
            Line("vocals", Voice("aah"), ("m..m..m.m...m.--", "m...m.m.m.....--"), 0, 0.0, 1),
            Line("drums", kick, ("x-----o-x-x-----",), 31, 0.0, 0),
            Line("drums", snare, ("----x-------x--o", "----x--o----x---"), 55, 0.0, -2),
            Line("drums", hi_hat, ("x-o-x-o-x-o-x...", "x-o-x-o-x-o-x-o-"), 116, 0.3, -14),
            Line("bass", BASS_GUITAR, ("1..1--1.8..1..5.",), 28, 0.0, -1),
            Line("other", PAD, ("c...............",), 55, -0.6, -4),
            Line("other", GUITAR, ("1.5.8.0.5.8.0.8.",), 52, 0.6, -3),
        ),
    ),
    Style(
        title="Demo Band - First Snow",
        genre="Singer/Songwriter",
        tempo_bpm=90,
        beats_per_bar=3,
        tonic=65,
        scale=MAJOR,
        progression=(0, 5, 3, 4),
        reverberation_s=1.0,
        lines=(
            Line("vocals", Voice("ooh"), ("m...m.m.m...", "m.......m.--"), 0, 0.0, 0),
            Line("drums", kick, ("x-----------", "x-------o---"), 29, 0.0, -5),
            Line("drums", snare, ("----o---o---",), 57, 0.1, -8),
            Line("drums", hi_hat, ("--x-x-o-x-o-", "o-x-x-o-x..."), 118, -0.3, -16),
            Line("bass", BASS_GUITAR, ("1.......5...", "1.....--3.5."), 29, 0.0, -1),
            Line("other", electric_piano, ("1.3.5.8.5.3.", "1.5.8.0.8.5."), 53, -0.5, -2),
            Line("other", STRINGS, ("c...........",), 60, 0.6, -6),
        ),
    ),
)
"""The two songs of the demo: rock in E minor, and a waltz in F major."""


def compose(style: Style, *, n_bars: int, rng: np.random.Generator) -> tuple[Part, ...]:
    """Write the parts of a song; the same generator state gives the same song.

    Players are human: every note is a few milliseconds early or late, and a little stronger or
    weaker than the last one.
    """
    return tuple(
        Part(line.stem, line.instrument, _notes(style, line, n_bars, rng), line.pan, line.level_db)
        for line in style.lines
    )


def _notes(style: Style, line: Line, n_bars: int, rng: np.random.Generator) -> tuple[Note, ...]:
    notes = []
    melody = 0
    for bar in range(n_bars):
        root = style.progression[bar % len(style.progression)]
        pattern = line.patterns[bar % len(line.patterns)]
        step_s = style.bar_s / len(pattern)
        for first, n_steps, character in events(pattern):
            on_beat = first % (len(pattern) // style.beats_per_bar) == 0
            if character == "m":
                melody = _next_degree(melody, root, on_beat=on_beat, rng=rng)
                pitches = [scale_pitch(melody, tonic=style.tonic, scale=style.scale)]
            else:
                pitches = _pitches(style, character, root, line.lowest)
            start_s = (bar * len(pattern) + first) * step_s + rng.normal(0, 0.004)
            strength = 0.45 if character == "o" else 0.85 if on_beat else 0.7
            velocity = strength + rng.uniform(-0.08, 0.08)
            notes += [Note(max(start_s, 0.0), n_steps * step_s, p, velocity) for p in pitches]
    return tuple(notes)


def _pitches(style: Style, character: str, root: int, lowest: int) -> list[int]:
    """Pitches of a stroke, a chord or a tone of the chord."""
    if character in "xo":
        return [lowest]
    if character == "c":
        chord = (scale_pitch(root + i, tonic=style.tonic, scale=style.scale) for i in (0, 2, 4))
        return sorted(lift(pitch, lowest) for pitch in chord)
    above = (int(character) or 10) - 1
    bottom = scale_pitch(root, tonic=style.tonic, scale=style.scale)
    tone = scale_pitch(root + above, tonic=style.tonic, scale=style.scale)
    return [lift(bottom, lowest) + tone - bottom]


def _next_degree(degree: int, root: int, *, on_beat: bool, rng: np.random.Generator) -> int:
    """Scale degree that follows `degree` in a melody between the fourth below and the octave."""
    range_of_voice = range(-3, 8)
    if on_beat:
        target = degree + rng.integers(-2, 4)
        chord = [d for d in range_of_voice if (d - root) % 7 in (0, 2, 4) and d != degree]
        return min(chord, key=lambda d: abs(d - target))
    steps = [d for d in (degree - 1, degree + 1) if d in range_of_voice]
    return int(rng.choice(steps))
