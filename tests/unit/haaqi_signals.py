"""The signals and listeners of the HAAQI checkpoints (HAAQI §13.1), and the lags of bands."""

from __future__ import annotations

from unittest import mock

import numpy as np
import scipy.signal

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram
from cadenza.haaqi import HaaqiScore, haaqi
from cadenza.haaqi.alignment import align_and_trim, shift
from cadenza.haaqi.periphery import equalise, middle_ear

LEVEL_DB_SPL = 90.0
SAMPLE_RATE = 24000

# amplitude, modulation depth, modulation rate (Hz), frequency (Hz)
_COMPONENTS = (
    (1.0, 0.8, 3, 220),
    (0.7, 0.7, 7, 523.25),
    (0.5, 0.6, 11, 1318.5),
    (0.35, 0.9, 27, 3135.96),
    (0.2, 0.5, 61, 6271.93),
)


def audiogram(*levels_db_hl: float) -> Audiogram:
    return Audiogram(levels_db_hl, PRESCRIPTION_FREQUENCIES_HZ)


AUDIOGRAMS = {
    "normal": audiogram(0, 0, 0, 0, 0, 0),
    "mild": audiogram(10, 10, 15, 25, 35, 40),
    "severe": audiogram(55, 60, 65, 75, 85, 90),
}
LISTENERS = {
    **AUDIOGRAMS,
    "sloping": Audiogram([10, 10, 15, 25, 30, 35, 40, 45]),
    "uneven": Audiogram([-10, 0, 30, 10, 60, 70], [250, 500, 1000, 2000, 4000, 6000]),
    "profound": Audiogram([90, 95, 100, 105, 110, 115], [250, 500, 1000, 2000, 4000, 6000]),
}
AMPLIFICATION = {"normal": 1, "mild": 1, "severe": 20}  # makes the processed signal audible


def ungated(n_samples: int, sample_rate: float = SAMPLE_RATE) -> np.ndarray:
    t = np.arange(n_samples) / sample_rate
    music = 0.6 * (1 + 0.5 * np.sin(2 * np.pi * 43 * t))
    music *= np.sin(2 * np.pi * (150 * t + 1200 * t**2))
    for amplitude, depth, rate_hz, frequency_hz in _COMPONENTS:
        envelope = amplitude * (1 + depth * np.sin(2 * np.pi * rate_hz * t))
        music += envelope * np.sin(2 * np.pi * frequency_hz * t)
    return 0.05 * music


def reference(sample_rate: float = SAMPLE_RATE) -> np.ndarray:
    """3 s of music with silence at both ends and a gap."""
    t = np.arange(3 * sample_rate) / sample_rate
    silent = (t < 0.05) | ((t >= 1.4) & (t < 1.7)) | (t >= 2.95)
    return np.where(silent, 0, ungated(t.size, sample_rate))


def clipped(signal: np.ndarray) -> np.ndarray:
    """A signal that comes 37 samples late and saturates."""
    return 0.08 * np.tanh(delayed(signal, 37) / 0.08)


def processed() -> np.ndarray:
    """The reference late, saturated, filtered and with a soft tone."""
    y = clipped(reference())
    tone = np.sin(2 * np.pi * 1760 * np.arange(y.size) / SAMPLE_RATE)
    return y + 0.3 * delayed(y, 1) + 0.002 * tone


def delayed(signal: np.ndarray, n_samples: int) -> np.ndarray:
    return np.concatenate([np.zeros(n_samples), signal[:-n_samples]])


def pair(listener: str, equalisation: str) -> tuple[np.ndarray, np.ndarray]:
    """Reference and processed signal for a listener."""
    gain = AMPLIFICATION[listener]
    return reference() * (1 if equalisation == "nalr" else gain), processed() * gain


def behind_middle_ear(listener: str, equalisation: str) -> np.ndarray:
    """Both signals as the cochlea gets them, shape (2, N)."""
    reference, processed, *_ = align_and_trim(*pair(listener, equalisation))
    if equalisation == "nalr":
        reference = equalise(reference, AUDIOGRAMS[listener])
    return middle_ear(np.stack([reference, processed]))


def with_lags(module, function, reference, processed, options):
    """A score, and the lags of all bands on the way to it."""
    lags = []
    best_lag = module.best_lag

    def spy(*paths):
        lags.append(best_lag(*paths))
        return lags[-1]

    with mock.patch.object(module, "best_lag", spy):
        return function(reference, processed, **options), lags


def noisy_tremolo(rng: np.random.Generator) -> np.ndarray:
    """0.6 s of a tone with tremolo in soft noise."""
    t = np.arange(14400) / SAMPLE_RATE
    tremolo = 1 + 0.5 * np.sin(2 * np.pi * 30 * t)
    return 0.1 * tremolo * np.sin(2 * np.pi * 440 * t) + 0.02 * rng.standard_normal(t.size)


def music(seconds: float, sample_rate: int, seed: int) -> np.ndarray:
    """Notes that fade, over a bed of noise, with silence at both ends."""
    rng = np.random.RandomState(seed)
    t = np.arange(round(sample_rate * seconds)) / sample_rate
    signal = 0.01 * rng.standard_normal(t.size)
    for start in np.arange(0, seconds, 0.15):
        note_hz = 110 * 2 ** (rng.randint(36) / 12)
        fade = np.exp(-np.maximum(t - start, 0) / 0.2) * (t >= start)
        for harmonic in range(1, 6):
            signal += 0.1 / harmonic * fade * np.sin(2 * np.pi * harmonic * note_hz * t)
    return signal * (t > 0.02) * (t < seconds - 0.02)


DEGRADATIONS = {
    "same": lambda x, rng: x,
    "clipped": lambda x, rng: np.clip(x, -2 * x.std(), 2 * x.std()),
    "noisy": lambda x, rng: x + 0.1 * x.std() * rng.standard_normal(x.size),
    "dull": lambda x, rng: scipy.signal.lfilter(*scipy.signal.butter(4, [0.02, 0.3], "band"), x),
    "late": lambda x, rng: np.tanh(5 * shift(x, 100)) / 5,
    "with gaps": lambda x, rng: np.where(np.arange(x.size) % 12000 < 6000, x, 0),
    "almost silent": lambda x, rng: 1e-3 * x,
    "inverted": lambda x, rng: -x,
    "another": lambda x, rng: x.std() * rng.standard_normal(x.size),
    "backwards": lambda x, rng: x[::-1],
}


def one_ear(reference, processed, **options) -> HaaqiScore:
    """A score with options that suit most tests."""
    defaults = {
        "sample_rate": SAMPLE_RATE,
        "audiogram": Audiogram([10, 10, 15, 25, 30, 35, 40, 45]),
        "equalisation": "none",
        "level_db_spl": 85.0,
    }
    return haaqi(reference, processed, **(defaults | options))
