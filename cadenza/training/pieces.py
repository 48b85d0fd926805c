"""Pieces of music with separate parts, from memory or from files: the raw material of examples."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio
from cadenza.errors import InputError
from cadenza.stems import instrument_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """What one player, or one group of players, plays in a piece.

    Parameters
    ----------
    instrument : str
        For example ``"Violin"``, also for a second violin, or ``"drums"``.
    duration_s : float
        Length in seconds.
    read : callable
        ``(start_s, duration_s) -> ndarray, shape (2, T)``.
    """

    instrument: str
    duration_s: float
    read: Callable[[float, float], NDArray[np.float64]]


@dataclass(frozen=True)
class Piece:
    """Parts that are played together; their sum is the mixture."""

    name: str
    parts: tuple[Part, ...]

    def parts_of(self, instrument: str) -> list[Part]:
        """All voices of an instrument."""
        return [part for part in self.parts if part.instrument == instrument]


def list_instruments(pieces: Iterable[Piece]) -> str:
    """Say which instruments there are, for messages.

    Examples
    --------
    >>> pieces = [piece_from_arrays("duo", {"Oboe": [0.0], "Flute": [0.0]}, sample_rate=8)]
    >>> list_instruments(pieces)
    'there are Flute, Oboe'
    """
    names = sorted({part.instrument for piece in pieces for part in piece.parts})
    return f"there are {', '.join(names)}" if names else "there are no pieces"


def piece_from_arrays(name: str, stems: Mapping[str, ArrayLike], *, sample_rate: int) -> Piece:
    """Piece from signals in memory.

    Parameters
    ----------
    name : str
        Name of the piece.
    stems : mapping of str to array_like, shape (2, T) or (T,)
        Signals by instrument; ``Violin_1`` and ``Violin_2`` are two voices of the violin. They are
        kept in single precision.
    sample_rate : int
        In Hz.

    Examples
    --------
    >>> stems = {"Flute": np.zeros((2, 96)), "Violin_1": np.ones(96)}
    >>> piece = piece_from_arrays("duo", stems, sample_rate=8)
    >>> [(part.instrument, part.duration_s) for part in piece.parts]
    [('Flute', 12.0), ('Violin', 12.0)]
    """
    parts = []
    for label, stem in stems.items():
        signal = _check.mono_or_stereo(f"stem {label} of {name}", stem).astype(np.float32)
        read = partial(_read_array, signal, sample_rate)
        parts.append(Part(instrument_of(label), signal.shape[1] / sample_rate, read))
    return Piece(name, tuple(parts))


def file_part(
    path: Path,
    instrument: str,
    *,
    sample_rate: int,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> Part:
    """Part that is read from an audio file whenever it is needed.

    Parameters
    ----------
    path : Path
        Mono or stereo; mono is used for both channels.
    instrument : str
        The instrument.
    sample_rate : int
        The rate that the file must have in Hz.
    start_s, duration_s : float, optional
        Excerpt in seconds. Default: the whole file.

    Raises
    ------
    InputError
        If the file is missing, has another sample rate or more than two channels, or does not
        contain the excerpt. All this is checked now, before any training.
    """
    found = audio.info(path)
    length_s = found.frames / found.sample_rate
    if found.sample_rate != sample_rate:
        raise InputError(f"{path}: expected {sample_rate} Hz, found {found.sample_rate} Hz")
    if found.channels == 1:
        logger.warning("%s: mono, used for both channels", path)
    if found.channels > 2:
        raise InputError(f"{path}: expected 1 or 2 channels, found {found.channels}")
    duration_s = length_s - start_s if duration_s is None else duration_s
    if not (start_s >= 0 and 0 < duration_s <= length_s - start_s + 0.5 / sample_rate):
        raise InputError(
            f"{path}: expected {duration_s:g} s of audio from {start_s:g} s on, "
            f"found {length_s:g} s in all"
        )
    return Part(instrument, duration_s, partial(_read_file, path, start_s))


def _read_file(
    path: Path, offset_s: float, start_s: float, duration_s: float
) -> NDArray[np.float64]:
    signal, _ = audio.read(path, start_s=offset_s + start_s, duration_s=duration_s)
    return _check.mono_or_stereo(str(path), signal)


def _read_array(
    signal: NDArray[np.float32], sample_rate: int, start_s: float, duration_s: float
) -> NDArray[np.float64]:
    start = round(start_s * sample_rate)
    return signal[:, start : start + round(duration_s * sample_rate)].astype(np.float64)
