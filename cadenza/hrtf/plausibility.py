"""Whether the responses of a head can be right: how loud they are, and which ear is nearer.

References
----------
.. [1] Katz & Noisternig (2014), A comparative study of interaural time delay estimation methods,
   J. Acoust. Soc. Am. 135(6), 3530-3540: arrival times by a threshold.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cadenza.hrtf.measured import MeasuredHead, unit_vectors
from cadenza.levels import gain_to_db

SHORTEST_MS = 0.1
"""Responses must last this long. Sound travels 3 cm meanwhile, not even across the head."""

LARGEST_GAIN_DB = 100.0
"""Largest gain or loss of the loudest response that is believed."""

LARGEST_RANGE_DB = 80.0
"""How much softer than the loudest response any other may be, from any direction, at any ear."""

_TO_THE_SIDE_DEG = 20.0  # sources that are so far from the middle are clearly left or right
_ARRIVED = 0.2  # fraction of the peak
_DOUBT_DB, _DOUBT_MS = 1.0, 0.05  # ears that differ less are alike


def problem_of(head: MeasuredHead) -> str:
    """What is wrong with the responses of a head; empty if they can be right.

    Levels are gains for white noise, the root of the sum of squares.

    Parameters
    ----------
    head : MeasuredHead
        The head.

    Returns
    -------
    str

    Examples
    --------
    >>> ears = [[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0.5, 0]]
    >>> problem_of(MeasuredHead([ears, ears[::-1]], [-30, 30], [0, 0], 44100))
    ''
    >>> problem_of(MeasuredHead([ears], [30], [0], 44100))
    'expected the ear on the side of a source to hear it louder and earlier, found it 6.0 dB ...'
    """
    n_samples = head.responses.shape[2]
    length_ms = 1000 * n_samples / head.sample_rate
    if length_ms < SHORTEST_MS:
        return (
            f"expected responses of {SHORTEST_MS:g} ms or more, found {n_samples} samples at "
            f"{head.sample_rate:g} Hz ({length_ms:.2g} ms): check Data.SamplingRate"
        )
    levels_db = _levels_db(head.responses)
    return _wrong_level(head, levels_db) or _swapped_ears(head, levels_db)


def _levels_db(responses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level of each response, shape (M, 2); silence is far below -600 dB."""
    peaks = np.abs(responses).max(axis=-1, keepdims=True)
    scaled = responses / np.where(peaks > 0, peaks, 1)  # so that no square overflows
    return np.asarray(gain_to_db(peaks[..., 0]) + gain_to_db(np.linalg.norm(scaled, axis=-1)))


def _wrong_level(head: MeasuredHead, levels_db: NDArray[np.float64]) -> str:
    """Message about responses that are too loud or too soft; empty if there are none."""
    if not head.responses.any():
        return "all responses are silent: check the file"
    loudest_db = levels_db.max()
    loudest = head.direction(int(levels_db.max(axis=1).argmax()))
    shown = f"{loudest_db:.1f} dB, from {loudest}"
    if abs(loudest_db) > LARGEST_GAIN_DB:
        return (
            f"expected gains within {LARGEST_GAIN_DB:g} dB of 0 dB, found {shown}: "
            "check the scale of the values"
        )
    soft = levels_db < loudest_db - LARGEST_RANGE_DB
    if not soft.any():
        return ""
    counts = [
        f"{np.count_nonzero(of_ear)} of {len(soft)} responses of the {ear} ear"
        for ear, of_ear in zip(("left", "right"), soft.T, strict=True)
        if of_ear.any()
    ]
    first = head.direction(int(soft.any(axis=1).argmax()))
    return (
        f"{' and '.join(counts)} are silent or more than {LARGEST_RANGE_DB:g} dB softer than the "
        f"loudest response ({shown}); the first is from {first}: leave out measurements that failed"
    )


def _swapped_ears(head: MeasuredHead, levels_db: NDArray[np.float64]) -> str:
    """Message if the nearer ear is not louder and earlier on average; empty if it is."""
    to_the_left = unit_vectors(head.azimuth_deg, head.elevation_deg)[:, 1]
    to_the_side = np.abs(to_the_left) > math.sin(math.radians(_TO_THE_SIDE_DEG))
    if not to_the_side.any():
        return ""
    sizes = np.abs(head.responses)
    arrivals = (sizes >= _ARRIVED * sizes.max(axis=-1, keepdims=True)).argmax(axis=-1)
    if head.delays is not None:
        arrivals = arrivals + head.delays
    signs = np.sign(to_the_left)[to_the_side]
    louder_db = np.mean(signs * (levels_db[:, 0] - levels_db[:, 1])[to_the_side])
    earlier_ms = np.mean(signs * (arrivals[:, 1] - arrivals[:, 0])[to_the_side])
    earlier_ms *= 1000 / head.sample_rate
    if louder_db > -_DOUBT_DB and earlier_ms > -_DOUBT_MS:
        return ""
    level = f"{abs(louder_db):.1f} dB {'louder' if louder_db > 0 else 'softer'}"
    time = f"{abs(earlier_ms):.2f} ms {'earlier' if earlier_ms > 0 else 'later'}"
    return (
        "expected the ear on the side of a source to hear it louder and earlier, found it "
        f"{level} and {time} than the other ear (mean of {len(signs)} measurements more than "
        f"{_TO_THE_SIDE_DEG:g} degrees to the side): exchange the ears if the second is the left "
        "one; if not, check that azimuths grow to the left, as in SOFA"
    )
