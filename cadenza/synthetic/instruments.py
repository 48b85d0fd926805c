"""Instruments: one note in, its sound out.

All follow `cadenza.synthetic.score.Instrument`. How loud they are compared with each other does not
matter: the mix sets the level of every part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from cadenza.synthetic.score import frequency_hz
from cadenza.synthetic.synthesis import decay, hold, modes, noise

# The lowest three formants are the averages of women's voices in Peterson & Barney (1952), J.
# Acoust. Soc. Am. 24(2), 175-184; above, a vocal tract has about one every 1000 Hz.
FORMANTS_HZ = {"aah": (850, 1220, 2810), "ooh": (370, 950, 2670)}
HIGH_FORMANTS_HZ = (3800, 4800, 5800, 6800, 7800, 8800, 9800)


def kick(
    pitch: float, _: float, velocity: float, /, *, sample_rate: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Bass drum: a decaying sine that falls to `pitch` in milliseconds, and a beater's click."""
    body = decay(0.4, time_constant_s=0.1, sample_rate=sample_rate)
    times_s = np.arange(body.size) / sample_rate
    frequency = frequency_hz(pitch) * (1 + 3 * np.exp(-times_s / 0.02))
    click = noise(body.size, (1500, 6000), sample_rate=sample_rate, rng=rng)
    return velocity * (
        body * np.sin(2 * np.pi * np.cumsum(frequency) / sample_rate)
        + 0.2 * click * np.exp(-times_s / 0.003)
    )


def snare(
    pitch: float, _: float, velocity: float, /, *, sample_rate: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Snare drum: two modes of the skin (the lower one is `pitch`) and the rattle of the wires."""
    wires = decay(0.35, time_constant_s=0.07, sample_rate=sample_rate)
    skin_hz = frequency_hz(pitch) * np.array([1, 1.6])
    skin = modes(skin_hz, [1, 0.6], [0.06, 0.04], wires.size, sample_rate=sample_rate)
    rattle = noise(wires.size, (1200, 9000), sample_rate=sample_rate, rng=rng)
    return velocity * (skin + 0.4 * wires * rattle)


def hi_hat(
    pitch: float,
    duration_s: float,
    velocity: float,
    /,
    *,
    sample_rate: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Hi-hat: noise above `pitch`; a short note is a closed hat, a long one rings."""
    envelope = decay(duration_s + 0.02, time_constant_s=duration_s / 4, sample_rate=sample_rate)
    band_hz = (frequency_hz(pitch), 0.4 * sample_rate)
    return velocity * envelope * noise(envelope.size, band_hz, sample_rate=sample_rate, rng=rng)


def electric_piano(
    pitch: float,
    duration_s: float,
    velocity: float,
    /,
    *,
    sample_rate: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Electric piano: a struck tine, almost a sine, and the short ring of its higher modes."""
    envelope = hold(duration_s, attack_s=0.003, release_s=0.15, sample_rate=sample_rate)
    ratios = np.array([1, 2, 3, 4, 6.3, 14.2])
    brightness = velocity * np.array([0, 0, 0.2, 0.15, 0.15, 0.15])
    tine = modes(
        ratios * frequency_hz(pitch + rng.normal(0, 0.02)),
        np.array([1, 0.4, 0, 0, 0, 0]) + brightness,
        [1.2, 0.8, 0.6, 0.5, 0.15, 0.06],
        envelope.size,
        sample_rate=sample_rate,
    )
    return velocity * envelope * tine


@dataclass(frozen=True)
class PluckedString:
    """Bass guitar, guitar, harp: a string that is plucked at a fraction of its length.

    Parameters
    ----------
    ring_s : float
        Decay time (to 1/e) of the fundamental in seconds; higher modes decay sooner.
    cutoff_hz : float
        Above this frequency the modes fall by 12 dB an octave more: low is dull, high is bright.
    pick : float
        Amount of noise when the string is plucked.
    """

    ring_s: float
    cutoff_hz: float
    pick: float

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
        """Sound of one note; strong notes are brighter."""
        envelope = hold(duration_s, attack_s=0.002, release_s=0.08, sample_rate=sample_rate)
        order = np.arange(1, 41)
        frequencies = order * frequency_hz(pitch)
        # A string displaced at the fraction p of its length has modes sin(k pi p) / k^2; the pickup
        # senses velocity, which takes one power of k away.
        shape = np.sin(order * np.pi * rng.uniform(0.15, 0.25)) / order
        cutoff = self.cutoff_hz * (0.5 + velocity)
        string = modes(
            frequencies,
            shape / (1 + (frequencies / cutoff) ** 2),
            self.ring_s / (1 + 0.15 * (order - 1)),
            envelope.size,
            sample_rate=sample_rate,
        )
        contact = np.exp(-np.arange(envelope.size) / (0.004 * sample_rate))
        scrape = noise(envelope.size, (1000, 6000), sample_rate=sample_rate, rng=rng)
        return velocity * envelope * (string + self.pick * contact * scrape)


@dataclass(frozen=True)
class Ensemble:
    """Synthesiser pad, string section: saw-tooth oscillators that are never quite in tune.

    Parameters
    ----------
    voices : int
        Number of oscillators.
    detune_cents : float
        Standard deviation of their tuning.
    cutoff_hz : float
        Above this frequency the harmonics fall by 12 dB an octave more.
    attack_s, release_s : float
        Times in seconds to swell and to fade.
    """

    voices: int
    detune_cents: float
    cutoff_hz: float
    attack_s: float
    release_s: float

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
        """Sound of one note."""
        envelope = hold(
            duration_s,
            attack_s=min(self.attack_s, duration_s),
            release_s=self.release_s,
            sample_rate=sample_rate,
        )
        order = np.arange(1, 31)
        tuning = 2 ** (rng.normal(0, self.detune_cents, (self.voices, 1)) / 1200)
        frequencies = (tuning * order * frequency_hz(pitch)).ravel()
        oscillators = modes(
            frequencies,
            np.tile(1 / order, self.voices) / (1 + (frequencies / self.cutoff_hz) ** 2),
            np.inf,
            envelope.size,
            sample_rate=sample_rate,
            phases=rng.uniform(0, 2 * np.pi, frequencies.size),
        )
        return velocity * envelope * oscillators


@dataclass(frozen=True)
class Voice:
    """A woman who sings one vowel: glottal pulses with vibrato, and breath, through formants.

    Parameters
    ----------
    vowel : {"aah", "ooh"}
    """

    vowel: Literal["aah", "ooh"]

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
        """Sound of one note; it is reached from below, and the vibrato comes in after a while."""
        envelope = hold(duration_s, attack_s=0.06, release_s=0.12, sample_rate=sample_rate)
        times_s = np.arange(envelope.size) / sample_rate
        vibrato = np.sin(2 * np.pi * rng.uniform(5.2, 5.8) * times_s)
        glide = pitch - np.exp(-times_s / 0.04) + 0.3 * np.clip(times_s / 0.4 - 0.4, 0, 1) * vibrato
        frequency = 440 * 2 ** ((glide - 69) / 12)
        # Glottal flow falls by 12 dB an octave, radiation from the lips gives 6 dB back: 1/k.
        order = np.arange(1, int(0.4 * sample_rate / frequency.max()))
        rotation = np.exp(2j * np.pi * np.cumsum(frequency) / sample_rate)
        pulses = np.polynomial.polynomial.polyval(rotation, np.append(0, 1 / order)).imag
        breath = noise(envelope.size, (500, 8000), sample_rate=sample_rate, rng=rng)
        tract = vocal_tract(FORMANTS_HZ[self.vowel] + HIGH_FORMANTS_HZ, sample_rate=sample_rate)
        return np.asarray(velocity * envelope * sosfilt(tract, pulses + 0.03 * breath))


def vocal_tract(formants_hz: Sequence[float], *, sample_rate: float) -> NDArray[np.float64]:
    """Second-order sections of formants: two-pole resonators in a row, with unit gain at 0 Hz.

    This is the cascade branch of Klatt (1980), J. Acoust. Soc. Am. 67(3), 971-995.
    """
    formants = np.array([f for f in formants_hz if f < sample_rate / 2])
    bandwidths = 50 + 0.03 * formants
    radius = np.exp(-np.pi * bandwidths / sample_rate)
    angle = 2 * np.pi * formants / sample_rate
    a1, a2 = -2 * radius * np.cos(angle), radius**2
    zeros, ones = np.zeros_like(a1), np.ones_like(a1)
    return np.column_stack([1 + a1 + a2, zeros, zeros, ones, a1, a2])


BASS_GUITAR = PluckedString(ring_s=1.2, cutoff_hz=500, pick=0.02)
GUITAR = PluckedString(ring_s=0.9, cutoff_hz=2500, pick=0.06)
PAD = Ensemble(voices=3, detune_cents=6, cutoff_hz=800, attack_s=0.25, release_s=0.4)
STRINGS = Ensemble(voices=5, detune_cents=8, cutoff_hz=3000, attack_s=0.15, release_s=0.3)
