"""Logarithm and exponential function that the compiler can turn into SIMD code.

Calls of the C library's functions would keep the loops around them scalar. These two are short
series without branches, accurate to 1e-10, which is far below what a score can show.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from cadenza._compiled import kernel

_LOG_2 = math.log(2)
_MANTISSA_BITS = 52  # of a double, below its exponent
_EXPONENT_BIAS = 1023  # of a double: the stored exponent of 1.0
_BITS_OF_ROOT_HALF = int(np.float64(math.sqrt(0.5)).view(np.int64))


def _reinterpret(source: types.Type, result: types.Type, llvm_type: ir.Type) -> Any:  # noqa: ANN401
    """Make a compiled function that reads the bits of a number as a number of another type."""

    def typed(_context: object, _value: object) -> tuple[object, object]:
        return result(source), lambda _, builder, __, values: builder.bitcast(values[0], llvm_type)

    return intrinsic(typed)


_bits_of = _reinterpret(types.float64, types.int64, ir.IntType(64))
_float_of = _reinterpret(types.int64, types.float64, ir.DoubleType())


@kernel(fused=True)
def log(x: float) -> float:
    """Natural logarithm of a positive, normal number, within 1e-10.

    x is split into 2^e m, with m between the square roots of 1/2 and 2. Then log m is
    2 artanh(z) = 2 (z + z^3/3 + z^5/5 + ...) with z = (m - 1) / (m + 1), which is at most 0.172.
    """
    bits = _bits_of(x)
    exponent = (bits - _BITS_OF_ROOT_HALF) >> _MANTISSA_BITS
    mantissa = _float_of(bits - (exponent << _MANTISSA_BITS))
    z = (mantissa - 1.0) / (mantissa + 1.0)
    square = z * z
    series = 1 / 13
    series = series * square + 1 / 11
    series = series * square + 1 / 9
    series = series * square + 1 / 7
    series = series * square + 1 / 5
    series = series * square + 1 / 3
    logarithm: float = exponent * _LOG_2 + 2.0 * (z + z * square * series)
    return logarithm


@kernel(fused=True)
def exp(x: float) -> float:
    """Exponential function of a number between -700 and 700, within 1e-10 relative.

    x is split into e log 2 + r, with r at most log(2)/2 in size. Then exp x is 2^e times the
    Taylor series of exp r.
    """
    exponent = math.floor(x * (1 / _LOG_2) + 0.5)
    rest = x - exponent * _LOG_2
    series = 1 / 362880  # 1/9!
    series = series * rest + 1 / 40320
    series = series * rest + 1 / 5040
    series = series * rest + 1 / 720
    series = series * rest + 1 / 120
    series = series * rest + 1 / 24
    series = series * rest + 1 / 6
    series = series * rest + 1 / 2
    series = series * rest + 1.0
    series = series * rest + 1.0
    power: float = series * _float_of((np.int64(exponent) + _EXPONENT_BIAS) << _MANTISSA_BITS)
    return power
