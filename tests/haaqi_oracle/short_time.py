"""Short-time analysis of a band, in Hann windows that overlap by half.

The first frame is the falling half of a window that starts at time 0, the last one the rising
half of another. No frame is centred half a window after the start.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.signal.windows import hann

from cadenza.levels import TINY

_SMOOTHING_WINDOW = 192  # samples: 8 ms
_LAGS = np.r_[0:25, -24:0]  # samples: 1 ms either way, in the order of an inverse FFT
_BATCH = 256  # frames that fit in the cache together


def smooth_envelope(envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average an envelope over 8 ms, every 4 ms.

    Parameters
    ----------
    envelope : ndarray, shape (..., N)

    Returns
    -------
    ndarray, shape (..., S)
    """
    window = hann(_SMOOTHING_WINDOW)
    hop = window.size // 2
    rising, falling = window[:hop], window[hop:]
    n_frames = envelope.shape[-1] // hop
    hops = envelope[..., : n_frames * hop].reshape(*envelope.shape[:-1], n_frames, hop)
    first = hops[..., :1, :] @ falling / falling.sum()
    inner = (hops[..., 1:-1, :] @ rising + hops[..., 2:, :] @ falling) / window.sum()
    last = hops[..., -1:, :] @ rising / rising.sum()
    return np.concatenate([first, inner, last], axis=-1)


def short_time_covariance(motion: NDArray[np.float64], window_size: int) -> NDArray[np.float64]:
    """Covariance of the two paths' basilar membrane motion, and the level of the reference.

    Parameters
    ----------
    motion : ndarray, shape (2, N)
        Reference and processed path in dB SL.
    window_size : int
        In samples, even.

    Returns
    -------
    ndarray, shape (2, S)
        Row 0: largest normalised cross-covariance within 1 ms, 0 to 1. Row 1: level of the
        reference in dB SL.
    """
    window = hann(window_size)
    hop = window_size // 2
    last = (motion.shape[-1] // hop - 1) * hop
    inner = np.lib.stride_tricks.sliding_window_view(motion, window_size, axis=-1)[:, hop:last:hop]
    batches = [inner[:, i : i + _BATCH] for i in range(0, inner.shape[1], _BATCH)]
    return np.concatenate(
        [
            _covariance(motion[:, None, :hop], window[hop:]),
            *(_covariance(batch, window) for batch in batches),
            _covariance(motion[:, None, last : last + hop], window[:hop]),
        ],
        axis=-1,
    )


def _covariance(frames: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames (2, S, window) -> covariance and level (2, S)."""
    frames = frames * window
    frames -= frames.mean(axis=-1, keepdims=True)
    power = np.square(frames).sum(axis=-1) / np.square(window).sum()

    n_fft = scipy.fft.next_fast_len(window.size + _LAGS.max(), real=True)
    reference, processed = scipy.fft.rfft(frames, n_fft)
    cross = scipy.fft.irfft(reference.conj() * processed, n_fft)[:, _LAGS]
    overlap = np.correlate(window, window, "full")[window.size - 1 + _LAGS]
    largest = np.abs(cross / overlap).max(axis=-1)

    audible = (power > TINY).all(axis=0)
    norm = np.sqrt(np.where(audible, power[0] * power[1], 1))
    covariance = np.where(audible, np.minimum(largest / norm, 1), 0)
    # The envelope of a sinusoid, which is in dB SL here, is the square root of 2 times its RMS
    return np.stack([covariance, np.sqrt(2 * power[0])])
