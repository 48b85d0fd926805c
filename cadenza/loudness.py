"""Integrated loudness after ITU-R BS.1770-4, and matching it.

Blocks, gates and filters are those of pyloudnorm 0.2, which the challenges use; the filters differ
slightly from the coefficients in the recommendation.
"""

from __future__ import annotations

import logging
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.levels import db_to_gain

logger = logging.getLogger(__name__)

_BLOCK_S = 0.4  # one gating block, the shortest signal that has a loudness
_STEP = 0.25  # of a gating block, from one to the next
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)
_SILENCE_LUFS = -80.0  # used as the loudness of a silent reference
_AT_ONCE = 16384  # samples that are filtered at once, so that they stay in the processor's cache


class LoudnessMeter:
    """Measures the integrated loudness of music that comes in blocks.

    Its memory does not depend on the length of the music.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    n_channels : int
        One to five.

    Raises
    ------
    ValueError
        If there are too many channels.

    Examples
    --------
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    >>> meter = LoudnessMeter(48000, n_channels=2)
    >>> meter.add([tone[:20000], tone[:20000]])
    >>> meter.add([tone[20000:], tone[20000:]])
    >>> round(meter.integrated_lufs(), 1)
    -20.0
    """

    def __init__(self, sample_rate: int, *, n_channels: int) -> None:
        self._rate = int(_check.positive("sample_rate", sample_rate))
        if not 1 <= n_channels <= len(_CHANNEL_WEIGHTS):
            raise ValueError(
                f"signal must have at most {len(_CHANNEL_WEIGHTS)} channels, got {n_channels}"
            )
        self._filters = _k_weighting(self._rate)
        self._state = np.zeros((n_channels, 4))
        self._n_samples = 0
        self._powers: list[NDArray[np.float64]] = []  # of each gating block, one value per channel
        # squares of the filtered samples that later gating blocks need
        self._squares = np.empty((n_channels, math.ceil(_BLOCK_S * self._rate) + _AT_ONCE + 2))
        self._n_dropped = 0

    def add(self, block: ArrayLike) -> None:
        """Take the next part of the music.

        Parameters
        ----------
        block : array_like, shape (channels, T)
            Of any length.
        """
        x = np.atleast_2d(_check.signal("block", block))
        if len(x) != len(self._state):
            raise ValueError(f"block must have {len(self._state)} channel(s), got {len(x)}")
        for start in range(0, x.shape[1], _AT_ONCE):
            self._add(x[:, start : start + _AT_ONCE])

    def integrated_lufs(self) -> float:
        """Loudness of all the music so far in LUFS; minus infinity if it is silent.

        Raises
        ------
        ValueError
            If it is shorter than 0.4 s.
        """
        if self._n_samples < _BLOCK_S * self._rate:
            length_s = self._n_samples / self._rate
            raise ValueError(f"signal must be at least {_BLOCK_S} s long, got {length_s:g} s")
        beyond_first = (self._n_samples / self._rate - _BLOCK_S) / (_BLOCK_S * _STEP)
        n_blocks = int(np.round(beyond_first) + 1)
        powers = self._powers[:n_blocks]
        powers += [self._power(j) for j in range(len(powers), n_blocks)]  # beyond the end
        return _gated_lufs(np.stack(powers, axis=1))

    def _add(self, x: NDArray[np.float64]) -> None:
        from cadenza._compiled import announced  # late: importing numba takes a third of a second
        from cadenza._stereo_kernels import weighted_squares

        start = self._n_samples - self._n_dropped
        x = x if x.flags.f_contiguous else np.ascontiguousarray(x)
        with announced("the loudness meter"):
            weighted_squares(x, self._filters, self._state, self._squares, start)
        self._n_samples += x.shape[1]
        while self._edges(len(self._powers))[1] <= self._n_samples:
            self._powers.append(self._power(len(self._powers)))
        n_done = self._edges(len(self._powers))[0] - self._n_dropped
        n_kept = self._n_samples - self._n_dropped - n_done
        if n_kept > 0:
            self._squares[:, :n_kept] = self._squares[:, n_done : n_done + n_kept].copy()
        self._n_dropped += n_done

    def _edges(self, j: int) -> tuple[int, int]:
        """First sample of gating block `j`, and the one after its last."""
        return (
            int(_BLOCK_S * (j * _STEP) * self._rate),
            int(_BLOCK_S * (j * _STEP + 1) * self._rate),
        )

    def _power(self, j: int) -> NDArray[np.float64]:
        """Mean square of each channel in gating block `j`; missing samples count as zero."""
        first, end = self._edges(j)
        part = slice(first - self._n_dropped, min(end, self._n_samples) - self._n_dropped)
        # channel by channel: the rounding of a sum depends on how the samples lie in memory
        sums = [np.sum(channel[part]) for channel in self._squares]
        return (1.0 / (_BLOCK_S * self._rate)) * np.array(sums)


def _gated_lufs(powers: NDArray[np.float64]) -> float:
    """Loudness of gating blocks whose powers have the shape (channels, blocks)."""
    with np.errstate(divide="ignore"):
        loudness = _lufs(powers)
        loud = powers[:, loudness >= _ABSOLUTE_GATE_LUFS]
        if loud.size == 0:
            return -math.inf
        relative_gate = float(_lufs(np.array([[np.mean(p)] for p in loud]))[0]) + _RELATIVE_GATE_LU
        loud = powers[:, (loudness > relative_gate) & (loudness > _ABSOLUTE_GATE_LUFS)]
        if loud.size == 0:
            return -math.inf
        return float(_lufs(np.array([[np.mean(p)] for p in loud]))[0])


def _lufs(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    weighted = sum(w * p for w, p in zip(_CHANNEL_WEIGHTS, powers, strict=False))
    lufs: NDArray[np.float64] = -0.691 + 10.0 * np.log10(weighted)
    return lufs


def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """Coefficients b0, b1, b2, a1, a2 of the high shelf and of the high pass.

    References
    ----------
    .. [1] R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
    """
    a = 10 ** (4.0 / 40.0)  # 4 dB
    w = 2.0 * np.pi * (1500.0 / sample_rate)
    cos, root = np.cos(w), 2 * np.sqrt(a) * (np.sin(w) / (2.0 * (1 / np.sqrt(2))))
    a0 = (a + 1) - (a - 1) * cos + root
    shelf = [
        a * ((a + 1) + (a - 1) * cos + root),
        -2 * a * ((a - 1) + (a + 1) * cos),
        a * ((a + 1) + (a - 1) * cos - root),
        2 * ((a - 1) - (a + 1) * cos),
        (a + 1) - (a - 1) * cos - root,
    ]
    w = 2.0 * np.pi * (38.0 / sample_rate)
    cos, alpha = np.cos(w), np.sin(w) / (2.0 * 0.5)
    high_pass = [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2, -2 * cos, 1 - alpha]
    return np.array([np.array(shelf) / a0, np.array(high_pass) / (1 + alpha)])


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
    meter = LoudnessMeter(sample_rate, n_channels=len(x))
    meter.add(x)
    return meter.integrated_lufs()


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
    if too_short(x.shape[-1], sample_rate) or too_short(target.shape[-1], sample_rate):
        return 0.0
    loudness_lufs = integrated_loudness_lufs(x, sample_rate)
    if loudness_lufs == -np.inf:
        return 0.0
    return difference_db(loudness_lufs, integrated_loudness_lufs(target, sample_rate))


def difference_db(loudness_lufs: float, target_lufs: float) -> float:
    """Gain in dB that takes a signal to another loudness.

    Parameters
    ----------
    loudness_lufs : float
        Loudness of the signal. If it is silent (minus infinity), the gain is 0 dB.
    target_lufs : float
        Wanted loudness. If it is minus infinity, -80 LUFS is used and a warning logged.

    Examples
    --------
    >>> difference_db(-20.0, -14.0)
    6.0
    """
    if loudness_lufs == -np.inf:
        return 0.0
    if target_lufs == -np.inf:
        logger.warning("reference is silent, loudness matched to %s LUFS", _SILENCE_LUFS)
        target_lufs = _SILENCE_LUFS
    return target_lufs - loudness_lufs


def too_short(n_samples: int, sample_rate: int) -> bool:
    """Whether so many samples are too short to have a loudness; if so, a warning is logged.

    Examples
    --------
    >>> too_short(44100, 44100)
    False
    """
    short = bool(n_samples < _BLOCK_S * _check.positive("sample_rate", sample_rate))
    if short:
        logger.warning("loudness not matched: signals must be at least %s s long", _BLOCK_S)
    return short
