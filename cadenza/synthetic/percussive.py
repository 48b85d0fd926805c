"""Instruments that are plucked or struck: strings, bars, drums and cymbals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cadenza.synthetic.score import Note
from cadenza.synthetic.synthesis import Signal, decay, hold, modes, noise


@dataclass(frozen=True)
class Modal:
    """Guitar, bass guitar, piano, marimba, bell: a sum of decaying modes, brighter if loud.

    Parameters
    ----------
    ratios : tuple of float
        Frequencies of the modes relative to the pitch.
    ring_s : float
        Time in which the first mode of middle C falls to 1/e; two octaves below it is twice as
        long.
    damping : float
        The k-th mode decays 1 + `damping` (k - 1) times as fast as the first.
    rolloff : float
        The k-th mode has the amplitude 1 / k**rolloff.
    cutoff_hz : float
        Above this frequency the modes fall by another 12 dB an octave.
    contact : float
        Amplitude of the noise of pick, finger or hammer.
    """

    ratios: tuple[float, ...]
    ring_s: float
    damping: float
    rolloff: float
    cutoff_hz: float
    contact: float

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one note, damped when it ends."""
        envelope = hold(note.duration_s, attack_s=0.003, release_s=0.1, sample_rate=sample_rate)
        order = np.arange(1, len(self.ratios) + 1)
        frequencies = note.frequency_hz * np.array(self.ratios)
        # a string excited at the fraction p of its length has modes of amplitude sin(k pi p)
        amplitudes = np.sin(order * np.pi * rng.uniform(0.15, 0.25)) / order**self.rolloff
        cutoff_hz = self.cutoff_hz * (0.5 + note.velocity)
        ringing = modes(
            frequencies,
            amplitudes / (1 + (frequencies / cutoff_hz) ** 2),
            self.ring_s * 2 ** ((60 - note.pitch) / 24) / (1 + self.damping * (order - 1)),
            envelope.size,
            sample_rate=sample_rate,
        )
        contact = self.contact * np.exp(-np.arange(envelope.size) / (0.004 * sample_rate))
        contact *= noise(envelope.size, (1000, 6000), sample_rate=sample_rate, rng=rng)
        return note.velocity * envelope * (ringing + contact)


@dataclass(frozen=True)
class Drum:
    """Bass drum, snare, tom or clap: a skin whose pitch falls after the stroke, and noise.

    Parameters
    ----------
    skin, rattle : float
        Amplitudes of the skin and of the noise.
    skin_decay_s, rattle_decay_s : float
        Times in which they fall to 1/e.
    bend, bend_s : float
        A full stroke begins at 1 + `bend` times the pitch, and approaches it with the time
        constant `bend_s`.
    band_hz : tuple of float
        Band of the noise.
    """

    skin: float
    rattle: float
    skin_decay_s: float
    rattle_decay_s: float
    bend: float
    bend_s: float
    band_hz: tuple[float, float]

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one stroke; its duration plays no part."""
        longest_s = 4 * max(self.skin_decay_s, self.rattle_decay_s)
        body = decay(longest_s, time_constant_s=self.skin_decay_s, sample_rate=sample_rate)
        wires = decay(longest_s, time_constant_s=self.rattle_decay_s, sample_rate=sample_rate)
        times_s = np.arange(body.size) / sample_rate
        bend = 1 + note.velocity * self.bend * np.exp(-times_s / self.bend_s)
        tone = np.sin(2 * np.pi * note.frequency_hz * np.cumsum(bend) / sample_rate)
        hiss = noise(body.size, self.band_hz, sample_rate=sample_rate, rng=rng)
        return np.asarray(note.velocity * (self.skin * body * tone + self.rattle * wires * hiss))


@dataclass(frozen=True)
class Cymbal:
    """Hi-hat, ride, crash, shaker: noise above the pitch, and the modes of a plate.

    `ring_s` is the time to fall to 1/e, `metal` the amplitude of the modes relative to the noise,
    and `plate_seed` the seed of their frequencies.
    """

    ring_s: float
    metal: float
    plate_seed: int

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one stroke; its duration plays no part."""
        ring_s = self.ring_s * rng.uniform(0.8, 1.2)
        envelope = decay(4 * ring_s, time_constant_s=ring_s, sample_rate=sample_rate)
        band_hz = (note.frequency_hz, 0.4 * sample_rate)
        hiss = noise(envelope.size, band_hz, sample_rate=sample_rate, rng=rng)
        ringing = modes(
            np.random.default_rng(self.plate_seed).uniform(*band_hz, 30),
            rng.rayleigh(0.2, 30),
            np.inf,
            envelope.size,
            sample_rate=sample_rate,
            phases=rng.uniform(0, 2 * np.pi, 30),
        )
        return note.velocity * envelope * (hiss + self.metal * ringing)
