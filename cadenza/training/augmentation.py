"""Random changes to the sources of an example: more varied music from the same recordings.

`change_gains` is what the reference recipe does. `vary_production` adds what happens to music
between the players and a hearing aid: tone controls, a loud master, and two loudspeakers in front
of a head. The mixture remains the sum of its sources.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from cadenza.hrtf import HeadResponse, render
from cadenza.levels import TINY, db_to_gain
from cadenza.synthetic.head import head_response
from cadenza.synthetic.mixing import loud_master

_GAINS = (0.25, 1.25)
_MASTER_DB = (-18.0, -8.0)  # RMS re full scale: from quiet to heavily clipped
_SPEAKERS_DEG = (15.0, 60.0)  # either side of straight ahead
_HEAD_TURN_DEG = 15.0
_HEAD_RADIUS_M = (0.075, 0.1)


def change_gains(signal: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Change the gains left and right, and swap the channels, each with probability one half.

    Parameters
    ----------
    signal : ndarray, shape (2, T)
        Not changed.
    rng : numpy.random.Generator
        Gains are drawn uniformly from 0.25 to 1.25.

    Returns
    -------
    ndarray, shape (2, T)
    """
    if rng.random() < 0.5:
        signal = signal * rng.uniform(*_GAINS, size=(2, 1))
    return signal[::-1] if rng.random() < 0.5 else signal


def vary_production(
    sources: NDArray[np.float64], rng: np.random.Generator, *, sample_rate: int
) -> NDArray[np.float64]:
    """Change the tone of each source; often master the mix; often play it to a head.

    Parameters
    ----------
    sources : ndarray, shape (n_sources, 2, T)
        Not changed.
    rng : numpy.random.Generator
        Decides what happens: each source and the mix pass a random tone control; with probability
        0.3 the mix is compressed and clipped; with probability 0.5 it comes from two loudspeakers
        to the ears of a spherical head.
    sample_rate : int
        In Hz, at least 22050.

    Returns
    -------
    ndarray, shape (n_sources, 2, T)

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> sources = 0.1 * rng.standard_normal((4, 2, 44100))
    >>> vary_production(sources, rng, sample_rate=44100).shape
    (4, 2, 44100)
    """
    varied = np.stack([_tone(source, sample_rate, rng) for source in sources])
    if rng.random() < 0.3:
        varied = _mastered(varied, sample_rate, rng)
    if rng.random() < 0.5:
        head = _random_head(sample_rate, rng)
        varied = np.stack([render(source, head) for source in varied])
    return _tone(varied, sample_rate, rng)


def _tone(
    signal: NDArray[np.float64], sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Shelving filter: up to 9 dB more or less below a corner between 100 Hz and 8 kHz."""
    corner_hz = 100 * 80 ** rng.random()
    gain = db_to_gain(rng.uniform(-9, 9))
    low = sosfilt(butter(1, corner_hz, fs=sample_rate, output="sos"), signal)
    return np.asarray(signal + (gain - 1) * low)


def _mastered(
    sources: NDArray[np.float64], sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    stems = {str(number): source for number, source in enumerate(sources)}
    level_db, ratio = rng.uniform(*_MASTER_DB), rng.uniform(1.5, 6)
    if np.abs(sources.sum(axis=0)).max() <= TINY:
        return sources
    return np.stack([*loud_master(stems, level_db, ratio=ratio, sample_rate=sample_rate).values()])


def _random_head(sample_rate: int, rng: np.random.Generator) -> HeadResponse:
    turn_deg = rng.uniform(-_HEAD_TURN_DEG, _HEAD_TURN_DEG)
    apart_deg, radius_m = rng.uniform(*_SPEAKERS_DEG), rng.uniform(*_HEAD_RADIUS_M)
    responses = [
        head_response(turn_deg + side * apart_deg, sample_rate=sample_rate, radius_m=radius_m)
        for side in (-1, 1)
    ]
    return HeadResponse(*responses)
