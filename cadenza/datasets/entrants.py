"""An entrant's package, signals with their scores, made ready to be scored again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._paths import folded, write_json
from cadenza._sidecar import sidecar
from cadenza.challenges.cad1_task1.songs import (
    STEM_SUFFIXES,
    StemFormat,
    metadata_file,
    read_song_pairs,
)
from cadenza.challenges.cad2_task2.ensembles import read_ensemble_pairs
from cadenza.challenges.icassp_2024 import read_scene_pairs
from cadenza.datasets.registry import find_challenge
from cadenza.datasets.score_tables import STEM_COLUMNS, Key, Table, plain_label, read_scores
from cadenza.datasets.validation_roots import INSPECTORS, require_root, splits_in
from cadenza.datasets.validation_steps import setting
from cadenza.errors import InputError
from cadenza.runner.recipe_paths import recipe_paths

Target = Literal["stems", "remix"]


@dataclass(frozen=True)
class Evaluation:
    """How a challenge is scored.

    Parameters
    ----------
    script : str
        Its evaluation, below ``cadenza.recipes``.
    labels : tuple of str
        Columns that name a pair.
    read_pairs : callable
        Reads the pairs of a challenge root, from the paths of its recipe.
    """

    script: str
    labels: Key
    read_pairs: Callable[[Mapping[str, str]], Sequence[Any]]

    def paths(self, root: Path, split: str) -> dict[str, str]:
        """Paths of the data of a split."""
        return recipe_paths(self.script.rpartition(".")[0].replace(".", "/"), root, split)


EVALUATIONS = {
    "icassp_2024": Evaluation(
        "cad_icassp_2024.baseline.evaluate", ("scene", "listener"), read_scene_pairs
    ),
    "cad1_task1": Evaluation("cad1.task1.baseline.evaluate", ("song", "listener"), read_song_pairs),
    "cad2_task2": Evaluation(
        "cad2.task2.baseline.evaluate", ("scene", "listener"), read_ensemble_pairs
    ),
}
"""By name of the challenge."""


@dataclass(frozen=True)
class Package:
    """What an entrant has handed in, matched with the pairs of a challenge root.

    Parameters
    ----------
    challenge : str
        Name of the challenge.
    root : Path
        Challenge root.
    split : str
        The split to which the pairs belong.
    scores : Table
        The entrant's scores.
    pairs : dict
        Pairs of the root that have scores, by their labels.
    signals : dict
        Audio files of the package, by their names without letter case.
    target : {"stems", "remix"}
        What CAD1 Task 1 compares.
    stems : {"flac24", "float44"}
        Format of the stems of CAD1 Task 1.
    """

    challenge: str
    root: Path
    split: str
    scores: Table
    pairs: Mapping[Key, Any]
    signals: Mapping[str, Sequence[Path]] = field(repr=False)
    target: Target
    stems: StemFormat = "flac24"

    @property
    def evaluation(self) -> Evaluation:
        """How its challenge is scored."""
        return EVALUATIONS[self.challenge]

    def names(self, pair: Any) -> list[Path]:  # noqa: ANN401
        """Where the recipe expects the signals of a pair, below the folder of the results."""
        if self.challenge != "cad1_task1":
            return [pair.enhanced_file("")]
        folder = Path("enhanced_signals")
        if self.target == "remix":
            return [pair.remix_file(folder)]
        return list(pair.stem_files(folder, self.stems))

    @cached_property
    def complete(self) -> dict[Key, list[Path]]:
        """Pairs whose signals are all there, with the `names` of these."""
        names = {key: self.names(pair) for key, pair in self.pairs.items()}
        return {
            key: paths
            for key, paths in names.items()
            if all(folded(path.name) in self.signals for path in paths)
        }

    def prepare(self, to: Path) -> list[str]:
        """Lay out the signals and the metadata of the pairs as the recipe expects them.

        Parameters
        ----------
        to : Path
            Folder of the results. The signals are linked, or copied where that is not possible.

        Returns
        -------
        list of str
            Arguments of the evaluation.

        Raises
        ------
        InputError
            If the signals of all pairs are missing, or a signal is there twice.
        """
        if not self.complete:
            first = next(iter(self.pairs.values()))
            raise InputError(
                f"no signals to score: expected files like {self.names(first)[0].name} in the "
                "package; unpack its archives first"
            )
        found = {
            path: self.signals[folded(path.name)]
            for paths in self.complete.values()
            for path in paths
        }
        raise_if(
            [
                f"{path.name} is there twice: {files[0]} and {files[1]}; give the folder of one "
                "entrant"
                for path, files in found.items()
                if len(files) > 1
            ]
        )
        for folder in {path.parent for path in found}:
            (to / folder).mkdir(parents=True, exist_ok=True)
        for path, (file,) in found.items():
            _link(file, to / path)
            if sidecar(file).is_file():
                _link(sidecar(file), to / sidecar(path))
        signals = to / "enhanced_signals"
        arguments = [
            setting("path.root", self.root),
            setting("split", self.split),
            setting("path.exp_folder", to),
            *(setting(f"path.{key}", path) for key, path in self._metadata(to).items()),
            "evaluate.allow_missing=true",
        ]
        if self.challenge == "cad1_task1":
            arguments += [setting(f"path.{k}", signals) for k in ("enhanced_dir", "submission_dir")]
            arguments += [f"evaluate.target={self.target}", f"stems={self.stems}"]
        return arguments

    def _metadata(self, to: Path) -> dict[str, Path]:
        """Write metadata of the complete pairs alone."""
        paths = self.evaluation.paths(self.root, self.split)
        pairs = [self.pairs[key] for key in self.complete]
        listeners = {pair.listener.name for pair in pairs}
        content: dict[str, object] = {}
        if self.challenge == "cad1_task1":
            songs = {pair.track.name for pair in pairs}
            tracks = read_json(metadata_file(paths["music_file"]), list)
            people = read_json(metadata_file(paths["listeners_file"]), dict)
            content["music_file"] = [t for t in tracks if t["Track Name"] in songs]
            content["listeners_file"] = {
                key: entry for key, entry in people.items() if entry["name"] in listeners
            }
        else:
            of_scene: dict[str, list[str]] = {}
            for pair in pairs:
                of_scene.setdefault(pair.scene, []).append(pair.listener.name)
            content["scene_listeners_file"] = of_scene
        files = {key: to / "metadata" / Path(paths[key]).name for key in content}
        for key, file in files.items():
            write_json(file, content[key])
        return files


def _link(file: Path, path: Path) -> None:
    """Make a link to a file, or a copy of it, unless an earlier run has made this link."""
    target = file.absolute()
    with suppress(OSError):  # it is no link
        if path.readlink() == target:
            return
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(target)
    except OSError:  # a file system without links
        shutil.copyfile(file, path)


def read_package(
    challenge: str,
    root: Path,
    package: Path,
    *,
    split: str | None = None,
    target: Target | None = None,
    stems: StemFormat | None = None,
    leave_out: Path | None = None,
) -> Package:
    """Read an entrant's package and find its pairs in a challenge root.

    Parameters
    ----------
    challenge : str
        Name of the challenge, or its beginning.
    root : Path
        Challenge root.
    package : Path
        Folder with one entrant's tables of scores (``.csv``) and signals, at any depth, also in
        folders that are links. Signals are named as the recipe names them.
    split : str, optional
        The split to which the pairs belong; else the one that has them.
    target : {"stems", "remix"}, optional
        What CAD1 Task 1 compares. By default the remix, if there are remixes and the scores name
        ears but no stems.
    stems : {"flac24", "float44"}, optional
        Format of the stems of CAD1 Task 1. Default: the one in which more pairs are complete.
    leave_out : Path, optional
        A folder in the package that does not belong to it.

    Raises
    ------
    InputError
        If there are no such folders, no scores, or scores of pairs that the root does not have.
    """
    name = find_challenge(challenge, INSPECTORS)
    require_root(name, root)
    if package.is_file():
        raise InputError(f"{package}: expected a folder, found a file; unpack archives first")
    if not package.is_dir():
        raise InputError(f"{package}: no such folder; give an entrant's scores and signals")
    files = list(_files(package, leave_out))
    evaluation = EVALUATIONS[name]
    tables = [path for path in files if path.suffix.lower() == ".csv"]
    scores = read_scores(tables, evaluation.labels, package)
    signals: dict[str, list[Path]] = {}
    for path in files:
        if path.suffix.lower() != ".csv":
            signals.setdefault(folded(path.name), []).append(path)
    found, pairs = _find_pairs(name, root, scores, split)
    if target is None:
        has_remixes = any(name.endswith("_remix.flac") for name in signals)
        is_by_ear = "left" in scores.columns and not set(STEM_COLUMNS) & set(scores.columns)
        target = "remix" if has_remixes and is_by_ear else "stems"
    read = Package(name, root, found, scores, pairs, signals, target, stems or "flac24")
    if stems or name != "cad1_task1" or target == "remix":
        return read
    return max((replace(read, stems=form) for form in STEM_SUFFIXES), key=lambda p: len(p.complete))


def _files(package: Path, leave_out: Path | None) -> Iterator[Path]:
    """Tables and signals in a folder, in order of their names."""
    suffixes = {".csv", ".flac", ".wav"}
    seen = {os.path.realpath(leave_out)} if leave_out else set()
    for folder, below, names in os.walk(package, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:  # or a link leads in a circle
            below.clear()
            continue
        seen.add(place)
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix.lower() in suffixes and path.is_file():
                yield path


def _find_pairs(
    challenge: str, root: Path, scores: Table, split: str | None
) -> tuple[str, dict[Key, Any]]:
    """The split that has most of the pairs, and these."""
    evaluation = EVALUATIONS[challenge]
    best: tuple[str, dict[Key, Any]] = ("", {})
    known: Key = ()
    problems = []
    for name in [split] if split else splits_in(root, INSPECTORS[challenge]):
        try:
            pairs = evaluation.read_pairs(evaluation.paths(root, name))
        except InputError as error:
            problems += error.problems
            continue
        by_label = {tuple(plain_label(p.labels[n]) for n in evaluation.labels): p for p in pairs}
        known = known or tuple(pairs[0].labels[n] for n in evaluation.labels)
        found = {key: by_label[key] for key in scores.rows if key in by_label}
        if len(found) > len(best[1]):
            best = name, found
    if not best[1]:
        raise InputError([_unknown_pairs(root, scores, split, known), *problems])
    return best


def _unknown_pairs(root: Path, scores: Table, split: str | None, known: Key) -> str:
    """Message about scores of which a root has no pair."""
    if not scores.rows:
        return f"{scores.files[0]}: has no rows"
    where = f"{root}, split {split}" if split else str(root)
    theirs = " and ".join(next(iter(scores.rows)))
    example = f"; expected pairs like {' and '.join(known)}" if known else ""
    return f"{scores.files[0]}: no pair of {where}, for example {theirs}{example}"
