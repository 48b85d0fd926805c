"""Formats of the enhanced stems of CAD1 Task 1: those of submissions, and of the first releases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from cadenza.challenges.cad1_task1.songs import STEM_SUFFIXES, SongPair, StemFormat
from cadenza.errors import InputError

_FLOAT44_HZ = 44100


class Config(Protocol):
    """The configuration of the recipe, as far as it matters here."""

    stems: StemFormat
    sample_rate: int

    @property
    def release(self) -> str:
        """Release of pyClarity whose level is used."""


def stem_format(config: Config) -> StemFormat:
    """Format that a configuration asks for.

    Raises
    ------
    InputError
        If the other settings do not go with it.
    """
    # runs of earlier versions, which a report reads, have no such key
    stems: StemFormat = getattr(config, "stems", "flac24")
    if stems == "flac24":
        return stems
    if config.sample_rate != _FLOAT44_HZ:
        raise InputError(
            f"stems={stems} needs sample_rate={_FLOAT44_HZ}, got {config.sample_rate}; any other "
            "rate needs stems=flac24"
        )
    if config.release == "0.3.4":
        raise InputError(
            f"release=0.3.4 takes the level after resampling, but stems={stems} are not resampled; "
            "write release=0.9.0 with them, or stems=flac24"
        )
    return stems


def settings_for(stems: StemFormat, keys: Sequence[str]) -> tuple[str, ...]:
    """Keys that results depend on, of those that they depend on with FLAC stems.

    Results of FLAC stems do not record the format, so that those of earlier versions are continued.

    Examples
    --------
    >>> settings_for("float44", ["sample_rate", "stem_sample_rate"])
    ('sample_rate', 'stems')
    """
    if stems == "flac24":
        return tuple(keys)
    return tuple("stems" if key == "stem_sample_rate" else key for key in keys)


def format_problem(pairs: Sequence[SongPair], folder: Path, stems: StemFormat) -> str:
    """Message about stems that are there in another format only; empty if there are none.

    Parameters
    ----------
    pairs : sequence of SongPair
        Songs and listeners.
    folder : Path
        Folder of the enhanced signals of all songs.
    stems : {"flac24", "float44"}
        The format that is wanted.
    """
    for other, suffix in STEM_SUFFIXES.items():
        if found := [pair for pair in pairs if _are_only(pair, folder, other, stems)]:
            return (
                f"{folder}: expected {STEM_SUFFIXES[stems]} files of the stems (stems={stems}), "
                f"found {suffix} files (stems={other}) for {len(found)} of {len(pairs)} pairs of "
                "song and listener"
            )
    return ""


def _are_only(pair: SongPair, folder: Path, other: StemFormat, wanted: StemFormat) -> bool:
    """Whether some stem is there in another format, but not in the wanted one."""
    files = zip(pair.stem_files(folder, wanted), pair.stem_files(folder, other), strict=True)
    return any(not path.is_file() and alternative.is_file() for path, alternative in files)
