"""What was found of each part of a challenge root: what is there, missing, damaged or unusual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from cadenza._paths import find_ignoring_case
from cadenza.challenges.icassp_2024 import TRACKS
from cadenza.challenges.metadata import read_challenge_listeners, read_tracks
from cadenza.datasets.validation_content import Content, remarks
from cadenza.datasets.validation_headers import (
    AudioFile,
    Headers,
    Kind,
    Problem,
    missing_file,
)
from cadenza.errors import InputError

T = TypeVar("T")

SHORTEST_SONG_S = 0.5
"""A shorter file is no song. The metadata of most data packages do not give lengths."""


def counted(things: Sized, name: str) -> str:
    """How many there are, in words.

    Examples
    --------
    >>> counted(["a"], "song"), counted(["a", "b"], "song")
    ('1 song', '2 songs')
    """
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


@dataclass(frozen=True)
class Finding:
    """What was found of one part.

    Parameters
    ----------
    part, split : str
        Name of the part, and its split; ``""`` for what all splits share.
    n_found, n_expected : int
        Number of files; None if it is not known how many there should be.
    problems : tuple of Problem
        All that is wrong.
    checked : bool
        Whether it could be checked; not if metadata that it depends on are missing.
    note : str
        What is in it, such as ``"2 songs"``.
    files : tuple of Path
        Audio and zip files that can be opened.
    """

    part: str
    split: str
    n_found: int
    n_expected: int | None
    problems: tuple[Problem, ...] = ()
    checked: bool = True
    note: str = ""
    files: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """Name of the part with its split."""
        return f"{self.split} {self.part}".strip()

    @property
    def is_usable(self) -> bool:
        """Whether scripts can work with it."""
        return self.checked and not any(problem.stops for problem in self.problems)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there, and as it should be."""
        return self.checked and all(problem.kind == "remark" for problem in self.problems)

    @property
    def is_damaged(self) -> bool:
        """Whether something that is there is not as it should be."""
        return any(problem.kind not in ("missing", "remark") for problem in self.problems)

    @property
    def is_absent(self) -> bool:
        """Whether nothing of it is there."""
        kinds = {problem.kind for problem in self.problems}
        return not self.n_found and kinds == {"missing"}

    @property
    def state(self) -> str:
        """In a few words.

        Examples
        --------
        >>> Finding("stems", "train", 6, 8, (Problem("missing", ""), Problem("missing", ""))).state
        'missing 2 of 8'
        """
        counts = Counter(problem.kind for problem in self.problems)
        if self.is_absent:
            return "absent"
        words = [self._in_words(kind, n) for kind, n in counts.items()]
        if set(counts) <= {"remark"}:
            words.insert(0, "whole" if self.checked else "not checked")
        return ", ".join(words)

    def _in_words(self, kind: Kind, n: int) -> str:
        if kind == "invalid":  # there may be many entries in one file
            return "damaged"
        if kind == "missing" and self.n_found == self.n_expected:
            return f"{n} {'entry' if n == 1 else 'entries'} missing"
        if kind == "missing":
            return f"missing {n} of {self.n_expected}"
        if kind == "remark":
            return f"{n} {'remark' if n == 1 else 'remarks'}"
        return f"{n} damaged" if kind == "damaged" else f"{n} with {kind}"


class Findings:
    """All parts of a root, in the order in which they were looked at."""

    def __init__(self) -> None:
        self.parts: dict[str, Finding] = {}
        self._headers = Headers()
        self._audio: dict[Path, AudioFile] = {}
        self._songs: dict[Path, list[Path]] = {}  # stems of each mixture

    def metadata(
        self,
        part: str,
        files: Sequence[Path],
        read: Callable[[], T],
        *,
        split: str = "",
        needs: Sequence[str] = (),
        note: Callable[[T], str] = lambda _: "",
    ) -> T | None:
        """Look at metadata files; returns what is in them, or None if they cannot be used.

        Parameters
        ----------
        part, split : str
            As in `Finding`.
        files : sequence of Path
            The files.
        read : callable
            Reads them, with all checks of the recipes.
        needs : sequence of str
            Parts without which they cannot be checked.
        note : callable
            Says what is in them.
        """
        problems = [_not_there(path) for path in files if not path.is_file()]
        can_check = all(self.parts[key].is_usable for key in needs)
        content, text, n_found = None, "", len(files) - len(problems)
        if not problems and can_check:
            try:
                content = read()
                text = note(content)
            except InputError as error:
                problems += [_metadata_problem(problem, files) for problem in error.problems]
        self.add(Finding(part, split, n_found, len(files), tuple(problems), can_check, text))
        return content

    def listeners(self, file: Path, split: str) -> None:
        """Look at the listeners of a split."""
        self.metadata(
            "listeners",
            [file],
            partial(read_challenge_listeners, file),
            split=split,
            note=partial(counted, name="listener"),
        )

    def song_list(self, file: Path, music_dir: Path, split: str) -> dict[Path, float] | None:
        """Look at the list of the songs of a split; returns what `songs` takes as `folders`."""
        tracks = self.metadata(
            "songs",
            [file],
            partial(read_tracks, file, music_dir),
            split=split,
            note=partial(counted, name="song"),
        )
        return {track.folder: SHORTEST_SONG_S for track in tracks.values()} if tracks else None

    def audio_files(
        self, part: str, files: Iterable[AudioFile] | None, *, split: str = "", note: str = ""
    ) -> None:
        """Look at the headers of audio files; None if it is not known which there should be."""
        if files is None:
            self.add(Finding(part, split, 0, None, checked=False))
            return
        wanted: dict[Path, AudioFile] = {}
        for file in files:  # several pieces may be parts of one file
            longest_s = max(file.min_s, wanted.get(file.path, file).min_s)
            wanted[file.path] = replace(file, min_s=longest_s)
        problems = [p for file in wanted.values() for p in self._headers.problems(file)]
        self._audio |= wanted
        n_found = sum(path.is_file() for path in wanted)
        self.add(
            Finding(
                part,
                split,
                n_found,
                len(wanted),
                tuple(problems),
                note=note,
                files=tuple(path for path in wanted if path in self._headers),
            )
        )

    def songs(
        self, music: str, folders: Mapping[Path, float] | None, sample_rate: int, split: str
    ) -> None:
        """Look at the mixtures and at the stems of songs, as two parts.

        Parameters
        ----------
        music : str
            Name of the music.
        folders : mapping of Path to float, optional
            Folder of each song, and how many seconds it must last; None if they are not known.
        sample_rate : int
            In Hz.
        split : str
            Name of the split.
        """
        mixtures, stems = [], []
        for folder, min_s in (folders or {}).items():
            first, *others = (find_ignoring_case(folder, f"{track}.wav") for track in TRACKS)
            mixtures.append(AudioFile(first, sample_rate, min_s, is_mixture=True))
            self._songs[first] = others
            stems += [AudioFile(path, sample_rate, as_long_as=first) for path in others]
        known = folders is not None
        self.audio_files(f"{music}: mixtures", mixtures if known else None, split=split)
        self.audio_files(f"{music}: stems", stems if known else None, split=split)

    def add_reading(self, problems: Mapping[Path, str], contents: Mapping[Path, Content]) -> None:
        """Add what was found by reading files to their end.

        Parameters
        ----------
        problems : mapping of Path to str
            What is wrong with files.
        contents : mapping of Path to Content
            What is in the audio files that are whole.
        """
        found: dict[Path, Problem] = {}
        songs = {
            mixture: stems
            for mixture, stems in self._songs.items()
            if self._headers.are_alike([mixture, *stems])
        }
        for path, text in remarks(self._audio.values(), songs, contents):
            found[path] = Problem("remark", text, stops=False)
        for path, text in problems.items():
            gone = not path.exists()
            found[path] = _not_there(path) if gone else Problem("damaged", text)
        for key, part in self.parts.items():
            of_part = tuple(found[path] for path in part.files if path in found)
            n_gone = sum(problem.kind == "missing" for problem in of_part)
            self.parts[key] = replace(
                part, problems=part.problems + of_part, n_found=part.n_found - n_gone
            )

    def add(self, finding: Finding) -> None:
        """Keep what was found of a part."""
        self.parts[finding.key] = finding


def _not_there(path: Path) -> Problem:
    """What to say of a path that is no file."""
    if path.exists():
        return Problem("invalid", f"{path}: not a file")
    return Problem("missing", missing_file(path))


def _metadata_problem(text: str, files: Sequence[Path]) -> Problem:
    """A problem of metadata; entries that another file lacks are missing, not damaged."""
    lacks = any(f"is not in {path}" in text or text.startswith(f"{path} lacks") for path in files)
    return Problem("missing" if lacks else "invalid", text)
