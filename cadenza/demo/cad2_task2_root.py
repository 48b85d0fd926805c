"""A small download folder of CAD2 Task 2: two quartets and all metadata."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial, reduce
from pathlib import Path

import numpy as np

from cadenza.demo.roots import (
    LISTENERS,
    SAMPLE_RATE,
    claim,
    listener_files,
    write_json,
    write_music,
)
from cadenza.remix import source_gain_table
from cadenza.synthetic.chamber import ENSEMBLES, perform_chamber
from cadenza.synthetic.listeners import compressor_entry

DOWNLOAD = "zenodo_download"
"""Folder in the root with what the challenge offers for download."""

SCENES_PER_PIECE = 2

# Data set, piece, folder of its files in the data set, sources
_PIECES = (
    ("EnsembleSet", "demo_strings", "demo_strings/Mix_1", ENSEMBLES["strings"][0]),
    ("CadenzaWoodwind", "demo_woodwind", "demo_woodwind", ENSEMBLES["woodwind"][0]),
)


def write_cad2_task2_root(
    folder: str | Path, *, duration_s: float = 8.0, seed: int = 2024
) -> list[Path]:
    """Write what CAD2 Task 2 offers for download, in miniature: a string and a woodwind quartet.

    The data sets in ``zenodo_download`` are unpacked already. Making the challenge root from them,
    and the training scenes, is left to the recipes. Each quartet lasts for two excerpts: the first
    is for training, the second for validation.

    Parameters
    ----------
    folder : str or Path
        Root: a new or empty folder, or one that was written with the same arguments.
    duration_s : float
        Length of each excerpt in seconds.
    seed : int
        Seed of the music and of the scenes.

    Returns
    -------
    list of Path
        The files written by this call; empty if all were there.

    Raises
    ------
    InputError
        If the folder holds anything else.
    """
    folder = claim(folder, "cad2_task2", duration_s=duration_s, seed=seed)
    download = folder / DOWNLOAD
    metadata = _music_metadata(duration_s) | _scene_metadata(seed) | _listener_metadata()
    return [
        *_write_music(download, duration_s=2 * duration_s, seed=seed),
        *write_json(download / "metadata", metadata),
    ]


def _write_music(download: Path, *, duration_s: float, seed: int) -> Iterator[Path]:
    for number, (data_set, piece, place, sources) in enumerate(_PIECES):
        folder = download / data_set / place
        files = {name: folder / f"{name}.flac" for name in sources}
        files["mixture"] = folder / f"mix_{piece}.flac"
        play = partial(
            perform_chamber,
            sources,
            duration_s=duration_s,
            sample_rate=SAMPLE_RATE,
            rng=np.random.default_rng([seed, number]),
        )
        yield from write_music(files, play)


def _music_metadata(duration_s: float) -> dict[str, object]:
    """Content of the files about pieces and tracks, by name."""
    tracks, train, valid, to_generate = {}, {}, {}, {}
    for data_set, piece, place, sources in _PIECES:
        paths = {name: f"{place}/{name}.flac" for name in sorted(sources)}
        mixture = f"{place}/mix_{piece}.flac"
        tracks[piece] = {
            "dataset": data_set,
            "stems_path": list(paths.values()),
            "mixture_path": mixture,
        }
        cut = f"valid/{piece}_001"
        cuts = {name: f"{cut}/{name}.flac" for name in paths}
        train[f"{piece}_000"] = _item(data_set, paths, mixture, 0, duration_s)
        valid[f"{piece}_001"] = _item(data_set, cuts, f"{cut}/mixture.flac", 0, duration_s)
        source_cut = _item(data_set, paths, mixture, duration_s, duration_s)
        del source_cut["mixture"]
        to_generate[f"{piece}_001"] = source_cut | {
            "mixture_target": {"track": f"{cut}/mixture.flac"}
        }
    return {
        "music.train.json": train,
        "music.valid.json": valid,
        "music.valid.to_generate.json": to_generate,
        "music_tracks.train.json": tracks,
        "music_tracks.valid.json": tracks,
    }


def _item(
    data_set: str, paths: dict[str, str], mixture: str, start_s: float, duration_s: float
) -> dict[str, dict[str, object]]:
    """Entry of a music file: the sources in order, then their mixture."""
    names = [f"source_{number}" for number in range(1, len(paths) + 1)]
    return {
        name: {
            "source_dataset": data_set,
            "instrument": instrument,
            "track": track,
            "start": start_s,
            "duration": duration_s,
        }
        for name, (instrument, track) in zip(
            [*names, "mixture"], [*paths.items(), ("Mixture", mixture)], strict=True
        )
    }


def _scene_metadata(seed: int) -> dict[str, object]:
    """Content of the files about gains and validation scenes, by name."""
    table = source_gain_table()
    rng = np.random.default_rng(seed)
    scenes: dict[str, object] = {}
    for _, piece, _, sources in _PIECES:
        for gain in rng.choice(list(table[len(sources)]), SCENES_PER_PIECE, replace=False):
            scenes[f"S{50001 + len(scenes)}"] = {"music": f"{piece}_001", "gain": str(gain)}
    return {
        "gains.json": reduce(dict.__or__, table.values()),
        "gains_meta.json": {str(n_sources): gains for n_sources, gains in table.items()},
        "scenes.valid.json": scenes,
        "scene_listeners.valid.json": {scene: list(LISTENERS["valid"]) for scene in scenes},
    }


def _listener_metadata() -> dict[str, object]:
    """Content of the files about listeners and their compressors, by name."""
    compressors = {
        f"compressor_params.{split}.json": {
            name: compressor_entry(left=left, right=right) for name, (left, right) in ears.items()
        }
        for split, ears in LISTENERS.items()
    }
    return compressors | listener_files()
