"""The reference of CAD2 Task 2: what the scene asks for, made of the true sources."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair, Source
from cadenza.levels import db_to_gain
from cadenza.remix import level_compensation_db, remix

Release = Literal["0.6.3", "0.9.0"]
"""A pyClarity release with its own reference; 0.9.0 stands for all others."""


def make_reference(
    pair: EnsemblePair, sample_rate: int, *, release: Release = "0.6.3"
) -> NDArray[np.float64]:
    """Remix the true sources with the gains of the scene, level compensated.

    Parameters
    ----------
    pair : EnsemblePair
        Scene and listener.
    sample_rate : int
        Of the reference, in Hz.
    release : {"0.6.3", "0.9.0"}
        With ``"0.6.3"`` all sources are cut from their files by start and duration of the mixture;
        their own do not matter. With ``"0.9.0"`` they are whole files. As HAAQI compares the
        beginnings of signals of different lengths, an excerpt from the middle is then scored
        against the beginning.

    Returns
    -------
    ndarray, shape (2, T)

    Raises
    ------
    InputError
        If a file is missing, unreadable, or ends before the mixture does.
    """
    mixture = pair.piece.mixture
    # whole samples as in release 0.6.3; cutting before the sum gives what cutting after it gives
    start = int(mixture.start_s * sample_rate)
    stop = int((mixture.start_s + mixture.duration_s) * sample_rate)

    def read(source: Source) -> NDArray[np.float64]:
        if release == "0.6.3":
            part = replace(
                source, start_s=start / sample_rate, duration_s=(stop - start) / sample_rate
            )
            return pair.read(part, sample_rate)
        whole, _ = audio.read(pair.file(source), sample_rate=sample_rate, channels=2)
        return whole

    sources = {name: read(source) for name, source in pair.piece.sources.items()}
    factor = db_to_gain(level_compensation_db(pair.gains_db))
    reference: NDArray[np.float64] = factor * remix(sources, pair.gains_db)
    return reference
