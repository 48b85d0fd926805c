"""What the golden values were made with: parameters that the reference and cadenza share."""

from __future__ import annotations

from dataclasses import dataclass

RATE = 44100
SEED = 2024
"""Seeds HAAQI's noise."""

BROADBAND_COMPRESSOR = {
    "threshold": 0.05,
    "attenuation": 0.1,
    "attack": 5.0,
    "release": 50.0,
    "rms_buffer_size": 0.016,
}
"""Linear RMS, slope, ms, ms, s: fast and low, so that it works on a fraction of a second."""

CROSSOVER_HZ = [353.55, 707.11, 1414.21, 2828.43, 5656.85]
BAND_COMPRESSOR = {
    "attack": [11.0, 11.0, 14.0, 13.0, 11.0, 11.0],
    "release": [80.0, 80.0, 80.0, 80.0, 100.0, 100.0],
    "threshold": [-30.0] * 6,
    "ratio": [1.2, 1.3, 1.4, 1.6, 2.0, 2.5],
    "makeup_gain": [0.0, 2.0, 5.0, 9.0, 14.0, 18.0],
}
"""A value for each band: ms, ms, dB, 1, dB."""


@dataclass(frozen=True)
class HaaqiCase:
    """A signal, how it is degraded, and the ear that hears both."""

    kind: str
    audiogram: str
    equalisation: str
    sample_rate: int = 24000
    seconds: float = 0.8
    level_db_spl: float = 85.0


HAAQI_CASES = [
    HaaqiCase("same", "none", "nalr"),
    HaaqiCase("same", "moderate", "none"),
    HaaqiCase("noisy", "mild", "nalr"),
    HaaqiCase("noisy", "severe", "none", level_db_spl=100.0),
    HaaqiCase("clipped", "moderate", "nalr", sample_rate=44100),
    HaaqiCase("clipped", "mild", "none", sample_rate=32000),
    HaaqiCase("dull", "moderate", "none", seconds=1.5),
    HaaqiCase("late", "severe", "nalr", level_db_spl=105.0),
]
