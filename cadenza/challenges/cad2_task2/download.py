"""From the downloaded data sets of CAD2 Task 2 to a challenge root: a list of work items."""

from __future__ import annotations

import logging
import shutil
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from cadenza import audio
from cadenza._check import raise_if
from cadenza._files import replacing
from cadenza._paths import find, require_files
from cadenza.challenges.cad2_task2.ensembles import Source, parse_source
from cadenza.challenges.metadata import read_object
from cadenza.errors import InputError
from cadenza.runner.run import Item

logger = logging.getLogger(__name__)

PACKAGES = ("CadenzaWoodwind", "EnsembleSet_Mix_1", "metadata")

Parts = tuple[Source, ...]


def unpack(folder: Path) -> None:
    """Unpack the zip files of the data sets that are not unpacked yet.

    Raises
    ------
    InputError
        Listing every package that is neither a folder nor a sound zip file.
    """
    problems = []
    for package in PACKAGES:
        target, archive = folder / package.removesuffix("_Mix_1"), folder / f"{package}.zip"
        if target.is_dir():
            continue
        if not archive.is_file():
            problems.append(f"missing: {archive}, or the folder {target}")
            continue
        try:
            _extract(archive, target)
        except (zipfile.BadZipFile, EOFError) as error:
            problems.append(f"{archive}: damaged: {error}")
    raise_if(problems)


def _extract(archive: Path, target: Path) -> None:
    """Unpack a zip that holds the folder `target`, or what is in it."""
    logger.info("unpacking %s", archive)
    temporary = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    with zipfile.ZipFile(archive) as content:
        content.extractall(temporary)
    inner = temporary / target.name
    (inner if inner.is_dir() else temporary).rename(target)
    shutil.rmtree(temporary, ignore_errors=True)


def items_of_download(folder: Path, root: Path) -> list[Item[Parts]]:
    """What is to be made of a download: copies of files, and parts cut for validation.

    Parameters
    ----------
    folder : Path
        The unpacked data sets and their metadata.
    root : Path
        Challenge root.

    Returns
    -------
    list of Item
        For `make_item`; their keys are paths relative to `root`.

    Raises
    ------
    InputError
        Listing missing files, entries that are incomplete, and files that would become one.
    """
    metadata = folder / "metadata"
    tracks_file, pieces_file = (
        metadata / name for name in ("music_tracks.train.json", "music.valid.to_generate.json")
    )
    require_files([tracks_file, pieces_file])
    items = [*_train_items(tracks_file, folder, root), *_valid_items(pieces_file, folder, root)]
    items += [
        _copy(path, root / "metadata" / path.relative_to(metadata), root)
        for path in sorted(metadata.rglob("*"))
        if path.is_file()
    ]
    targets = Counter(path for item in items for path in item.outputs)
    collisions = [path for path, count in targets.items() if count > 1]
    raise_if([f"several sources would be written to {path}" for path in collisions])
    return items


def make_item(item: Item[Parts]) -> dict[str, float]:
    """Copy a file, or cut the sources of a piece and sum them; returns the mixture's clipping."""
    if not item.data:
        with replacing(item.outputs[0]) as temporary:
            shutil.copyfile(item.inputs[0], temporary)
        return {}
    mixture = np.zeros((2, 0))
    *targets, mixture_target = item.outputs
    for part, source, target in zip(item.data, item.inputs, targets, strict=True):
        signal, rate = audio.read(
            source, channels=2, start_s=part.start_s, duration_s=part.duration_s
        )
        audio.write_flac(target, signal, rate)
        if mixture.size and mixture.shape != signal.shape:
            raise InputError(
                f"{source}: {signal.shape[1]} samples, those before it have {mixture.shape[1]}"
            )
        mixture = mixture + signal if mixture.size else signal
    clipped = audio.write_flac(mixture_target, mixture, rate)
    return {"clipped_fraction": clipped}


def _train_items(tracks_file: Path, folder: Path, root: Path) -> list[Item[Parts]]:
    items, problems = {}, []
    for name, entry in read_object(tracks_file).items():
        try:
            paths = [*entry["stems_path"], entry["mixture_path"]]
            sources = [find(folder / entry["dataset"], path) for path in paths]
        except (KeyError, TypeError) as error:
            problems.append(f"{tracks_file}: {name}: {type(error).__name__}: {error}")
            continue
        for path, source in zip(paths, sources, strict=True):
            items[path] = _copy(source, root / "audio" / "train" / path, root)
    raise_if(problems)
    return list(items.values())


def _copy(source: Path, target: Path, root: Path) -> Item[Parts]:
    key = target.relative_to(root).as_posix()
    return Item(key, {"file": key}, (), inputs=(source,), outputs=(target,))


def _valid_items(pieces_file: Path, folder: Path, root: Path) -> list[Item[Parts]]:
    items, problems = [], []
    for name, entries in read_object(pieces_file).items():
        try:
            mixture = root / "audio" / entries["mixture_target"]["track"]
            parts = [parse_source(e) for key, e in entries.items() if key != "mixture_target"]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problems.append(f"{pieces_file}: {name}: {type(error).__name__}: {error}")
            continue
        stems = [root / "audio" / "valid" / name / _without_first_folder(p.track) for p in parts]
        items.append(
            Item(
                key=f"audio/valid/{name}",
                labels={"file": f"audio/valid/{name}"},
                data=tuple(parts),
                depends_on=[[part.start_s, part.duration_s] for part in parts],
                inputs=tuple(find(folder / part.data_set, part.track) for part in parts),
                outputs=(*stems, mixture),
            )
        )
    raise_if(problems)
    return items


def _without_first_folder(track: str) -> Path:
    parts = [part for part in PurePosixPath(track).parts if part != "Mix_1"]
    return Path(*parts[1:])
