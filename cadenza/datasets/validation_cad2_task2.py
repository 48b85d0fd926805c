"""What a challenge root of CAD2 Task 2 should hold, and what can be run with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from cadenza.challenges.cad2_task2.download import (
    Excerpts,
    find_packages,
    has_packages,
    steps_of_download,
)
from cadenza.challenges.cad2_task2.download import Step as StepOfDownload
from cadenza.challenges.cad2_task2.ensembles import (
    Piece,
    Source,
    read_ensemble_pairs,
    read_gain_tables,
    read_pieces,
    read_source_gains,
    scenes_file,
    source_file,
)
from cadenza.datasets.validation_findings import SHORTEST_SONG_S, Finding, Findings, counted
from cadenza.datasets.validation_headers import AudioFile, Problem
from cadenza.datasets.validation_steps import Inspector, Step, separator_note, setting
from cadenza.errors import InputError
from cadenza.hearing_aid import read_compressor_params
from cadenza.runner.recipe_paths import recipe_paths

_SPLITS = ("train", "valid")
_RATE = 44100
_PROCESS, _BASELINE = "cad2/task2/process_dataset", "cad2/task2/baseline"
_PER_SPLIT = ("listeners", "compressor parameters", "pieces", "music: mixtures", "music: sources")


def find_download(root: Path) -> Path | None:
    """Folder with the downloaded data sets: in the place of the recipe, or of ``cadenza fetch``."""
    usual = Path(recipe_paths(_PROCESS, root, _SPLITS[0])["zenodo_download_path"])
    for folder in (usual, root / "downloads"):
        if any(p.archive.is_file() or p.target.is_dir() for p in find_packages(folder)):
            return folder
    return None


def require_no_download(folder: Path) -> None:
    """Check that a folder is not the download itself.

    Raises
    ------
    InputError
        Saying which folder is the challenge root.
    """
    if not has_packages(folder):
        return
    if find_download(folder.absolute().parent) == folder.absolute():
        raise InputError(f"{folder}: this is the download; give {folder.absolute().parent}")
    raise InputError(
        f"{folder}: this is the download; move it to the folder zenodo_download of a challenge "
        "root, and give that root"
    )


def inspect(root: Path, splits: list[str], findings: Findings) -> list[Step]:
    """Look at all parts of a download and of a root; returns the steps of the recipes."""
    download = find_download(root)
    if download:
        _inspect_download(download, root, findings)
    paths = recipe_paths(_PROCESS, root, _SPLITS[0])
    gains_file = Path(paths["metadata_dir"], "gains.json")
    findings.metadata("gains", [gains_file], partial(read_source_gains, gains_file))
    tables_file = Path(paths["gain_metadata"])
    findings.metadata("gains to draw from", [tables_file], partial(read_gain_tables, tables_file))
    for split in splits:
        _inspect_split(recipe_paths(_BASELINE, root, split), split, findings)
    return _steps(root, splits, download, findings)


def _inspect_download(folder: Path, root: Path, findings: Findings) -> None:
    packages = find_packages(folder)
    problems = [
        Problem("missing" if text.startswith("missing") else "damaged", text)
        for package in packages
        for text in package.problems
    ]
    n_missing = sum(problem.kind == "missing" for problem in problems)
    n_zipped = sum(not package.target.is_dir() for package in packages) - n_missing
    note = f"{n_zipped} to be unpacked" if n_zipped else "unpacked"
    findings.add(
        Finding(
            "download: packages",
            "",
            len(packages) - n_missing,
            len(packages),
            tuple(problems),
            note=note if n_missing < len(packages) else "",
            files=tuple(p.archive for p in packages if not (p.target.is_dir() or p.problems)),
        )
    )
    if not problems and not n_zipped:
        metadata = [
            folder / "metadata" / name
            for name in ("music_tracks.train.json", "music.valid.to_generate.json")
        ]
        steps = findings.metadata(
            "download: metadata", metadata, partial(steps_of_download, folder, root)
        )
        files = [file for step in steps or () for file in _downloaded_music(step, folder)]
        findings.audio_files("download: music", files if steps else None)


def _downloaded_music(step: StepOfDownload, folder: Path) -> list[AudioFile]:
    """Audio files of the download that a step reads."""
    if isinstance(step, Excerpts):
        return [
            AudioFile(path, _RATE, part.start_s + part.duration_s)
            for path, part in zip(step.inputs, step.parts, strict=True)
        ]
    path = step.source
    if path.suffix.lower() == ".json" or path.is_relative_to(folder / "metadata"):
        return []
    return [AudioFile(path, _RATE, SHORTEST_SONG_S)]


def _inspect_split(paths: Mapping[str, str], split: str, findings: Findings) -> None:
    file = {key: Path(value) for key, value in paths.items()}
    findings.listeners(file["listeners_file"], split)
    findings.metadata(
        "compressor parameters",
        [file["enhancer_params_file"]],
        lambda: read_compressor_params(file["enhancer_params_file"]),
        split=split,
    )
    pieces = findings.metadata(
        "pieces",
        [file["music_file"]],
        lambda: read_pieces(file["music_file"]),
        split=split,
        note=partial(counted, name="piece"),
    )
    findings.metadata(
        "scenes",
        [scenes_file(file["scenes_file"]), file["scene_listeners_file"]],
        lambda: read_ensemble_pairs(paths),
        split=split,
        needs=["gains", *(f"{split} {part}" for part in _PER_SPLIT[:3])],
        note=lambda found: (
            f"{counted({pair.scene for pair in found}, 'scene')}, {counted(found, 'pair')}"
        ),
    )
    _inspect_music(pieces, file["music_dir"], split, findings)


def _inspect_music(
    pieces: Mapping[str, Piece] | None, music_dir: Path, split: str, findings: Findings
) -> None:
    def file(source: Source) -> AudioFile:
        path = source_file(music_dir, split, source)
        return AudioFile(path, _RATE, source.start_s + source.duration_s)

    known = (pieces or {}).values()
    mixtures = [replace(file(piece.mixture), is_mixture=True) for piece in known]
    sources = [file(source) for piece in known for source in piece.sources.values()]
    findings.audio_files("music: mixtures", mixtures if pieces else None, split=split)
    findings.audio_files("music: sources", sources if pieces else None, split=split)


def _steps(root: Path, splits: list[str], download: Path | None, findings: Findings) -> list[Step]:
    where = setting("path.root", root)
    module = "cad2.task2"
    steps = []
    if download:
        made = [f"{split} {part}" for split in splits if split in _SPLITS for part in _PER_SPLIT]
        arguments = (where, setting("path.zenodo_download_path", download))
        needs = tuple(key for key in findings.parts if key.startswith("download: "))
        process = f"{module}.process_dataset.process_zenodo_download"
        made += ["valid scenes", "gains", "gains to draw from"]
        steps.append(Step(process, arguments, needs=needs, makes=tuple(made), repairs=True))
    drawn = ("train pieces", "train listeners", "gains to draw from")
    draw = f"{module}.process_dataset.generate_train_scenes"
    steps.append(Step(draw, (where,), "train", drawn, ("train scenes",)))
    note = separator_note(_BASELINE, "separator.models_dir=included")
    for split in splits:
        arguments = (where, setting("split", split))
        parts = ("scenes", "listeners", "compressor parameters", "pieces", "music: mixtures")
        needs = ("gains", *(f"{split} {part}" for part in parts))
        enhance = Step(f"{module}.baseline.enhance", arguments, split, needs, note=note)
        scored = (*needs, f"{split} music: sources")
        evaluate = Step(f"{module}.baseline.evaluate", arguments, split, scored, after=enhance)
        steps += [enhance, evaluate]
    return [*steps, *_training(root)]


def _training(root: Path) -> list[Step]:
    """Training a network of an instrument, and measuring it."""
    paths = recipe_paths(_BASELINE, root, _SPLITS[0])
    arguments = (
        setting("data.root_path", paths["music_dir"]),
        setting("data.music_tracks_file", paths["metadata_dir"]),
    )
    parts = ("pieces", "music: sources")
    needs = tuple(f"{split} {part}" for split in _SPLITS for part in parts)
    train = Step("cad2.task2.ConvTasNet.train", arguments, "", needs)
    test = Step("cad2.task2.ConvTasNet.eval", arguments, "", needs, after=train)
    return [train, test]


INSPECTOR = Inspector(
    splits=_SPLITS,
    split_files=("listeners", "compressor_params", "music", "scenes?", "scene_listeners"),
    own_files=("gains_meta.json", "compressor_params.*.json", "music.*.json"),
    inspect=inspect,
)
