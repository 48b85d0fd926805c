"""Short-time analysis of a band, in Hann windows that overlap by half.

The first frame is the falling half of a window that starts at time 0, the last one the rising
half of another. No frame is centred half a window after the start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import hann

from cadenza.haaqi.constants import MAX_FRAME_LAG, SMOOTHING_HOP
from cadenza.haaqi.kernels.correlation import frame_covariances, window_sums


def frame_centres(n_frames: int, hop: int) -> NDArray[np.int_]:
    """Samples at which the windows of all frames are centred, of which there are two or more.

    >>> frame_centres(4, 96)
    array([  0, 192, 288, 384])
    """
    centres = hop * np.arange(1, n_frames + 1)
    centres[0] = 0
    return centres


def smooth_envelope(envelope: NDArray[np.float32], delay: int) -> NDArray[np.float64]:
    """Average an envelope over 8 ms, every 4 ms.

    Parameters
    ----------
    envelope : ndarray, shape (N,)
    delay : int
        Samples by which to move the envelope to later times first; its end is lost.

    Returns
    -------
    ndarray, shape (S,)
    """
    halves = smoothing_halves()
    rising, falling = window_sums(envelope, delay, halves)
    whole = halves.sum()
    inner = (rising[1:-1] + falling[2:]) / whole
    return np.concatenate([falling[:1] / halves[1].sum(), inner, rising[-1:] / halves[0].sum()])


def smoothing_halves() -> NDArray[np.float64]:
    """Rising and falling half of the smoothing window, shape (2, 96)."""
    halves: NDArray[np.float64] = hann(2 * SMOOTHING_HOP).reshape(2, -1)
    return halves


class Frames:
    """Frames for the covariance of the basilar membrane's motion.

    Parameters
    ----------
    window_size : int
        In samples, even.

    Attributes
    ----------
    hop : int
        Samples between frames.
    windows : list of ndarray
        Window of the first frame, of those in between and of the last one.
    overlaps : list of ndarray, shape (49,)
        Correlation of each of these windows with itself at all lags.
    """

    def __init__(self, window_size: int) -> None:
        window = hann(window_size)
        self.hop = window_size // 2
        self.windows = [window[self.hop :], window, window[: self.hop]]
        n_lags = 2 * MAX_FRAME_LAG + 1
        self.overlaps = [
            np.correlate(window, window, "full")[window.size - 1 - MAX_FRAME_LAG :][:n_lags]
            for window in self.windows
        ]

    def covariance(
        self,
        reference: NDArray[np.float32],
        processed: NDArray[np.float32],
        delay: int,
        threshold_db: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Covariance of two paths' motion, and the level of the reference.

        Parameters
        ----------
        reference, processed : ndarray, shape (N,)
            Motion in dB SL.
        delay : int
            Samples by which to move both to later times first; their ends are lost.
        threshold_db : float
            Frames in which the reference is not louder get a covariance of 0.

        Returns
        -------
        covariance : ndarray, shape (S,)
            Largest normalised cross-covariance within 1 ms, 0 to 1.
        level_db_sl : ndarray, shape (S,)
            Level of the reference in dB SL.
        """
        starts = np.arange(reference.size // self.hop) * self.hop
        parts = [
            frame_covariances(reference, processed, part - delay, window, overlap, threshold_db)
            for part, window, overlap in zip(
                (starts[:1], starts[1:-1], starts[-1:]), self.windows, self.overlaps, strict=True
            )
        ]
        covariance, level_db_sl = (np.concatenate(values) for values in zip(*parts, strict=True))
        return covariance, level_db_sl
