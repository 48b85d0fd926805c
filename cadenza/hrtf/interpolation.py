"""Responses between measured directions.

Averaging responses that arrive at different times would blur them. So the neighbours are first
shifted to a common arrival time, the weighted mean of theirs, separately at each ear. This keeps
the differences in time between the ears, too.

References
----------
.. [1] Franke & Nielson (1980), Int. J. Numer. Methods Eng. 15(11), 1691-1704: the weights.
.. [2] Hartung, Braasch & Sterbing (1999), AES 16th International Conference, 319-329: averages of
   responses with and without a common arrival time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cadenza._delay import delayed

_FINER = 16  # steps of a sample in which arrival times are compared


def weights(distances: NDArray[np.float64], n_neighbours: int) -> dict[int, float]:
    """Weights of the nearest measurements by their distance (modified Shepard's method).

    A measurement at distance d has the weight 1 / d - 1 / R, where R is the distance of the first
    one that is left out. So the weight of a measurement falls to zero before it is left out, and
    the response does not jump as the direction changes. Close to two measurements, it changes
    linearly from one to the other.

    Parameters
    ----------
    distances : ndarray, shape (M,)
        Distances from the wanted direction, all above zero.
    n_neighbours : int
        How many measurements to use at most; fewer if several share the distance R.

    Returns
    -------
    dict
        Weight of each measurement by its index, the nearest first. Their sum is 1.

    Examples
    --------
    >>> weights(np.array([30.0, 1.0, 1.0, 2.0]), 3)
    {1: 0.402..., 2: 0.402..., 3: 0.194...}
    """
    order = np.argsort(distances, kind="stable")
    radius = distances[order[n_neighbours]] if len(order) > n_neighbours else math.inf
    # equally far measurements must not depend on rounding: a little of it is no distance
    inside = [i for i in order if distances[i] < radius * (1 - 1e-6)]
    if not inside:  # all are equally far away, as around a pole
        inside = [i for i in order if distances[i] <= radius * (1 + 1e-6)]
        radius = math.inf
    raw = np.array([1 / distances[i] - 1 / radius for i in inside])
    return {int(i): float(w) for i, w in zip(inside, raw / raw.sum(), strict=True)}


def blended(
    responses: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    """Weighted mean of responses after shifting them to their mean arrival time.

    Arrival times are compared by the maximum of the cross-correlation with the first response, in
    steps of 1/16 sample.

    Parameters
    ----------
    responses : sequence of ndarray, shape (2, K)
        Responses of the neighbours at both ears.
    weights : sequence of float
        Their weights, with the sum 1.

    Returns
    -------
    ndarray, shape (2, K)

    Examples
    --------
    >>> early, late = np.eye(40)[[8, 8]], np.eye(40)[[12, 12]]
    >>> blended([early, late], [0.5, 0.5]).argmax(axis=1)
    array([10, 10])
    """
    return np.stack(
        [_blended_ear([response[ear] for response in responses], weights) for ear in (0, 1)]
    )


def _blended_ear(
    ears: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    lags = [_lag(ears[0], ear) for ear in ears]
    mean_lag = float(np.dot(weights, lags))
    n_samples = len(ears[0])
    shifted = [
        weight * delayed(ear, mean_lag - lag, n_samples)
        for ear, lag, weight in zip(ears, lags, weights, strict=True)
    ]
    return np.asarray(np.sum(shifted, axis=0))


def _lag(reference: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """By how many samples `other` arrives later than `reference`."""
    n_fft = 2 * len(reference)
    cross = np.fft.rfft(other, n_fft) * np.fft.rfft(reference, n_fft).conj()
    correlation = np.fft.irfft(cross, _FINER * n_fft)
    step = int(correlation.argmax())
    return (step if step < len(correlation) // 2 else step - len(correlation)) / _FINER
