"""Instruments whose sound goes on as long as the player wants: bowed strings, winds, synthesisers.

A source (string, reed, air jet) makes harmonics and a little noise, the body lifts some of them:
where the body is fixed, a vibrato lets the harmonics wander through its resonances.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cadenza.synthetic.score import frequency_hz
from cadenza.synthetic.synthesis import hold, noise, oscillate, resonate, wander, wave_tables


@dataclass(frozen=True)
class Sustained:
    """A source with harmonics and noise, and a body.

    Parameters
    ----------
    lowest, highest : int
        Range in which the instrument is written, as MIDI note numbers.
    rolloff : float
        The k-th harmonic of the source has the amplitude 1 / k**rolloff.
    cutoff_hz : float
        Above this frequency it falls by 12 dB an octave more when the tone is loud; a soft tone is
        duller by an octave.
    resonances : tuple of (float, float, float)
        Frequency in Hz, gain in dB and Q of the body's resonances.
    noise_db : float
        Level (RMS) of the noise of bow or breath relative to the tone.
    noise_band_hz : tuple of float
    attack_s, release_s : float
        Times in seconds to speak and to fall silent.
    vibrato_hz, vibrato_cents, tremolo_db : float
        Rate of the vibrato, and how far pitch and level swing to each side in the long notes.
    even : float
        Amplitude of the low even harmonics relative to the odd ones: far below 1 in a tube that is
        closed at one end. High harmonics do not feel it.
    """

    lowest: int
    highest: int
    rolloff: float
    cutoff_hz: float
    resonances: tuple[tuple[float, float, float], ...]
    noise_db: float
    noise_band_hz: tuple[float, float]
    attack_s: float
    release_s: float
    vibrato_hz: float = 5.0
    vibrato_cents: float = 0.0
    tremolo_db: float = 0.0
    even: float = 1.0

    def varied(self, rng: np.random.Generator) -> Sustained:
        """Another specimen of the same instrument in the hands of another player."""

        def around(value: float, spread: float) -> float:
            return float(value * np.exp(spread * rng.standard_normal()))

        return replace(
            self,
            cutoff_hz=around(self.cutoff_hz, 0.3),
            resonances=tuple(
                (around(frequency, 0.05), gain_db + rng.normal(0, 1.5), around(q, 0.2))
                for frequency, gain_db, q in self.resonances
            ),
            noise_db=self.noise_db + rng.normal(0, 3),
            attack_s=around(self.attack_s, 0.25),
            release_s=around(self.release_s, 0.25),
            vibrato_hz=around(self.vibrato_hz, 0.08),
            vibrato_cents=self.vibrato_cents * rng.uniform(0.2, 1.4),
            tremolo_db=self.tremolo_db * rng.uniform(0.2, 1.4),
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
        """Sound of one note: it speaks with noise, loud is bright, nothing stays quite still."""
        attack_s = min(self.attack_s * rng.uniform(0.7, 1.4), 0.6 * duration_s)
        envelope = hold(
            duration_s, attack_s=attack_s, release_s=self.release_s, sample_rate=sample_rate
        )
        times_s = np.arange(envelope.size) / sample_rate
        vibrato = self._vibrato(times_s, rng)
        drift = wander(envelope.size, rate_hz=6, sample_rate=sample_rate, rng=rng)
        cents = rng.normal(0, 4) + 3 * drift + self.vibrato_cents * vibrato
        cents -= rng.uniform(0, 30) * np.exp(-times_s / 0.02)  # the tone is found from below
        level_db = 0.7 * drift + self.tremolo_db * vibrato
        strength = velocity * envelope * (1 + np.log(10) / 20 * level_db)
        # to first order: the error is about one cent at most
        frequency = frequency_hz(pitch) * (1 + np.log(2) / 1200 * cents)
        soft, loud = oscillate(
            self._tables(frequency.max(), sample_rate), frequency, sample_rate=sample_rate
        )
        air = noise(envelope.size, self.noise_band_hz, sample_rate=sample_rate, rng=rng)
        onset = 1 + 3 * np.exp(-times_s / attack_s)
        source = soft + strength * (loud - soft) + 10 ** (self.noise_db / 20) * onset * air
        return resonate(strength * source, self.resonances, sample_rate=sample_rate)

    def _vibrato(
        self, times_s: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Swing between -1 and 1 that comes in after a while; short notes have none."""
        onset = np.clip((times_s - rng.uniform(0.05, 0.25)) / 0.3, 0, 1)
        rate_hz = self.vibrato_hz * rng.uniform(0.93, 1.07)
        return onset * np.sin(2 * np.pi * rate_hz * times_s) * rng.uniform(0.5, 1)

    def _tables(self, highest_hz: float, sample_rate: float) -> NDArray[np.float64]:
        """Cycles of the soft and of the loud tone, without harmonics that would alias."""
        order = np.arange(1, max(2, min(200, int(0.45 * sample_rate / highest_hz)) + 1))
        frequencies = order * highest_hz
        even = np.where(order % 2, 1, 1 - (1 - self.even) * np.exp(-((frequencies / 3000) ** 2)))
        cutoff_hz = self.cutoff_hz * np.array([[0.5], [1]])
        return wave_tables(even / order**self.rolloff / (1 + (frequencies / cutoff_hz) ** 2))
