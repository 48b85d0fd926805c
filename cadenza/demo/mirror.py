"""A small mirror of Zenodo: the demo's challenges, packed under the names of the real data.

It is a folder for any file server. With it, every step from `cadenza fetch` to the report can be
tried before gigabytes are downloaded, and without a network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cadenza._files import replacing
from cadenza._paths import write_json
from cadenza.datasets.registry import Part, read_registry
from cadenza.demo.cad1_task1_root import write_cad1_task1_root
from cadenza.demo.cad2_task2_root import DOWNLOAD, write_cad2_task2_root
from cadenza.demo.icassp_2024_root import write_icassp_2024_root
from cadenza.demo.packages import record_of, tar_of, zip_of
from cadenza.errors import InputError

_PACKED = {".wav", ".flac", ".json"}  # not the journals and tables of the scripts


@dataclass(frozen=True)
class _Challenge:
    """How a challenge is packed.

    Parameters
    ----------
    write : callable
        Writes the demo's root of the challenge.
    packages : mapping of str to tuple of str
        Folders of each part.
    source : str
        Folder that holds these folders, relative to the root.
    prefix : str
        Folder in the archives that holds them.
    """

    write: Callable[[Path], object]
    packages: Mapping[str, tuple[str, ...]]
    source: str = ""
    prefix: str = ""


def write_mirror(folder: str | Path, *, duration_s: float = 8.0, seed: int = 2024) -> list[Path]:
    """Write a small mirror of the records that `cadenza fetch` reads.

    Descriptions of the records are in ``api/records``, archives in ``files``. Links are relative,
    so that any file server will do: ``python -m http.server --directory FOLDER``.

    Parameters
    ----------
    folder : str or Path
        Where the mirror goes. Files of an earlier mirror are replaced.
    duration_s : float
        Length of each piece of music in seconds.
    seed : int
        Seed of the music. Equal arguments give equal files.

    Returns
    -------
    list of Path
        The archives.

    Raises
    ------
    InputError
        If a script that renders the music fails.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    registry = read_registry()
    files: dict[int, dict[str, bytes]] = defaultdict(dict)
    with tempfile.TemporaryDirectory(prefix=".roots-", dir=folder) as roots:
        for name, challenge in _challenges(duration_s, seed).items():
            root = Path(roots) / name
            challenge.write(root)
            for part_name, folders in challenge.packages.items():
                part = registry[name].parts[part_name]
                members = _members(root / challenge.source, folders, challenge.prefix)
                files[part.record][part.file] = _packed(part, members)
    return [path for record, content in files.items() for path in _write(folder, record, content)]


def _challenges(duration_s: float, seed: int) -> dict[str, _Challenge]:
    return {
        "icassp_2024": _Challenge(
            partial(_write_icassp_2024, duration_s=duration_s, seed=seed),
            {
                "core": ("metadata", "audio/hrtf"),
                "train": ("audio/music",),
                "validation": ("audio/at_mic_music",),
            },
            prefix="cadenza_data/cad_icassp_2024/",
        ),
        "cad1_task1": _Challenge(
            partial(write_cad1_task1_root, duration_s=duration_s, seed=seed),
            {"metadata": ("metadata",), "music": ("audio",)},
            prefix="cadenza_data/cad1/task1/",
        ),
        "cad2_task2": _Challenge(
            partial(write_cad2_task2_root, duration_s=duration_s, seed=seed),
            {
                "metadata": ("metadata",),
                "ensembles": ("EnsembleSet",),
                "woodwind": ("CadenzaWoodwind",),
            },
            source=DOWNLOAD,
        ),
    }


def _write_icassp_2024(root: Path, *, duration_s: float, seed: int) -> None:
    """The demo's root, and excerpts for validation, which are offered at the microphones."""
    write_icassp_2024_root(root, duration_s=duration_s, seed=seed)
    songs = root / "metadata" / "musdb18.train.json"
    options = [f"path.root={root}", "split=valid", f"path.music_file={songs}"]
    for script in ("generate_train_scenes", "generate_at_mic_musdb18"):
        module = f"cadenza.recipes.cad_icassp_2024.generate_dataset.{script}"
        done = subprocess.run(
            [sys.executable, "-m", module, *options, "scene.number_scenes_per_song=1"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(f"{script}.py failed: {done.stderr.strip() or done.stdout.strip()}")


def _members(root: Path, folders: Iterable[str], prefix: str) -> dict[str, bytes]:
    """Files of some folders by their names in the archive."""
    return {
        f"{prefix}{path.relative_to(root).as_posix()}": path.read_bytes()
        for folder in folders
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in _PACKED
    }


def _packed(part: Part, members: Mapping[str, bytes]) -> bytes:
    return (zip_of if part.file.endswith(".zip") else tar_of)(members)


def _write(folder: Path, record: int, files: Mapping[str, bytes]) -> list[Path]:
    """Write the archives of a record, then its description."""
    targets = {name: folder / "files" / str(record) / name for name in files}
    for name, target in targets.items():
        with replacing(target) as temporary:
            temporary.write_bytes(files[name])
    links = {name: f"../../files/{record}/{name}" for name in files}
    write_json(folder / "api" / "records" / str(record), record_of(record, files, links))
    return list(targets.values())
