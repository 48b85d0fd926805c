"""Random instruments and singers for a band."""

from __future__ import annotations

import numpy as np

from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.percussive import Cymbal, Drum, Modal
from cadenza.synthetic.score import Instrument
from cadenza.synthetic.singer import FORMANTS_HZ, Singer
from cadenza.synthetic.sustained import Sustained, Unison

_BARS = ((1.0, 4.0, 10.0), (1.0, 3.9, 9.2, 16.0), (0.5, 1.0, 1.2, 1.5, 2.0, 2.7, 4.1))
"""Modes of vibraphone, marimba and tubular bell, relative to the pitch."""


def random_drum(rng: np.random.Generator) -> Drum:
    """A bass drum, from a dull thud to a long electronic boom; at a higher pitch a tom."""
    low_hz = rng.uniform(500, 3000)
    return Drum(
        skin=1.0,
        rattle=rng.uniform(0.02, 0.3),
        skin_decay_s=rng.uniform(0.05, 0.3),
        rattle_decay_s=rng.uniform(0.002, 0.03),
        bend=np.exp(rng.uniform(-1.5, 1.8)),
        bend_s=rng.uniform(0.01, 0.05),
        band_hz=(low_hz, rng.uniform(1.5, 3) * low_hz),
    )


def random_snare(rng: np.random.Generator) -> Drum:
    """A snare drum, a clap or a rim shot."""
    return Drum(
        skin=rng.uniform(0.0, 1.0),
        rattle=rng.uniform(0.3, 0.8),
        skin_decay_s=rng.uniform(0.03, 0.1),
        rattle_decay_s=rng.uniform(0.02, 0.14),
        bend=rng.uniform(0.1, 0.6),
        bend_s=rng.uniform(0.01, 0.03),
        band_hz=(rng.uniform(300, 2000), rng.uniform(4000, 9000)),
    )


def random_cymbal(rng: np.random.Generator, *, ring_s: tuple[float, float]) -> Cymbal:
    """A cymbal whose ring lasts for a time in the range `ring_s`."""
    return Cymbal(rng.uniform(*ring_s), rng.uniform(0.0, 1.5), int(rng.integers(2**32)))


def random_bass(rng: np.random.Generator) -> Instrument:
    """A bass guitar, a double bass or a synthesiser bass."""
    if rng.random() < 0.6:
        return _string(rng, ring_s=(0.2, 1.0), cutoff_hz=(250, 1200))
    return _synthesiser(rng, cutoff_hz=rng.uniform(120, 1200), attack_s=rng.uniform(0.004, 0.03))


def random_other(rng: np.random.Generator) -> Instrument:
    """Anything else: guitar, piano, pad, organ, brass, orchestra ..."""
    kind = rng.choice(["guitar", "piano", "bars", "pad", "synthesiser", "orchestra"])
    if kind == "guitar":
        return _string(rng, ring_s=(0.3, 2.0), cutoff_hz=(1200, 6000))
    if kind == "piano":
        return _string(rng, ring_s=(0.3, 1.8), cutoff_hz=(500, 3000))
    if kind == "bars":
        ratios = _BARS[rng.integers(len(_BARS))]
        return Modal(ratios, rng.uniform(0.2, 1.8), 0.5, rng.uniform(0.8, 1.8), 4000, contact=0.02)
    if kind == "pad":
        player = _synthesiser(
            rng, cutoff_hz=rng.uniform(500, 4000), attack_s=rng.uniform(0.02, 0.3)
        )
        return Unison(player, int(rng.integers(2, 4)), detune_cents=rng.uniform(3, 12))
    if kind == "orchestra":
        return list(ORCHESTRA.values())[rng.integers(len(ORCHESTRA))].varied(rng)
    return _synthesiser(rng, cutoff_hz=rng.uniform(600, 5000), attack_s=rng.uniform(0.004, 0.08))


def random_singer(rng: np.random.Generator, *, low: bool) -> Singer:
    """A singer with a low (often a man's) or a high voice."""
    voice = Sustained(
        resonances=(),
        rolloff=rng.uniform(0.7, 1.3),
        cutoff_hz=rng.uniform(3000, 9000),
        noise_db=rng.uniform(-42, -22),
        attack_s=rng.uniform(0.02, 0.08),
        release_s=rng.uniform(0.04, 0.12),
        vibrato_hz=rng.uniform(4.8, 6.3),
        vibrato_cents=rng.uniform(0, 50),
        scoop_cents=150,
    )
    n_vowels = int(rng.integers(2, len(FORMANTS_HZ) + 1))
    return Singer(
        voice,
        tract=rng.uniform(0.8, 0.92) if low else rng.uniform(0.93, 1.12),
        vowels=tuple(rng.permutation(list(FORMANTS_HZ))[:n_vowels].tolist()),
        consonants=0.0 if rng.random() < 0.2 else rng.uniform(0.1, 0.6),
    )


def _string(
    rng: np.random.Generator, *, ring_s: tuple[float, float], cutoff_hz: tuple[float, float]
) -> Modal:
    """Modes of a string, which are a little sharp if it is stiff."""
    stiffness = rng.uniform(0, 5e-4)
    return Modal(
        ratios=tuple(float(k * np.sqrt(1 + stiffness * k**2)) for k in range(1, 31)),
        ring_s=rng.uniform(*ring_s),
        damping=rng.uniform(0.05, 0.4),
        rolloff=rng.uniform(0.7, 1.3),
        cutoff_hz=rng.uniform(*cutoff_hz),
        contact=rng.uniform(0, 0.1),
    )


def _synthesiser(rng: np.random.Generator, *, cutoff_hz: float, attack_s: float) -> Sustained:
    """Organ, brass, lead or bass: anything from a square wave to a saw-tooth."""
    return Sustained(
        resonances=((cutoff_hz, rng.uniform(0, 9), rng.uniform(0.7, 3)),),
        rolloff=rng.uniform(0.5, 1.5),
        cutoff_hz=cutoff_hz,
        noise_db=rng.uniform(-70, -35),
        attack_s=attack_s,
        release_s=rng.uniform(0.03, 0.2),
        vibrato_hz=rng.uniform(4, 7),
        vibrato_cents=rng.choice([0.0, 0.0, rng.uniform(0, 25)]),
        even=rng.uniform(0, 1),
    )
