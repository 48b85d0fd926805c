"""Styles of pop songs, drawn by chance: key, tempo, patterns, band, levels and room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cadenza.stems import Stem
from cadenza.synthetic.band import random_bass, random_other
from cadenza.synthetic.composition import Line, Style
from cadenza.synthetic.percussion import random_cymbal, random_kick, random_snare, random_tom
from cadenza.synthetic.score import MAJOR, MINOR, Instrument, rhythm
from cadenza.synthetic.singer import Singer

PROGRESSIONS = (
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (0, 3, 0, 4),
    (0, 5, 1, 4),
    (0, 2, 3, 4),
    (0, 6, 5, 6),
    (0, 0, 3, 4),
    (0, 3),
    (0, 5, 2, 6),
)
"""Scale degree of each bar's chord, by song."""

# Short patterns of some beats, four steps a beat; rests come last
_MELODY = ("m...", "m.m.", "m..m", "m.......", "m.m.m...", "--m.", "mm..", "m...----", "----")
_BACKING = ("m...", "m.......", "m...............", "----")
_BASS = ("1...", "1.......", "1.1.", "1.8.", "1..1", "1.5.", "1111", "1.--", "--1.", "1.5.8.5.")
_CHORDS = ("c...", "c.......", "c...............", "c.c.", "--c.", "c.--", "c..c", "c-c-", "----")
_BROKEN = ("1358", "1.5.", "8.5.3.5.", "1.3.5.8.", "5.8.0.8.", "1585", "3.5.", "8..5", "----")
_HATS = ("x-x-", "x-o-", "xoxo", "xooo", "--x-", "x---", "xoxx")


def random_style(rng: np.random.Generator) -> Style:
    """A style like no other; `cadenza.synthetic.music.perform` makes a song of it."""
    beats_per_bar = 4 if rng.random() < 0.8 else 3
    low_voice = bool(rng.random() < 0.5)
    n_steps = 4 * beats_per_bar
    return Style(
        title="Chance",
        genre="Pop/Rock",
        tempo_bpm=rng.uniform(66, 150),
        beats_per_bar=beats_per_bar,
        tonic=int(rng.integers(45, 57) if low_voice else rng.integers(57, 68)),
        scale=MAJOR if rng.random() < 0.5 else MINOR,
        progression=PROGRESSIONS[rng.integers(len(PROGRESSIONS))],
        reverberation_s=rng.uniform(0.2, 1.5),
        lines=(
            *_vocals(n_steps, rng, low=low_voice),
            *_drums(n_steps, rng),
            _line("bass", random_bass(rng), _bars(_BASS, n_steps, rng), rng, lowest=(26, 34)),
            *_others(n_steps, rng),
        ),
    )


def _bars(cells: Sequence[str], n_steps: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Two to four bars of patterns, the first of which is not silent; nor may all cells be."""
    bars = [rhythm(cells, n_steps, rng) for _ in range(rng.integers(2, 5))]
    while not bars[0].strip("-"):
        bars[0] = rhythm(cells, n_steps, rng)
    return tuple(bars)


def _line(
    stem: Stem,
    instrument: Instrument,
    patterns: tuple[str, ...],
    rng: np.random.Generator,
    *,
    lowest: tuple[int, int] = (0, 1),
    width: float = 0.0,
    level_db: float = 0.0,
) -> Line:
    """Line with its lowest pitch in a range, up to `width` off the centre, at about a level."""
    return Line(
        stem,
        instrument,
        patterns,
        int(rng.integers(*lowest)),
        pan=rng.uniform(-width, width),
        level_db=level_db + rng.normal(0, 2.5),
    )


def _vocals(n_steps: int, rng: np.random.Generator, *, low: bool) -> Iterator[Line]:
    """Lead, and sometimes two more who sing a tone of the chord each."""
    lead = Singer.random(rng, low=low)
    yield _line("vocals", lead, _bars(_MELODY, n_steps, rng), rng, width=0.1)
    if rng.random() < 0.4:
        bars = _bars(_BACKING, n_steps, rng)
        for tone, lowest in (("1", (46, 54)), ("3", (54, 62))):
            singer = Singer.random(rng, low=tone == "1")
            tones = tuple(bar.replace("m", tone) for bar in bars)
            yield _line("vocals", singer, tones, rng, lowest=lowest, width=0.6, level_db=-7)


def _drums(n_steps: int, rng: np.random.Generator) -> Iterator[Line]:
    """Kick, snare and hi-hat, and often toms at the end of four bars and a crash after it."""
    step = np.arange(n_steps)
    beat = np.where(step % 4 == 0, step // 4, -1)
    kick_beats = 1 if rng.random() < 0.25 else 2  # four on the floor, or every other beat
    kick = np.select([step == 0, (beat >= 0) & (beat % kick_beats == 0)], [1, 0.8], 0.12)
    snare = np.select([beat < 0, beat % 2 == 1], [0.06, 0.95], 0.02)
    bars = [tuple(_strokes(chance, rng) for _ in range(2)) for chance in (kick, snare)]
    yield _line("drums", random_kick(rng), bars[0], rng, lowest=(24, 36))
    yield _line("drums", random_snare(rng), bars[1], rng, lowest=(48, 62), level_db=-2)
    hats = _bars([_HATS[rng.integers(len(_HATS))]], n_steps, rng)
    hat = random_cymbal(rng, ring_s=(0.015, 0.12))
    yield _line("drums", hat, hats, rng, lowest=(100, 119), width=0.5, level_db=-12)
    if rng.random() < 0.6:
        silence = ("-" * n_steps,) * 3
        fill = (*silence, _strokes(np.where(step < n_steps // 2, 0, 0.6), rng))
        yield _line("drums", random_tom(rng), fill, rng, lowest=(38, 55), width=0.5, level_db=-6)
        crash = ("x".ljust(n_steps, "."), *silence)
        ringing = random_cymbal(rng, ring_s=(0.3, 0.9))
        yield _line("drums", ringing, crash, rng, lowest=(90, 110), width=0.5, level_db=-10)


def _strokes(chance: NDArray[np.float64], rng: np.random.Generator) -> str:
    """Bar of a drum, from the chance of a stroke at each step; the less likely are often soft."""
    hit = rng.random(chance.size) < chance
    soft = (chance < 0.5) & (rng.random(chance.size) < 0.5)
    return "".join(np.select([hit & soft, hit], ["o", "x"], "-"))


def _others(n_steps: int, rng: np.random.Generator) -> Iterator[Line]:
    """One to three instruments with chords or broken chords."""
    for _ in range(rng.integers(1, 4)):
        cells = _CHORDS if rng.random() < 0.5 else _BROKEN
        motif = [cells[i] for i in rng.integers([len(cells) - 1, len(cells)])]
        bars = _bars(motif, n_steps, rng)
        yield _line("other", random_other(rng), bars, rng, lowest=(45, 65), width=0.8, level_db=-4)
