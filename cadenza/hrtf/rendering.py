"""Rendering: music from two loudspeakers as it arrives at a listener's ears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza._blocks import split
from cadenza.hrtf.response import HeadResponse

# Sizes at which transforms and products stay in the processor's cache
_SHORTEST_FFT = 4096
_SEGMENTS = 4


def render(music: ArrayLike, head: HeadResponse) -> NDArray[np.float64]:
    """Play stereo music over the two loudspeakers and return what arrives at the ears.

    Parameters
    ----------
    music : array_like, shape (2, T)
        Feeds of the left and the right loudspeaker, at the sample rate of the responses.
    head : HeadResponse
        Responses of the listener's head.

    Returns
    -------
    ndarray, shape (2, T)
        Signals at the left and the right ear; what arrives later is cut off.

    Raises
    ------
    ValueError
        If the music is not stereo or not finite.

    Examples
    --------
    >>> head = HeadResponse(left_speaker=[[1, 0], [0, 0.5]], right_speaker=[[0, 0.5], [1, 0]])
    >>> render([[1.0, 0, 0], [0, 0, 0]], head).round(9) + 0.0
    array([[1. , 0. , 0. ],
           [0. , 0.5, 0. ]])
    """
    x = _check.stereo("music", music)
    renderer = Renderer(head)
    rendered = renderer(split(x, renderer.block_frames))
    return np.ascontiguousarray(np.concatenate(list(rendered), axis=1))


class Renderer:
    """Renders music block by block, see `render`.

    Parameters
    ----------
    head : HeadResponse
        Responses of the listener's head.

    Attributes
    ----------
    block_frames : int
        Longest block that is accepted; the most efficient length.

    Notes
    -----
    The two feeds are the real and the imaginary part of one signal, and so are the two ears. One
    complex transform then does the work of two real ones, and the samples lie in memory as they do
    in files. Blocks are convolved by overlap-save, several segments at once.

    Examples
    --------
    >>> head = HeadResponse(left_speaker=[[1, 0], [0, 0.5]], right_speaker=[[0, 0.5], [1, 0]])
    >>> blocks = Renderer(head)([np.array([[1.0], [0]]), np.zeros((2, 2))])
    >>> [block.shape for block in blocks]
    [(2, 1), (2, 2)]
    """

    def __init__(self, head: HeadResponse) -> None:
        n_taps = max(head.left_speaker.shape[1], head.right_speaker.shape[1])
        self._n_fft = max(_SHORTEST_FFT, 1 << (4 * n_taps - 1).bit_length())
        self._n_before = n_taps - 1
        self._hop = self._n_fft - self._n_before
        self.block_frames = _SEGMENTS * self._hop
        # Responses to a loudspeaker, the left ear real and the right one imaginary
        left, right = (
            np.fft.fft(ears[0] + 1j * ears[1], self._n_fft)
            for ears in (head.left_speaker, head.right_speaker)
        )
        self._direct = (left - 1j * right) / (2 * self._n_fft)
        self._mirrored = (left + 1j * right) / (2 * self._n_fft)

    def __call__(self, music: Iterable[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
        """Render one piece of music.

        Parameters
        ----------
        music : iterable of ndarray, shape (2, T)
            Blocks of the feeds, in order.

        Yields
        ------
        ndarray, shape (2, T)
            Signals at the ears, block for block.
        """
        feeds = np.zeros(self._n_before + self.block_frames, dtype=np.complex128)
        for block in music:
            n_frames = block.shape[1]
            if n_frames > self.block_frames:
                raise ValueError(f"block must have at most {self.block_frames} frames")
            end = self._n_before + n_frames
            feeds.real[self._n_before : end], feeds.imag[self._n_before : end] = block
            feeds[end:] = 0
            yield self._ears(feeds)[:, :n_frames]
            feeds[: self._n_before] = feeds[n_frames:end].copy()

    def _ears(self, feeds: NDArray[np.complex128]) -> NDArray[np.float64]:
        from cadenza._compiled import announced  # late: importing numba takes a third of a second
        from cadenza._stereo_kernels import spectra_at_ears

        segments = sliding_window_view(feeds, self._n_fft)[:: self._hop]
        spectra = np.fft.fft(segments, axis=-1)
        with announced("the rendering"):
            spectra_at_ears(spectra, self._direct, self._mirrored)
        ears = np.fft.ifft(spectra, axis=-1, norm="forward", out=spectra)
        whole = ears[:, self._n_before :].reshape(-1)
        return whole.view(np.float64).reshape(-1, 2).T
