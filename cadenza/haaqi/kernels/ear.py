"""Compiled loops of the ear model: gammatone filters, hair cells and internal noise.

A gammatone is a low-pass filter of the signal multiplied by a carrier. Its four poles are one-pole
sections y[n] = x[n] + r y[n-1]; its double zero needs no memory, because (1 + 2 r/z)^2 times the
fourth section is 9 times the fourth minus 12 times the third plus 4 times the second.

How the loops are written decides whether the compiler turns them into SIMD code. Lanes (bands, or
filters and paths) are the innermost index of one array with constant offsets; loops over time run
over slices, as an index that is a sum might be negative for all the compiler knows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from cadenza._compiled import kernel

BLOCK = 512
"""Samples that are processed at a time, so that they stay in the cache; divides all lengths."""

_N_BANDS = 32
_STEP = 8  # samples that the filter keeps in registers
_SMOOTHING = 0.09510798340249643  # Butterworth low-pass filter at 800 Hz
_TINY = 1e-30


def _reinterpret(source: types.Type, result: types.Type, llvm_type: ir.Type) -> Any:  # noqa: ANN401
    """Make a compiled function that takes the bits of a number for those of another type."""

    def typed(_context: object, _value: object) -> tuple[object, object]:
        return result(source), lambda _, builder, __, values: builder.bitcast(values[0], llvm_type)

    return intrinsic(typed)


_bits_of = _reinterpret(types.float64, types.int64, ir.IntType(64))
_float_of = _reinterpret(types.int64, types.float64, ir.DoubleType())


@kernel(fused=True)
def log(x: float) -> float:
    """Natural logarithm of a positive, normal number, within 1e-10, in SIMD."""
    bits = _bits_of(x)
    exponent = (bits - 0x3FE6A09E667F3BCD) >> 52
    mantissa = _float_of(bits - (exponent << 52))  # between the square roots of 1/2 and 2
    z = (mantissa - 1.0) / (mantissa + 1.0)
    square = z * z
    series = 1 / 13
    series = series * square + 1 / 11
    series = series * square + 1 / 9
    series = series * square + 1 / 7
    series = series * square + 1 / 5
    series = series * square + 1 / 3
    logarithm: float = exponent * 0.6931471805599453 + 2.0 * (z + z * square * series)
    return logarithm


@kernel(fused=True)
def exp(x: float) -> float:
    """Exponential function of a number within 700 of zero, within 1e-10 relative, in SIMD."""
    exponent = math.floor(x * 1.4426950408889634 + 0.5)
    rest = x - exponent * 0.6931471805599453
    series = 1 / 362880
    series = series * rest + 1 / 40320
    series = series * rest + 1 / 5040
    series = series * rest + 1 / 720
    series = series * rest + 1 / 120
    series = series * rest + 1 / 24
    series = series * rest + 1 / 6
    series = series * rest + 1 / 2
    series = series * rest + 1.0
    series = series * rest + 1.0
    power: float = series * _float_of((np.int64(exponent) + 1023) << 52)
    return power


@kernel()
def control_energy(
    signal: NDArray[np.float64], angle: NDArray[np.float64], radius: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Energy of the envelopes of all 32 control filters, before their gain.

    `angle` is the centre frequency in radians per sample, `radius` that of the poles.
    """
    w = np.zeros(14 * _N_BANDS)
    for k in range(_N_BANDS):
        w[k] = radius[k]
        w[32 + k] = math.cos(angle[k])
        w[64 + k] = math.sin(angle[k])
    for start in range(0, signal.size, 8 * BLOCK):
        for k in range(_N_BANDS):  # the carriers turn by themselves, and start afresh here
            w[96 + k] = math.cos(angle[k] * start)
            w[128 + k] = math.sin(angle[k] * start)
        for x in signal[start : start + 8 * BLOCK]:
            for k in range(_N_BANDS):
                r, cosine, sine = w[k], w[96 + k], w[128 + k]
                u1 = x * cosine + r * w[160 + k]
                u2 = u1 + r * w[192 + k]
                u3 = u2 + r * w[224 + k]
                u4 = u3 + r * w[256 + k]
                v1 = x * sine + r * w[288 + k]
                v2 = v1 + r * w[320 + k]
                v3 = v2 + r * w[352 + k]
                v4 = v3 + r * w[384 + k]
                w[160 + k], w[192 + k], w[224 + k], w[256 + k] = u1, u2, u3, u4
                w[288 + k], w[320 + k], w[352 + k], w[384 + k] = v1, v2, v3, v4
                u = 9 * u4 - 12 * u3 + 4 * u2
                v = 9 * v4 - 12 * v3 + 4 * v2
                w[416 + k] += u * u + v * v
                w[96 + k] = cosine * w[32 + k] - sine * w[64 + k]
                w[128 + k] = sine * w[32 + k] + cosine * w[64 + k]
    return w[416:].copy()


@kernel()
def _turn_block(from_zero: NDArray[np.float64], phase: float, carrier: NDArray[np.float64]) -> None:
    """Cosine and sine that begin at a phase, made of those that begin at 0."""
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

    The lanes are the control and then the analysis filters of both paths, in phase with the
    carrier and then in quadrature; `w` holds their radii, four states and a few samples.
    """
    for start in range(0, BLOCK, _STEP):
        cosine, sine = carrier[0, start : start + _STEP], carrier[1, start : start + _STEP]
        first, second = source[0, start : start + _STEP], source[1, start : start + _STEP]
        for t in range(_STEP):
            j = 40 + 8 * t
            a, b = first[t] * cosine[t], second[t] * cosine[t]
            w[j], w[j + 1], w[j + 2], w[j + 3] = a, b, a, b
            a, b = first[t] * sine[t], second[t] * sine[t]
            w[j + 4], w[j + 5], w[j + 6], w[j + 7] = a, b, a, b
        for k in range(8):
            r, y1, y2, y3, y4 = w[k], w[8 + k], w[16 + k], w[24 + k], w[32 + k]
            for t in range(_STEP):
                y1 = w[40 + 8 * t + k] + r * y1
                y2 = y1 + r * y2
                y3 = y2 + r * y3
                y4 = y3 + r * y4
                w[40 + 8 * t + k] = 9 * y4 - 12 * y3 + 4 * y2
            w[8 + k], w[16 + k], w[24 + k], w[32 + k] = y1, y2, y3, y4
        control_1, control_2 = power[0, start : start + _STEP], power[1, start : start + _STEP]
        analysis_1, analysis_2 = power[2, start : start + _STEP], power[3, start : start + _STEP]
        motion_1, motion_2 = motion[0, start : start + _STEP], motion[1, start : start + _STEP]
        for t in range(_STEP):
            j = 40 + 8 * t
            control_1[t] = w[j] * w[j] + w[j + 4] * w[j + 4]
            control_2[t] = w[j + 1] * w[j + 1] + w[j + 5] * w[j + 5]
            analysis_1[t] = w[j + 2] * w[j + 2] + w[j + 6] * w[j + 6]
            analysis_2[t] = w[j + 3] * w[j + 3] + w[j + 7] * w[j + 7]
            motion_1[t] = w[j + 2] * cosine[t] + w[j + 6] * sine[t]
            motion_2[t] = w[j + 3] * cosine[t] + w[j + 7] * sine[t]


@kernel(fused=True)
def _gain_block(
    power: NDArray[np.float64], compression: NDArray[np.float64], gain: NDArray[np.float64]
) -> None:
    """Gain of the outer hair cells, a power of the control filter's power between two limits."""
    lowest, highest, offset, slope = compression
    for i in range(BLOCK):
        gain[i] = exp(offset + slope * log(min(max(power[i], lowest), highest)))


@kernel(fused=True)
def _smooth_block(gains: NDArray[np.float64], state: NDArray[np.float64]) -> None:
    """Low-pass filter the gains of both paths (800 Hz, first order)."""
    first, second = gains[0], gains[1]
    before_1, before_2, smooth_1, smooth_2 = state
    for i in range(BLOCK):
        smooth_1 = _SMOOTHING * (first[i] + before_1) + (1 - 2 * _SMOOTHING) * smooth_1
        smooth_2 = _SMOOTHING * (second[i] + before_2) + (1 - 2 * _SMOOTHING) * smooth_2
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
    # Powers of the order of _TINY squared must not vanish in single precision
    scale_power = scale * scale * 2.0**90
    for i in range(BLOCK):
        energy[i] += power[i]
        root = np.sqrt(np.float32(power[i] * scale_power))
        envelope_out[i] = root * np.float32(gain[i] * 2.0**-45)
        motion_out[i] = motion[i] * (gain[i] * scale)


@kernel()
def compressed_band(
    signals: NDArray[np.float64],
    angle: float,
    radius: NDArray[np.float64],
    compression: NDArray[np.float64],
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
        Limits of the control filter's power, and offset and slope of the logarithm of the gain
        over that of the power.
    scale : ndarray, shape (2,)
        Gain of the analysis filters.
    envelope, motion : ndarray, shape (2, T)
        For the result, which ends with zeros: N samples fill up to whole blocks.

    Returns
    -------
    ndarray, shape (2,)
        Energy of the envelopes before compression and gain.
    """
    w = np.zeros(40 + 8 * _STEP)
    w[0:4] = w[4:8] = radius
    time = np.arange(BLOCK) * angle
    from_zero = np.stack((np.cos(time), np.sin(time)))
    source, carrier, filtered = np.zeros((2, BLOCK)), np.empty((2, BLOCK)), np.empty((2, BLOCK))
    power, gain = np.empty((4, BLOCK)), np.empty((2, BLOCK))
    smoothing, energy = np.zeros(4), np.zeros((2, BLOCK))
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
        _smooth_block(gain, smoothing)
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
    to_db = 20 / math.log(10.0)
    for i in range(BLOCK):
        level_db[i] = max(to_db * log(envelope[i] + _TINY) - threshold_db, 0.0)


@kernel(fused=True)
def _adapt_block(
    levels_db: NDArray[np.float64],
    direct: float,
    gains: NDArray[np.float64],
    poles: NDArray[np.float64],
    state: NDArray[np.float64],
    adapted: NDArray[np.float64],
) -> None:
    """Adaptation of two paths; alone, each would wait for its own last sample all the time."""
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
    tiny = np.float32(_TINY)
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

    The motion of each path keeps its fine structure and takes the new envelope. `direct`, `gains`
    and `poles` are those of `periphery.adaptation`; lengths are whole blocks.
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


@kernel(fused=True)
def add_normals(
    signal: NDArray[np.float32], points: NDArray[np.float64], n_points: int, skip: int, scale: float
) -> None:
    """Add normal numbers to a signal, leaving out the first `skip`.

    Each of the first columns of `points` is a point in the unit circle that gives two (Marsaglia's
    polar method).
    """
    x, y = points[0, :n_points], points[1, :n_points]
    normals = np.empty(2 * x.size)
    for i in range(x.size):
        square = x[i] * x[i] + y[i] * y[i]
        factor = scale * math.sqrt(-2.0 * log(square) / square)
        normals[2 * i], normals[2 * i + 1] = factor * y[i], factor * x[i]
    some = normals[skip : skip + signal.size]
    for i in range(signal.size):
        signal[i] += some[i]
