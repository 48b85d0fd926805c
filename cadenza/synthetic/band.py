"""Basses and all other pitched instruments of a band, each drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadenza.synthetic.instruments import Ensemble, PluckedString
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.score import Instrument, frequency_hz
from cadenza.synthetic.sustained import Sustained
from cadenza.synthetic.synthesis import hold, modes


@dataclass(frozen=True)
class Struck:
    """Piano, vibraphone, marimba, bell: decaying modes, brighter when struck harder.

    Parameters
    ----------
    ratios : tuple of float
        Frequencies of the modes relative to the pitch.
    ring_s : float
        Time in which the first mode falls to 1/e; the k-th takes 1 / (1 + `damping` (k - 1)) of it.
    damping : float
    softness : float
        The k-th mode has the amplitude 1 / k**softness in a note of middle strength.
    """

    ratios: tuple[float, ...]
    ring_s: float
    damping: float
    softness: float

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
        envelope = hold(duration_s, attack_s=0.003, release_s=0.15, sample_rate=sample_rate)
        order = np.arange(len(self.ratios))
        struck = modes(
            np.array(self.ratios) * frequency_hz(pitch + rng.normal(0, 0.02)),
            (order + 1.0) ** -(self.softness + 1 - 2 * velocity),
            self.ring_s / (1 + self.damping * order) * 2 ** ((60 - pitch) / 24),
            envelope.size,
            sample_rate=sample_rate,
        )
        return velocity * envelope * struck


def random_bass(rng: np.random.Generator) -> Instrument:
    """A plucked or an electronic bass."""
    if rng.random() < 0.6:
        return PluckedString(rng.uniform(0.4, 2.0), rng.uniform(250, 1200), rng.uniform(0, 0.08))
    cutoff_hz = rng.uniform(120, 1200)
    return _synthesiser(rng, cutoff_hz=cutoff_hz, attack_s=rng.uniform(0.004, 0.03))


def random_other(rng: np.random.Generator) -> Instrument:
    """Anything else: guitar, piano, pad, organ, brass, orchestra ..."""
    kind = rng.choice(["string", "pad", "struck", "synthesiser", "orchestra"])
    if kind == "string":
        return PluckedString(rng.uniform(0.3, 2.0), rng.uniform(1200, 6000), rng.uniform(0, 0.15))
    if kind == "pad":
        return Ensemble(
            int(rng.integers(2, 5)),
            detune_cents=rng.uniform(3, 12),
            cutoff_hz=rng.uniform(500, 4000),
            attack_s=rng.uniform(0.02, 0.3),
            release_s=rng.uniform(0.1, 0.4),
        )
    if kind == "struck":
        stretch = rng.uniform(0, 5e-4)
        piano = tuple(k * np.sqrt(1 + stretch * k * k) for k in range(1, 25))
        bars = ((1.0, 4.0, 10.0), (1.0, 3.9, 9.2, 16.0), (0.5, 1.0, 1.2, 1.5, 2.0, 2.7, 4.1))
        ratios = piano if rng.random() < 0.6 else bars[rng.integers(len(bars))]
        return Struck(ratios, rng.uniform(0.2, 1.8), rng.uniform(0.05, 0.5), rng.uniform(0.8, 1.8))
    if kind == "orchestra":
        return list(ORCHESTRA.values())[rng.integers(len(ORCHESTRA))].varied(rng)
    return _synthesiser(rng, cutoff_hz=rng.uniform(600, 5000), attack_s=rng.uniform(0.004, 0.08))


def _synthesiser(rng: np.random.Generator, *, cutoff_hz: float, attack_s: float) -> Sustained:
    """Organ, brass, lead, electronic bass: anything from a square wave to a saw-tooth."""
    return Sustained(
        lowest=24,
        highest=96,
        rolloff=rng.uniform(0.5, 1.5),
        cutoff_hz=cutoff_hz,
        resonances=((cutoff_hz, rng.uniform(0, 9), rng.uniform(0.7, 3)),),
        noise_db=rng.uniform(-70, -35),
        noise_band_hz=(500, 8000),
        attack_s=attack_s,
        release_s=rng.uniform(0.03, 0.2),
        vibrato_hz=rng.uniform(4, 7),
        vibrato_cents=rng.choice([0.0, 0.0, rng.uniform(0, 25)]),
        even=rng.uniform(0, 1),
    )
