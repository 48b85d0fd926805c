"""Compiled loops of the ear model: gammatone filters and hair cells.

A gammatone is a low-pass filter of the signal multiplied by a carrier. Its four poles are one-pole
sections y[n] = x[n] + r y[n-1]; its double zero needs no memory, because (1 + 2 r/z)^2 times the
fourth section is 9 times the fourth minus 12 times the third plus 4 times the second.

How the loops are written decides whether the compiler turns them into SIMD code. All that a loop
over lanes (bands, or filters and paths) needs stands in one flat array, whose named rows begin at
offsets known to the compiler: so it sees that the rows do not overlap. Loops over time run over
slices, because the compiler cannot rule out that an index which is a sum is negative.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel
from cadenza.haaqi.constants import N_BANDS
from cadenza.haaqi.kernels.elementary import exp, log
from cadenza.levels import TINY

BLOCK = 512
"""Samples that are processed at a time, so that they stay in the cache; divides all lengths."""

_CARRIER_RESTART = 8 * BLOCK  # samples; the error of a carrier that rotates grows with time

# Rows of `control_energy`, one number for each band. U is in phase with the carrier, V in
# quadrature; 1 to 4 are the outputs of the one-pole sections.
_RADIUS, _STEP_COS, _STEP_SIN, _COS, _SIN = range(0, 5 * N_BANDS, N_BANDS)
_U1, _U2, _U3, _U4, _V1, _V2, _V3, _V4 = range(5 * N_BANDS, 13 * N_BANDS, N_BANDS)
_ENERGY, _END = 13 * N_BANDS, 14 * N_BANDS

# Lanes of `_filter_block`: the filters of both paths, in phase and then in quadrature
_CONTROL_1, _CONTROL_2, _ANALYSIS_1, _ANALYSIS_2, _QUADRATURE = range(5)
_N_LANES = 2 * _QUADRATURE

# Its rows, one number for each lane; from _SAMPLES on, one row for each sample of a step
_R, _Y1, _Y2, _Y3, _Y4, _SAMPLES = range(0, 6 * _N_LANES, _N_LANES)
_STEP = 8  # samples that the filter keeps in registers

# Amplitudes reach from TINY to 1e5. Their squares leave the range of single precision (1e-38 to
# 3e38) at the low end, so they are multiplied by a power of two and the roots divided by its root.
_POWER_SCALE = 2.0**90
_ROOT_SCALE = 2.0**-45


@kernel()
def control_energy(
    signal: NDArray[np.float64], angle: NDArray[np.float64], radius: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Energy of the envelopes of all control filters, before their gain.

    Parameters
    ----------
    signal : ndarray, shape (N,)
    angle : ndarray, shape (32,)
        Centre frequencies in radians per sample.
    radius : ndarray, shape (32,)
        Of the poles.

    Returns
    -------
    ndarray, shape (32,)
    """
    w = np.zeros(_END)
    for k in range(N_BANDS):
        w[_RADIUS + k] = radius[k]
        w[_STEP_COS + k] = math.cos(angle[k])
        w[_STEP_SIN + k] = math.sin(angle[k])
    for start in range(0, signal.size, _CARRIER_RESTART):
        for k in range(N_BANDS):
            w[_COS + k] = math.cos(angle[k] * start)
            w[_SIN + k] = math.sin(angle[k] * start)
        for x in signal[start : start + _CARRIER_RESTART]:
            for k in range(N_BANDS):
                r, cosine, sine = w[_RADIUS + k], w[_COS + k], w[_SIN + k]
                u1 = x * cosine + r * w[_U1 + k]
                u2 = u1 + r * w[_U2 + k]
                u3 = u2 + r * w[_U3 + k]
                u4 = u3 + r * w[_U4 + k]
                v1 = x * sine + r * w[_V1 + k]
                v2 = v1 + r * w[_V2 + k]
                v3 = v2 + r * w[_V3 + k]
                v4 = v3 + r * w[_V4 + k]
                w[_U1 + k], w[_U2 + k], w[_U3 + k], w[_U4 + k] = u1, u2, u3, u4
                w[_V1 + k], w[_V2 + k], w[_V3 + k], w[_V4 + k] = v1, v2, v3, v4
                u = 9 * u4 - 12 * u3 + 4 * u2
                v = 9 * v4 - 12 * v3 + 4 * v2
                w[_ENERGY + k] += u * u + v * v
                w[_COS + k] = cosine * w[_STEP_COS + k] - sine * w[_STEP_SIN + k]
                w[_SIN + k] = sine * w[_STEP_COS + k] + cosine * w[_STEP_SIN + k]
    return w[_ENERGY:].copy()


@kernel()
def _turn_block(from_zero: NDArray[np.float64], phase: float, carrier: NDArray[np.float64]) -> None:
    """Turn a carrier (cosine and sine) that begins at phase 0 into one that begins at `phase`."""
    a, b = math.cos(phase), math.sin(phase)
    cosine, sine, turned_cosine, turned_sine = from_zero[0], from_zero[1], carrier[0], carrier[1]
    for i in range(BLOCK):
        turned_cosine[i] = a * cosine[i] - b * sine[i]
        turned_sine[i] = b * cosine[i] + a * sine[i]


@kernel()
def _filter_block(
    source: NDArray[np.float64],
    carrier: NDArray[np.float64],
    w: NDArray[np.float64],
    power: NDArray[np.float64],
    motion: NDArray[np.float64],
) -> None:
    """Filter a block of both paths by their control and analysis filters.

    `power` gets the squared envelopes of all four filters, `motion` the basilar membrane's motion
    in both paths; `w` holds the rows above and keeps the filters' state.
    """
    for start in range(0, BLOCK, _STEP):
        cosine, sine = carrier[0, start : start + _STEP], carrier[1, start : start + _STEP]
        first, second = source[0, start : start + _STEP], source[1, start : start + _STEP]
        for t in range(_STEP):
            j = _SAMPLES + _N_LANES * t
            a, b = first[t] * cosine[t], second[t] * cosine[t]
            w[j], w[j + 1], w[j + 2], w[j + 3] = a, b, a, b
            a, b = first[t] * sine[t], second[t] * sine[t]
            w[j + 4], w[j + 5], w[j + 6], w[j + 7] = a, b, a, b
        for k in range(_N_LANES):
            r, y1, y2, y3, y4 = w[_R + k], w[_Y1 + k], w[_Y2 + k], w[_Y3 + k], w[_Y4 + k]
            for t in range(_STEP):
                y1 = w[_SAMPLES + _N_LANES * t + k] + r * y1
                y2 = y1 + r * y2
                y3 = y2 + r * y3
                y4 = y3 + r * y4
                w[_SAMPLES + _N_LANES * t + k] = 9 * y4 - 12 * y3 + 4 * y2
            w[_Y1 + k], w[_Y2 + k], w[_Y3 + k], w[_Y4 + k] = y1, y2, y3, y4
        control_1, control_2 = power[0, start : start + _STEP], power[1, start : start + _STEP]
        analysis_1, analysis_2 = power[2, start : start + _STEP], power[3, start : start + _STEP]
        motion_1, motion_2 = motion[0, start : start + _STEP], motion[1, start : start + _STEP]
        for t in range(_STEP):
            u = _SAMPLES + _N_LANES * t
            v = u + _QUADRATURE
            u1, v1 = w[u + _CONTROL_1], w[v + _CONTROL_1]
            u2, v2 = w[u + _CONTROL_2], w[v + _CONTROL_2]
            control_1[t] = u1 * u1 + v1 * v1
            control_2[t] = u2 * u2 + v2 * v2
            u1, v1 = w[u + _ANALYSIS_1], w[v + _ANALYSIS_1]
            u2, v2 = w[u + _ANALYSIS_2], w[v + _ANALYSIS_2]
            analysis_1[t] = u1 * u1 + v1 * v1
            analysis_2[t] = u2 * u2 + v2 * v2
            motion_1[t] = u1 * cosine[t] + v1 * sine[t]
            motion_2[t] = u2 * cosine[t] + v2 * sine[t]


@kernel(fused=True)
def _gain_block(
    power: NDArray[np.float64], compression: NDArray[np.float64], gain: NDArray[np.float64]
) -> None:
    """Gain of the outer hair cells, a power of the control filter's power between two limits."""
    lowest, highest, offset, slope = compression
    for i in range(BLOCK):
        gain[i] = exp(offset + slope * log(min(max(power[i], lowest), highest)))


@kernel(fused=True)
def _smooth_block(gains: NDArray[np.float64], weight: float, state: NDArray[np.float64]) -> None:
    """Smooth the gains of both paths by y[n] = weight (x[n] + x[n-1]) + (1 - 2 weight) y[n-1]."""
    first, second = gains[0], gains[1]
    before_1, before_2, smooth_1, smooth_2 = state
    for i in range(BLOCK):
        smooth_1 = weight * (first[i] + before_1) + (1 - 2 * weight) * smooth_1
        smooth_2 = weight * (second[i] + before_2) + (1 - 2 * weight) * smooth_2
        before_1, before_2 = first[i], second[i]
        first[i], second[i] = smooth_1, smooth_2
    state[0], state[1], state[2], state[3] = before_1, before_2, smooth_1, smooth_2


@kernel(fused=True)
def _compress_block(
    power: NDArray[np.float64],
    motion: NDArray[np.float64],
    gain: NDArray[np.float64],
    scale: float,
    energy: NDArray[np.float64],
    envelope_out: NDArray[np.float32],
    motion_out: NDArray[np.float32],
) -> None:
    """Apply the gain to a block of one path, and add up the energy of its envelope before that."""
    scale_power = scale * scale * _POWER_SCALE
    for i in range(BLOCK):
        energy[i] += power[i]
        root = np.sqrt(np.float32(power[i] * scale_power))
        envelope_out[i] = root * np.float32(gain[i] * _ROOT_SCALE)
        motion_out[i] = motion[i] * (gain[i] * scale)


@kernel()
def compressed_band(
    signals: NDArray[np.float64],
    angle: float,
    radius: NDArray[np.float64],
    compression: NDArray[np.float64],
    smoothing: float,
    scale: NDArray[np.float64],
    envelope: NDArray[np.float32],
    motion: NDArray[np.float32],
) -> NDArray[np.float64]:
    """One band of two paths behind filters and outer hair cells.

    Parameters
    ----------
    signals : ndarray, shape (2, N)
        Amplitudes below 1e5.
    angle : float
        Centre frequency in radians per sample.
    radius : ndarray, shape (4,)
        Of the poles: control filter of each path, analysis filter of each path.
    compression : ndarray, shape (4,)
        Lowest and highest power of the control filter at which the gain changes; offset and slope
        of the logarithm of the gain over that of the power.
    smoothing : float
        Weight of a new gain, from `periphery.gain_smoothing`.
    scale : ndarray, shape (2,)
        Gain of the analysis filters.
    envelope, motion : ndarray, shape (2, T)
        For the result, which ends with zeros: N samples fill up to whole blocks.

    Returns
    -------
    ndarray, shape (2,)
        Energy of the envelopes before compression and gain.
    """
    w = np.zeros(_SAMPLES + _N_LANES * _STEP)
    w[_R : _R + _QUADRATURE] = w[_R + _QUADRATURE : _Y1] = radius
    time = np.arange(BLOCK) * angle
    from_zero = np.stack((np.cos(time), np.sin(time)))
    source, carrier, filtered = np.zeros((2, BLOCK)), np.empty((2, BLOCK)), np.empty((2, BLOCK))
    power, gain = np.empty((4, BLOCK)), np.empty((2, BLOCK))
    smoothing_state, energy = np.zeros(4), np.zeros((2, BLOCK))
    for start in range(0, signals.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        n = min(BLOCK, signals.shape[1] - start)
        first, second = signals[0, start : start + n], signals[1, start : start + n]
        for i in range(n):
            source[0, i], source[1, i] = first[i], second[i]
        source[:, n:] = 0
        _turn_block(from_zero, angle * start, carrier)
        _filter_block(source, carrier, w, power, filtered)
        power[2:, n:] = 0
        filtered[:, n:] = 0
        _gain_block(power[0], compression, gain[0])
        _gain_block(power[1], compression, gain[1])
        _smooth_block(gain, smoothing, smoothing_state)
        for path in range(2):
            _compress_block(
                power[2 + path],
                filtered[path],
                gain[path],
                scale[path],
                energy[path],
                envelope[path, block],
                motion[path, block],
            )
    total: NDArray[np.float64] = energy.sum(axis=1)
    return total


@kernel(fused=True)
def _sensation_block(
    envelope: NDArray[np.float32], threshold_db: float, level_db: NDArray[np.float64]
) -> None:
    """Turn a block of an envelope into dB above a threshold, 0 below it."""
    to_db = 20 / math.log(10.0)
    for i in range(BLOCK):
        level_db[i] = max(to_db * log(envelope[i] + TINY) - threshold_db, 0.0)


@kernel(fused=True)
def _adapt_block(
    levels_db: NDArray[np.float64],
    direct: float,
    gains: NDArray[np.float64],
    poles: NDArray[np.float64],
    state: NDArray[np.float64],
    adapted: NDArray[np.float64],
) -> None:
    """Adaptation of two paths together: the processor works on one while the other's sum is due."""
    level_1, level_2, adapted_1, adapted_2 = levels_db[0], levels_db[1], adapted[0], adapted[1]
    fast_1, slow_1, fast_2, slow_2 = state
    for i in range(BLOCK):
        fast_1 = poles[0] * fast_1 + level_1[i]
        slow_1 = poles[1] * slow_1 + level_1[i]
        fast_2 = poles[0] * fast_2 + level_2[i]
        slow_2 = poles[1] * slow_2 + level_2[i]
        adapted_1[i] = direct * level_1[i] + (gains[0] * fast_1 + gains[1] * slow_1)
        adapted_2[i] = direct * level_2[i] + (gains[0] * fast_2 + gains[1] * slow_2)
    state[0], state[1], state[2], state[3] = fast_1, slow_1, fast_2, slow_2


@kernel(fused=True)
def _replace_block(
    adapted: NDArray[np.float64], envelope: NDArray[np.float32], motion: NDArray[np.float32]
) -> None:
    """Give a block of one path its adapted envelope, which is never negative."""
    tiny = np.float32(TINY)
    for i in range(BLOCK):
        after = np.float32(max(adapted[i], 0.0))
        motion[i] *= (after + tiny) / (envelope[i] + tiny)
        envelope[i] = after


@kernel()
def inner_hair_cells(
    envelopes: NDArray[np.float32],
    motions: NDArray[np.float32],
    threshold_db: float,
    direct: float,
    gains: NDArray[np.float64],
    poles: NDArray[np.float64],
) -> None:
    """Turn amplitudes into dB above a threshold and let them adapt, in place.

    The motion of each path keeps its fine structure and takes the new envelope.

    Parameters
    ----------
    envelopes, motions : ndarray, shape (n_paths, T)
        Whole blocks.
    threshold_db : float
        Level in dB re 1 that becomes 0 dB.
    direct, gains, poles
        As from `periphery.adaptation`.
    """
    n_paths, n_samples = envelopes.shape
    levels_db, adapted = np.zeros((2, BLOCK)), np.empty((2, BLOCK))
    for first in range(0, n_paths, 2):
        n_rows, state = min(2, n_paths - first), np.zeros(4)
        for start in range(0, n_samples, BLOCK):
            part = slice(start, start + BLOCK)
            for row in range(n_rows):
                _sensation_block(envelopes[first + row, part], threshold_db, levels_db[row])
            _adapt_block(levels_db, direct, gains, poles, state, adapted)
            for row in range(n_rows):
                _replace_block(
                    adapted[row], envelopes[first + row, part], motions[first + row, part]
                )
