"""Run a model over a long signal in chunks that overlap several times, and average its estimates.

This is how the networks of the training repository Music-Source-Separation-Training are used. Each
chunk has the length that the network was trained with. With ``n`` overlaps, a chunk begins every
``length // n`` samples, and each sample is the weighted mean of ``n`` estimates. A tenth of a chunk
fades in, a tenth fades out. The music is reflected at both ends, so that its edges are not the
edges of chunks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cadenza import _check
from cadenza.separation.overlap_add import Model, estimate_chunk, hide_progress

_FADE = 10  # a fade is this part of a chunk


def windowed_mean(
    model: Model,
    mixture: NDArray[np.float64],
    *,
    n_sources: int,
    length: int,
    n_overlaps: int,
    progress: bool | None = None,
) -> NDArray[np.float64]:
    """Average a model's estimates over overlapping chunks of a mixture.

    Parameters
    ----------
    model : callable
        ``(channels, length) -> (n_sources, channels, length)``.
    mixture : ndarray, shape (channels, T)
        Signal to separate. One that is shorter than a chunk is reflected or padded with zeros.
    n_sources : int
        Number of sources that the model estimates.
    length : int
        Length of a chunk in samples.
    n_overlaps : int
        Number of estimates of each sample, from 1 to `length`.
    progress : bool, optional
        Show a progress bar over the chunks. Default: on a terminal.

    Returns
    -------
    ndarray, shape (n_sources, channels, T)

    Raises
    ------
    TypeError, ValueError
        If an option is of the wrong type or out of its range, or the model returns another shape.

    Examples
    --------
    >>> halves = windowed_mean(
    ...     lambda x: np.stack([x, -x]) / 2, np.ones((2, 5000)), n_sources=2, length=1000,
    ...     n_overlaps=4,
    ... )
    >>> halves.shape, bool(np.allclose(halves[0], 0.5))
    ((2, 2, 5000), True)
    """
    _check.whole("length", length)
    if _check.whole("n_overlaps", n_overlaps) > length:
        raise ValueError(f"n_overlaps must be at most {length}, got {n_overlaps!r}")
    n_samples, step = mixture.shape[1], length // n_overlaps
    margin = length - step if n_samples > 2 * (length - step) else 0
    padded = np.pad(mixture, [(0, 0), (margin, margin)], mode="reflect")
    stop = padded.shape[1]
    starts = range(0, margin + n_samples, step)  # later ones would fill the margin only
    totals = np.zeros((n_sources, *padded.shape))
    weights = np.zeros(stop)
    for start in tqdm(starts, desc="separating", leave=False, disable=hide_progress(progress)):
        chunk = _of_length(padded[:, start : start + length], length)
        estimate = estimate_chunk(model, chunk, n_sources)
        window = _window(
            length, 0 if n_overlaps == 1 else length // _FADE, start == 0, start + step >= stop
        )[: stop - start]
        totals[..., start : start + length] += window * estimate[..., : len(window)]
        weights[start : start + length] += window
    kept = slice(margin, margin + n_samples)
    result: NDArray[np.float64] = totals[..., kept] / weights[kept]
    return result


def _of_length(chunk: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """The last chunk, made as long as the others."""
    missing = length - chunk.shape[1]
    is_long = chunk.shape[1] > length // 2 + 1
    return np.pad(chunk, [(0, 0), (0, missing)], mode="reflect" if is_long else "constant")


def _window(length: int, fade: int, is_first: bool, is_last: bool) -> NDArray[np.float64]:
    """Weights of a chunk: they fade in unless it is the first, and out unless it is the last."""
    window = np.ones(length)
    if fade and not is_first:
        window[:fade] = np.linspace(0, 1, fade)
    if fade and not is_last:
        window[-fade:] = np.linspace(1, 0, fade)
    return window
