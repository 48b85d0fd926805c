"""What the evaluation of CAD1 Task 1 compares: stems or the remix, and at which level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cadenza import audio
from cadenza.challenges.cad1_task1.songs import (
    REMIX_SCORE_COLUMNS,
    SCORE_COLUMNS,
    SIDES,
    SongPair,
    StemFormat,
)
from cadenza.challenges.cad1_task1.stem_format import format_problem, stem_format
from cadenza.challenges.engines import EarSignals
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.errors import InputError, SilentReferenceError
from cadenza.stems import STEMS

SCORING_ORDER = ("drums", "bass", "other", "vocals")
"""The order in which the stems draw HAAQI's noise."""

Target = Literal["stems", "remix"]
Release = Literal["0.9.0", "0.3.4"]
Presentation = Literal["65dB", "default65"]

Ears = Iterator[tuple[str, EarSignals | None]]
"""Names and signals of ears; None if the reference is silent."""


class Section(Protocol):
    """The section ``evaluate`` of a configuration, as far as it matters here."""

    target: Target
    presentation: Presentation


class Config(Protocol):
    """The configuration of the recipe, as far as it matters here."""

    sample_rate: int
    stem_sample_rate: int
    remix_sample_rate: int
    stems: StemFormat
    release: Release
    evaluate: Section


@dataclass(frozen=True)
class Comparison:
    """Which signals HAAQI compares, at which rates and levels.

    Parameters
    ----------
    sample_rate, stem_sample_rate, remix_sample_rate : int
        Rates in Hz of the music, of enhanced stems in FLAC files and of the remix. Everything is
        compared at the rate of the stems.
    target : {"stems", "remix"}
        Whether each enhanced stem is compared with the true one, or the remix with the mixture.
    release : {"0.9.0", "0.3.4"}
        Release of pyClarity whose level is used: that of the reference before (0.9.0) or after
        (0.3.4) it is resampled.
    presentation : {"65dB", "default65"}
        Whether the reference is presented at 65 dB SPL, or an RMS of 1 is.
    stems : {"flac24", "float44"}
        Whether enhanced stems are FLAC files, or WAV files at the rate of the music. Has no effect
        on remixes.
    """

    sample_rate: int
    stem_sample_rate: int
    remix_sample_rate: int
    target: Target = "stems"
    release: Release = "0.9.0"
    presentation: Presentation = "65dB"
    stems: StemFormat = "flac24"

    @classmethod
    def of(cls, config: Config) -> Comparison:
        """What a configuration asks for.

        Raises
        ------
        InputError
            If the other settings do not go with the format of the stems.
        """
        return cls(
            config.sample_rate,
            config.stem_sample_rate,
            config.remix_sample_rate,
            config.evaluate.target,
            config.release,
            config.evaluate.presentation,
            stem_format(config),
        )

    @property
    def rate(self) -> int:
        """Sample rate in Hz at which HAAQI gets both signals."""
        is_float44 = (self.target, self.stems) == ("stems", "float44")
        return self.sample_rate if is_float44 else self.stem_sample_rate

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the result table."""
        return REMIX_SCORE_COLUMNS if self.target == "remix" else SCORE_COLUMNS

    def references(self, pair: SongPair) -> list[Path]:
        """Files of the music that are read."""
        return [pair.file(name) for name in (("mixture",) if self.target == "remix" else STEMS)]

    def enhanced(self, pair: SongPair, folder: Path) -> tuple[Path, ...]:
        """Enhanced files that are read, below the folder of the enhanced signals of all songs."""
        if self.target == "remix":
            return (pair.remix_file(folder),)
        return pair.stem_files(folder, self.stems)

    def scales(self, pair: SongPair, folder: Path) -> tuple[Path, ...]:
        """Files with the scales of the enhanced files."""
        return () if self.target == "remix" else pair.scale_files(folder, self.stems)

    def require_enhanced(self, pairs: Sequence[SongPair], folder: Path, *, script: str) -> None:
        """Raise an `InputError` if the enhanced stems are there in another format only.

        Parameters
        ----------
        pairs : sequence of SongPair
            Songs and listeners.
        folder : Path
            Folder of the enhanced signals of all songs.
        script : str
            What writes them, for the message.
        """
        if self.target == "remix":
            return
        if problem := format_problem(pairs, folder, self.stems):
            raise InputError(
                f"{problem}; give evaluate.py the same stems= as {script}, or run {script} "
                f"stems={self.stems} with another path.exp_folder and score that"
            )

    def read_stems(self, pair: SongPair, folder: Path, stem: str) -> list[NDArray[np.float64]]:
        """Read the enhanced stem of the left and of the right ear, of shape (T,), at `rate`."""
        files = (pair.stem_file(folder, side, stem, self.stems) for side in SIDES)
        return [audio.read(file, sample_rate=self.rate, channels=1)[0][0] for file in files]

    def ears(self, pair: SongPair, folder: Path) -> Ears:
        """Signals of both ears, in the order in which they draw HAAQI's noise.

        Parameters
        ----------
        pair : SongPair
            Song and listener.
        folder : Path
            Folder of the enhanced signals of all songs.

        Raises
        ------
        InputError
            If a file is missing or damaged.
        """
        return self._remix(pair, folder) if self.target == "remix" else self._stems(pair, folder)

    def _stems(self, pair: SongPair, folder: Path) -> Ears:
        for stem in tqdm(SCORING_ORDER, desc="scoring", leave=False, disable=None):
            music, _ = audio.read(pair.file(stem), sample_rate=self.sample_rate, channels=2)
            music = music[:, pair.objective.samples(self.sample_rate)]
            enhanced = self.read_stems(pair, folder, stem)
            for side, *signals in zip(SIDES, music, enhanced, strict=True):
                yield f"{side}_{stem}", self._ear(pair, side, *signals)

    def _remix(self, pair: SongPair, folder: Path) -> Ears:
        mixture, _ = audio.read(pair.file("mixture"), sample_rate=self.sample_rate, channels=2)
        mixture = mixture[:, pair.subjective.samples(self.sample_rate)]
        rates = self.remix_sample_rate, self.rate
        remix, _ = audio.read(pair.remix_file(folder), sample_rate=rates[0], channels=2)
        for side, *signals in zip(SIDES, mixture, audio.resample(remix, *rates), strict=True):
            yield side, self._ear(pair, side, *signals)

    def _ear(
        self,
        pair: SongPair,
        side: str,
        reference: NDArray[np.float64],
        processed: NDArray[np.float64],
    ) -> EarSignals | None:
        """Signals of an ear; None if the reference, at the rate of the music, is silent."""
        resampled = audio.resample(reference, self.sample_rate, self.rate)
        try:
            level_db_spl = presentation_level_db_spl(
                resampled if self.release == "0.3.4" else reference
            )
        except SilentReferenceError:
            return None
        if self.presentation == "default65":
            level_db_spl = 65.0
        return EarSignals(resampled, processed, getattr(pair.listener, side), level_db_spl)
