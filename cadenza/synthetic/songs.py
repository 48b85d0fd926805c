"""Pop songs: a random plan (key, tempo, chords, patterns, band), and its performance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from cadenza.levels import db_to_gain
from cadenza.stems import STEMS, Stem
from cadenza.synthetic import band
from cadenza.synthetic.mixing import Stems, at_level, fade_out, length, pan, play
from cadenza.synthetic.room import reverberation
from cadenza.synthetic.score import TRIAD, Instrument, Key, Note, events, lift, next_degree, rhythm
from cadenza.synthetic.synthesis import Signal

_PROGRESSIONS = ("1564", "1645", "6415", "1415", "1625", "1345", "1767", "1145", "1414", "1637")
"""Degrees of the scale on which the chords of four bars stand."""

# Short patterns of some beats, four steps a beat; rests come last
_MELODY = ("m...", "m.m.", "m..m", "m.......", "m.m.m...", "--m.", "mm..", "m...----", "----")
_BACKING = ("m...", "m.......", "m...............", "----")
_BASS = ("1...", "1.......", "1.1.", "1.8.", "1..1", "1.5.", "1111", "1.--", "--1.", "1.5.8.5.")
_CHORDS = ("c...", "c.......", "c...............", "c.c.", "--c.", "c.--", "c..c", "c-c-", "----")
_BROKEN = ("1358", "1.5.", "8.5.3.5.", "1.3.5.8.", "5.8.0.8.", "1585", "3.5.", "8..5", "----")
_HATS = ("x-x-", "x-o-", "xoxo", "xooo", "--x-", "x---", "xoxx")

_MELODY_COMPASS = range(-3, 8)  # from the fourth below the keynote to the octave


@dataclass(frozen=True)
class Line:
    """What one instrument plays, and its place in the mix.

    Parameters
    ----------
    stem : {"vocals", "drums", "bass", "other"}
        A stem is the sum of its lines.
    instrument : Instrument
    patterns : tuple of str
        One a bar, in turn, in the notation of `cadenza.synthetic.score`.
    lowest : int
        Pitch of a drum; or where the octave for chords and roots begins. The melody follows the
        key instead.
    width, level_db : float
        How far from the centre the mix may place it (1: at a loudspeaker), and its typical level
        (RMS) relative to the other lines.
    """

    stem: Stem
    instrument: Instrument
    patterns: tuple[str, ...]
    lowest: int = 0
    width: float = 0.0
    level_db: float = 0.0


@dataclass(frozen=True)
class Song:
    """Plan of a song.

    Parameters
    ----------
    tempo_bpm, beats_per_bar : float, int
    key : Key
        Its keynote is in the range of the voice.
    progression : tuple of int
        Scale degree of the root of each bar's chord; it repeats until the song ends.
    reverberation_s, reverberation_db : float
        Reverberation time (60 dB) of the room, and its level relative to the direct sound.
    lines : tuple of Line
    """

    tempo_bpm: float
    beats_per_bar: int
    key: Key
    progression: tuple[int, ...]
    reverberation_s: float
    reverberation_db: float
    lines: tuple[Line, ...]

    @property
    def bar_s(self) -> float:
        """Length of a bar in seconds."""
        return self.beats_per_bar * 60 / self.tempo_bpm

    def notes(self, line: Line, *, duration_s: float, rng: np.random.Generator) -> Iterator[Note]:
        """Notes of a line that start within `duration_s`, with the small errors of a player."""
        degree = 0
        for bar in range(math.ceil(duration_s / self.bar_s)):
            root = self.progression[bar % len(self.progression)]
            pattern = line.patterns[bar % len(line.patterns)]
            step_s = self.bar_s / len(pattern)
            for first, n_steps, character in events(pattern):
                on_beat = first % (len(pattern) // self.beats_per_bar) == 0
                if character == "m":
                    degree = next_degree(degree, _MELODY_COMPASS, rng, root=root, on_beat=on_beat)
                    pitches = [self.key.pitch(degree)]
                else:
                    pitches = self._pitches(character, root, line.lowest)
                start_s = bar * self.bar_s + first * step_s + rng.normal(0, 0.004)
                strength = 0.45 if character == "o" else 0.85 if on_beat else 0.7
                velocity = strength + rng.uniform(-0.08, 0.08)
                for pitch in pitches:
                    yield Note(max(start_s, 0.0), n_steps * step_s, pitch, velocity)

    def _pitches(self, character: str, root: int, lowest: int) -> list[int]:
        """Pitches of a stroke, a chord or a tone of the chord."""
        if character in "xo":
            return [lowest]
        if character == "c":
            return [lift(self.key.pitch(root + tone), lowest) for tone in TRIAD]
        above = (int(character) or 10) - 1
        bottom = self.key.pitch(root)
        return [lift(bottom, lowest) + self.key.pitch(root + above) - bottom]


def random_song(rng: np.random.Generator) -> Song:
    """Plan of a random song; `perform_song` plays it."""
    beats_per_bar = 4 if rng.random() < 0.8 else 3
    low_voice = bool(rng.random() < 0.5)
    n_steps = 4 * beats_per_bar
    bass = band.random_bass(rng)
    return Song(
        tempo_bpm=rng.uniform(66, 160),
        beats_per_bar=beats_per_bar,
        key=Key.random(rng, lowest=45 if low_voice else 57),
        progression=tuple(int(degree) - 1 for degree in rng.choice(_PROGRESSIONS)),
        reverberation_s=rng.uniform(0.2, 1.5),
        reverberation_db=rng.uniform(-20, -11),
        lines=(
            *_vocals(n_steps, rng, low=low_voice),
            *_drums(n_steps, rng),
            Line("bass", bass, _bars(_BASS, n_steps, rng), int(rng.integers(26, 34))),
            *_others(n_steps, rng),
        ),
    )


def perform_song(
    song: Song, *, duration_s: float, sample_rate: float, rng: np.random.Generator
) -> Stems:
    """Play a song and mix it.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        The four stems, each with an RMS within some dB of 1; `cadenza.synthetic.mixing.set_level`
        brings them below full scale. They fade out over the last 50 ms.

    Raises
    ------
    ValueError
        If the duration is not positive, or the sample rate below 22050 Hz.
    """
    n_samples = length(duration_s, sample_rate)
    room_rng, *line_rngs = rng.spawn(1 + len(song.lines))
    room = reverberation(song.reverberation_s, sample_rate=sample_rate, rng=room_rng)
    stems: Stems = {name: np.zeros((2, n_samples)) for name in STEMS}
    for line, line_rng in zip(song.lines, line_rngs, strict=True):
        notes = song.notes(line, duration_s=duration_s, rng=line_rng)
        mono = play(line.instrument, notes, n_samples, sample_rate=sample_rate, rng=line_rng)
        levelled = at_level(mono, line.level_db + line_rng.normal(0, 2.5))
        stems[line.stem] += pan(levelled, line_rng.uniform(-line.width, line.width))
    for name, dry in stems.items():
        wet = oaconvolve(dry.mean(axis=0, keepdims=True), room, axes=-1)[:, :n_samples]
        mixed = dry + db_to_gain(song.reverberation_db) * wet
        stems[name] = fade_out(mixed, sample_rate=sample_rate)
    return stems


def _bars(cells: Sequence[str], n_steps: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Two to four bars; the first one is not silent."""
    bars = [rhythm(cells, n_steps, rng) for _ in range(rng.integers(2, 5))]
    while not bars[0].strip("-"):
        bars[0] = rhythm(cells, n_steps, rng)
    return tuple(bars)


def _vocals(n_steps: int, rng: np.random.Generator, *, low: bool) -> Iterator[Line]:
    """A lead, and sometimes two backing singers with one tone of the chord each."""
    lead = band.random_singer(rng, low=low)
    yield Line("vocals", lead, _bars(_MELODY, n_steps, rng), width=0.1)
    if rng.random() < 0.4:
        bars = _bars(_BACKING, n_steps, rng)
        for tone, lowest in (("1", int(rng.integers(46, 54))), ("3", int(rng.integers(54, 62)))):
            singer = band.random_singer(rng, low=tone == "1")
            tones = tuple(bar.replace("m", tone) for bar in bars)
            yield Line("vocals", singer, tones, lowest, width=0.6, level_db=-7)


def _drums(n_steps: int, rng: np.random.Generator) -> Iterator[Line]:
    """Kick, snare and hi-hat; often toms at the end of every fourth bar, then a crash."""
    step = np.arange(n_steps)
    beat = np.where(step % 4 == 0, step // 4, -1)
    kick_beats = 1 if rng.random() < 0.25 else 2  # four on the floor, or every other beat
    kick = np.select([step == 0, (beat >= 0) & (beat % kick_beats == 0)], [1, 0.8], 0.12)
    snare = np.select([beat < 0, beat % 2 == 1], [0.06, 0.95], 0.02)
    bars = [tuple(_strokes(chance, rng) for _ in range(2)) for chance in (kick, snare)]
    yield Line("drums", band.random_drum(rng), bars[0], int(rng.integers(24, 36)))
    yield Line("drums", band.random_snare(rng), bars[1], int(rng.integers(48, 62)), level_db=-2)
    hats = _bars([_HATS[rng.integers(len(_HATS))]], n_steps, rng)
    hat = band.random_cymbal(rng, ring_s=(0.015, 0.12))
    yield Line("drums", hat, hats, int(rng.integers(100, 119)), width=0.5, level_db=-12)
    if rng.random() < 0.6:
        silence = ("-" * n_steps,) * 3
        fill = (*silence, _strokes(np.where(step < n_steps // 2, 0, 0.6), rng))
        tom = band.random_drum(rng)
        yield Line("drums", tom, fill, int(rng.integers(38, 55)), width=0.5, level_db=-6)
        crash = ("x".ljust(n_steps, "."), *silence)
        ringing = band.random_cymbal(rng, ring_s=(0.3, 0.9))
        yield Line("drums", ringing, crash, int(rng.integers(90, 110)), width=0.5, level_db=-10)


def _strokes(chance: Signal, rng: np.random.Generator) -> str:
    """Bar of a drum, from the chance of a stroke at each step; unlikely ones are often soft."""
    hit = rng.random(chance.size) < chance
    soft = (chance < 0.5) & (rng.random(chance.size) < 0.5)
    return "".join(np.select([hit & soft, hit], ["o", "x"], "-"))


def _others(n_steps: int, rng: np.random.Generator) -> Iterator[Line]:
    """One to three instruments with chords or broken chords."""
    for _ in range(rng.integers(1, 4)):
        cells = _CHORDS if rng.random() < 0.5 else _BROKEN
        motif = [cells[i] for i in rng.integers([len(cells) - 1, len(cells)])]
        bars = _bars(motif, n_steps, rng)
        instrument = band.random_other(rng)
        yield Line("other", instrument, bars, int(rng.integers(45, 65)), width=0.8, level_db=-4)
