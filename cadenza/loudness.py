"""Integrated loudness after ITU-R BS.1770-4, and matching it."""

from __future__ import annotations

import logging

import numpy as np
import pyloudnorm
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.levels import db_to_gain

logger = logging.getLogger(__name__)

_BLOCK_S = 0.4  # one gating block, the shortest signal that has a loudness
_MAX_CHANNELS = 5
_SILENCE_LUFS = -80.0  # used as the loudness of a silent reference


def integrated_loudness_lufs(signal: ArrayLike, sample_rate: int) -> float:
    """Measure the integrated loudness.

    Full-scale sines of 1 kHz in both channels have about 0 LUFS; 10 LU more sound about twice as
    loud. Pauses do not count. A signal that stays below -70 LUFS is silent: its loudness is minus
    infinity.

    Parameters
    ----------
    signal : array_like, shape (T,) or (channels, T)
        At least 0.4 s; up to five channels (left, right, centre, left and right surround).
    sample_rate : int
        In Hz.

    Returns
    -------
    float
        Loudness in LUFS.

    Raises
    ------
    ValueError
        If the signal is too short or has too many channels.

    References
    ----------
    .. [1] Recommendation ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and
       true-peak audio level", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    >>> round(integrated_loudness_lufs([tone, tone], 48000), 1)
    -20.0
    """
    x = np.atleast_2d(_check.signal("signal", signal))
    if len(x) > _MAX_CHANNELS:
        raise ValueError(f"signal must have at most {_MAX_CHANNELS} channels, got {len(x)}")
    if _too_short(x, sample_rate):
        length_s = x.shape[-1] / sample_rate
        raise ValueError(f"signal must be at least {_BLOCK_S} s long, got {length_s:g} s")
    return float(pyloudnorm.Meter(int(sample_rate)).integrated_loudness(x.T))


def match_loudness(
    signal: ArrayLike, reference: ArrayLike, sample_rate: int
) -> NDArray[np.float64]:
    """Scale a signal to the integrated loudness of a reference.

    Parameters
    ----------
    signal : array_like, shape (T,) or (channels, T)
        Signal to scale. If it is silent (below -70 LUFS throughout) it is returned unchanged.
    reference : array_like, shape (T,) or (channels, T)
        Signal with the wanted loudness. If it is silent, -80 LUFS is used and a warning logged.
    sample_rate : int
        Rate of both in Hz.

    Returns
    -------
    ndarray
        New array in the shape of `signal`. If either signal is shorter than 0.4 s, it is
        unchanged and a warning is logged.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(scale=0.1, size=(2, 44100))
    >>> matched = match_loudness(0.5 * noise, noise, 44100)
    >>> bool(np.allclose(matched, noise))
    True
    """
    return _check.signal("signal", signal) * db_to_gain(
        matching_gain_db(signal, reference, sample_rate)
    )


def matching_gain_db(signal: ArrayLike, reference: ArrayLike, sample_rate: int) -> float:
    """Gain in dB by which `match_loudness`, which explains the parameters, scales a signal.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(scale=0.1, size=(2, 44100))
    >>> round(matching_gain_db(0.5 * noise, noise, 44100), 2)
    6.02
    """
    x = _check.signal("signal", signal)
    target = _check.signal("reference", reference)
    if _too_short(x, sample_rate) or _too_short(target, sample_rate):
        logger.warning("loudness not matched: signals must be at least %s s long", _BLOCK_S)
        return 0.0
    loudness_lufs = integrated_loudness_lufs(x, sample_rate)
    if loudness_lufs == -np.inf:
        return 0.0
    target_lufs = integrated_loudness_lufs(target, sample_rate)
    if target_lufs == -np.inf:
        logger.warning("reference is silent, loudness matched to %s LUFS", _SILENCE_LUFS)
        target_lufs = _SILENCE_LUFS
    return target_lufs - loudness_lufs


def _too_short(signal: NDArray[np.float64], sample_rate: int) -> bool:
    return bool(signal.shape[-1] < _BLOCK_S * _check.positive("sample_rate", sample_rate))
