"""The enhancement of CAD1 Task 1, of whole songs and of test segments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cadenza import audio
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair, StemFormat
from cadenza.challenges.cad1_task1.stem_format import settings_for, stem_format
from cadenza.hearing_aid import HearingAid
from cadenza.separation import Stems

VERSION = "cad1_task1/enhance 1"
"""Name and version of the algorithm."""

COLUMNS = ("song", "listener", "clipped_fraction")
"""Columns of its result table."""

SETTINGS = (
    "separator",
    "hearing_aid",
    "sample_rate",
    "stem_sample_rate",
    "remix_sample_rate",
    "soft_clip",
)
"""What its results depend on besides song and listener, as the configuration calls it."""


class Config(Protocol):
    """The configuration of the recipe, as far as it matters here."""

    stems: StemFormat
    sample_rate: int
    stem_sample_rate: int
    remix_sample_rate: int
    soft_clip: bool
    release: str


@dataclass(frozen=True)
class OutputFormat:
    """How enhanced signals are written.

    Parameters
    ----------
    sample_rate : int
        Of the stems that come in, in Hz.
    stem_sample_rate, remix_sample_rate : int
        Of the files, in Hz.
    soft_clip : bool
        Whether the remix goes through tanh before it is clipped to full scale.
    stems : {"flac24", "float44"}
        Whether stems become FLAC files at `stem_sample_rate`, scaled and in 16 bits, or WAV files
        with the same samples in floating point.
    """

    sample_rate: int
    stem_sample_rate: int
    remix_sample_rate: int
    soft_clip: bool
    stems: StemFormat = "flac24"

    @classmethod
    def of(cls, config: Config) -> OutputFormat:
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
            config.soft_clip,
            stem_format(config),
        )

    @property
    def settings(self) -> tuple[str, ...]:
        """Those of `SETTINGS` that matter."""
        return settings_for(self.stems, SETTINGS)


def write_enhanced_song(
    pair: SongPair,
    stems: Stems,
    hearing_aid: HearingAid,
    *,
    folder: Path,
    output: OutputFormat,
) -> float:
    """Amplify every stem of a song for both ears, write the stems and their sum.

    The stems are cut to the objective segment of the pair and the remix to the subjective one;
    without segments, both are the whole song.

    Parameters
    ----------
    pair : SongPair
        Song and listener.
    stems : dict of str to ndarray, shape (2, T)
        Stems of the whole song.
    hearing_aid : HearingAid
        What amplifies.
    folder : Path
        Where the enhanced signals of all songs go.
    output : OutputFormat
        Rates and clipping of the files.

    Returns
    -------
    float
        Fraction of the samples of the remix that was clipped.
    """
    rate = output.sample_rate
    remix = np.zeros((2, 0))
    if output.stems == "float44":
        _remove_flac_stems(pair, folder)
    for stem, signal in tqdm(stems.items(), desc="amplifying", leave=False, disable=None):
        amplified = hearing_aid(signal, pair.listener)
        remix = remix + amplified if remix.size else amplified
        for side, channel in zip(SIDES, amplified, strict=True):
            path = pair.stem_file(folder, side, stem, output.stems)
            _write_stem(path, channel[pair.objective.samples(rate)], output)
    return audio.write_flac(
        pair.remix_file(folder),
        remix[:, pair.subjective.samples(rate)],
        rate,
        output_sample_rate=output.remix_sample_rate,
        soft_clip=output.soft_clip,
    )


def _write_stem(path: Path, stem: NDArray[np.float64], output: OutputFormat) -> None:
    rate = output.sample_rate
    if output.stems == "float44":
        audio.write_wav(path, stem, rate, floating=True)
    else:
        audio.write_flac(path, stem, rate, output_sample_rate=output.stem_sample_rate, scale=True)


def _remove_flac_stems(pair: SongPair, folder: Path) -> None:
    """Remove stems of an earlier run, which WAV files do not overwrite: they could be scored."""
    for path in (*pair.stem_files(folder), *pair.scale_files(folder)):
        path.unlink(missing_ok=True)
