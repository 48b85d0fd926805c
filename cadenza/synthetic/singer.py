"""Singers: a syllable for every note."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from cadenza.synthetic.instruments import HIGH_FORMANTS_HZ, vocal_tract
from cadenza.synthetic.score import frequency_hz
from cadenza.synthetic.synthesis import hold, noise, oscillate, wander, wave_tables

VOWELS_HZ = {
    "ee": (310, 2790, 3310),
    "i": (430, 2480, 3070),
    "e": (610, 2330, 2990),
    "ae": (860, 2050, 2850),
    "aah": (850, 1220, 2810),
    "aw": (590, 920, 2710),
    "u": (470, 1160, 2680),
    "ooh": (370, 950, 2670),
    "uh": (760, 1400, 2780),
    "er": (500, 1640, 1960),
}
"""The lowest three formants, averages of women's voices in Peterson & Barney (1952), J. Acoust.
Soc. Am. 24(2), 175-184."""

_CONSONANTS = (
    ((5000.0, 9500.0), 0.10),  # s
    ((2500.0, 6000.0), 0.09),  # sh
    ((1500.0, 9000.0), 0.08),  # f
    ((3000.0, 9000.0), 0.02),  # t
    ((1200.0, 3500.0), 0.03),  # k
)
"""Band in Hz and length in seconds of the noise of some voiceless consonants."""


@dataclass(frozen=True)
class Singer:
    """Glottal pulses and breath through formants, after a consonant.

    Parameters
    ----------
    tract : float
        Formants relative to an average woman's: about 0.85 for men, 1.2 for children.
    vowels : tuple of str
        Keys of `VOWELS_HZ` from which each note takes its vowel, and the one it drifts to.
    rolloff : float
        The k-th harmonic of a loud voice has the amplitude 1 / k**rolloff before the formants,
        with radiation: 1 is average, more is softer.
    breath_db : float
        Level (RMS) of the breath relative to the pulses.
    consonants : float
        Level of the consonants; 0 for a choir that sings "aah".
    vibrato_hz, vibrato_cents : float
        Rate, and swing to each side.
    """

    tract: float
    vowels: tuple[str, ...]
    rolloff: float
    breath_db: float
    consonants: float
    vibrato_hz: float
    vibrato_cents: float

    @classmethod
    def random(cls, rng: np.random.Generator, *, low: bool) -> Singer:
        """A singer with a low (often a man's) or a high voice."""
        n_vowels = int(rng.integers(2, len(VOWELS_HZ) + 1))
        return cls(
            tract=rng.uniform(0.8, 0.92) if low else rng.uniform(0.93, 1.12),
            vowels=tuple(rng.permutation(list(VOWELS_HZ))[:n_vowels].tolist()),
            rolloff=rng.uniform(0.8, 1.4),
            breath_db=rng.uniform(-42, -22),
            consonants=0.0 if rng.random() < 0.2 else rng.uniform(0.1, 0.6),
            vibrato_hz=rng.uniform(4.8, 6.3),
            vibrato_cents=rng.uniform(0, 50),
        )

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
        """Sound of one note: often a consonant, then a vowel that drifts to another one."""
        vowel_s, consonant = duration_s, np.zeros(0)
        if self.consonants and rng.random() < 0.5:  # the other half is voiced: m, n, l, w ...
            consonant = velocity * self._consonant(sample_rate=sample_rate, rng=rng)
            vowel_s = max(duration_s - consonant.size / sample_rate, 0.05)
        vowel = self._vowel(pitch, vowel_s, velocity, sample_rate=sample_rate, rng=rng)
        return np.concatenate([consonant, vowel])

    def _consonant(self, *, sample_rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
        band_hz, duration_s = _CONSONANTS[rng.integers(len(_CONSONANTS))]
        envelope = hold(duration_s, attack_s=0.005, release_s=0.02, sample_rate=sample_rate)
        hiss = noise(envelope.size, band_hz, sample_rate=sample_rate, rng=rng)
        return self.consonants * envelope * hiss

    def _vowel(
        self,
        pitch: float,
        duration_s: float,
        velocity: float,
        *,
        sample_rate: float,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Pulses and breath through the formants of two vowels, from one to the other."""
        envelope = velocity * hold(
            duration_s,
            attack_s=rng.uniform(0.02, 0.08),
            release_s=rng.uniform(0.04, 0.12),
            sample_rate=sample_rate,
        )
        frequency = self._frequency(pitch, envelope.size, sample_rate=sample_rate, rng=rng)
        order = np.arange(1, int(0.4 * sample_rate / frequency.max()) + 1)
        tables = wave_tables(order ** -np.array([[self.rolloff + 0.5], [self.rolloff]]))
        soft, loud = oscillate(tables, frequency, sample_rate=sample_rate)
        breath = noise(envelope.size, (500, 8000), sample_rate=sample_rate, rng=rng)
        source = soft + envelope * (loud - soft) + 10 ** (self.breath_db / 20) * breath
        first, second = (
            sosfilt(self._tract(vowel, sample_rate=sample_rate), envelope * source)
            for vowel in rng.choice(self.vowels, 2)
        )
        return np.asarray(first + np.linspace(0, 1, envelope.size) * (second - first))

    def _frequency(
        self, pitch: float, n_samples: int, *, sample_rate: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Found from below, never quite still, with a vibrato that comes in after a while."""
        times_s = np.arange(n_samples) / sample_rate
        vibrato = np.sin(2 * np.pi * self.vibrato_hz * times_s)
        cents = self.vibrato_cents * np.clip((times_s - 0.2) / 0.3, 0, 1) * vibrato
        cents += 8 * wander(n_samples, rate_hz=6, sample_rate=sample_rate, rng=rng)
        cents -= rng.uniform(0, 150) * np.exp(-times_s / 0.04)
        return frequency_hz(pitch) * 2 ** (cents / 1200)

    def _tract(self, vowel: str, *, sample_rate: float) -> NDArray[np.float64]:
        formants_hz = [self.tract * f for f in VOWELS_HZ[vowel] + HIGH_FORMANTS_HZ]
        return vocal_tract(formants_hz, sample_rate=sample_rate)
