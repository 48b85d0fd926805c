"""Compiled loops of the internal noise.

NumPy's legacy generator draws normal numbers in pairs: a point in the unit circle, found by
rejection, gives two (Marsaglia's polar method). The points come from the Mersenne Twister, whose
state here is its key of 624 words followed by the position of the next word.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza._compiled import kernel
from cadenza.haaqi.kernels.elementary import log

_KEY = 624  # words of the key
_OFFSET = 397  # between the words that are combined


@kernel()
def _twist(key: NDArray[np.uint32]) -> None:
    """Next key of the Mersenne Twister, in place (Matsumoto & Nishimura, 1998)."""
    for i in range(_KEY - _OFFSET):
        y = (key[i] & 0x80000000) | (key[i + 1] & 0x7FFFFFFF)
        key[i] = key[i + _OFFSET] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF)
    for i in range(_KEY - _OFFSET, _KEY):
        y = (key[i] & 0x80000000) | (key[(i + 1) % _KEY] & 0x7FFFFFFF)
        key[i] = key[i - (_KEY - _OFFSET)] ^ (y >> 1) ^ ((y & 1) * 0x9908B0DF)


@kernel()
def _temper(key: NDArray[np.uint32], words: NDArray[np.uint32]) -> None:
    """Words that the Mersenne Twister draws from a key."""
    for i in range(_KEY):
        y = key[i]
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680
        y ^= (y << 15) & 0xEFC60000
        words[i] = y ^ (y >> 18)


@kernel()
def _coordinates(words: NDArray[np.uint32], out: NDArray[np.float64]) -> None:
    """Numbers between -1 and 1, each from the upper 27 and 26 bits of two words."""
    pairs = words.view(np.uint64)
    for i in range(pairs.size):
        high = np.float64(np.int64((pairs[i] & np.uint64(0xFFFFFFFF)) >> np.uint64(5)))
        low = np.float64(np.int64(pairs[i] >> np.uint64(38)))
        out[i] = 2.0 * ((high * 2.0**26 + low) / 2.0**53) - 1.0


@kernel()
def _squares(coordinates: NDArray[np.float64], out: NDArray[np.float64]) -> int:
    """Squared distances of points from the centre; returns how many are in the unit circle."""
    n_inside = 0
    for i in range(out.size):
        x, y = coordinates[2 * i], coordinates[2 * i + 1]
        out[i] = x * x + y * y
        n_inside += int(out[i] < 1.0) - int(out[i] == 0.0)
    return n_inside


@kernel()
def draw_points(state: NDArray[np.uint32], n_points: int, points: NDArray[np.float64]) -> None:
    """Draw points in the unit circle, advance the generator, and keep the last ones: x and y."""
    key, x, y = state[:_KEY], points[0], points[1]
    words, coordinates = np.empty(_KEY + 4, np.uint32), np.empty(_KEY // 2 + 2)
    distances = np.empty(_KEY // 4 + 1)
    _temper(key, words)
    carried = -np.int64(state[_KEY])  # words from before the current key, less those used already
    n_words = _KEY + carried
    words[:n_words] = words[-carried:_KEY].copy()
    first = n_points - x.size
    n = 0
    while n < n_points:
        n_candidates = n_words // 4
        used = np.int64(4 * n_candidates)
        _coordinates(words[:used], coordinates)
        n_inside = _squares(coordinates, distances[:n_candidates])
        if n + n_inside <= first:
            n += n_inside
        else:
            for i in range(n_candidates):
                j = max(n - first, 0)
                x[j], y[j] = coordinates[2 * i], coordinates[2 * i + 1]
                n += int(distances[i] < 1.0) - int(distances[i] == 0.0)
                if n == n_points:
                    used = np.int64(4 * i + 4)
                    break
        if n == n_points:
            state[_KEY] = used - carried
        else:
            carried = n_words - used
            words[:carried] = words[used:n_words].copy()
            _twist(key)
            _temper(key, words[carried:])
            n_words = _KEY + carried


@kernel()
def add_from_table(
    signal: NDArray[np.float32], table: NDArray[np.float32], seed: int, hop: int, scale: float
) -> None:
    """Add stretches of a table of normal numbers, each from a place chosen at random."""
    bits = np.uint64(seed)
    for start in range(0, signal.size, hop):
        # One step of SplitMix64 (Steele et al., 2014)
        bits += np.uint64(0x9E3779B97F4A7C15)
        z = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        first = np.int64(z >> np.uint64(32)) * (table.size - hop) >> 32
        part, normals = signal[start : start + hop], table[first : first + hop]
        for i in range(part.size):
            part[i] += np.float32(scale) * normals[i]


@kernel(fused=True)
def add_normals(
    signal: NDArray[np.float32], points: NDArray[np.float64], n_points: int, skip: int, scale: float
) -> None:
    """Add normal numbers, times `scale`, to a signal, leaving out the first `skip` of them.

    Each of the first `n_points` columns of `points`, a point in the unit circle, gives two.
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
