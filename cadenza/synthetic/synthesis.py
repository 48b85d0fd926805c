"""Building blocks of instruments: modes, wave tables, envelopes, noise and resonances."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfilt

from cadenza.levels import db_to_gain, rms

Signal = NDArray[np.float64]

_TABLE_SAMPLES = 4096  # of one cycle


def modes(
    frequencies_hz: ArrayLike,
    amplitudes: ArrayLike,
    decays_s: ArrayLike,
    n_samples: int,
    *,
    sample_rate: float,
    phases: ArrayLike = 0.0,
) -> Signal:
    """Sum of exponentially decaying sinusoids: the modes of a string, a bar or a plate.

    Parameters
    ----------
    frequencies_hz : array_like, shape (m,)
        Modes at or above half the sample rate are left out.
    amplitudes, decays_s, phases : array_like, shape (m,) or scalar
        Amplitude at the start, time in which it falls to 1/e (infinite: never), and phase in
        radians (0 is a sine) of each mode.

    Examples
    --------
    >>> modes([1, 2], [3, 1], np.inf, 4, sample_rate=8).round(3)
    array([0.   , 3.121, 3.   , 1.121])
    """
    frequencies = np.asarray(frequencies_hz, dtype=np.float64)
    audible = np.where(frequencies < sample_rate / 2, amplitudes, 0.0)
    weights = audible * np.exp(1j * np.asarray(phases))
    rates = (-1 / np.asarray(decays_s) + 2j * np.pi * frequencies) / sample_rate
    # With n = a + b, exp(r n) = exp(r a) exp(r b). Let a run over starts of blocks and b over the
    # samples within one: a mode takes 2 sqrt(n_samples) exponentials, the rest is a matrix product.
    block = int(np.sqrt(n_samples)) + 1
    starts = np.exp(np.outer(np.arange(0, n_samples, block), rates)) * weights
    within = np.exp(np.outer(rates, np.arange(block)))
    return np.asarray((starts @ within).imag.ravel()[:n_samples])


def hold(duration_s: float, *, attack_s: float, release_s: float, sample_rate: float) -> Signal:
    """Envelope that rises from 0 to 1 in `attack_s` and falls to 0 in `release_s` after the note.

    >>> hold(2.0, attack_s=1.0, release_s=2.0, sample_rate=2).round(2)
    array([0.  , 0.5 , 1.  , 1.  , 1.  , 0.84, 0.5 , 0.16])
    """
    end_s = max(duration_s, attack_s) + release_s
    times_s = np.arange(round(end_s * sample_rate)) / sample_rate
    rise, fall = np.clip([times_s / attack_s, (end_s - times_s) / release_s], 0, 1)
    return np.asarray(rise**2 * (3 - 2 * rise) * fall**2 * (3 - 2 * fall))


def decay(duration_s: float, *, time_constant_s: float, sample_rate: float) -> Signal:
    """Envelope that falls exponentially from 1, with a fade of 10 ms at the end."""
    times_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return np.exp(-times_s / time_constant_s) * np.clip((duration_s - times_s) / 0.01, 0, 1)


def noise(
    n_samples: int,
    band_hz: tuple[float, float],
    *,
    sample_rate: float,
    rng: np.random.Generator,
) -> Signal:
    """Gaussian noise of unit RMS, limited to a band by a second-order Butterworth filter."""
    filtered = sosfilt(_bandpass(*band_hz, sample_rate), rng.standard_normal(n_samples))
    return np.asarray(filtered / rms(filtered))


@lru_cache(maxsize=256)  # designing it takes longer than filtering a short note
def _bandpass(low_hz: float, high_hz: float, sample_rate: float) -> Signal:
    return np.asarray(butter(2, (low_hz, high_hz), "bandpass", fs=sample_rate, output="sos"))


def wave_tables(amplitudes: ArrayLike) -> Signal:
    """One cycle of each tone: a sum of harmonics in sine phase, with unit RMS.

    `amplitudes` (tones, harmonics) are those of the first, second ... harmonic. The result is
    (tones, 4097): the last sample repeats the first, so `oscillate` can interpolate across the end.
    """
    spectra = np.asarray(amplitudes, dtype=np.float64)
    spectra = spectra / np.sqrt(np.sum(spectra**2, axis=1, keepdims=True) / 2)
    padded = np.zeros((len(spectra), _TABLE_SAMPLES // 2 + 1))
    padded[:, 1 : spectra.shape[1] + 1] = spectra
    cycles = np.fft.irfft(-0.5j * _TABLE_SAMPLES * padded)
    return np.concatenate([cycles, cycles[:, :1]], axis=1)


def oscillate(tables: Signal, frequency_hz: Signal, *, sample_rate: float) -> Signal:
    """Tones (tones, T) from `wave_tables`, all with the same frequency (T,), which may change.

    Examples
    --------
    >>> oscillate(wave_tables([[1.0]]), np.full(4, 1.0), sample_rate=8).round(3)
    array([[1.   , 1.414, 1.   , 0.   ]])
    """
    position = np.cumsum(frequency_hz / sample_rate) % 1 * (tables.shape[1] - 1)
    column = position.astype(np.intp)
    left, right = (tables.take(column + offset, axis=1) for offset in (0, 1))
    return np.asarray(left + (position - column) * (right - left))


def resonate(
    signal: Signal,
    resonances: Sequence[tuple[float, float, float]],
    *,
    sample_rate: float,
) -> Signal:
    """Raise or lower the level around some frequencies, as the body of an instrument does.

    `resonances` are peaking equalisers in a row, each with a frequency in Hz, a gain in dB and a Q.

    References
    ----------
    .. [1] Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
    """
    if not resonances:
        return signal
    frequency, gain_db, q = np.array(resonances).T
    angle = 2 * np.pi * frequency / sample_rate
    alpha, root_gain = np.sin(angle) / (2 * q), db_to_gain(gain_db / 2)
    middle = -2 * np.cos(angle)
    zeros = [1 + alpha * root_gain, middle, 1 - alpha * root_gain]
    poles = [1 + alpha / root_gain, middle, 1 - alpha / root_gain]
    return np.asarray(sosfilt(np.column_stack([*zeros, *poles]) / poles[0][:, None], signal))


def wander(
    n_samples: int, *, rate_hz: float, sample_rate: float, rng: np.random.Generator
) -> Signal:
    """Slow random movement of about unit variance: straight lines between `rate_hz` knots."""
    knots = np.arange(int(n_samples * rate_hz / sample_rate) + 2) * (sample_rate / rate_hz)
    return np.interp(np.arange(n_samples), knots, rng.standard_normal(knots.size))
