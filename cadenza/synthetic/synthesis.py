"""What instruments are made of: modes, wave tables, envelopes, noise and resonances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfilt

from cadenza.synthetic.oscillator_kernel import read_tables

_TABLE_SAMPLES = 4096  # of one cycle


def modes(
    frequencies_hz: ArrayLike,
    amplitudes: ArrayLike,
    decays_s: ArrayLike,
    n_samples: int,
    *,
    sample_rate: float,
    phases: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Sum of exponentially decaying sinusoids: the modes of a string, a bar or a drum.

    Parameters
    ----------
    frequencies_hz : array_like, shape (m,)
        Modes at or above half the sample rate are left out.
    amplitudes, decays_s, phases : array_like, shape (m,) or scalar
        Amplitude at the start, time in which it falls to 1/e (infinite: never), and phase in
        radians (0 is a sine) of each mode.
    n_samples : int
    sample_rate : float
        In Hz.

    Returns
    -------
    ndarray, shape (n_samples,)

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


def hold(
    duration_s: float, *, attack_s: float, release_s: float, sample_rate: float
) -> NDArray[np.float64]:
    """Envelope that rises from 0 to 1 in `attack_s`, and falls back in `release_s` after the note.

    >>> hold(2.0, attack_s=1.0, release_s=2.0, sample_rate=2).round(2)
    array([0.  , 0.5 , 1.  , 1.  , 1.  , 0.85, 0.5 , 0.15])
    """
    end_s = max(duration_s, attack_s) + release_s
    times_s = np.arange(round(end_s * sample_rate)) / sample_rate
    envelope = np.ones(times_s.size)
    rise = times_s[: math.ceil(attack_s * sample_rate)] / attack_s
    fall = (end_s - times_s[math.ceil((end_s - release_s) * sample_rate) :]) / release_s
    envelope[: rise.size] = 0.5 - 0.5 * np.cos(np.pi * rise)
    envelope[envelope.size - fall.size :] = 0.5 - 0.5 * np.cos(np.pi * fall)
    return envelope


def decay(duration_s: float, *, time_constant_s: float, sample_rate: float) -> NDArray[np.float64]:
    """Envelope that falls exponentially from 1; a fade of 10 ms at its end avoids a click."""
    times_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    fade = np.clip((duration_s - times_s) / 0.01, 0, 1)
    return np.exp(-times_s / time_constant_s) * fade


def noise(
    n_samples: int,
    band_hz: tuple[float, float],
    *,
    sample_rate: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Gaussian noise of unit RMS, limited to a band by a second-order Butterworth filter."""
    filtered = sosfilt(_bandpass(*band_hz, sample_rate), rng.standard_normal(n_samples))
    return np.asarray(filtered / np.sqrt(np.mean(filtered**2)))


@lru_cache(maxsize=256)  # its design takes longer than filtering a short note
def _bandpass(low_hz: float, high_hz: float, sample_rate: float) -> NDArray[np.float64]:
    return np.asarray(butter(2, (low_hz, high_hz), "bandpass", fs=sample_rate, output="sos"))


def wave_tables(amplitudes: ArrayLike) -> NDArray[np.float64]:
    """One cycle of each of some tones: sums of harmonics in sine phase, with unit RMS.

    Parameters
    ----------
    amplitudes : array_like, shape (tones, harmonics)
        Of the first, second ... harmonic; at most 2047.

    Returns
    -------
    ndarray, shape (tones, 4097)
        The last sample is the first one again, so that `oscillate` need not wrap around.
    """
    spectra = np.asarray(amplitudes, dtype=np.float64)
    spectra = spectra / np.sqrt(np.sum(spectra**2, axis=1, keepdims=True) / 2)
    padded = np.zeros((len(spectra), _TABLE_SAMPLES // 2 + 1))
    padded[:, 1 : spectra.shape[1] + 1] = spectra
    cycles = np.fft.irfft(-0.5j * _TABLE_SAMPLES * padded)
    return np.concatenate([cycles, cycles[:, :1]], axis=1)


def oscillate(
    tables: NDArray[np.float64], frequency_hz: NDArray[np.float64], *, sample_rate: float
) -> NDArray[np.float64]:
    """Read wave tables in step, at a frequency that may change from sample to sample.

    Parameters
    ----------
    tables : ndarray, shape (tones, samples)
        As from `wave_tables`.
    frequency_hz : ndarray, shape (T,)
    sample_rate : float
        In Hz.

    Returns
    -------
    ndarray, shape (tones, T)

    Examples
    --------
    >>> oscillate(wave_tables([[1.0]]), np.full(4, 1.0), sample_rate=8).round(3)
    array([[1.   , 1.414, 1.   , 0.   ]])
    """
    return np.asarray(read_tables(tables, frequency_hz / sample_rate))


def resonate(
    signal: NDArray[np.float64],
    resonances: Sequence[tuple[float, float, float]],
    *,
    sample_rate: float,
) -> NDArray[np.float64]:
    """Raise or lower the level around some frequencies, as the body of an instrument does.

    Parameters
    ----------
    signal : ndarray, shape (T,)
    resonances : sequence of (frequency in Hz, gain in dB, Q)
        Peaking equalisers, one after the other: unit gain far from the frequency, which must be
        below half the sample rate; the higher Q, the narrower the band.
    sample_rate : float
        In Hz.

    References
    ----------
    .. [1] Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients.
    """
    if not resonances:
        return signal
    frequency, gain_db, q = np.array(resonances).T
    angle = 2 * np.pi * frequency / sample_rate
    alpha, root_gain = np.sin(angle) / (2 * q), 10 ** (gain_db / 40)
    middle = -2 * np.cos(angle)
    zeros = [1 + alpha * root_gain, middle, 1 - alpha * root_gain]
    poles = [1 + alpha / root_gain, middle, 1 - alpha / root_gain]
    return np.asarray(sosfilt(np.column_stack([*zeros, *poles]) / poles[0][:, None], signal))


def wander(
    n_samples: int, *, rate_hz: float, sample_rate: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Slow random movement of about unit variance: straight lines between `rate_hz` knots."""
    knots = np.arange(int(n_samples * rate_hz / sample_rate) + 2) * (sample_rate / rate_hz)
    return np.interp(np.arange(n_samples), knots, rng.standard_normal(knots.size))
