"""Run a model over a long signal, chunk by chunk, with cross-fades between the chunks.

Chunk 0 covers the samples ``[0, C)`` and chunk ``k`` covers ``[kC - O, (k + 1)C)``, cut at the end
of the signal. Neighbours share ``O`` samples. There, one fades out linearly while the next fades
in, and the two weights add up to one. With a sample rate ``r``, a segment of ``s`` seconds and an
overlap of ``o`` seconds, ``C = int(r s (1 + o))`` and ``O = int(o r)``. As in the Cadenza
baselines, ``o`` also makes the chunk longer: 10 s and 0.1 s give chunks of 11 s.

The published baselines also faded the end of a signal that fits into one chunk. `overlap_add` does
not; `fade_end` does it afterwards, where published scores are to be repeated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cadenza import _check

Estimate = NDArray[np.floating]
Model = Callable[[NDArray[np.float64]], Estimate]
"""``(channels, t) -> (n_sources, channels, t)``."""


def overlap_add(
    model: Model,
    mixture: NDArray[np.float64],
    *,
    n_sources: int,
    sample_rate: int,
    segment_s: float = 10.0,
    overlap_s: float = 0.1,
    progress: bool | None = None,
) -> NDArray[np.float64]:
    """Apply a model to overlapping chunks of a mixture and join its estimates.

    A signal that fits into one chunk is processed whole and not faded. Only the result and one
    chunk are in memory.

    Parameters
    ----------
    model : callable
        ``(channels, t) -> (n_sources, channels, t)``.
    mixture : ndarray, shape (channels, T)
        Signal to separate.
    n_sources : int
        Number of sources that the model estimates.
    sample_rate : int
        In Hz.
    segment_s, overlap_s : float
        Length of a segment and of the cross-fade in seconds. The module's docstring says how long
        a chunk becomes. The overlap may be 0 and must be shorter than the segment.
    progress : bool, optional
        Show a progress bar over the chunks. Default: on a terminal.

    Returns
    -------
    ndarray, shape (n_sources, channels, T)

    Raises
    ------
    ValueError
        If the durations are out of range, or the model returns another shape.

    Examples
    --------
    >>> halves = overlap_add(
    ...     lambda x: np.stack([x, -x]) / 2, np.ones((2, 5000)), n_sources=2, sample_rate=1000,
    ...     segment_s=1,
    ... )
    >>> halves.shape, bool(np.allclose(halves[0], 0.5))
    ((2, 2, 5000), True)
    """
    bounds, overlap = _chunks(mixture.shape[1], sample_rate, segment_s, overlap_s)
    fade_in = np.linspace(0.0, 1.0, overlap)
    estimates = np.zeros((n_sources, *mixture.shape))
    for start, stop in tqdm(
        bounds, desc="separating", leave=False, disable=hide_progress(progress)
    ):
        estimate = estimate_chunk(model, mixture[:, start:stop], n_sources)
        weights = np.ones(stop - start)
        if start > 0:
            weights[:overlap] = fade_in
        if stop < mixture.shape[1]:
            weights[len(weights) - overlap :] = 1 - fade_in
        estimates[..., start:stop] += weights * estimate
    return estimates


def estimate_chunk(model: Model, chunk: NDArray[np.float64], n_sources: int) -> Estimate:
    """Apply a model to a chunk; a `ValueError` says if the result has another shape."""
    estimate = model(chunk)
    if estimate.shape != (n_sources, *chunk.shape):
        raise ValueError(
            f"model must return shape {(n_sources, *chunk.shape)}, got {estimate.shape}"
        )
    return estimate


def fade_end(
    signal: NDArray[np.float64],
    *,
    sample_rate: int,
    segment_s: float = 10.0,
    overlap_s: float = 0.1,
    offset: float = 0.0,
) -> NDArray[np.float64]:
    """Fade out the end of a signal that fits into one chunk, as the published baselines do.

    There, the fade-out is switched off for the last chunk, but only after the first one. So a
    signal of one chunk fades linearly to zero over its last overlap: by default the last 100 ms of
    up to 11 s of music.

    A separator that normalises the mixture adds its mean to every stem. The baselines do that after
    the fade. So it is the rest of the stem that fades, and the stem ends at that mean.

    Parameters
    ----------
    signal : ndarray, shape (..., T)
        Separated signal.
    sample_rate : int
        In Hz.
    segment_s, overlap_s : float
        As for `overlap_add`.
    offset : float
        What the separator has added to all samples, and does not fade.

    Returns
    -------
    ndarray, shape (..., T)
        A longer signal is returned as it is. One that is not longer than the overlap becomes
        silent, apart from the offset.

    Raises
    ------
    ValueError
        If the durations are out of range.

    Examples
    --------
    >>> fade_end(np.ones(8), sample_rate=30)
    array([1. , 1. , 1. , 1. , 1. , 1. , 0.5, 0. ])
    >>> fade_end(np.ones(8), sample_rate=30, offset=0.2)
    array([1. , 1. , 1. , 1. , 1. , 1. , 0.6, 0.2])
    """
    n_samples = signal.shape[-1]
    bounds, overlap = _chunks(n_samples, sample_rate, segment_s, overlap_s)
    if len(bounds) > 1:
        return signal
    if n_samples <= overlap:
        return np.full_like(signal, offset)
    weights = np.ones(n_samples)
    weights[n_samples - overlap :] = np.linspace(1, 0, overlap)
    return weights * signal + (1 - weights) * offset


def hide_progress(progress: bool | None) -> bool | None:
    """What tqdm is told so that `progress` means: show, hide, or (None) show on a terminal."""
    return None if progress is None else not progress


def check_durations(segment_s: float, overlap_s: float) -> None:
    """Raise a `ValueError` unless chunks can be made of these durations."""
    _check.positive("segment_s", segment_s)
    if not 0 <= _check.number("overlap_s", overlap_s) < segment_s:
        raise ValueError(f"overlap_s must be at least 0 and below segment_s, got {overlap_s!r}")


def _chunks(
    n_samples: int, sample_rate: int, segment_s: float, overlap_s: float
) -> tuple[list[tuple[int, int]], int]:
    """First and end sample of each chunk, at least one; and the overlap in samples."""
    check_durations(segment_s, overlap_s)
    length = int(sample_rate * segment_s * (1 + overlap_s))
    overlap = int(overlap_s * sample_rate)
    if length < 1:
        raise ValueError(f"segment_s must hold at least one sample, got {segment_s!r}")
    n_chunks = max(1, -(-n_samples // length))
    bounds = [
        (max(0, k * length - overlap), min((k + 1) * length, n_samples)) for k in range(n_chunks)
    ]
    return bounds, overlap
