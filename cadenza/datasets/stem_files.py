"""Songs of MUSDB18 in its compressed form: five stereo tracks in one ``.stem.mp4`` file."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza._files import require_file
from cadenza.errors import InputError

TRACKS = ("mixture", "drums", "bass", "other", "vocals")
"""Order of the tracks in a file."""


def example_stem_file() -> Path | None:
    """Six seconds of a song that the package stempeg contains; None if they cannot be read here.

    They need stempeg for the music and the program ffmpeg to decode it.
    """
    package = importlib.util.find_spec("stempeg")
    if package is None or package.origin is None or shutil.which("ffmpeg") is None:
        return None
    return next(Path(package.origin).parent.glob("data/*.stem.mp4"), None)


def read_stem_file(path: str | Path, *, sample_rate: int) -> dict[str, NDArray[np.float64]]:
    """Read all tracks of a song with ffmpeg.

    Parameters
    ----------
    path : str or Path
        A file whose name ends in ``.stem.mp4``.
    sample_rate : int
        Wanted rate in Hz.

    Returns
    -------
    dict of ndarray, shape (2, T)
        ``mixture``, ``drums``, ``bass``, ``other`` and ``vocals``.

    Raises
    ------
    InputError
        If ffmpeg is not installed, or the file is missing or lacks a track.
    """
    path = Path(path)
    require_file(path, "a stem file")
    if shutil.which("ffmpeg") is None:
        raise InputError(f"{path}: stem files need the program ffmpeg: install it")
    tracks = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, track in enumerate(TRACKS):
            wav = f"{folder}/{track}.wav"
            command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:a:{number}"]
            command += ["-ac", "2", "-ar", str(sample_rate), wav]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = " ".join(done.stderr.split())
                raise InputError(f"{path}: cannot read track {number} ({track}): {reason}")
            tracks[track], _ = audio.read(wav)
    return tracks
