"""The enhancement of CAD1 Task 1, of whole songs and of test segments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cadenza import audio
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair
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
    """

    sample_rate: int
    stem_sample_rate: int
    remix_sample_rate: int
    soft_clip: bool


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
    for stem, signal in tqdm(stems.items(), desc="amplifying", leave=False, disable=None):
        amplified = hearing_aid(signal, pair.listener)
        remix = remix + amplified if remix.size else amplified
        for side, channel in zip(SIDES, amplified, strict=True):
            audio.write_flac(
                pair.stem_file(folder, side, stem),
                channel[pair.objective.samples(rate)],
                rate,
                output_sample_rate=output.stem_sample_rate,
                scale=True,
            )
    return audio.write_flac(
        pair.remix_file(folder),
        remix[:, pair.subjective.samples(rate)],
        rate,
        output_sample_rate=output.remix_sample_rate,
        soft_clip=output.soft_clip,
    )
