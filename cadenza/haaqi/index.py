"""HAAQI, the Hearing-Aid Audio Quality Index, version 1.

How good does processed music sound to a listener with hearing loss, compared with a reference?
Both signals go through a model of the listener's ear: the middle ear, 32 gammatone filters whose
bandwidth follows the level, compression by outer hair cells, threshold and adaptation of inner
hair cells. Four features compare what reaches the auditory nerve, and a regression fitted to
listening tests makes one number of them [1]_. The numbers are those of the implementation in
pyClarity 0.9.0, which the Cadenza challenges use.

`haaqi` scores one ear and `haaqi_ears` both; `haaqi_candidates` compares several processed signals
with one reference, and `haaqi_many` scores a long list.

.. [1] J. M. Kates and K. H. Arehart, "The Hearing-Aid Audio Quality Index (HAAQI)", IEEE/ACM
   Transactions on Audio, Speech, and Language Processing 24(2), 354-365, 2016,
   doi:10.1109/TASLP.2015.2507858.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from cadenza.audiogram import Audiogram, Listener
from cadenza.errors import SilentReferenceError
from cadenza.haaqi import _arguments
from cadenza.haaqi.evaluation import Evaluation, Options
from cadenza.haaqi.noise import Random
from cadenza.haaqi.score import HaaqiScore

__all__ = [
    "HaaqiScore",
    "SilentReferenceError",
    "haaqi",
    "haaqi_candidates",
    "haaqi_ears",
    "haaqi_many",
    "warm_up",
]

Equalisation: TypeAlias = Literal["nalr", "none"]
NoiseName: TypeAlias = Literal["seeded", "fast", "none"]


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
    silence_threshold_db: float = 2.5,
    cepstral_noise_db: float = 0.0,
    segment_ms: float = 16.0,
    workers: int | None = None,
) -> HaaqiScore:
    """Score the quality of processed music for one ear.

    Parameters
    ----------
    reference, processed : array_like, shape (T,) and (T',)
        One channel each, at least 0.4 s, linear amplitude. A delay between them is found and
        removed; the longer one is cut at its end.
    sample_rate : float
        Sample rate in Hz, at least 8000. It counts as its nearest whole kHz (44.1 kHz as 44), so
        signals of different rates should have rates of whole kHz, or they drift apart.
    processed_sample_rate : float, optional
        Sample rate of the processed signal, if it is another.
    audiogram : Audiogram
        Thresholds of the ear.
    equalisation : {"nalr", "none"}
        Who gives the reference the gain that the listener needs: ``"nalr"`` applies NAL-R to it
        (mode 1 of other implementations), ``"none"`` takes it as already amplified (mode 2).
        With ``"nalr"`` even identical signals do not reach 0.999, as only one is filtered.
    level_db_spl : float
        Sound level in dB SPL of a signal with an RMS of 1.
    noise : {"seeded", "fast", "none"}
        Internal noise of the ear. It matters where the processed signal is inaudible: there,
        scores with one seed and another differ by some 1e-4, elsewhere by less than 1e-6.
        ``"seeded"`` repeats scores of the Cadenza challenges. ``"fast"`` reads its noise from a
        table: scores differ from seeded ones as those of another seed do.
    rng : int, RandomState or Generator
        Draws the noise. An integer seeds a `RandomState`.
    silence_threshold_db : float
        Level in dB SL that the reference must exceed for a moment of it to count.
    cepstral_noise_db : float
        Standard deviation in dB of noise on the envelopes.
    segment_ms : float
        Duration of the segments for the vibration covariance, 2.15 to 400 ms.
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
        If an argument has the wrong type.

    Examples
    --------
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=24000)
    >>> audiogram = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
    >>> clipped = np.clip(music, -0.05, 0.05)
    >>> result = haaqi(
    ...     music, clipped, sample_rate=24000, audiogram=audiogram, equalisation="none",
    ...     level_db_spl=85,
    ... )
    >>> round(result.score, 3)
    0.439
    """
    return haaqi_candidates(
        reference,
        [processed],
        sample_rate=sample_rate,
        processed_sample_rate=processed_sample_rate,
        audiogram=audiogram,
        equalisation=equalisation,
        level_db_spl=level_db_spl,
        noise=noise,
        rng=rng,
        silence_threshold_db=silence_threshold_db,
        cepstral_noise_db=cepstral_noise_db,
        segment_ms=segment_ms,
        workers=workers,
    )[0]


def haaqi_candidates(
    reference: ArrayLike,
    processed: Sequence[ArrayLike],
    *,
    sample_rate: float,
    processed_sample_rate: float | None = None,
    audiogram: Audiogram,
    equalisation: Equalisation,
    level_db_spl: float = 65.0,
    noise: NoiseName = "seeded",
    rng: int | Random = 0,
    silence_threshold_db: float = 2.5,
    cepstral_noise_db: float = 0.0,
    segment_ms: float = 16.0,
    workers: int | None = None,
) -> list[HaaqiScore]:
    """Score several processed signals against one reference, for one ear.

    The reference goes through the ear once. All meet the same internal noise, so the scores are
    those of `haaqi` with the same integer as `rng`.

    Parameters
    ----------
    reference : array_like, shape (T,)
        As for `haaqi`, which also explains the other parameters.
    processed : sequence of array_like, shape (T',) each
        One channel each, all of the same length.

    Returns
    -------
    list of HaaqiScore
        One for each processed signal.

    Raises
    ------
    SilentReferenceError, ValueError, TypeError
        As by `haaqi`; also if the processed signals differ in length.
    """
    options = Options(
        rates=(
            sample_rate,
            sample_rate if processed_sample_rate is None else processed_sample_rate,
        ),
        equalisation=equalisation,
        noise=noise,
        silence_threshold_db=silence_threshold_db,
        cepstral_noise_db=cepstral_noise_db,
        segment_ms=segment_ms,
    )
    rng = _arguments.random_source(rng)
    with ThreadPoolExecutor(_arguments.workers(workers)) as executor:
        evaluation = Evaluation(reference, processed, audiogram, level_db_spl, options, executor)
        return evaluation.scores(rng)


def haaqi_ears(
    reference: ArrayLike,
    processed: ArrayLike,
    *,
    sample_rate: float,
    processed_sample_rate: float | None = None,
    listener: Listener,
    equalisation: Equalisation,
    level_db_spl: float | Sequence[float] = 65.0,
    noise: NoiseName = "seeded",
    rng: int | Random = 0,
    workers: int | None = None,
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

    Returns
    -------
    left, right : HaaqiScore

    Raises
    ------
    SilentReferenceError, ValueError, TypeError
        As by `haaqi`; also if there are not two channels.
    """
    options = Options(
        rates=(
            sample_rate,
            sample_rate if processed_sample_rate is None else processed_sample_rate,
        ),
        equalisation=equalisation,
        noise=noise,
    )
    rng = _arguments.random_source(rng)
    ears = zip(
        _arguments.two_channels("reference", reference),
        _arguments.two_channels("processed", processed),
        (listener.left, listener.right),
        np.broadcast_to(level_db_spl, 2).tolist(),
        strict=True,
    )
    with ThreadPoolExecutor(_arguments.workers(workers)) as executor:
        left, right = (
            Evaluation(channel, [candidate], audiogram, level, options, executor).scores(rng)[0]
            for channel, candidate, audiogram, level in ears
        )
    return left, right


def haaqi_many(
    comparisons: Iterable[Mapping[str, Any]], *, workers: int | None = None
) -> Iterator[tuple[HaaqiScore, HaaqiScore]]:
    """Score a long list for both ears, with a comparison on each core.

    Only as many comparisons as there are cores are taken from the list at a time, so it may be a
    generator that reads files.

    Parameters
    ----------
    comparisons : iterable of mapping
        Arguments of `haaqi_ears`. To repeat a score, give each its own `rng`.
    workers : int, optional
        Number of threads; by default all cores that this process may use.

    Yields
    ------
    left, right : HaaqiScore
        In the order of the list.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> music = rng.normal(scale=0.1, size=(2, 12000))
    >>> flat = Audiogram([20, 20, 20, 20, 20, 20, 20, 20])
    >>> comparisons = [
    ...     {"reference": music, "processed": np.clip(music, -limit, limit), "sample_rate": 24000,
    ...      "listener": Listener("L1", flat, flat), "equalisation": "none", "level_db_spl": 85}
    ...     for limit in (0.1, 0.2, 0.4)
    ... ]
    >>> [round(left.score, 2) for left, right in haaqi_many(comparisons)]
    [0.62, 0.94, 1.0]
    """
    n_workers = _arguments.workers(workers)
    waiting: deque[Future[tuple[HaaqiScore, HaaqiScore]]] = deque()
    with ThreadPoolExecutor(n_workers) as executor:
        for comparison in comparisons:
            waiting.append(executor.submit(haaqi_ears, workers=1, **comparison))
            if len(waiting) >= n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def warm_up() -> None:
    """Compile what `haaqi` needs, if that has not been done on this machine before.

    It takes some 20 seconds, once; `python -m cadenza.haaqi` does the same. Without it, the first
    score takes that much longer, and a warning is logged.
    """
    noise = np.random.RandomState(0).standard_normal(12000)
    flat = Audiogram([20, 20, 20, 20, 20, 20, 20, 20])
    for name in ("seeded", "fast"):
        haaqi(noise, noise, sample_rate=24000, audiogram=flat, equalisation="none", noise=name)
