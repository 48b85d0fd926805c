"""The level at which the Cadenza challenges present music to a listener."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio
from cadenza.audiogram import Listener
from cadenza.haaqi import HaaqiScore, SilentReferenceError, haaqi


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
    rms = float(audio.rms(_check.signal("music", music, ndim=(1,))))
    if rms == 0:
        raise SilentReferenceError("the reference is silent")
    return float(presented_db_spl - 20 * np.log10(rms))


def score_both_ears(
    enhanced: NDArray[np.float64],
    amplified: NDArray[np.float64],
    music: NDArray[np.float64],
    *,
    enhanced_sample_rate: int,
    music_sample_rate: int,
    haaqi_sample_rate: int,
    listener: Listener,
    rng: np.random.RandomState,
) -> tuple[HaaqiScore, HaaqiScore]:
    """Score enhanced music against amplified true stems, as ICASSP 2024 and CAD2 do.

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
    listener : Listener
        Whose ears.
    rng : RandomState
        Draws the internal noise, of the left ear first.

    Returns
    -------
    left, right : HaaqiScore

    Raises
    ------
    SilentReferenceError
        If the music is silent at an ear.
    """
    processed = audio.resample(enhanced, enhanced_sample_rate, haaqi_sample_rate)
    reference = audio.resample(amplified, music_sample_rate, haaqi_sample_rate)
    left, right = (
        haaqi(
            reference[ear],
            processed[ear],
            sample_rate=haaqi_sample_rate,
            audiogram=audiogram,
            equalisation="none",
            level_db_spl=presentation_level_db_spl(music[ear]),
            rng=rng,
        )
        for ear, audiogram in enumerate((listener.left, listener.right))
    )
    return left, right
