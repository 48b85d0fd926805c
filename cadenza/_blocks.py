"""Blocks of audio: splitting a signal, and writing WAV files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza._files import replacing
from cadenza._wav import wav_header

_LARGEST = 2**32 - 64  # bytes of samples; with a header, their number must fit in 32 bits
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
    path: Path, blocks: Iterable[NDArray[np.float64]], sample_rate: int, *, floating: bool = False
) -> tuple[int, int]:
    """Write blocks of shape (channels, T) one after the other.

    Samples become codes as in `cadenza.audio.to_int16`, or else 32-bit floating-point numbers.

    Returns
    -------
    clipped, total : int
        Number of samples that were clipped, and of all.

    Raises
    ------
    ValueError
        If there is no block, the blocks differ in their channels, a sample is NaN or infinite, or
        the file would be too large for the WAV format.
    OSError
        If the file cannot be written.
    """
    n_channels = clipped = total = n_bytes = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(wav_header(1, sample_rate, 0, floating=floating))  # leaves room
        for block in blocks:
            n_channels = n_channels or len(block)
            if len(block) != n_channels:
                raise ValueError(f"{path}: expected {n_channels} channel(s), got {len(block)}")
            codes, n_clipped = (_floats if floating else _codes)(path, block)
            file.write(codes.data)
            clipped += n_clipped
            total += codes.size
            n_bytes += codes.nbytes
            if n_bytes > _LARGEST:
                raise ValueError(f"{path}: too long for a WAV file, which holds at most 4 GB")
        if not 1 <= n_channels <= _LARGEST_CHANNELS:
            raise ValueError(f"{path}: cannot encode {n_channels} channel(s) at {sample_rate} Hz")
        file.seek(0)
        file.write(wav_header(n_channels, sample_rate, n_bytes, floating=floating))
    return clipped, total


def _codes(path: Path, block: NDArray[np.float64]) -> tuple[NDArray[np.int16], int]:
    """16-bit codes in the order of the file, and how many samples were clipped."""
    highest, lowest = _range(path, block)
    is_clipped = max(highest, -lowest) > 1
    scaled = np.multiply(block.T, 32768.0, order="C")
    codes = np.clip(scaled, -32768.0, 32767.0, out=scaled).astype(np.int16)
    return codes, int(np.count_nonzero(np.abs(block) > 1)) if is_clipped else 0


def _floats(path: Path, block: NDArray[np.float64]) -> tuple[NDArray[np.float32], int]:
    """Single-precision samples in the order of the file; none is clipped."""
    with np.errstate(over="ignore"):
        samples = block.T.astype(np.float32, order="C")
    _range(path, samples)
    return samples, 0


def _range(path: Path, samples: NDArray[np.floating]) -> tuple[float, float]:
    """Highest and lowest sample, or 0."""
    highest, lowest = np.max(samples, initial=0.0), np.min(samples, initial=0.0)
    if not (np.isfinite(highest) and np.isfinite(lowest)):
        raise ValueError(f"{path}: signal must be finite, got NaN or infinite samples")
    return highest, lowest
