"""A small challenge root of ICASSP 2024: two songs, a head, listeners and all metadata."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from cadenza import audio
from cadenza.demo.roots import SAMPLE_RATE, TITLES, claim, listener_files, write_json, write_songs
from cadenza.remix import stem_gain_table
from cadenza.synthetic.head import head_response

LEFT_ANGLES_DEG = (-37.5, -30.0, -22.5)
RIGHT_ANGLES_DEG = (22.5, 30.0, 37.5)

_MICROPHONE = "BTE_fr"
_SUBJECT = "SPH_1"


def write_icassp_2024_root(
    folder: str | Path, *, duration_s: float = 8.0, seed: int = 2024
) -> list[Path]:
    """Write all that the ICASSP 2024 recipes need as input.

    The layout is that of the published data. Scenes and audio at the microphones are left to the
    recipes.

    Parameters
    ----------
    folder : str or Path
        Root to write: a new or empty folder, or one that was written with the same arguments.
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
    folder = claim(folder, "icassp_2024", duration_s=duration_s, seed=seed)
    places = dict.fromkeys(TITLES, folder / "audio" / "music" / "train")
    return [
        *_write_head(folder / "audio" / "hrtf"),
        *write_songs(places, duration_s=duration_s, seed=seed),
        *write_json(folder / "metadata", _metadata() | listener_files()),
    ]


def _write_head(folder: Path) -> Iterator[Path]:
    for azimuth_deg in LEFT_ANGLES_DEG + RIGHT_ANGLES_DEG:
        side = "n" if azimuth_deg < 0 else "p"
        path = folder / f"{_MICROPHONE}-{_SUBJECT}-{side}{abs(azimuth_deg):.1f}.wav"
        if not path.exists():
            # Half the amplitude: the ear next to the loudspeaker would exceed full scale. The
            # loudness of what is rendered is matched to the music, so nothing else changes.
            response = 0.5 * head_response(azimuth_deg, sample_rate=SAMPLE_RATE)
            audio.write_wav(path, response, SAMPLE_RATE)
            yield path


def _metadata() -> dict[str, object]:
    """Content of the JSON files that are not about listeners, by name."""
    positions = [
        {"subject": _SUBJECT, "left_angle": left, "right_angle": right, "mic": _MICROPHONE}
        for left, right in product(LEFT_ANGLES_DEG, RIGHT_ANGLES_DEG)
    ]
    songs = [
        {
            "Track Name": title,
            "Genre": "Pop/Rock",
            "Source": "cadenza demo",
            "License": "MIT",
            "Split": "train",
            "Path": f"train/{title}",
        }
        for title in TITLES
    ]
    return {
        "gains.json": stem_gain_table(),
        "head_loudspeaker_positions.json": {
            f"hlp_{number:04d}": position for number, position in enumerate(positions, start=1)
        },
        "musdb18.train.json": songs,
    }
