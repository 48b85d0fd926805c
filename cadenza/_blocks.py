"""Blocks of audio: splitting a signal, and writing 16-bit WAV files."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza._files import replacing

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_LARGEST = 2**32 - _HEADER.size  # bytes of samples; their number is kept in 32 bits
_LARGEST_CHANNELS = 1024


def split(signal: NDArray[np.float64], n_frames: int) -> Iterator[NDArray[np.float64]]:
    """Yield a signal in blocks; the last one may be shorter. An empty signal is one block.

    Examples
    --------
    >>> [block.shape for block in split(np.zeros((2, 5)), 3)]
    [(2, 3), (2, 2)]
    """
    for start in range(0, max(signal.shape[-1], 1), n_frames):
        yield signal[..., start : start + n_frames]


def write_blocks(
    path: Path, blocks: Iterable[NDArray[np.float64]], sample_rate: int
) -> tuple[int, int]:
    """Write blocks of shape (channels, T) one after the other.

    Samples become codes as in `cadenza.audio.to_int16`.

    Returns
    -------
    clipped, total : int
        Number of samples beyond full scale, and of all.

    Raises
    ------
    ValueError
        If there is no block, the blocks differ in their channels, a sample is NaN or infinite, or
        the file would be too large for the WAV format.
    OSError
        If the file cannot be written.
    """
    n_channels = clipped = total = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(bytes(_HEADER.size))
        for block in blocks:
            n_channels = n_channels or len(block)
            if len(block) != n_channels:
                raise ValueError(f"{path}: expected {n_channels} channel(s), got {len(block)}")
            codes, n_clipped = _codes(path, block)
            file.write(codes.data)
            clipped += n_clipped
            total += codes.size
            if 2 * total > _LARGEST:
                raise ValueError(f"{path}: too long for a WAV file, which holds at most 4 GB")
        file.seek(0)
        file.write(_header(path, n_channels, sample_rate, 2 * total))
    return clipped, total


def _codes(path: Path, block: NDArray[np.float64]) -> tuple[NDArray[np.int16], int]:
    """16-bit codes in the order of the file, and how many samples were clipped."""
    highest, lowest = np.max(block, initial=0.0), np.min(block, initial=0.0)
    if not (np.isfinite(highest) and np.isfinite(lowest)):
        raise ValueError(f"{path}: signal must be finite, got NaN or infinite samples")
    is_clipped = max(highest, -lowest) > 1
    scaled = np.multiply(block.T, 32768.0, order="C")
    codes = np.clip(scaled, -32768.0, 32767.0, out=scaled).astype(np.int16)
    return codes, int(np.count_nonzero(np.abs(block) > 1)) if is_clipped else 0


def _header(path: Path, n_channels: int, sample_rate: int, n_bytes: int) -> bytes:
    if not 1 <= n_channels <= _LARGEST_CHANNELS:
        raise ValueError(f"{path}: cannot encode {n_channels} channel(s) at {sample_rate} Hz")
    frame = 2 * n_channels
    return _HEADER.pack(
        *(b"RIFF", _HEADER.size - 8 + n_bytes, b"WAVE", b"fmt ", 16, 1, n_channels),
        *(sample_rate, sample_rate * frame, frame, 16, b"data", n_bytes),
    )
