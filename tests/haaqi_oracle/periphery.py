"""Stages of the auditory periphery behind the middle ear.

Signals are at 24 kHz with time on the last axis. The stages after the filters each work on one
band: on its envelope and on the motion of the basilar membrane, which the envelope encloses.
"""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from cadenza.haaqi.cochlea import Cochlea, FloatOrArray
from cadenza.haaqi.constants import SAMPLE_RATE
from cadenza.haaqi.periphery import adaptation_filter, compression_gain_db, pole_radius
from cadenza.levels import TINY, db_to_gain


def gammatone(
    signal: NDArray[np.float64], centre_hz: FloatOrArray, relative_bandwidth: FloatOrArray
) -> NDArray[np.complex128]:
    """Filter with a gammatone of fourth order.

    Parameters
    ----------
    signal : ndarray, shape (..., T)
    centre_hz : float
        Centre frequency in Hz.
    relative_bandwidth : float
        Bandwidth re that of a healthy ear at low levels.

    Returns
    -------
    ndarray, shape (..., T)
        The magnitude is the envelope, the real part the motion of the basilar membrane. For a
        tone at the centre frequency the envelope is the tone's amplitude.
    """
    radius = pole_radius(centre_hz, relative_bandwidth)
    pole = radius * np.exp(2j * np.pi * centre_hz / SAMPLE_RATE)
    # A fourfold complex pole passes one side of the spectrum only, so no carrier is needed. Two
    # sections with a double pole are accurate to 1e-12; one with all four loses 8 digits.
    sections: NDArray[np.complex128] = np.array([[1, 2 * pole, 0, 1, -2 * pole, pole**2]] * 2)
    sections[0, :3] *= 2 * (1 - radius) ** 4 / (1 + 2 * radius) ** 2
    return scipy.signal.sosfilt(sections, signal)


def compression_gain(level_db_spl: NDArray[np.float64], cochlea: Cochlea) -> NDArray[np.float64]:
    """Linear gain for a level that varies over time.

    The gain starts from 0 and follows the level with a lag of 0.2 ms (Zhang et al., 2001).
    """
    gain = db_to_gain(compression_gain_db(level_db_spl, cochlea))
    return scipy.signal.lfilter(*scipy.signal.butter(1, 800, fs=SAMPLE_RATE), gain)


def to_sensation_level(
    envelope: NDArray[np.float64], motion: NDArray[np.float64], threshold_db: FloatOrArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn amplitudes into dB above threshold (dB SL), 0 below it.

    The motion keeps its fine structure and takes the new envelope.
    """
    sensation = np.maximum(20 * np.log10(envelope + TINY) - threshold_db, 0)
    return sensation, motion * ((sensation + TINY) / (envelope + TINY))


def adapt(
    envelope: NDArray[np.float64], motion: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let the inner hair cells adapt: an onset starts twice as high, and settles in 2 and 60 ms."""
    numerator, denominator = adaptation_filter()
    adapted = np.maximum(scipy.signal.lfilter(numerator, denominator, envelope), 0)
    return adapted, motion * ((adapted + TINY) / (envelope + TINY))
