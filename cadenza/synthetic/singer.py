"""Singers: a syllable for every note."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import sosfilt

from cadenza.synthetic.score import Note
from cadenza.synthetic.sustained import Sustained
from cadenza.synthetic.synthesis import Signal, hold, noise

# fmt: off
FORMANTS_HZ = {
    "ee": (310, 2790, 3310), "i": (430, 2480, 3070), "e": (610, 2330, 2990),
    "ae": (860, 2050, 2850), "aah": (850, 1220, 2810), "aw": (590, 920, 2710),
    "u": (470, 1160, 2680), "ooh": (370, 950, 2670), "uh": (760, 1400, 2780),
    "er": (500, 1640, 1960),
}
"""The lowest three formants of each vowel: averages of women's voices in Peterson & Barney (1952),
J. Acoust. Soc. Am. 24(2), 175-184."""
# fmt: on

_HIGH_FORMANTS_HZ = (3800, 4800, 5800, 6800, 7800, 8800, 9800)  # about one every 1000 Hz

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
    """A voice through the formants of a vocal tract, often after a consonant.

    Parameters
    ----------
    voice : Sustained
        Glottal pulses, radiated from the lips, and breath.
    tract : float
        Formants relative to an average woman's: about 0.85 for men, 1.2 for children.
    vowels : tuple of str
        Keys of `FORMANTS_HZ`. Every note moves from one of them to another or the same.
    consonants : float
        Level of the consonants; 0 for a choir that sings "aah".
    """

    voice: Sustained
    tract: float
    vowels: tuple[str, ...]
    consonants: float

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one note."""
        consonant = np.zeros(0)
        if self.consonants and rng.random() < 0.5:  # the other half is voiced: m, n, l, w ...
            consonant = note.velocity * self._consonant(sample_rate=sample_rate, rng=rng)
            vowel_s = max(note.duration_s - consonant.size / sample_rate, 0.05)
            note = replace(note, duration_s=vowel_s)
        source = self.voice(note, sample_rate=sample_rate, rng=rng)
        first, second = (
            sosfilt(self._tract(vowel, sample_rate=sample_rate), source)
            for vowel in rng.choice(self.vowels, 2)
        )
        vowels = first + np.linspace(0, 1, source.size) * (second - first)
        return np.concatenate([consonant, vowels])

    def _consonant(self, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        band_hz, duration_s = _CONSONANTS[rng.integers(len(_CONSONANTS))]
        envelope = hold(duration_s, attack_s=0.005, release_s=0.02, sample_rate=sample_rate)
        hiss = noise(envelope.size, band_hz, sample_rate=sample_rate, rng=rng)
        return self.consonants * envelope * hiss

    def _tract(self, vowel: str, *, sample_rate: float) -> Signal:
        """Second-order sections of the formants: resonators in a row, with unit gain at 0 Hz.

        This is the cascade branch of Klatt (1980), J. Acoust. Soc. Am. 67(3), 971-995.
        """
        formants = self.tract * np.array(FORMANTS_HZ[vowel] + _HIGH_FORMANTS_HZ)
        formants = formants[formants < sample_rate / 2]
        bandwidths = 50 + 0.03 * formants
        radius = np.exp(-np.pi * bandwidths / sample_rate)
        a1 = -2 * radius * np.cos(2 * np.pi * formants / sample_rate)
        a2, zeros, ones = radius**2, np.zeros_like(a1), np.ones_like(a1)
        return np.column_stack([1 + a1 + a2, zeros, zeros, ones, a1, a2])
