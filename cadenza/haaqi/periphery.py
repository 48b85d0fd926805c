"""The middle ear, and what the filters and hair cells of the inner ear are set to."""

from __future__ import annotations

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from cadenza.haaqi.cochlea import UPPER_KNEE_DB_SPL, Cochlea, erb_hz
from cadenza.haaqi.levels import FloatOrArray
from cadenza.haaqi.resampling import SAMPLE_RATE


def middle_ear(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Attenuate what the middle ear does not pass well: below 350 Hz and above 5 kHz."""
    low_pass = scipy.signal.butter(1, 5000, fs=SAMPLE_RATE)
    high_pass = scipy.signal.butter(2, 350, "highpass", fs=SAMPLE_RATE)
    return scipy.signal.lfilter(*high_pass, scipy.signal.lfilter(*low_pass, signal))


def pole_radius(centre_hz: FloatOrArray, relative_bandwidth: FloatOrArray) -> NDArray[np.float64]:
    """Radius of the gammatone's fourfold pole."""
    bandwidth_hz = 1.019 * relative_bandwidth * erb_hz(centre_hz)
    radius: NDArray[np.float64] = np.exp(-2 * np.pi * bandwidth_hz / SAMPLE_RATE)
    return radius


def gammatone_gain(radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain that makes the envelope of a tone at the centre frequency the tone's amplitude."""
    return 2 * (1 - radius) ** 4 / (1 + 2 * radius) ** 2


def group_delay(radius: NDArray[np.float64]) -> NDArray[np.int_]:
    """Delay of the gammatone at its centre frequency, in whole samples."""
    return np.rint(4 * radius / (1 - radius) + 4 * radius / (1 + 2 * radius)).astype(int)


def bandwidth(level_db_spl: NDArray[np.float64], cochlea: Cochlea) -> NDArray[np.float64]:
    """Relative bandwidth at a level: narrow up to 50 dB SPL, wide from 100 dB SPL."""
    loudness = np.clip((level_db_spl - 50) / 50, 0, 1)
    return cochlea.narrow + loudness * (cochlea.wide - cochlea.narrow)


def compression_gain_db(level_db_spl: NDArray[np.float64], cochlea: Cochlea) -> NDArray[np.float64]:
    """Gain in dB, at most 0, by which the outer hair cells respond to a level."""
    level_db_spl = np.clip(level_db_spl, cochlea.knee_db_spl, UPPER_KNEE_DB_SPL)
    return -cochlea.ohc_db - (level_db_spl - cochlea.knee_db_spl) * (1 - 1 / cochlea.ratio)


def adaptation() -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Adaptation of inner hair cells: an onset starts twice as high, and settles in 2 and 60 ms.

    The model is a circuit (Kates, 2013): the envelope drives resistor r1 to a first node, from
    which r2 leads to a second node and r3 on to ground; a capacitor at each node makes the fast
    and the slow adaptation. The output is the current through r1.

    Returns
    -------
    direct : float
        Gain of the input itself.
    gains, poles : ndarray, shape (2,)
        Gains of two one-pole filters of the input that are added, and their poles.
    """
    r1 = 1 / 2
    r2 = r3 = (1 - r1) / 2
    fast = 0.002 * SAMPLE_RATE * (r1 + r2)
    slow = 0.060 * SAMPLE_RATE * r2 / (r1 + r2)
    # Kirchhoff's law at both nodes with backward differences, as polynomials in 1/z
    node_1 = np.array([r1 + r2 + fast, -fast])
    node_2 = np.array([r2 + r3 + slow, -slow])
    denominator = np.convolve(node_1, node_2) - [r1 * r3, 0, 0]
    numerator = (denominator - [*(r2 * node_2), 0]) / r1
    gains, poles, direct = scipy.signal.residuez(numerator, denominator)
    return float(direct[0].real), gains.real, poles.real
