"""From notes to stems: playing, panning, levels, and a loud master."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np
from scipy.signal import butter, sosfilt

from cadenza._check import positive
from cadenza.levels import TINY, db_to_gain, rms
from cadenza.synthetic.score import Instrument, Note
from cadenza.synthetic.synthesis import Signal

Stems = dict[str, Signal]

_CEILING_DB = -1.0  # no stem or mixture has a peak above it


def length(duration_s: float, sample_rate: float) -> int:
    """Length of a performance in samples.

    Raises
    ------
    ValueError
        If the duration is not positive, or the sample rate below 22050 Hz.
    """
    if not sample_rate >= 22050:  # the highest band of a drum ends at 9 kHz
        raise ValueError(f"sample_rate must be at least 22050 Hz, got {sample_rate!r}")
    return round(positive("duration_s", duration_s) * sample_rate)


def play(
    instrument: Instrument,
    notes: Iterable[Note],
    n_samples: int,
    *,
    sample_rate: float,
    rng: np.random.Generator,
) -> Signal:
    """Sound of notes on one instrument, mono; what rings on after `n_samples` is cut off."""
    mono = np.zeros(n_samples)
    for note in notes:
        start = round(note.start_s * sample_rate)
        if start < n_samples:
            ringing = instrument(note, sample_rate=sample_rate, rng=rng)[: n_samples - start]
            mono[start : start + ringing.size] += ringing
    return mono


def pan(mono: Signal, position: float) -> Signal:
    """Stereo signal between the loudspeakers, from -1 (left) to 1 (right), of equal power."""
    angle = (position + 1) * np.pi / 4
    return np.asarray(np.array([[np.cos(angle)], [np.sin(angle)]]) * mono)


def at_level(signal: Signal, level_db: float) -> Signal:
    """Scale a signal to a level (RMS in dB re 1); silence stays silent."""
    return np.asarray(signal * (db_to_gain(level_db) / np.maximum(rms(signal), TINY)))


def fade_out(signal: Signal, *, sample_rate: float) -> Signal:
    """Fade over the last 50 ms."""
    n_samples = signal.shape[-1]
    gain = np.clip((n_samples - np.arange(n_samples)) / (0.05 * sample_rate), 0, 1)
    return np.asarray(gain * signal)


def set_level(stems: Mapping[str, Signal], level_db: float) -> Stems:
    """Scale stems so that their sum has a level (RMS in dB re full scale).

    It becomes lower if the sum or a stem would otherwise have a peak above -1 dB.
    """
    mixture = reduce(np.add, stems.values())
    peak = max(np.abs(signal).max() for signal in (mixture, *stems.values()))
    gain = db_to_gain(level_db) / np.maximum(rms(mixture), TINY)  # it may be silent
    gain = min(gain, db_to_gain(_CEILING_DB) / max(peak, TINY))
    return {name: gain * stem for name, stem in stems.items()}


def loud_master(
    stems: Mapping[str, Signal], level_db: float, *, ratio: float, sample_rate: float
) -> Stems:
    """Compress the mix, raise it to a level (RMS in dB re full scale), and clip it softly.

    The threshold of the compressor is the mean power of the mix. All stems get the gain of the mix
    from moment to moment, so they still add up to it. The highest peak is -1 dB.
    """
    mixture = reduce(np.add, stems.values())
    power = sosfilt(butter(1, 5, fs=sample_rate, output="sos"), np.mean(mixture**2, axis=0))
    over = np.maximum(power / max(power.mean(), TINY), 1)
    gain = over ** (0.5 / ratio - 0.5)
    ceiling = db_to_gain(_CEILING_DB)
    driven = at_level(gain * mixture, level_db) / ceiling
    clipped = np.divide(np.tanh(driven), mixture, out=np.zeros_like(driven), where=mixture != 0)
    mastered = {name: ceiling * clipped * stem for name, stem in stems.items()}
    return set_level(mastered, 0.0)
