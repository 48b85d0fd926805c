"""What the demo's challenge roots share: their record, listeners, and ways to write files.

Equal arguments give equal files. Each file appears complete or not at all, and files that exist
are kept, so calling again completes what was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza._check import positive
from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.stems import STEMS
from cadenza.synthetic.listeners import listener_entry
from cadenza.synthetic.mixing import set_level
from cadenza.synthetic.songs import perform_song, random_song

SAMPLE_RATE = 44100
TITLES = ("Demo Band - Night Bus", "Demo Band - First Snow")
"""The two songs."""

LISTENERS = {
    "train": {"N1": ("N1", "N1"), "N2": ("N2", "N2"), "N1-N3": ("N1", "N3"), "S1": ("S1", "S1")},
    "valid": {"N3": ("N3", "N3"), "S2": ("S2", "S2")},
}
"""Standard audiograms of the left and the right ear of every listener."""

LEVEL_DB = -30.0
"""RMS of the mixtures re full scale: soft, because hearing aids amplify them by up to 30 dB."""

_EDITION = 3  # raise it when the content of any file changes, so that old and new never mix


def claim(folder: str | Path, challenge: str, *, duration_s: float, seed: int) -> Path:
    """Record in ``demo.json``, the first file written, what the folder is for.

    Raises
    ------
    ValueError
        If the duration is not positive.
    InputError
        If the folder has another record, or none and holds files.
    """
    folder = Path(folder)
    path = folder / "demo.json"
    arguments = {
        "challenge": challenge,
        "edition": _EDITION,
        "duration_s": positive("duration_s", duration_s),
        "seed": seed,
    }
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
            f"{folder}: expected a new or empty folder for the demo, found files in it; "
            "choose another folder"
        )
    else:
        with replacing(path) as temporary:
            temporary.write_text(record, encoding="utf-8")
    return folder


def write_json(folder: Path, contents: Mapping[str, object]) -> Iterator[Path]:
    """Write the files (content by name) that are missing, and yield their paths."""
    for name, content in contents.items():
        path = folder / name
        if not path.exists():
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
            yield path


def write_music(
    files: Mapping[str, Path], make_stems: Callable[[], Mapping[str, NDArray[np.float64]]]
) -> Iterator[Path]:
    """Write the files of stems and ``mixture`` that are missing, and yield their paths."""
    missing = {name: path for name, path in files.items() if not path.exists()}
    if missing:
        stems = set_level(make_stems(), LEVEL_DB)
        # Stems as they will be read back, so that the mixture is exactly their sum
        signals = {name: audio.to_int16(stem) / 32768 for name, stem in stems.items()}
        signals["mixture"] = reduce(np.add, signals.values())
        for name, path in missing.items():
            write = audio.write_flac if path.suffix == ".flac" else audio.write_wav
            write(path, signals[name], SAMPLE_RATE)
            yield path


def write_songs(folders: Mapping[str, Path], *, duration_s: float, seed: int) -> Iterator[Path]:
    """Write the songs, each into a folder of its title below `folders[title]`."""
    for number, title in enumerate(TITLES):
        rng = np.random.default_rng([seed, number])
        folder = folders[title] / title
        files = {name: folder / f"{name}.wav" for name in (*STEMS, "mixture")}
        play = partial(
            perform_song,
            random_song(rng),
            duration_s=duration_s,
            sample_rate=SAMPLE_RATE,
            rng=rng,
        )
        yield from write_music(files, play)


def listener_files() -> dict[str, object]:
    """Content of ``listeners.*.json`` by name."""
    return {
        f"listeners.{split}.json": {
            name: listener_entry(name, left=left, right=right)
            for name, (left, right) in ears.items()
        }
        for split, ears in LISTENERS.items()
    }
