"""Challenge roots made from the demo's music, head and listeners."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import numpy as np

from cadenza import audio
from cadenza._check import positive
from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.remix import stem_gain_table
from cadenza.synthetic.audiograms import listener_entry
from cadenza.synthetic.composition import STYLES
from cadenza.synthetic.head import head_response
from cadenza.synthetic.music import perform

SAMPLE_RATE = 44100
LEFT_ANGLES_DEG = (-37.5, -30.0, -22.5)
RIGHT_ANGLES_DEG = (22.5, 30.0, 37.5)
LISTENERS = {
    "train": {"N2": ("N2", "N2"), "N3": ("N3", "N3"), "N2-N3": ("N2", "N3"), "S1": ("S1", "S1")},
    "valid": {"N4": ("N4", "N4"), "S2": ("S2", "S2")},
}
"""Standard audiograms of the left and the right ear of every listener."""

_EDITION = 1  # raise it when the content of any file changes, so that old and new never mix
_MICROPHONE = "BTE_fr"
_SUBJECT = "SPH_1"


def write_icassp_2024_root(
    folder: str | Path, *, duration_s: float = 8.0, seed: int = 2024
) -> list[Path]:
    """Write all that the ICASSP 2024 recipes need as input: two songs, a head and listeners.

    The layout is that of the published data; scenes and audio at the microphones are left to the
    recipes. Equal arguments give equal files. Each file appears complete or not at all, and files
    that exist are kept, so that an interrupted call is completed by the next one.

    Parameters
    ----------
    folder : str or Path
        Root to write: a new or empty folder, or one that was written with the same arguments.
    duration_s : float
        Length of each song in seconds. The default is one turn of its chords.
    seed : int
        Seed of everything random in the music.

    Returns
    -------
    list of Path
        The files written by this call; empty if all were there.

    Raises
    ------
    InputError
        If the folder holds anything else.
    """
    folder = Path(folder)
    arguments: dict[str, object] = {
        "edition": _EDITION,
        "duration_s": positive("duration_s", duration_s),
        "seed": seed,
    }
    claim(folder, arguments)
    return [
        *_write_head(folder / "audio" / "hrtf"),
        *write_songs(
            {style.title: folder / "audio" / "music" / "train" for style in STYLES},
            duration_s=duration_s,
            seed=seed,
        ),
        *write_json(folder / "metadata", _metadata() | listener_files()),
    ]


def claim(folder: Path, arguments: dict[str, object]) -> None:
    """Make sure that `folder` is ours: its ``demo.json``, the first file written, says so."""
    path = folder / "demo.json"
    record = json.dumps(arguments) + "\n"
    if path.is_file():
        found = path.read_text(encoding="utf-8")
        if found != record:
            raise InputError(
                f"{folder}: holds another demo, {found.strip()}, expected {record.strip()}; "
                "remove it or choose another folder"
            )
    elif folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise InputError(
            f"{folder}: expected a new or empty folder for the demo, found files in it"
        )
    else:
        with replacing(path) as temporary:
            temporary.write_text(record, encoding="utf-8")


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


def write_songs(folders: Mapping[str, Path], *, duration_s: float, seed: int) -> Iterator[Path]:
    """Write stems and mixture of songs, each into a folder of its title below `folders[title]`."""
    for number, style in enumerate(STYLES):
        files = {
            name: folders[style.title] / style.title / f"{name}.wav"
            for name in ("vocals", "drums", "bass", "other", "mixture")
        }
        missing = {name: path for name, path in files.items() if not path.exists()}
        if missing:
            rng = np.random.default_rng([seed, number])
            song = perform(style, duration_s=duration_s, sample_rate=SAMPLE_RATE, rng=rng)
            # Stems as they will be read back, so that the mixture is their sum to the last bit
            signals = {name: audio.to_int16(stem) / 32768 for name, stem in song.items()}
            signals["mixture"] = np.sum(list(signals.values()), axis=0)
            for name, path in missing.items():
                audio.write_wav(path, signals[name], SAMPLE_RATE)
                yield path


def write_json(folder: Path, contents: Mapping[str, object]) -> Iterator[Path]:
    """Write the files (content by name) that are missing, and tell which."""
    for name, content in contents.items():
        path = folder / name
        if not path.exists():
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
            yield path


def listener_files() -> dict[str, object]:
    """Content of ``listeners.*.json`` by name."""
    return {
        f"listeners.{split}.json": {
            name: listener_entry(name, left=left, right=right)
            for name, (left, right) in ears.items()
        }
        for split, ears in LISTENERS.items()
    }


def _metadata() -> dict[str, object]:
    """Content of the other JSON files by name."""
    positions = [
        {"subject": _SUBJECT, "left_angle": left, "right_angle": right, "mic": _MICROPHONE}
        for left, right in product(LEFT_ANGLES_DEG, RIGHT_ANGLES_DEG)
    ]
    songs = [
        {
            "Track Name": style.title,
            "Genre": style.genre,
            "Source": "cadenza demo",
            "License": "MIT",
            "Split": "train",
            "Path": f"train/{style.title}",
        }
        for style in STYLES
    ]
    return {
        "gains.json": stem_gain_table(),
        "head_loudspeaker_positions.json": {
            f"hlp_{number:04d}": position for number, position in enumerate(positions, start=1)
        },
        "musdb18.train.json": songs,
    }
