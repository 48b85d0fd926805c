"""Music: from a style to the audio of four stems."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from cadenza._check import positive
from cadenza.stems import STEMS
from cadenza.synthetic.composition import Style, compose
from cadenza.synthetic.score import Instrument, Note, Part
from cadenza.synthetic.synthesis import noise

_PEAK_DB = -2.0
_ROOM_DB = -15.0
_HIGHEST_PEAK_DB = -1.0


def perform(
    style: Style, *, duration_s: float, sample_rate: float, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Compose a song in a style, play it, and mix it.

    Parameters
    ----------
    style : Style
    duration_s : float
        Length in seconds; the song fades out over its last 50 ms.
    sample_rate : float
        In Hz.
    rng : numpy.random.Generator
        All chance in the composition and in the sounds.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        The stems vocals, drums, bass and other. The mixture is their sum; the highest peak of all
        five is -2 dB re full scale.

    Raises
    ------
    ValueError
        If the duration is not positive, or the sample rate below 22050 Hz.
    """
    n_samples = length(duration_s, sample_rate)
    compose_rng, room_rng, play_rng = rng.spawn(3)
    parts = compose(style, n_bars=math.ceil(duration_s / style.bar_s), rng=compose_rng)
    room = room_response(style.reverberation_s, sample_rate=sample_rate, rng=room_rng)
    stems = {name: np.zeros((2, n_samples)) for name in STEMS}
    for part, part_rng in zip(parts, play_rng.spawn(len(parts)), strict=True):
        stems[part.stem] += play(part, n_samples, sample_rate=sample_rate, rng=part_rng)
    fade = fade_out(n_samples, sample_rate)
    for name, dry in stems.items():
        wet = oaconvolve(dry.mean(axis=0, keepdims=True), room, axes=-1)[:, :n_samples]
        stems[name] = fade * (dry + 10 ** (_ROOM_DB / 20) * wet)
    signals = [np.sum(list(stems.values()), axis=0), *stems.values()]
    peak = max(np.abs(signal).max() for signal in signals)
    return {name: 10 ** (_PEAK_DB / 20) / peak * stem for name, stem in stems.items()}


def length(duration_s: float, sample_rate: float) -> int:
    """Samples of a performance; raises ValueError if it is not possible."""
    if not sample_rate >= 22050:  # the highest band of a drum ends at 9 kHz
        raise ValueError(f"sample_rate must be at least 22050 Hz, got {sample_rate!r}")
    return round(positive("duration_s", duration_s) * sample_rate)


def fade_out(n_samples: int, sample_rate: float) -> NDArray[np.float64]:
    """Gain that falls from 1 to 0 over the last 50 ms."""
    return np.clip((n_samples - np.arange(n_samples)) / (0.05 * sample_rate), 0, 1)


def play(
    part: Part, n_samples: int, *, sample_rate: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Sound of a part, at its place between the loudspeakers and its level.

    Returns
    -------
    ndarray, shape (2, n_samples)
    """
    mono = sound(part.instrument, part.notes, n_samples, sample_rate=sample_rate, rng=rng)
    angle = (part.pan + 1) * np.pi / 4  # of equal power: the squares of both gains add up to 1
    gains = np.array([[np.cos(angle)], [np.sin(angle)]])
    rms = max(np.sqrt(np.mean(mono**2)), 1e-12)  # a part may enter after the end
    return np.asarray(gains * mono * (10 ** (part.level_db / 20) / rms))


def sound(
    instrument: Instrument,
    notes: Iterable[Note],
    n_samples: int,
    *,
    sample_rate: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Sound of notes on one instrument, mono; what rings on after `n_samples` is cut off."""
    mono = np.zeros(n_samples)
    for note in notes:
        ringing = instrument(
            note.pitch, note.duration_s, note.velocity, sample_rate=sample_rate, rng=rng
        )
        into = mono[round(note.start_s * sample_rate) :][: ringing.size]
        into += ringing[: into.size]
    return mono


def set_level(
    stems: Mapping[str, NDArray[np.float64]], level_db: float
) -> dict[str, NDArray[np.float64]]:
    """Scale stems until their sum has a level (RMS in dB re full scale).

    It stays below if it, or a stem, would have a peak above -1 dB.
    """
    mixture = reduce(np.add, stems.values())
    rms = max(np.sqrt(np.mean(mixture**2)), 1e-12)  # there may be silence at the beginning
    peak = max(rms, *(np.abs(signal).max() for signal in (mixture, *stems.values())))
    gain = min(10 ** (level_db / 20) / rms, 10 ** (_HIGHEST_PEAK_DB / 20) / peak)
    return {name: gain * stem for name, stem in stems.items()}


def room_response(
    reverberation_s: float, *, sample_rate: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Late reverberation: noise that decays by 60 dB in `reverberation_s`.

    It differs between left and right, and holds no bass, so that the mix stays clear. In its band
    the mean power gain is 1.

    Returns
    -------
    ndarray, shape (2, K)
    """
    times_s = np.arange(round(reverberation_s * sample_rate)) / sample_rate
    band_hz = (250, 7000)
    channels = [noise(times_s.size, band_hz, sample_rate=sample_rate, rng=rng) for _ in range(2)]
    response = np.stack(channels) * 10 ** (-3 * times_s / reverberation_s)
    energy = np.sum(response**2, axis=1, keepdims=True)
    share_of_band = (band_hz[1] - band_hz[0]) / (sample_rate / 2)
    return np.asarray(response * np.sqrt(share_of_band / energy))
