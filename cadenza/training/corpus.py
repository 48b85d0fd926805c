"""Where the pieces come from: the block ``data`` of the training recipe.

To train on other music, write a subclass of `Corpus`; it has one method, and the samples of its
parts may come from anywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from numpy.typing import ArrayLike
from tqdm import tqdm

from cadenza import _check, audio
from cadenza._check import is_number, raise_if
from cadenza._files import read_json
from cadenza._paths import leaves_folder
from cadenza.errors import InputError
from cadenza.stems import STEMS, instrument_of, stem_file
from cadenza.training.augmentation import vary_production
from cadenza.training.mixes import ACCOMPANIMENT, RandomMixes, StemMixes, TargetMixes
from cadenza.training.pieces import (
    Part,
    Piece,
    file_part,
    list_instruments,
    piece_from_arrays,
)

Split = Literal["train", "valid", "test"]
Augmentation = Literal["basic", "strong"]

VDBO = "VDBO"
_VALIDATION_S = 15.0  # long songs are validated in excerpts


@dataclass(frozen=True)
class Corpus(ABC):
    """Pieces for training, validation and test, and what to separate.

    Parameters
    ----------
    target : str
        An instrument, to be separated from everything else; or ``"VDBO"``, to separate songs into
        vocals, drums, bass and other.
    sample_rate : int
        In Hz.
    segment_length : float
        Length of an example for training in seconds.
    samples_per_track : int
        Examples per epoch from every piece with the target.
    augmentation : {"basic", "strong"}
        How the examples are varied; ``"basic"`` is what the reference recipe does. See
        `cadenza.training.augmentation`.
    """

    target: str
    sample_rate: int
    segment_length: float
    samples_per_track: int
    augmentation: Augmentation = field(default="basic", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.target, str):
            raise InputError(f"target must be an instrument or VDBO, got {self.target!r}")
        for name in ("sample_rate", "segment_length", "samples_per_track"):
            _check.positive(name, getattr(self, name))
        if self.augmentation not in get_args(Augmentation):
            raise InputError(f"augmentation must be basic or strong, got {self.augmentation!r}")

    @abstractmethod
    def pieces(self, split: Split) -> list[Piece]:
        """All pieces of a split."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the network's outputs."""
        return STEMS if self.target == VDBO else (self.target, ACCOMPANIMENT)

    def training(self) -> RandomMixes:
        """Random examples for training.

        Raises
        ------
        InputError
            If the target, or everything else, is missing from the pieces for training.
        """
        kind: dict[str, Any] = {"segment_s": self.segment_length}
        kind |= {"samples_per_track": self.samples_per_track}
        if self.augmentation == "strong":
            kind["vary"] = partial(vary_production, sample_rate=self.sample_rate)
        pieces = self.pieces("train")
        if self.target == VDBO:
            return StemMixes(pieces, stems=STEMS, **kind)
        return TargetMixes(pieces, target=self.target, **kind)

    def whole_pieces(self, split: Split) -> list[Piece]:
        """Pieces of a split that contain the target.

        Raises
        ------
        InputError
            If there are none; the message lists the instruments that there are.
        """
        pieces = self.pieces(split)
        is_song = self.target == VDBO
        if found := [piece for piece in pieces if is_song or piece.parts_of(self.target)]:
            return found
        raise InputError(f"no piece for {split} has {self.target}: {list_instruments(pieces)}")


@dataclass(frozen=True)
class EnsembleCorpus(Corpus):
    """Classical ensembles of the CAD2 challenge.

    Parameters
    ----------
    target, sample_rate, segment_length, samples_per_track, augmentation
        See `Corpus`.
    root_path : str or Path
        Folder with the audio: training tracks below ``train``, all others directly below it.
    music_tracks_file : str or Path
        Folder with the metadata.
    train_file, valid_file, test_file : str
        Files in that folder, in the form of ``music.*.json``, or of ``music_tracks.*.json``, whose
        tracks are used whole.
    """

    root_path: str | Path
    music_tracks_file: str | Path
    train_file: str
    valid_file: str
    test_file: str

    def pieces(self, split: Split) -> list[Piece]:
        """Items of the split's file, with all audio files checked."""
        path = Path(self.music_tracks_file) / getattr(self, f"{split}_file")
        folder = Path(self.root_path) / ("train" if split == "train" else "")
        raise_if(_missing_folders(music_tracks_file=path.parent, root_path=folder))
        pieces, problems = [], []
        for name, item in read_json(path, dict).items():
            try:
                pieces.append(Piece(name, _parts(item, folder, self.sample_rate)))
            except InputError as error:
                problems += error.problems
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                found = f"{type(error).__name__}: {error}"
                problems.append(f"{path}: {name}: expected sources as in music.*.json, {found}")
        raise_if(list(dict.fromkeys(problems)))
        return pieces


def _missing_folders(**folders: Path) -> list[str]:
    """Message for each parameter whose folder does not exist."""
    return [
        f"{name}: no such folder: {path}" for name, path in folders.items() if not path.is_dir()
    ]


def _parts(item: Mapping[str, Any], folder: Path, sample_rate: int) -> tuple[Part, ...]:
    if "stems_path" in item:
        files = [_inside(folder, path) for path in item["stems_path"]]
        return tuple(
            file_part(file, instrument_of(file.stem), sample_rate=sample_rate) for file in files
        )
    return tuple(
        file_part(
            _inside(folder, source["track"]),
            instrument_of(source["instrument"]),
            sample_rate=sample_rate,
            start_s=_number(source, "start"),
            duration_s=_number(source, "duration"),
        )
        for source in item.values()
        if instrument_of(source["instrument"]) != "Mixture"
    )


def _inside(folder: Path, relative: str) -> Path:
    """File below a folder; metadata comes from the internet and must not lead elsewhere."""
    if leaves_folder(relative):
        raise ValueError(f"the path of a track must stay in its folder, got {relative!r}")
    return folder / relative


def _number(source: Mapping[str, Any], name: str) -> float:
    if not is_number(source[name]):
        raise TypeError(f"{name} must be a number, got {source[name]!r}")
    return float(source[name])


@dataclass(frozen=True)
class SongCorpus(Corpus):
    """Folders of songs, ``<song>/<vocals|drums|bass|other>.<wav|flac>``.

    Parameters
    ----------
    target, sample_rate, segment_length, samples_per_track, augmentation
        See `Corpus`.
    train_path, valid_path, test_path : str or Path
        Folder of each split.
    """

    train_path: str | Path
    valid_path: str | Path
    test_path: str | Path

    def pieces(self, split: Split) -> list[Piece]:
        """Songs of the split's folder; those for validation in excerpts of 15 s."""
        name = f"{split}_path"
        folder = Path(getattr(self, name))
        raise_if(_missing_folders(**{name: folder}))
        songs = [path for path in sorted(folder.glob("*")) if path.is_dir()]
        if not songs:
            raise InputError(f"{folder}: expected folders of songs, found none")
        return [
            Piece(
                f"{song.name} {start_s:g} s" if start_s else song.name,
                tuple(
                    file_part(
                        stem_file(song, stem),
                        stem,
                        sample_rate=self.sample_rate,
                        start_s=start_s,
                        duration_s=duration_s,
                    )
                    for stem in STEMS
                ),
            )
            for song in songs
            for start_s, duration_s in _excerpts(song, whole=split != "valid")
        ]


def _excerpts(song: Path, *, whole: bool) -> list[tuple[float, float | None]]:
    """Start and duration of the excerpts of a song in seconds; None is the whole length."""
    found = audio.info(stem_file(song, STEMS[0]))
    n_excerpts = int(found.frames / found.sample_rate / _VALIDATION_S)
    if whole or n_excerpts <= 1:
        return [(0.0, None)]
    return [(_VALIDATION_S * k, _VALIDATION_S) for k in range(n_excerpts)]


@dataclass(frozen=True)
class SyntheticCorpus(Corpus):
    """Music that a function synthesises before the training starts.

    Parameters
    ----------
    target, sample_rate, segment_length, samples_per_track, augmentation
        See `Corpus`.
    stems_of : callable
        ``stems_of(index=...)`` gives the stems of a piece by name, each of shape (2, T).
        ``Violin_1`` and ``Violin_2`` are two voices of the violin.
    n_train, n_valid, n_test : int
        Pieces in each split, numbered from 0: first training, then validation, then test.
    """

    stems_of: Callable[..., Mapping[str, ArrayLike]]
    n_train: int
    n_valid: int
    n_test: int

    def pieces(self, split: Split) -> list[Piece]:
        """Pieces of the split, in memory."""
        after_train, after_valid = self.n_train, self.n_train + self.n_valid
        numbers = {
            "train": range(after_train),
            "valid": range(after_train, after_valid),
            "test": range(after_valid, after_valid + self.n_test),
        }[split]
        return [
            piece_from_arrays(f"piece_{i}", self.stems_of(index=i), sample_rate=self.sample_rate)
            for i in tqdm(numbers, f"synthesising music for {split}", leave=False, disable=None)
        ]
