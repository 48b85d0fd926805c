"""The functions that score music: for one ear, for several candidates and for both ears."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from cadenza.audiogram import Audiogram, Listener
from cadenza.haaqi.alignment import best_lag
from cadenza.haaqi.constants import SEGMENT_MS, SILENCE_THRESHOLD_DB
from cadenza.haaqi.index import Listening, scores
from cadenza.haaqi.noise import Random, random_source
from cadenza.haaqi.options import Equalisation, HaaqiOptions, NoiseName, OptionArguments
from cadenza.haaqi.score import HaaqiScore
from cadenza.haaqi.signals import two_channels


def haaqi(
    reference: ArrayLike,
    processed: ArrayLike,
    *,
    sample_rate: float,
    processed_sample_rate: float | None = None,
    audiogram: Audiogram,
    equalisation: Equalisation,
    level_db_spl: float = 65.0,
    noise: NoiseName = "seeded",
    rng: int | Random = 0,
    silence_threshold_db: float = SILENCE_THRESHOLD_DB,
    cepstral_noise_db: float = 0.0,
    segment_ms: float = SEGMENT_MS,
    details: bool = False,
    workers: int | None = None,
) -> HaaqiScore:
    """Score the quality of processed music for one ear.

    Parameters
    ----------
    reference, processed : array_like, shape (T,) and (T',)
        One channel each, at least 0.4 s, linear amplitude as floating-point numbers. A delay
        between them is found and removed; the longer one is cut at its end.
    sample_rate : float
        Sample rate in Hz, at least 8000. HAAQI rounds it to whole kHz (44.1 kHz counts as 44). If
        the signals have different rates, use whole kHz, or the signals drift apart.
    processed_sample_rate : float, optional
        Sample rate of the processed signal, if it is another.
    audiogram : Audiogram
        Thresholds of the ear.
    equalisation : {"nalr", "none"}
        ``"nalr"``: HAAQI amplifies the reference by NAL-R (mode 1 of other implementations).
        ``"none"``: the reference has already been amplified for the listener (mode 2). With
        ``"nalr"`` even identical signals do not reach 0.999, because only one is filtered.
    level_db_spl : float
        Sound level in dB SPL of a signal with an RMS of 1.
    noise : {"seeded", "fast", "none"}
        Internal noise of the ear. It matters where the processed signal is inaudible: there,
        scores with two seeds differ by some 1e-4, elsewhere by less than 1e-6. ``"seeded"``
        reproduces scores of the Cadenza challenges. ``"fast"`` takes the noise from a table:
        scores differ from seeded ones about as much as with another seed.
    rng : int, RandomState or Generator
        Draws the noise. An integer seeds a `RandomState`.
    silence_threshold_db : float
        Level in dB SL that the reference must exceed for a moment of it to count.
    cepstral_noise_db : float
        Standard deviation in dB of noise on the envelopes.
    segment_ms : float
        Duration of the segments for the vibration covariance, 2.15 to 400 ms.
    details : bool
        Whether the result has `details`: levels, envelopes and covariances per band and over time.
    workers : int, optional
        Number of threads; by default all cores that this process may use.

    Returns
    -------
    HaaqiScore

    Raises
    ------
    SilentReferenceError
        If all samples of the reference are zero: a `ValueError`.
    ValueError
        If a signal is too short, not finite, or has more than one channel, if the part in which
        the reference sounds is too short, or if an option is out of range.
    TypeError
        If an argument has the wrong type, or a signal has integer samples.

    Examples
    --------
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=24000)
    >>> audiogram = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
    >>> clipped = np.clip(music, -0.05, 0.05)
    >>> result = haaqi(
    ...     music, clipped, sample_rate=24000, audiogram=audiogram, equalisation="none",
    ...     level_db_spl=85,
    ... )
    >>> round(result, 3)
    0.439
    """
    options = HaaqiOptions(
        sample_rate=sample_rate,
        processed_sample_rate=processed_sample_rate,
        equalisation=equalisation,
        noise=noise,
        silence_threshold_db=silence_threshold_db,
        cepstral_noise_db=cepstral_noise_db,
        segment_ms=segment_ms,
        details=details,
        workers=workers,
    )
    ear = Listening(audiogram, level_db_spl, random_source(rng), options)
    with ThreadPoolExecutor(options.n_threads) as executor:
        return scores(reference, [processed], ear, executor)[0]


def haaqi_candidates(
    reference: ArrayLike,
    processed: Sequence[ArrayLike],
    *,
    audiogram: Audiogram,
    level_db_spl: float = 65.0,
    rng: int | Random = 0,
    **options: Unpack[OptionArguments],
) -> list[HaaqiScore]:
    """Score several processed signals against one reference, for one ear.

    The ear model processes the reference only once. All signals get the same internal noise, so the
    scores are those of `haaqi` with the same integer as `rng`.

    Parameters
    ----------
    reference : array_like, shape (T,)
        As for `haaqi`, which also explains the other parameters.
    processed : sequence of array_like, shape (T',) each
        One channel each, all of the same length.
    **options
        As for `haaqi`: ``sample_rate``, ``equalisation``, ``noise`` and so on.

    Returns
    -------
    list of HaaqiScore
        One for each processed signal.

    Raises
    ------
    SilentReferenceError, ValueError, TypeError
        As by `haaqi`; also if the processed signals differ in length.

    Examples
    --------
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=12000)
    >>> results = haaqi_candidates(
    ...     music, [np.clip(music, -limit, limit) for limit in (0.1, 0.2, 0.4)], sample_rate=24000,
    ...     audiogram=Audiogram([20] * 8), equalisation="none", level_db_spl=85,
    ... )
    >>> [round(result, 2) for result in results]
    [0.62, 0.94, 1.0]
    """
    ear = Listening(audiogram, level_db_spl, random_source(rng), HaaqiOptions(**options))
    with ThreadPoolExecutor(ear.options.n_threads) as executor:
        return scores(reference, processed, ear, executor)


def haaqi_ears(
    reference: ArrayLike,
    processed: ArrayLike,
    *,
    listener: Listener,
    level_db_spl: float | Sequence[float] = 65.0,
    rng: int | Random = 0,
    **options: Unpack[OptionArguments],
) -> tuple[HaaqiScore, HaaqiScore]:
    """Score the quality of processed music for both ears of a listener.

    The internal noise of the right ear follows that of the left in one stream, as in the Cadenza
    challenges: the scores are those of two calls of `haaqi` with one `RandomState`.

    Parameters
    ----------
    reference, processed : array_like, shape (2, T) and (2, T')
        Left and right channel, as for `haaqi`, which also explains the other parameters.
    listener : Listener
        Has an audiogram for each ear.
    level_db_spl : float or pair of float
        Sound level in dB SPL of a signal with an RMS of 1, for both ears or for each.
    **options
        As for `haaqi`: ``sample_rate``, ``equalisation``, ``noise`` and so on.

    Returns
    -------
    left, right : HaaqiScore

    Raises
    ------
    SilentReferenceError, ValueError, TypeError
        As by `haaqi`; also if there are not two channels.

    Examples
    --------
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=(2, 12000))
    >>> listener = Listener("L1", left=Audiogram([20] * 8), right=Audiogram([50] * 8))
    >>> left, right = haaqi_ears(
    ...     music, np.clip(music, -0.1, 0.1), sample_rate=24000, listener=listener,
    ...     equalisation="none", level_db_spl=85,
    ... )
    >>> f"{left:.2f} {right:.2f}"
    '0.62 0.58'
    """
    checked, random = HaaqiOptions(**options), random_source(rng)
    if not isinstance(listener, Listener):
        raise TypeError(f"listener must be a Listener, got {type(listener).__name__}")
    ears = zip((listener.left, listener.right), _level_of_each_ear(level_db_spl), strict=True)
    channels = zip(
        two_channels("reference", reference), two_channels("processed", processed), strict=True
    )
    with ThreadPoolExecutor(checked.n_threads) as executor:
        left, right = (
            scores(heard, [played], Listening(*ear, random, checked), executor)[0]
            for ear, (heard, played) in zip(ears, channels, strict=True)
        )
    return left, right


def warm_up() -> None:
    """Compile what `haaqi` needs, if that has not been done on this machine before.

    It takes about 20 seconds, once; `python -m cadenza.haaqi` does the same. Without it, the first
    score takes that much longer, and a warning is logged.
    """
    noise = np.random.RandomState(0).standard_normal(12000)
    flat = Audiogram([20, 20, 20, 20, 20, 20, 20, 20])
    names: tuple[NoiseName, ...] = ("seeded", "fast")
    for name in names:
        haaqi(noise, noise, sample_rate=24000, audiogram=flat, equalisation="none", noise=name)
    best_lag(*np.zeros((2, 100), np.float32))  # in silence all lags are equal: double precision


def _level_of_each_ear(level_db_spl: float | Sequence[float]) -> list[float]:
    if np.shape(level_db_spl) not in ((), (2,)):
        raise ValueError(f"level_db_spl must be a number or a pair, got {level_db_spl!r}")
    levels: list[float] = np.broadcast_to(level_db_spl, 2).tolist()
    return levels
