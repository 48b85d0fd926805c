"""Drums and cymbals, each drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadenza.synthetic.score import Instrument, frequency_hz
from cadenza.synthetic.synthesis import decay, modes, noise


@dataclass(frozen=True)
class Drum:
    """Bass drum, snare, tom or clap: a skin whose pitch falls when it is struck, and noise.

    Parameters
    ----------
    skin, rattle : float
        Amplitudes of the skin and of the noise.
    skin_decay_s, rattle_decay_s : float
        Times in which they fall to 1/e.
    bend, bend_s : float
        At the stroke the frequency is higher by this factor, less one; it falls in `bend_s`.
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

    def __call__(
        self,
        pitch: float,
        _: float,
        velocity: float,
        /,
        *,
        sample_rate: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Sound of one stroke; a drum rings as long as it wants."""
        longest_s = 4 * max(self.skin_decay_s, self.rattle_decay_s)
        body = decay(longest_s, time_constant_s=self.skin_decay_s, sample_rate=sample_rate)
        wires = decay(longest_s, time_constant_s=self.rattle_decay_s, sample_rate=sample_rate)
        times_s = np.arange(body.size) / sample_rate
        bend = 1 + velocity * self.bend * np.exp(-times_s / self.bend_s)
        tone = np.sin(2 * np.pi * frequency_hz(pitch) * np.cumsum(bend) / sample_rate)
        hiss = noise(body.size, self.band_hz, sample_rate=sample_rate, rng=rng)
        return np.asarray(velocity * (self.skin * body * tone + self.rattle * wires * hiss))


@dataclass(frozen=True)
class Cymbal:
    """Hi-hat, ride, crash, shaker: noise above the pitch, and modes of a plate.

    Parameters
    ----------
    ring_s : float
        Time to fall to 1/e.
    metal : float
        Amplitude of the modes relative to the noise.
    specimen : int
        Seed of their frequencies.
    """

    ring_s: float
    metal: float
    specimen: int

    def __call__(
        self,
        pitch: float,
        _: float,
        velocity: float,
        /,
        *,
        sample_rate: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Sound of one stroke."""
        ring_s = self.ring_s * rng.uniform(0.8, 1.2)
        envelope = decay(4 * ring_s, time_constant_s=ring_s, sample_rate=sample_rate)
        band_hz = (frequency_hz(pitch), 0.4 * sample_rate)
        hiss = noise(envelope.size, band_hz, sample_rate=sample_rate, rng=rng)
        plate = np.random.default_rng(self.specimen).uniform(*band_hz, 30)
        amplitudes, phases = rng.rayleigh(0.2, 30), rng.uniform(0, 2 * np.pi, 30)
        ringing = modes(
            plate, amplitudes, np.inf, envelope.size, sample_rate=sample_rate, phases=phases
        )
        return velocity * envelope * (hiss + self.metal * ringing)


def random_kick(rng: np.random.Generator) -> Instrument:
    """A bass drum, from a dull thud to a long electronic boom."""
    low_hz = rng.uniform(500, 3000)
    return Drum(
        skin=1.0,
        rattle=rng.uniform(0.02, 0.3),
        skin_decay_s=rng.uniform(0.05, 0.25),
        rattle_decay_s=rng.uniform(0.002, 0.01),
        bend=rng.uniform(1, 6),
        bend_s=rng.uniform(0.01, 0.04),
        band_hz=(low_hz, rng.uniform(1.5, 3) * low_hz),
    )


def random_snare(rng: np.random.Generator) -> Instrument:
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


def random_tom(rng: np.random.Generator) -> Instrument:
    """A tom or a hand drum."""
    return Drum(
        skin=1.0,
        rattle=rng.uniform(0.05, 0.3),
        skin_decay_s=rng.uniform(0.08, 0.3),
        rattle_decay_s=rng.uniform(0.01, 0.05),
        bend=rng.uniform(0.1, 0.8),
        bend_s=rng.uniform(0.02, 0.08),
        band_hz=(rng.uniform(300, 1500), 6000),
    )


def random_cymbal(rng: np.random.Generator, *, ring_s: tuple[float, float]) -> Instrument:
    """A cymbal that rings for a time in the range `ring_s`."""
    return Cymbal(rng.uniform(*ring_s), rng.uniform(0.0, 1.5), int(rng.integers(2**32)))
