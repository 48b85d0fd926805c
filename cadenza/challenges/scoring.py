"""The level at which the Cadenza challenges present music to a listener."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio, levels
from cadenza.audiogram import Listener
from cadenza.errors import SilentReferenceError
from cadenza.haaqi import NoiseName, haaqi_ears


def presentation_level_db_spl(music: ArrayLike, *, presented_db_spl: float = 65.0) -> float:
    """Level of a digital RMS of 1 when `music` itself is presented at 65 dB SPL.

    The argument `level_db_spl` of `haaqi` in the Cadenza evaluations; `music` is one channel of the
    reference before amplification.

    Parameters
    ----------
    music : array_like, shape (T,)
        One channel.
    presented_db_spl : float
        Level of the music in dB SPL.

    Returns
    -------
    float
        In dB SPL.

    Raises
    ------
    SilentReferenceError
        If the music is silent: no level fits.

    Examples
    --------
    >>> presentation_level_db_spl([0.1, -0.1, 0.1, -0.1])
    85.0
    """
    rms = float(levels.rms(_check.mono("music", music)))
    if rms == 0:
        raise SilentReferenceError("the reference is silent")
    return float(presented_db_spl - 20 * np.log10(rms))


NOISES: tuple[str, ...] = get_args(NoiseName)
"""What the noise of an evaluation may be."""


@dataclass(frozen=True)
class Presented:
    """Signals that are ready to be scored.

    Parameters
    ----------
    reference, processed : ndarray, shape (2, T)
        At the rate at which they are compared, a row per ear.
    level_db_spl : ndarray, shape (2,)
        Level of an RMS of 1 at each ear.
    sample_rate : int
        In Hz.
    """

    reference: NDArray[np.float64]
    processed: NDArray[np.float64]
    level_db_spl: NDArray[np.float64]
    sample_rate: int


def present(
    enhanced: NDArray[np.float64],
    amplified: NDArray[np.float64],
    music: NDArray[np.float64],
    *,
    enhanced_sample_rate: int,
    music_sample_rate: int,
    haaqi_sample_rate: int,
) -> Presented:
    """Make enhanced music and its reference ready for scoring, as ICASSP 2024 and CAD2 do.

    Parameters
    ----------
    enhanced : ndarray, shape (2, T)
        What the enhancement made.
    amplified : ndarray, shape (2, T')
        The reference, amplified for the listener.
    music : ndarray, shape (2, T'')
        The reference before amplification; each ear's is presented at 65 dB SPL.
    enhanced_sample_rate, music_sample_rate : int
        Sample rates in Hz of the enhanced signal, and of the reference.
    haaqi_sample_rate : int
        Rate in Hz at which the signals are compared.

    Raises
    ------
    SilentReferenceError
        If the music is silent at an ear.
    """
    return Presented(
        reference=audio.resample(amplified, music_sample_rate, haaqi_sample_rate),
        processed=audio.resample(enhanced, enhanced_sample_rate, haaqi_sample_rate),
        level_db_spl=np.array([presentation_level_db_spl(channel) for channel in music]),
        sample_rate=haaqi_sample_rate,
    )


def score_both_ears(
    signals: Presented,
    *,
    listener: Listener,
    rng: np.random.RandomState,
    noise: NoiseName = "seeded",
) -> tuple[float, float, float]:
    """HAAQI of the left ear, of the right ear, and their mean.

    Parameters
    ----------
    signals : Presented
        Reference and enhanced music.
    listener : Listener
        Whose ears.
    rng : RandomState
        Draws the internal noise, of the left ear first.
    noise : {"seeded", "fast", "none"}
        As for `haaqi`.
    """
    left, right = haaqi_ears(
        signals.reference,
        signals.processed,
        sample_rate=signals.sample_rate,
        listener=listener,
        equalisation="none",
        level_db_spl=signals.level_db_spl.tolist(),
        noise=noise,
        rng=rng,
    )
    return left.score, right.score, (left.score + right.score) / 2
