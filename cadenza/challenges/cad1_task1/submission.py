"""Checking and packing a submission to CAD1 Task 1."""

from __future__ import annotations

import logging
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cadenza import audio
from cadenza._check import raise_if
from cadenza._files import file_digest, replacing
from cadenza.challenges.cad1_task1.mixups import EnhancedFile, changed_files, misplaced_files
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair
from cadenza.errors import InputError
from cadenza.stems import STEMS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rates:
    """Sample rates of a submission in Hz.

    Parameters
    ----------
    music : int
        Rate at which the segments were cut.
    stems, remix : int
        Rates that the files must have.
    """

    music: int
    stems: int
    remix: int


def submission_file(folder: Path, team_id: str) -> Path:
    """Where the submission of a team goes.

    Raises
    ------
    InputError
        If `team_id` is empty, or could lead to another folder.

    Examples
    --------
    >>> submission_file(Path("exp"), "T001").name
    'submission_T001.zip'
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", team_id):
        raise InputError(
            f"team_id must be 1 to 40 letters, digits, - and _ (like T001), got {team_id!r}"
        )
    return folder / f"submission_{team_id}.zip"


def check_submission(
    pairs: Sequence[SongPair],
    folder: Path,
    rates: Rates,
    *,
    written: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> list[Path]:
    """Files of a submission, if all are complete and none seems to be in another's place.

    Parameters
    ----------
    pairs : sequence of SongPair
        Songs and listeners, with their segments.
    folder : Path
        Where the segments are.
    rates : Rates
        Sample rates.
    written : mapping of str to sequence, optional
        What is known of the files as they were written, as for `changed_files`.

    Returns
    -------
    list of Path
        All files of all pairs.

    Raises
    ------
    InputError
        Listing every file that is missing or damaged, that has the wrong format or length, that is
        a silent remix, that is the same audio as the file of another song or of a listener with
        another hearing loss, or that is not what was written.
    """
    problems: list[str] = []
    files: list[EnhancedFile] = []
    for pair in pairs:
        for what, path, channels, rate, frames in _expected(pair, folder, rates):
            found, is_silent = _problems(path, channels, rate, frames)
            problems += found
            if channels == 1:
                problems += _scale_problems(path.with_suffix(".txt"))
            if not found and is_silent:
                problems += _silence(path, what)
            elif not found:
                files.append(EnhancedFile(path, pair, what, file_digest(path)))
    problems += misplaced_files(files)
    problems += changed_files(pairs, folder, written or {})
    raise_if(list(dict.fromkeys(problems)))
    return [path for pair in pairs for path in pair.outputs(folder)]


def write_submission(target: Path, files: Sequence[Path], parent: Path) -> None:
    """Pack files into a zip, named relative to `parent`; the same files give the same bytes."""
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as package:
        for path in sorted(files):
            # a fixed date, and no compression: FLAC is compressed already
            entry = zipfile.ZipInfo(path.relative_to(parent).as_posix())
            package.writestr(entry, path.read_bytes())


def set_aside(target: Path) -> Path | None:
    """Rename an earlier submission, so that it does not pass for the current one.

    Returns
    -------
    Path or None
        Its new name, ``<name>.outdated``; None if there was no earlier submission.

    Examples
    --------
    >>> set_aside(Path("no_such_folder/submission_T001.zip"))
    """
    if not target.exists():
        return None
    return target.replace(target.with_name(f"{target.name}.outdated"))


def _expected(
    pair: SongPair, folder: Path, rates: Rates
) -> Iterator[tuple[str, Path, int, int, int]]:
    """What every audio file of a pair is called, where it is, and its channels, rate and length."""
    n_frames = _frames(pair.objective.samples(rates.music), rates.music, rates.stems)
    for stem in STEMS:
        for side in SIDES:
            path = pair.stem_file(folder, side, stem)
            yield f"{side}_{stem}", path, 1, rates.stems, n_frames
    n_frames = _frames(pair.subjective.samples(rates.music), rates.music, rates.remix)
    yield "remix", pair.remix_file(folder), 2, rates.remix, n_frames


def _frames(samples: slice, from_rate: int, to_rate: int) -> int:
    return int((samples.stop - samples.start) * to_rate / from_rate + 0.5)


def _problems(path: Path, channels: int, sample_rate: int, frames: int) -> tuple[list[str], bool]:
    """What is wrong with the format of a file, and whether it is silent."""
    try:
        found = audio.info(path)
        signal, _ = audio.read(path)  # a truncated file is found only by decoding it
    except InputError as error:
        return error.problems, False
    problems = [
        f"{path}: expected {expected} {what}, found {is_there}"
        for what, is_there, expected in (
            ("channels", found.channels, channels),
            ("Hz", found.sample_rate, sample_rate),
            ("samples", found.frames, frames),
            ("bits", found.subtype, "PCM_16"),
        )
        if is_there != expected
    ]
    return problems, not signal.any()


def _scale_problems(path: Path) -> Iterator[str]:
    try:
        scale = float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        yield f"{path}: missing or not a number"
    else:
        if not (math.isfinite(scale) and scale > 0):
            yield f"{path}: expected a positive scale, found {scale}"


def _silence(path: Path, what: str) -> list[str]:
    """An instrument may rest during the segment; a whole song does not."""
    if what == "remix":
        return [f"{path}: the remix is silent"]
    logger.warning("%s: the stem is silent", path)
    return []
