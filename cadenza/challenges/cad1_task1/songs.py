"""Songs, listeners, segments and file names of CAD1 Task 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from cadenza._check import raise_if
from cadenza._paths import find_ignoring_case, require_files, safe_name
from cadenza._sidecar import sidecar
from cadenza.audiogram import Listener
from cadenza.challenges.metadata import (
    Track,
    read_challenge_listeners,
    read_object,
    read_tracks,
)
from cadenza.challenges.schema import OBJECT, TIME, field_problems
from cadenza.errors import InputError
from cadenza.stems import STEMS

SIDES = ("left", "right")

StemFormat = Literal["flac24", "float44"]
"""How enhanced stems are kept: scaled 16-bit FLAC files, or floating-point WAV files."""

STEM_SUFFIXES: Mapping[StemFormat, str] = MappingProxyType({"flac24": ".flac", "float44": ".wav"})
"""What the names of their files end in."""

SCORE_COLUMNS = (
    "song",
    "listener",
    "score",
    *(f"{side}_{stem}" for stem in sorted(STEMS) for side in SIDES),
)
"""Columns of the scores of stems."""

REMIX_SCORE_COLUMNS = ("song", "listener", "score", *SIDES)
"""Columns of the scores of remixes."""

KINDS = ("objective_evaluation", "subjective_evaluation")

SMALL_TEST = 15
"""A small test takes every such pair."""


@dataclass(frozen=True)
class Segment:
    """Part of a song, from `start_s` to `end_s` in seconds."""

    start_s: float
    end_s: float

    def samples(self, sample_rate: int) -> slice:
        """Samples of the segment, both ends rounded down."""
        return slice(int(self.start_s * sample_rate), int(self.end_s * sample_rate))


WHOLE_SONG = Segment(0, float(2**40))


@dataclass(frozen=True)
class SongPair:
    """A song and a listener.

    The enhanced stems are cut to the `objective` segment, which HAAQI scores, and the remix to the
    `subjective` one, which goes to the listening tests.
    """

    track: Track
    listener: Listener
    objective: Segment = WHOLE_SONG
    subjective: Segment = WHOLE_SONG

    @property
    def key(self) -> str:
        """Stable name."""
        return f"{self.listener.name}_{self.track.name}"

    @property
    def labels(self) -> dict[str, str]:
        """First columns of the result tables."""
        return {"song": self.track.name, "listener": self.listener.name}

    @property
    def depends_on(self) -> dict[str, Any]:
        """What the results depend on besides the audio."""
        segments = [[s.start_s, s.end_s] for s in (self.objective, self.subjective)]
        return {**self.labels, "audiograms": self.listener.as_numbers(), "segments": segments}

    def file(self, track: str) -> Path:
        """Audio file of the mixture or a stem."""
        return find_ignoring_case(self.track.folder, f"{track}.wav")

    def stem_file(self, folder: Path, side: str, stem: str, stems: StemFormat = "flac24") -> Path:
        """Where the enhanced stem of one ear goes."""
        return self._output(folder, f"{side}_{stem}{STEM_SUFFIXES[stems]}")

    def remix_file(self, folder: Path) -> Path:
        """Where the remix goes."""
        return self._output(folder, "remix.flac")

    def stem_files(self, folder: Path, stems: StemFormat = "flac24") -> tuple[Path, ...]:
        """All eight enhanced stems."""
        return tuple(self.stem_file(folder, side, stem, stems) for stem in STEMS for side in SIDES)

    def scale_files(self, folder: Path, stems: StemFormat = "flac24") -> tuple[Path, ...]:
        """The scales of all stems; WAV files have none."""
        files = self.stem_files(folder, stems) if stems == "flac24" else ()
        return tuple(sidecar(path) for path in files)

    def outputs(self, folder: Path, stems: StemFormat = "flac24") -> tuple[Path, ...]:
        """All files of the enhanced song: stems, their scales, the remix."""
        parts = (*self.stem_files(folder, stems), *self.scale_files(folder, stems))
        return (*parts, self.remix_file(folder))

    def _output(self, folder: Path, what: str) -> Path:
        listener, song = safe_name(self.listener.name), safe_name(self.track.name)
        return folder / listener / song / f"{listener}_{song}_{what}"


def read_song_pairs(paths: Mapping[str, str], *, with_segments: bool = False) -> list[SongPair]:
    """Every song for every listener, song by song, in file order.

    Parameters
    ----------
    paths : mapping
        ``music_file``, ``listeners_file``, ``music_dir`` and ``music_segments_test_file``, as in
        the recipe's configuration. Metadata may also lie in a folder ``musdb18hq`` beside.
    with_segments : bool
        Whether the songs are cut to their test segments.

    Raises
    ------
    InputError
        Listing every missing file, or else every entry that is not what it must be and every song
        without segments.
    """
    music_file, listeners_file = (metadata_file(paths[k]) for k in ("music_file", "listeners_file"))
    segments_file = metadata_file(paths["music_segments_test_file"])
    require_files([music_file, listeners_file, *([segments_file] if with_segments else [])])
    tracks = read_tracks(music_file, Path(paths["music_dir"]))
    listeners = read_challenge_listeners(listeners_file)
    segments = dict.fromkeys(tracks, (WHOLE_SONG, WHOLE_SONG))
    if with_segments:
        segments = _read_segments(segments_file, tracks, music_file)
    return [
        SongPair(track, listener, *segments[track.name])
        for track in tracks.values()
        for listener in listeners.values()
    ]


def _read_segments(
    path: Path, tracks: Mapping[str, Track], music_file: Path
) -> dict[str, tuple[Segment, Segment]]:
    table = read_object(path)
    if not any(name in table for name in tracks):
        raise InputError(
            f"{path}: has no segments of the songs in {music_file}; only those of split=test have "
            "segments"
        )
    segments, problems = {}, []
    for name in tracks:
        found = _segment_problems(table[name]) if name in table else ["has no segments"]
        problems += [f"{path}: {name!r}: {problem}" for problem in found]
        if not found:
            objective, subjective = (
                Segment(table[name][kind]["start"], table[name][kind]["end"]) for kind in KINDS
            )
            segments[name] = (objective, subjective)
    raise_if(problems)
    return segments


def _segment_problems(entry: Any) -> list[str]:  # noqa: ANN401
    if problems := field_problems(entry, dict.fromkeys(KINDS, OBJECT)):
        return problems
    for kind in KINDS:
        part = entry[kind]
        found = field_problems(part, {"start": TIME, "end": TIME})
        if not found and part["start"] >= part["end"]:
            found = [f"start must be before end, got {part['start']} and {part['end']}"]
        problems += [f"{kind}: {problem}" for problem in found]
    return problems


def metadata_file(path: str) -> Path:
    """Where a metadata file is: as configured, or where the challenge's README has it."""
    plain = Path(path)
    other = plain.with_name("musdb18hq") / plain.name
    return other if other.exists() and not plain.exists() else plain
