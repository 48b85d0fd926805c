"""Checking and packing a submission to CAD1 Task 1."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cadenza import audio
from cadenza._check import raise_if
from cadenza._files import replacing
from cadenza.challenges.cad1_task1.songs import SongPair
from cadenza.errors import InputError


def check_submission(
    pairs: Sequence[SongPair],
    folder: Path,
    *,
    sample_rate: int,
    stem_sample_rate: int,
    remix_sample_rate: int,
) -> list[Path]:
    """Files of a submission, after every one was found to be complete.

    Parameters
    ----------
    pairs : sequence of SongPair
        Songs and listeners, with their segments.
    folder : Path
        Where the segments are.
    sample_rate : int
        Rate in Hz at which the segments were cut.
    stem_sample_rate, remix_sample_rate : int
        Rates in Hz that the files must have.

    Raises
    ------
    InputError
        Listing every file that is missing, damaged, or has the wrong format or length.
    """
    problems: list[str] = []
    for pair in pairs:
        stem_frames = _frames(pair.objective.samples(sample_rate), sample_rate, stem_sample_rate)
        for path in pair.stem_files(folder):
            problems += _problems(path, 1, stem_sample_rate, stem_frames)
            problems += _scale_problems(path.with_suffix(".txt"))
        remix_frames = _frames(pair.subjective.samples(sample_rate), sample_rate, remix_sample_rate)
        problems += _problems(pair.remix_file(folder), 2, remix_sample_rate, remix_frames)
    raise_if(problems)
    return [path for pair in pairs for path in pair.outputs(folder)]


def write_submission(target: Path, files: Sequence[Path], parent: Path) -> None:
    """Pack files into a zip, named relative to `parent`; the same files give the same bytes."""
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as package:
        for path in sorted(files):
            # a fixed date, and no compression: FLAC is compressed already
            entry = zipfile.ZipInfo(path.relative_to(parent).as_posix())
            package.writestr(entry, path.read_bytes())


def _frames(samples: slice, from_rate: int, to_rate: int) -> int:
    return int((samples.stop - samples.start) * to_rate / from_rate + 0.5)


def _problems(path: Path, channels: int, sample_rate: int, frames: int) -> Iterator[str]:
    try:
        found = audio.info(path)
        audio.read(path)  # a truncated file is found only by decoding it
    except InputError as error:
        yield from error.problems
        return
    for what, is_there, expected in (
        ("channels", found.channels, channels),
        ("Hz", found.sample_rate, sample_rate),
        ("samples", found.frames, frames),
        ("bits", found.subtype, "PCM_16"),
    ):
        if is_there != expected:
            yield f"{path}: expected {expected} {what}, found {is_there}"


def _scale_problems(path: Path) -> Iterator[str]:
    try:
        scale = float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        yield f"{path}: missing or not a number"
    else:
        if not (math.isfinite(scale) and scale > 0):
            yield f"{path}: expected a positive scale, found {scale}"
