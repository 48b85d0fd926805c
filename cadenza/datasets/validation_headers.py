"""What the header of an audio file tells: whether it is there, readable, and as it should be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cadenza import audio
from cadenza.errors import InputError

Kind = Literal[
    "missing", "damaged", "invalid", "wrong rate", "wrong channels", "wrong length", "remark"
]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file.

    Parameters
    ----------
    kind : str
        What is wrong, for the table; ``"invalid"`` is said of metadata, and ``"remark"`` of files
        that are readable but odd.
    text : str
        The message, which names the file.
    stops : bool
        Whether the scripts refuse the file; else they warn and convert it.
    """

    kind: Kind
    text: str
    stops: bool = True


@dataclass(frozen=True)
class AudioFile:
    """An audio file that should be there.

    Parameters
    ----------
    path : Path
        The file.
    sample_rate : int
        In Hz.
    min_s : float
        It lasts at least so many seconds.
    as_long_as : Path, optional
        Another file that it must be as long as.
    is_strict : bool
        Whether another rate or a mono file is refused; music is converted instead.
    is_mixture : bool
        Whether it is a mixture, which is not silent; stems may be.
    """

    path: Path
    sample_rate: int
    min_s: float = 0.0
    as_long_as: Path | None = None
    is_strict: bool = False
    is_mixture: bool = False


def missing_file(path: Path) -> str:
    """Message about a file that is missing; it names the link that leads nowhere, if there is one.

    Examples
    --------
    >>> missing_file(Path("song/bass.wav"))
    'song/bass.wav: missing'
    """
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            what = "" if place == path else f"{place} is a "
            return f"{path}: {what}link to {place.readlink()}, which is missing"
    return f"{path}: missing"


class Headers:
    """Headers of audio files, each read once."""

    def __init__(self) -> None:
        self._known: dict[Path, audio.AudioInfo] = {}

    def __contains__(self, path: Path) -> bool:
        """Whether the header of a file was read."""
        return path in self._known

    def read(self, path: Path) -> audio.AudioInfo:
        """Header of a file; an `InputError` says why it cannot be read."""
        if path not in self._known:
            self._known[path] = audio.info(path)
        return self._known[path]

    def are_alike(self, paths: Sequence[Path]) -> bool:
        """Whether the headers of files were read, and agree in rate, channels and length."""
        if not all(path in self._known for path in paths):
            return False
        found = [self._known[path] for path in paths]
        return len({(header.sample_rate, header.channels, header.frames) for header in found}) == 1

    def problems(self, file: AudioFile) -> list[Problem]:
        """All that is wrong with a file."""
        if not file.path.exists():
            return [Problem("missing", missing_file(file.path))]
        try:
            found = self.read(file.path)
        except InputError as error:
            return [Problem("damaged", problem) for problem in error.problems]
        problems = []
        length = self._length_problem(file, found)
        if found.sample_rate != file.sample_rate:
            text = f"{file.path}: {found.sample_rate} Hz, expected {file.sample_rate} Hz"
            text += f"; {length}" if length else ""
            problems.append(Problem("wrong rate", text, file.is_strict or bool(length)))
        elif length:
            problems.append(Problem("wrong length", f"{file.path}: {length}"))
        if found.channels != 2:
            text = f"{file.path}: {found.channels} channel(s), expected 2"
            problems.append(Problem("wrong channels", text, file.is_strict or found.channels > 2))
        return problems

    def _length_problem(self, file: AudioFile, found: audio.AudioInfo) -> str:
        """What is wrong with the length; empty if nothing is."""
        if found.frames == 0:
            return "has no samples"
        other = None
        if file.as_long_as:
            with suppress(InputError):  # that file is reported itself
                other = self.read(file.as_long_as)
        if other and _frames(other, file.sample_rate) != _frames(found, file.sample_rate):
            return (
                f"{found.frames} samples at {found.sample_rate} Hz, expected as long "
                f"as {file.as_long_as and file.as_long_as.name}: {other.frames} at "
                f"{other.sample_rate} Hz"
            )
        if found.frames < round(file.min_s * found.sample_rate):
            length_s = found.frames / found.sample_rate
            return f"lasts {length_s:g} s, expected {file.min_s:g} s or more"
        return ""


def _frames(found: audio.AudioInfo, sample_rate: int) -> int:
    """Number of samples once the file is resampled, as `cadenza.audio.resample` does it."""
    return int(found.frames * sample_rate / found.sample_rate + 0.5)
