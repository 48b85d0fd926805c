"""From the downloaded data sets of CAD2 Task 2 to a challenge root, step by step."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cadenza import audio
from cadenza._archive import unpack_zips, zip_problems
from cadenza._check import raise_if
from cadenza._files import replacing
from cadenza._paths import find_ignoring_case, require_files
from cadenza.challenges.cad2_task2.ensembles import Source, parse_source, sources_problems
from cadenza.challenges.metadata import read_entries
from cadenza.challenges.schema import NAME, PATH, PATHS, TEXT, field_problems, shown
from cadenza.errors import InputError

PACKAGES = ("CadenzaWoodwind", "EnsembleSet_Mix_1", "metadata")


@dataclass(frozen=True)
class Copy:
    """A downloaded file that the challenge root has too.

    Parameters
    ----------
    key : str
        The target, relative to the challenge root.
    source, target : Path
        The file and its copy.
    """

    key: str
    source: Path
    target: Path

    @property
    def depends_on(self) -> None:
        """Nothing besides the file."""

    @property
    def labels(self) -> dict[str, str]:
        """First column of the result table."""
        return {"file": self.key}

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files that are read."""
        return (self.source,)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Files that are written."""
        return (self.target,)

    def make(self) -> dict[str, float]:
        """Copy the file; nothing is measured."""
        with replacing(self.target) as temporary:
            shutil.copyfile(self.source, temporary)
        return {}


@dataclass(frozen=True)
class Excerpts:
    """The sources of a validation piece, cut from longer files, and their sum.

    Parameters
    ----------
    key : str
        Folder of the piece, relative to the challenge root.
    parts : tuple of Source
        Which part of each file.
    inputs : tuple of Path
        A file for each part.
    targets : tuple of Path
        Where each part goes.
    mixture : Path
        Where the sum goes.
    """

    key: str
    parts: tuple[Source, ...]
    inputs: tuple[Path, ...]
    targets: tuple[Path, ...]
    mixture: Path

    @property
    def labels(self) -> dict[str, str]:
        """First column of the result table."""
        return {"file": self.key}

    @property
    def depends_on(self) -> list[list[float]]:
        """What the result depends on besides the audio."""
        return [[part.start_s, part.duration_s] for part in self.parts]

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Files that are written."""
        return (*self.targets, self.mixture)

    def make(self) -> dict[str, float]:
        """Cut and sum the sources; returns the fraction of the mixture that was clipped.

        Raises
        ------
        InputError
            If the sources differ in length.
        """
        mixture = np.zeros((2, 0))
        for part, source, target in zip(self.parts, self.inputs, self.targets, strict=True):
            signal, rate = audio.read(
                source, channels=2, start_s=part.start_s, duration_s=part.duration_s
            )
            audio.write_flac(target, signal, rate)
            if mixture.size and mixture.shape != signal.shape:
                raise InputError(
                    f"{source}: {signal.shape[1]} samples, those before it have {mixture.shape[1]}"
                )
            mixture = mixture + signal if mixture.size else signal
        return {"clipped_fraction": audio.write_flac(self.mixture, mixture, rate)}


Step = Copy | Excerpts


@dataclass(frozen=True)
class Package:
    """A data set of the download.

    Parameters
    ----------
    target : Path
        Its folder once it is unpacked.
    archive : Path
        Its zip file.
    """

    target: Path
    archive: Path

    @property
    def problems(self) -> list[str]:
        """Why it can be neither used nor unpacked."""
        if self.target.is_dir():
            return []
        if self.archive.is_file():
            return zip_problems(self.archive)
        return [f"missing: {self.archive}, or the folder {self.target}"]


def find_packages(folder: Path) -> list[Package]:
    """Where the data sets of a download are, or should be."""
    packages = []
    for name in PACKAGES:
        archive = folder / f"{name}.zip"
        misspelt = folder / "metadat.zip"  # as the file is called in the Zenodo record
        if name == "metadata" and misspelt.is_file() and not archive.is_file():
            archive = misspelt
        packages.append(Package(folder / name.removesuffix("_Mix_1"), archive))
    return packages


def has_packages(folder: Path) -> bool:
    """Whether a folder holds any of the music of a download, or its metadata as a zip file."""
    packages = find_packages(folder)
    return any(
        package.archive.is_file() or (package.target.is_dir() and package.target.name != "metadata")
        for package in packages
    )


def unpack(folder: Path) -> None:
    """Unpack the zip files of the data sets that are not unpacked yet.

    Raises
    ------
    InputError
        If there is no such folder, or listing every package that is neither a folder nor a zip
        file that is sound and safe to unpack; nothing is unpacked then.
    """
    for other in (folder / "downloads", folder.parent / "downloads"):  # of `cadenza fetch`
        if not has_packages(folder) and has_packages(other):
            raise InputError(
                f"{folder}: none of the downloads {', '.join(PACKAGES)} is here; did you mean "
                f"path.zenodo_download_path={other}?"
            )
    if not folder.is_dir():
        raise InputError(f"missing folder: {folder} (with the downloads {', '.join(PACKAGES)})")
    packages = find_packages(folder)
    raise_if([problem for package in packages for problem in package.problems])
    unpack_zips({p.archive: p.target for p in packages if not p.target.is_dir()})


def steps_of_download(folder: Path, root: Path) -> list[Step]:
    """What a challenge root is made of: copies of files, and excerpts for validation.

    Parameters
    ----------
    folder : Path
        The unpacked data sets and their metadata.
    root : Path
        Challenge root.

    Returns
    -------
    list of Copy or Excerpts
        The steps, independent of each other.

    Raises
    ------
    InputError
        Listing missing metadata files, entries that are not what they must be, and files that two
        sources would be written to.
    """
    metadata = folder / "metadata"
    tracks_file, pieces_file = (
        metadata / name for name in ("music_tracks.train.json", "music.valid.to_generate.json")
    )
    require_files([tracks_file, pieces_file])
    steps: list[Step] = [
        *_training_tracks(tracks_file, folder, root),
        *_validation_pieces(pieces_file, folder, root),
    ]
    steps += [
        _copy(path, root / "metadata" / path.relative_to(metadata), root)
        for path in sorted(metadata.rglob("*"))
        if path.is_file()
    ]
    targets = Counter(path for step in steps for path in step.outputs)
    collisions = [path for path, count in targets.items() if count > 1]
    raise_if([f"several sources would be written to {path}" for path in collisions])
    return steps


def _training_tracks(tracks_file: Path, folder: Path, root: Path) -> list[Copy]:
    fields = {"dataset": NAME, "stems_path": PATHS, "mixture_path": PATH}
    copies = [
        _copy(
            find_ignoring_case(folder / entry["dataset"], path),
            root / "audio" / "train" / path,
            root,
        )
        for entry in read_entries(tracks_file, fields, key=TEXT).values()
        for path in (*entry["stems_path"], entry["mixture_path"])
    ]
    return list(dict.fromkeys(copies))  # tracks may share a stem


def _copy(source: Path, target: Path, root: Path) -> Copy:
    return Copy(target.relative_to(root).as_posix(), source, target)


def _validation_pieces(pieces_file: Path, folder: Path, root: Path) -> list[Excerpts]:
    steps, problems = [], []
    for name, entries in read_entries(pieces_file, {}, key=NAME).items():
        if found := _piece_problems(entries):
            problems += [f"{pieces_file}: {name}: {problem}" for problem in found]
            continue
        parts = tuple(parse_source(e) for key, e in entries.items() if key != "mixture_target")
        valid = root / "audio" / "valid" / name
        steps.append(
            Excerpts(
                key=f"audio/valid/{name}",
                parts=parts,
                inputs=tuple(find_ignoring_case(folder / p.data_set, p.track) for p in parts),
                targets=tuple(valid / _without_first_folder(part.track) for part in parts),
                mixture=root / "audio" / entries["mixture_target"]["track"],
            )
        )
    raise_if(problems)
    return steps


def _piece_problems(entries: Mapping[str, Any]) -> list[str]:
    sources = {key: entry for key, entry in entries.items() if key != "mixture_target"}
    if not sources or "mixture_target" not in entries:
        return [f"expected sources and a mixture_target, got {list(entries)}"]
    target = field_problems(entries["mixture_target"], {"track": PATH})
    problems = [*sources_problems(sources), *(f"mixture_target: {p}" for p in target)]
    return problems + [
        f"{key}: track: expected <folder>/<file>, got {shown(entry['track'])}"
        for key, entry in sources.items()
        if not problems and not _without_first_folder(entry["track"]).name
    ]


def _without_first_folder(track: str) -> Path:
    parts = [part for part in PurePosixPath(track).parts if part != "Mix_1"]
    return Path(*parts[1:])
