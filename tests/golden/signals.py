"""Music-like test signals, the same on every machine: written in NumPy alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

AUDIOGRAM_FREQUENCIES_HZ = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
AUDIOGRAMS_DB_HL = {
    "none": (0, 0, 0, 0, 0, 0, 0, 0),
    "mild": (10, 10, 15, 20, 25, 30, 35, 40),
    "moderate": (25, 30, 35, 45, 50, 55, 60, 65),
    "severe": (55, 60, 65, 75, 80, 85, 90, 95),
}


def music(seconds: float, sample_rate: int, seed: int = 0) -> Array:
    """Notes with harmonics that fade, over a bed of noise; shape (seconds * sample_rate,)."""
    rng = np.random.RandomState(seed)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    signal = 0.003 * rng.standard_normal(t.size)
    for start in np.arange(0, seconds, 0.12):
        pitch_hz = 110 * 2 ** (rng.randint(36) / 12)
        after = np.maximum(t - start, 0)
        fade = np.minimum(after / 0.005, 1) * np.exp(-after / 0.15)
        for harmonic in range(1, 7):
            signal += 0.08 / harmonic * fade * np.sin(2 * np.pi * harmonic * pitch_hz * after)
    return signal


def steps(signal: Array) -> Array:
    """Give the thirds of a signal three levels: quiet, loud and quieter."""
    level = np.full(signal.size, 0.2)
    level[: signal.size // 3] = 0.4
    level[signal.size // 3 : 2 * signal.size // 3] = 4.0
    return level * signal


def degraded(signal: Array, kind: str, seed: int = 1) -> Array:
    """Return `signal` unchanged (``same``), ``noisy``, ``clipped``, ``dull`` or ``late``."""
    noise = signal.std() * np.random.RandomState(seed).standard_normal(signal.size)
    return {
        "same": signal.copy(),
        "noisy": signal + 0.1 * noise,
        "clipped": np.clip(signal, -signal.std(), signal.std()),
        "dull": np.convolve(signal, np.hanning(33) / np.hanning(33).sum(), mode="same"),
        "late": np.tanh(8 * np.concatenate([np.zeros(100), signal[:-100]])) / 8,
    }[kind]


def head_response(near_first: bool) -> Array:
    """Impulse responses of one loudspeaker at both ears, shape (2, 96)."""
    k = np.arange(96)
    near = 0.8 * np.exp(-k / 6) * np.cos(0.4 * k)
    far = np.roll(0.3 * np.exp(-k / 9) * np.cos(0.3 * k + 0.2), 20)
    return np.stack([near, far] if near_first else [far, near])


def stems(names: tuple[str, ...], seconds: float, sample_rate: int, seed: int) -> dict[str, Array]:
    """Stereo stems, each with music, level and pan of its own; shapes (2, T).

    Every second stem is bursts of noise. Together they stay below full scale.
    """
    found = {}
    for number, name in enumerate(names):
        voice = music(seconds, sample_rate, seed + number)
        if number % 2:
            t = np.arange(voice.size) / sample_rate
            noise = np.random.RandomState(seed + number).standard_normal(voice.size)
            voice = 0.5 * voice + 0.06 * noise * np.exp(-15 * (t % 0.25))
        pan = 0.25 + 0.5 * (number + 1) / (len(names) + 1)
        found[name] = np.stack([(1 - pan) * voice, pan * voice])
    return found
