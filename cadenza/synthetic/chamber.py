"""Chamber music: random pieces for two to five players, in a room.

A piece is a sequence of sections of some bars. Each section has its own texture: a chorale, a
melody with accompaniment, or an imitation, in which the voices enter one after the other with the
same theme. On the beat all voices play tones of the chord; in between they walk the scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from cadenza.stems import instrument_of
from cadenza.synthetic.mixing import Stems, at_level, fade_out, length, play
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.room import Room
from cadenza.synthetic.score import TRIAD, Key, Note, events, next_degree, rhythm

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
"""Sources of each ensemble from the highest to the lowest voice, by family."""

_STEPS = 4  # to a beat
_BAR_BEATS = 4
_FOLLOWERS = ((3, 4, 5, 1, 2), (4, 6, 3), (5, 3), (4, 0, 1), (0, 0, 5), (1, 3, 4), (0, 5))
"""Chords (degrees of the scale) that may follow the chord on the first, second ... degree."""

# Rhythms of one or two beats, in the notation of `cadenza.synthetic.score`
_CALM = ("m...", "m...", "m.......", "m...m...")
_FLOWING = ("m...", "m.m.", "m.m.", "m..m", "m.......", "m.....m.", "-...")
_LIVELY = ("mmmm", "m.mm", "mmm.", "m.m.", "m.m.", "m..m", "m...", "-.m.")
_ACCOMPANIMENTS = ("m...............", "m.......", "m...", "m.m.", "-.m.", "m...-...", "mmmm")


@dataclass(frozen=True)
class Section:
    """Some bars of a piece: what all voices share."""

    key: Key
    chords: tuple[int, ...]  # degree of the chord's root on each beat
    start_s: float
    beat_s: float
    strength: float

    def notes(
        self,
        pattern: str,
        compass: range,
        *,
        is_bass: bool,
        moves: np.random.Generator,
        rng: np.random.Generator,
    ) -> Iterator[Note]:
        """Notes of a voice in the rhythm of `pattern`, within some degrees of the scale.

        `moves` decides on the steps of the voice, `rng` on how it is played: a little early or
        late, more or less tied.
        """
        legato = rng.choice([1.05, 1.0, 0.9, 0.6])
        strength = self.strength + rng.uniform(-0.1, 0.1)
        degree = compass[len(compass) // 2]
        for first, n_steps, _ in events(pattern):
            beat, step = divmod(first, _STEPS)
            tones = (0,) if is_bass and beat % 2 == 0 else TRIAD
            root = self.chords[beat]
            degree = next_degree(degree, compass, moves, root=root, on_beat=step == 0, tones=tones)
            swell = 0.12 * math.sin(math.pi * beat / len(self.chords))  # over the phrase
            accent = 0.06 if beat % _BAR_BEATS == 0 and step == 0 else 0.0
            start_s = self.start_s + first / _STEPS * self.beat_s + rng.normal(0, 0.008)
            yield Note(
                max(start_s, 0.0),
                max(n_steps / _STEPS * self.beat_s * legato, 0.07),
                self.key.pitch(degree),
                min(strength + swell + accent, 1.0) * rng.uniform(0.92, 1.0),
            )


def compose_chamber(
    sources: tuple[str, ...], *, duration_s: float, rng: np.random.Generator
) -> dict[str, list[Note]]:
    """Notes of a random piece of at least `duration_s`, for each source."""
    key = Key.random(rng, lowest=0)
    beat_s = 60 / rng.uniform(56, 138)
    last = len(sources) - 1
    compasses = [_compass(source, voice / last, key, rng) for voice, source in enumerate(sources)]
    notes: dict[str, list[Note]] = {source: [] for source in sources}
    start_s = 0.0
    while start_s < duration_s:
        n_beats = _BAR_BEATS * int(rng.integers(2, 5))
        section = Section(key, _harmony(n_beats, rng), start_s, beat_s, rng.uniform(0.4, 0.85))
        for voice, (pattern, seed) in enumerate(texture(len(sources), n_beats, rng)):
            moves = np.random.default_rng(seed)
            notes[sources[voice]] += section.notes(
                pattern, compasses[voice], is_bass=voice == last, moves=moves, rng=rng
            )
        start_s += n_beats * beat_s
    return notes


def _compass(source: str, depth: float, key: Key, rng: np.random.Generator) -> range:
    """Degrees of the scale that a voice uses: high (`depth` 0) to low (1) in its instrument."""
    lowest, highest = ORCHESTRA[instrument_of(source)].compass
    low, high = lowest + 8, highest - 8
    centre = np.clip(high - 3 - depth * (high - low - 5) + rng.uniform(-4, 4), low, high)
    degrees = [degree for degree in range(75) if abs(key.pitch(degree) - centre) <= 8]
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


def perform_chamber(
    sources: tuple[str, ...], *, duration_s: float, sample_rate: float, rng: np.random.Generator
) -> Stems:
    """Compose a piece and play it in a random room, as `cadenza.synthetic.dataset.chamber_stems`.

    `sources` names two or more instruments of `ORCHESTRA` from the highest to the lowest voice;
    ``_1`` and ``_2`` tell two of the same kind apart. The stems are what the microphones pick up,
    each with an RMS within some dB of 1; `cadenza.synthetic.mixing.set_level` brings them below
    full scale.

    Raises
    ------
    ValueError
        If a source is unknown or alone, the duration is not positive, or the sample rate too low.
    """
    unknown = {instrument_of(source) for source in sources} - set(ORCHESTRA)
    if unknown or len(sources) < 2:
        raise ValueError(f"sources must be two or more of {list(ORCHESTRA)}, got {sources}")
    n_samples = length(duration_s, sample_rate)
    compose_rng, room_rng, play_rng = rng.spawn(3)
    score = compose_chamber(sources, duration_s=duration_s, rng=compose_rng)
    room = Room.random(room_rng)
    seats_deg = np.linspace(-40, 40, len(sources)) + room_rng.uniform(-8, 8, len(sources))
    if room_rng.random() < 0.5:
        room_rng.shuffle(seats_deg)
    stems = {}
    for source, seat_deg in zip(sources, seats_deg, strict=True):
        instrument = ORCHESTRA[instrument_of(source)].varied(play_rng)
        dry = play(instrument, score[source], n_samples, sample_rate=sample_rate, rng=play_rng)
        distance_m = room_rng.uniform(1.2, min(4, room.size_m[0] / 2))
        response = room.response(seat_deg, distance_m, sample_rate=sample_rate, rng=room_rng)
        # in single precision, which takes half the time and is far better than 16 bits
        heard = oaconvolve(dry[np.newaxis].astype(np.float32), response.astype(np.float32), axes=-1)
        heard = fade_out(heard[:, :n_samples].astype(np.float64), sample_rate=sample_rate)
        stems[source] = at_level(heard, room_rng.normal(0, 3))
    return stems
