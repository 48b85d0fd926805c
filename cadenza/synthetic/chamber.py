"""Chamber music: pieces for two to five players, composed by chance and a few rules.

A piece is a row of sections of some bars. Each section has its texture: a chorale, a melody with
accompaniment, or an imitation, in which one voice after the other enters with the same theme.
On the beat all voices sing tones of the chord, in between they walk the scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cadenza.stems import instrument_of
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.score import MAJOR, MINOR, Note, events, rhythm, scale_pitch

ENSEMBLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "strings": (
        ("Violin_1", "Violin_2", "Viola", "Cello"),
        ("Violin_1", "Violin_2", "Viola_1", "Viola_2", "Cello"),
        ("Violin", "Viola", "Cello"),
        ("Violin_1", "Violin_2", "Cello"),
        ("Violin", "Viola"),
        ("Viola", "Cello"),
    ),
    "woodwind": (
        ("Flute", "Oboe", "Clarinet", "Bassoon"),
        ("Flute", "Oboe", "Sax", "Bassoon"),
        ("Clarinet", "Sax_1", "Sax_2", "Bassoon"),
        ("Flute_1", "Flute_2", "Clarinet", "Sax", "Bassoon"),
        ("Oboe", "Clarinet", "Bassoon"),
        ("Flute", "Clarinet"),
        ("Oboe", "Sax"),
    ),
}
"""Sources of the ensembles from the highest to the lowest voice, by family."""

SCALES = (MAJOR, MAJOR, MINOR, (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 5, 7, 9, 10))
"""Major (twice as likely as the others), minor, Dorian and Mixolydian."""

_STEPS = 4  # to a beat
_BAR_BEATS = 4
_FOLLOWERS = ((3, 4, 5, 1, 2), (4, 6, 3), (5, 3), (4, 0, 1), (0, 0, 5), (1, 3, 4), (0, 5))
"""Chords (degrees of the scale) that may follow the chord on the first, second ... degree."""

# Rhythms of one or two beats, in the notation of patterns (see `cadenza.synthetic.score`)
_CALM = ("m...", "m...", "m.......", "m...m...")
_FLOWING = ("m...", "m.m.", "m.m.", "m..m", "m.......", "m.....m.", "-...")
_LIVELY = ("mmmm", "m.mm", "mmm.", "m.m.", "m.m.", "m..m", "m...", "-.m.")
_ACCOMPANIMENTS = ("m...............", "m.......", "m...", "m.m.", "-.m.", "m...-...", "mmmm")


@dataclass(frozen=True)
class Section:
    """Some bars of a piece: what all voices share.

    Parameters
    ----------
    tonic : int
        Pitch of the key note, 0 to 11.
    scale : tuple of int
        Semitones of its seven tones above the tonic.
    chords : tuple of int
        Degree of the scale on which the chord of each beat stands.
    beat_s : float
    """

    tonic: int
    scale: tuple[int, ...]
    chords: tuple[int, ...]
    beat_s: float


def compose_chamber(
    sources: tuple[str, ...], *, duration_s: float, rng: np.random.Generator
) -> dict[str, tuple[Note, ...]]:
    """Notes of a piece of at least `duration_s`, for each source; key and tempo are by chance."""
    scale = SCALES[rng.integers(len(SCALES))]
    tonic = int(rng.integers(12))
    beat_s = 60 / rng.uniform(56, 138)
    compasses = [
        _compass(source, voice / (len(sources) - 1), tonic, scale, rng)
        for voice, source in enumerate(sources)
    ]
    notes: dict[str, list[Note]] = {source: [] for source in sources}
    start_s = 0.0
    while start_s < duration_s:
        n_beats = _BAR_BEATS * int(rng.integers(2, 5))
        section = Section(tonic, scale, _harmony(n_beats, rng), beat_s)
        strength = rng.uniform(0.4, 0.85)
        for voice, (pattern, seed) in enumerate(texture(len(sources), n_beats, rng)):
            line = _line(
                section,
                pattern,
                compasses[voice],
                strength=strength + rng.uniform(-0.1, 0.1),
                is_bass=voice == len(sources) - 1,
                rng=np.random.default_rng(seed),
            )
            legato = rng.choice([1.05, 1.0, 0.9, 0.6])
            notes[sources[voice]] += _played(line, start_s, legato, rng)
        start_s += n_beats * beat_s
    return {source: tuple(line) for source, line in notes.items()}


def _compass(
    source: str, depth: float, tonic: int, scale: tuple[int, ...], rng: np.random.Generator
) -> range:
    """Degrees of the scale that a voice uses: high (`depth` 0) to low (1) in its instrument."""
    instrument = ORCHESTRA[instrument_of(source)]
    low, high = instrument.lowest + 8, instrument.highest - 8
    centre = np.clip(high - 3 - depth * (high - low - 5) + rng.uniform(-4, 4), low, high)
    degrees = [
        degree
        for degree in range(75)
        if abs(scale_pitch(degree, tonic=tonic, scale=scale) - centre) <= 8
    ]
    return range(degrees[0], degrees[-1] + 1)


def _harmony(n_beats: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Chord of each beat: it changes every half bar or every bar, and begins with the tonic."""
    beats_per_chord = int(rng.choice([_BAR_BEATS // 2, _BAR_BEATS]))
    chords = [0]
    while len(chords) * beats_per_chord < n_beats:
        chords.append(int(rng.choice(_FOLLOWERS[chords[-1]])))
    return tuple(np.repeat(chords, beats_per_chord).tolist())


def texture(n_voices: int, n_beats: int, rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    """Rhythm of every voice of a section, and the seed of its moves."""
    texture = rng.choice(["chorale", "melody", "imitation"])
    moving = _FLOWING if rng.random() < 0.6 else _LIVELY
    n_steps = n_beats * _STEPS
    seeds = rng.integers(2**32, size=n_voices).tolist()
    if texture == "chorale":
        rhythms = [rhythm(_CALM, n_steps, rng)] * n_voices
    elif texture == "melody":
        accompaniment = rhythm((rng.choice(_ACCOMPANIMENTS),), n_steps, rng)
        rhythms = [accompaniment] * (n_voices - 1) + [rhythm(_CALM, n_steps, rng)]
        leader = 0 if rng.random() < 0.6 else int(rng.integers(n_voices))
        rhythms[leader] = rhythm(moving, n_steps, rng)
    else:
        theme = rhythm(moving, n_steps, rng)
        apart = _STEPS * max(1, n_beats // (2 * n_voices))
        rhythms = [("-" * apart * k + theme)[: len(theme)] for k in rng.permutation(n_voices)]
        seeds = seeds[:1] * n_voices  # the same moves at another time
    return zip(rhythms, seeds, strict=True)


def _line(
    section: Section,
    pattern: str,
    compass: range,
    *,
    strength: float,
    is_bass: bool,
    rng: np.random.Generator,
) -> list[Note]:
    """Notes of a voice, exactly in time; `compass` holds the degrees that it may use."""
    degree = compass[len(compass) // 2]
    notes = []
    for first, n_steps, _ in events(pattern):
        beat, step = divmod(first, _STEPS)
        move = int(rng.integers(-3, 4))
        if step == 0:
            on_root = is_bass and beat % 2 == 0
            tones = (0,) if on_root else (0, 2, 4)
            chord = [d for d in compass if (d - section.chords[beat]) % 7 in tones]
            degree = min(chord, key=lambda d: abs(d - degree - move))
        else:
            degree = min(max(degree + (1 if move > 0 else -1), compass[0]), compass[-1])
        swell = 0.12 * math.sin(math.pi * beat / len(section.chords))  # over the phrase
        accent = 0.06 if beat % _BAR_BEATS == 0 and step == 0 else 0.0
        notes.append(
            Note(
                first / _STEPS * section.beat_s,
                n_steps / _STEPS * section.beat_s,
                scale_pitch(degree, tonic=section.tonic, scale=section.scale),
                min(strength + swell + accent, 1.0),
            )
        )
    return notes


def _played(
    notes: list[Note], start_s: float, legato: float, rng: np.random.Generator
) -> list[Note]:
    """Notes as people play them: a little early or late, more or less tied."""
    return [
        Note(
            max(start_s + note.start_s + rng.normal(0, 0.008), 0.0),
            max(note.duration_s * legato, 0.07),
            note.pitch,
            note.velocity * rng.uniform(0.92, 1.0),
        )
        for note in notes
    ]
