"""Headers of WAV files."""

from __future__ import annotations

import struct
from pathlib import Path

from cadenza.errors import InputError


def wav_header(n_channels: int, sample_rate: int, n_bytes: int, *, floating: bool) -> bytes:
    """Everything in a WAV file before its samples.

    Parameters
    ----------
    n_channels, sample_rate : int
        What the samples are; the rate in Hz.
    n_bytes : int
        Size of all samples.
    floating : bool
        Whether they are 32-bit floating-point numbers or 16-bit integers.

    Examples
    --------
    >>> [len(wav_header(2, 44100, 0, floating=floating)) for floating in (False, True)]
    [44, 58]
    """
    tag, width = (3, 4) if floating else (1, 2)
    frame = width * n_channels
    layout = struct.pack(
        "<HHIIHH", tag, n_channels, sample_rate, sample_rate * frame, frame, 8 * width
    )
    chunks = _chunk(b"fmt ", layout)
    if floating:  # WAV requires both for everything but integer samples
        no_extension, n_frames = bytes(2), struct.pack("<I", n_bytes // frame)
        chunks = _chunk(b"fmt ", layout + no_extension) + _chunk(b"fact", n_frames)
    content = b"WAVE" + chunks + struct.pack("<4sI", b"data", n_bytes)
    return struct.pack("<4sI", b"RIFF", len(content) + n_bytes) + content


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content


def require_whole_wav(path: Path) -> None:
    """Raise if a WAV file is shorter than its header says; libsndfile does not complain."""
    with path.open("rb") as file:
        form, size, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    is_wav = form == b"RIFF" and kind == b"WAVE" and size != 0xFFFFFFFF
    if is_wav and path.stat().st_size < size + 8:
        raise InputError(
            f"{path}: truncated: expected {size + 8} bytes, found {path.stat().st_size}"
        )
