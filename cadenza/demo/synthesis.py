"""What instruments are made of: decaying modes, envelopes and filtered noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfilt


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
    top_s = max(duration_s, attack_s)
    times_s = np.arange(round((top_s + release_s) * sample_rate)) / sample_rate
    ramp = np.interp(times_s, [0, attack_s, top_s, top_s + release_s], [0, 1, 1, 0])
    return 0.5 - 0.5 * np.cos(np.pi * ramp)


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
    sos = butter(2, band_hz, "bandpass", fs=sample_rate, output="sos")
    filtered = sosfilt(sos, rng.standard_normal(n_samples))
    return np.asarray(filtered / np.sqrt(np.mean(filtered**2)))
