"""The scale factor of a FLAC file, kept in a text file beside it."""

from __future__ import annotations

import math
from pathlib import Path

from cadenza._files import replacing
from cadenza.errors import InputError


def read_scale(audio_file: Path) -> float | None:
    """Factor that restores the level of a FLAC file; None if there is no sidecar.

    Raises
    ------
    InputError
        If the sidecar does not contain a factor.
    """
    path = sidecar(audio_file)
    if audio_file.suffix.lower() != ".flac" or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    try:
        scale = float(text)
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale >= 0):
        raise InputError(
            f"{path}: expected the scale factor of {audio_file.name}, found {text[:40]!r}"
        )
    return scale


def write_scale(audio_file: Path, scale: float | None) -> None:
    """Write the sidecar, or delete it if there is no scale, just before the FLAC file is renamed.

    A FLAC file of an earlier run is deleted first. So a process that is killed may leave a sidecar
    without its FLAC file, but never one beside another FLAC file.
    """
    path = sidecar(audio_file)
    if scale is None and not path.exists():
        return
    audio_file.unlink(missing_ok=True)
    if scale is None:
        path.unlink()
        return
    with replacing(path) as temporary:
        temporary.write_text(repr(scale), encoding="utf-8")


def sidecar(audio_file: Path) -> Path:
    """Where the scale of an audio file is, if it has one."""
    return audio_file.with_suffix(".txt")
