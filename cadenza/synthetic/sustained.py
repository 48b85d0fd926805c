"""Instruments that sound for as long as the player wants: bowed strings, winds, synthesisers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cadenza.levels import db_to_gain
from cadenza.synthetic.score import Note
from cadenza.synthetic.synthesis import (
    Signal,
    hold,
    noise,
    oscillate,
    resonate,
    wander,
    wave_tables,
)


@dataclass(frozen=True)
class Sustained:
    """A source of harmonics and noise, and a body that lifts some of them.

    The body is fixed, so with vibrato the harmonics move through its resonances.

    Parameters
    ----------
    resonances : tuple of (float, float, float)
        Frequency in Hz, gain in dB and Q of each resonance of the body.
    rolloff : float
        The k-th harmonic of the source has the amplitude 1 / k**rolloff.
    cutoff_hz : float
        Above this frequency it falls by another 12 dB an octave when the tone is loud. A soft tone
        has its cut-off an octave lower.
    noise_db : float
        Level (RMS) of the noise of bow or breath relative to the tone. Its band lies around
        `cutoff_hz`.
    attack_s, release_s : float
        Time to build up and to fall silent.
    vibrato_hz, vibrato_cents, tremolo_db : float
        Rate of the vibrato, and how far pitch and level swing to each side in long notes.
    even : float
        Amplitude of the low even harmonics relative to the odd ones: far below 1 in a tube that is
        closed at one end.
    compass : tuple of int
        Lowest and highest pitch for which composers write.
    scoop_cents : float
        A note may begin this much too low.
    """

    resonances: tuple[tuple[float, float, float], ...]
    rolloff: float
    cutoff_hz: float
    noise_db: float
    attack_s: float
    release_s: float
    vibrato_hz: float
    vibrato_cents: float
    tremolo_db: float = 0.0
    even: float = 1.0
    compass: tuple[int, int] = (0, 127)
    scoop_cents: float = 30.0

    def varied(self, rng: np.random.Generator) -> Sustained:
        """Another instrument of the same kind, played by someone else."""

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
            vibrato_hz=around(self.vibrato_hz, 0.08),
            vibrato_cents=self.vibrato_cents * rng.uniform(0.2, 1.4),
            tremolo_db=self.tremolo_db * rng.uniform(0.2, 1.4),
        )

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one note: noisy at its onset, bright if loud, never quite steady."""
        attack_s = min(self.attack_s * rng.uniform(0.7, 1.4), 0.6 * note.duration_s)
        envelope = hold(
            note.duration_s, attack_s=attack_s, release_s=self.release_s, sample_rate=sample_rate
        )
        times_s = np.arange(envelope.size) / sample_rate
        vibrato = self._vibrato(times_s, rng)
        drift = wander(envelope.size, rate_hz=6, sample_rate=sample_rate, rng=rng)
        cents = rng.normal(0, 4) + 3 * drift + self.vibrato_cents * vibrato
        cents -= rng.uniform(0, self.scoop_cents) * np.exp(-times_s / 0.02)
        frequency = note.frequency_hz * np.exp2(cents / 1200)
        level_db = 0.7 * drift + self.tremolo_db * vibrato
        strength = note.velocity * envelope * (1 + np.log(10) / 20 * level_db)  # to first order
        soft, loud = oscillate(
            self._tables(frequency.max(), sample_rate), frequency, sample_rate=sample_rate
        )
        band_hz = (self.cutoff_hz / 4, min(2.5 * self.cutoff_hz, 0.45 * sample_rate))
        air = noise(envelope.size, band_hz, sample_rate=sample_rate, rng=rng)
        onset = 1 + 3 * np.exp(-times_s / attack_s)
        source = soft + strength * (loud - soft) + db_to_gain(self.noise_db) * onset * air
        return resonate(strength * source, self.resonances, sample_rate=sample_rate)

    def _vibrato(self, times_s: Signal, rng: np.random.Generator) -> Signal:
        """Swing between -1 and 1 that sets in after a while; short notes have none."""
        onset = np.clip((times_s - rng.uniform(0.05, 0.25)) / 0.3, 0, 1)
        rate_hz = self.vibrato_hz * rng.uniform(0.93, 1.07)
        return onset * np.sin(2 * np.pi * rate_hz * times_s) * rng.uniform(0.5, 1)

    def _tables(self, highest_hz: float, sample_rate: float) -> Signal:
        """Cycles of the soft and the loud tone, without harmonics that would alias."""
        order = np.arange(1, max(2, min(200, int(0.45 * sample_rate / highest_hz)) + 1))
        frequencies = order * highest_hz
        even = np.where(order % 2, 1, 1 - (1 - self.even) * np.exp(-((frequencies / 3000) ** 2)))
        cutoff_hz = self.cutoff_hz * np.array([[0.5], [1]])
        return wave_tables(even / order**self.rolloff / (1 + (frequencies / cutoff_hz) ** 2))


@dataclass(frozen=True)
class Unison:
    """Several players in unison, never quite in tune: a string section or a synthesiser pad."""

    player: Sustained
    n_players: int
    detune_cents: float

    def __call__(self, note: Note, *, sample_rate: float, rng: np.random.Generator) -> Signal:
        """Sound of one note."""
        pitches = note.pitch + rng.normal(0, self.detune_cents / 100, self.n_players)
        sounds = [
            self.player(replace(note, pitch=pitch), sample_rate=sample_rate, rng=rng)
            for pitch in pitches
        ]
        return np.asarray(np.sum(sounds, axis=0))
