"""Checks of the arguments of `haaqi`."""

from __future__ import annotations

import math
from numbers import Integral

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.haaqi.noise import Random
from cadenza.haaqi.resampling import SAMPLE_RATE

MIN_DURATION_S = 0.4
"""Scores of shorter signals mean nothing; below 20 ms there are none."""

_MIN_SAMPLE_RATE = 8000
_MAX_AMPLITUDE = 1e100  # powers of larger numbers overflow
_WORDS = {1: "nalr", 2: "none"}  # for the numbers of other implementations


def signal(name: str, value: ArrayLike, sample_rate: float) -> NDArray[np.float64]:
    """Check one channel of audio."""
    samples = _check.signal(name, value, ndim=(1,))
    duration(name, samples.size / sample_rate)
    if (peak := max(samples.max(), -samples.min())) > _MAX_AMPLITUDE:
        raise ValueError(f"{name} must not exceed {_MAX_AMPLITUDE:g}, got a peak of {peak:g}")
    return samples


def duration(name: str, duration_s: float) -> None:
    """Check that a signal is long enough."""
    if duration_s < MIN_DURATION_S:
        raise ValueError(f"{name} must last at least {MIN_DURATION_S} s, got {duration_s:.4g} s")


def sample_rate(name: str, value: float) -> None:
    """Check a sample rate in Hz."""
    if _check.positive(name, value) < _MIN_SAMPLE_RATE:
        raise ValueError(f"{name} must be at least {_MIN_SAMPLE_RATE} Hz, got {value!r}")


def finite(name: str, value: float) -> None:
    """Check a real number."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")


def equalisation(value: str) -> None:
    """Check who applies the prescribed gain."""
    if value in ("nalr", "none"):
        return
    word = _WORDS.get(value) if isinstance(value, Integral) else None
    hint = f" (mode {value} is called {word!r} here)" if word else ""
    raise ValueError(f"equalisation must be 'nalr' or 'none', got {value!r}{hint}")


def noise(name: str, cepstral_noise_db: float) -> None:
    """Check what noise there is."""
    if name not in ("seeded", "fast", "none"):
        raise ValueError(f"noise must be 'seeded', 'fast' or 'none', got {name!r}")
    if not 0 <= cepstral_noise_db < math.inf:
        raise ValueError(
            f"cepstral_noise_db must be finite, not negative, got {cepstral_noise_db!r}"
        )
    if name == "none" and cepstral_noise_db > 0:
        raise ValueError(
            f"cepstral_noise_db must be 0 when noise is 'none', got {cepstral_noise_db!r}"
        )


def random_source(rng: int | Random) -> Random:
    """Check what draws the noise, and seed it if it is an integer."""
    if isinstance(rng, np.random.RandomState | np.random.Generator):
        return rng
    if isinstance(rng, Integral) and not isinstance(rng, bool):
        return np.random.RandomState(int(rng))
    raise TypeError(f"rng must be an integer, a RandomState or a Generator, got {rng!r}")


def workers(value: int | None) -> int:
    """Check the number of threads; by default all cores that this process may use."""
    if value is None:
        return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"workers must be a positive integer, got {value!r}")
    return int(value)


def two_channels(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Check that a signal has a channel for each ear."""
    channels = _check.signal(name, value, ndim=(2,))
    if channels.shape[0] != 2:
        raise ValueError(f"{name} must have 2 channels, got shape {channels.shape}")
    return channels


def segment_size(segment_ms: float) -> int:
    """Check the covariance segment, and return its size in samples, made even."""
    size = round(segment_ms * SAMPLE_RATE / 1000) if math.isfinite(segment_ms) else 0
    # Half a segment has to be longer than the largest lag, a signal as long as one segment
    if not 50 < size <= MIN_DURATION_S * SAMPLE_RATE:
        raise ValueError(f"segment_ms must be between 2.15 and 400, got {segment_ms!r}")
    return size + size % 2
