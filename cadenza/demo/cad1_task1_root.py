"""A small challenge root of CAD1 Task 1: one song for validation, one for the test."""

from __future__ import annotations

from pathlib import Path

from cadenza.demo.roots import TITLES, claim, listener_files, write_json, write_songs
from cadenza.synthetic.listeners import listener_entry

_VALID, _TEST = TITLES


def write_cad1_task1_root(
    folder: str | Path, *, duration_s: float = 8.0, seed: int = 2024
) -> list[Path]:
    """Write all that the CAD1 Task 1 recipe needs as input: two songs, listeners, segments.

    The segments for objective evaluation and for listening tests last a half and a quarter of the
    song.

    Parameters
    ----------
    folder : str or Path
        Root: a new or empty folder, or one that was written with the same arguments.
    duration_s : float
        Length of each song in seconds.
    seed : int
        Seed of the songs.

    Returns
    -------
    list of Path
        The files written by this call; empty if all were there.

    Raises
    ------
    InputError
        If the folder holds anything else.
    """
    folder = claim(folder, "cad1_task1", duration_s=duration_s, seed=seed)
    music = folder / "audio" / "musdb18hq"
    places = {_VALID: music / "train", _TEST: music / "test"}
    return [
        *write_songs(places, duration_s=duration_s, seed=seed),
        *write_json(folder / "metadata", _metadata(duration_s)),
    ]


def _metadata(duration_s: float) -> dict[str, object]:
    """Content of the JSON files by name."""
    segments = {"objective": (0.25, 0.75), "subjective": (0.5, 0.75)}
    return {
        "listeners.valid.json": listener_files()["listeners.valid.json"],
        "listeners.test.json": {"N4": listener_entry("N4", left="N4", right="N4")},
        "musdb18.valid.json": [{"Track Name": _VALID, "Split": "valid"}],
        "musdb18.test.json": [{"Track Name": _TEST, "Split": "test"}],
        "musdb18.segments.test.json": {
            _TEST: {
                f"{kind}_evaluation": {
                    "start": start * duration_s,
                    "end": end * duration_s,
                    "duration": (end - start) * duration_s,
                }
                for kind, (start, end) in segments.items()
            }
        },
    }
