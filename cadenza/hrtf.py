"""Music from two loudspeakers as it arrives at a listener's ears.

Each loudspeaker reaches both ears, so a head is described by four impulse responses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio
from cadenza._blocks import split
from cadenza.errors import InputError

# Sizes at which transforms and products stay in the processor's cache
_SHORTEST_FFT = 4096
_SEGMENTS = 4


@dataclass(frozen=True, eq=False)
class HeadResponse:
    """Impulse responses from two loudspeakers to two ears.

    Parameters
    ----------
    left_speaker, right_speaker : array_like, shape (2, K)
        Response to each loudspeaker: row 0 at the left ear, row 1 at the right ear. The two may
        differ in length.

    Examples
    --------
    >>> head = HeadResponse(left_speaker=[[1, 0], [0, 0.5]], right_speaker=[[0, 0.5], [1, 0]])
    >>> head.left_speaker[1]  # at the right ear: a sample later and half as strong
    array([0. , 0.5])
    """

    left_speaker: NDArray[np.float64]
    right_speaker: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("left_speaker", "right_speaker"):
            object.__setattr__(self, name, _check.stereo(name, getattr(self, name)))


def response_files(
    folder: str | Path,
    *,
    microphone: str,
    subject: str,
    left_angle_deg: float,
    right_angle_deg: float,
) -> tuple[Path, Path]:
    """Files with the responses to the left and to the right loudspeaker.

    Their names are ``<microphone>-<subject>-n<angle>.wav`` and ``-p<angle>.wav``. The angle has one
    decimal and no sign, for example ``BTE_fr-VP_E1-n37.5.wav``.

    Parameters
    ----------
    folder, microphone, subject, left_angle_deg, right_angle_deg
        As in `read_head_response`.

    Examples
    --------
    >>> files = response_files(
    ...     "hrirs", microphone="BTE_fr", subject="VP_E1", left_angle_deg=-37.5, right_angle_deg=30
    ... )
    >>> [file.name for file in files]
    ['BTE_fr-VP_E1-n37.5.wav', 'BTE_fr-VP_E1-p30.0.wav']
    """
    stem = f"{microphone}-{subject}"
    left = Path(folder) / f"{stem}-n{abs(left_angle_deg):.1f}.wav"
    right = Path(folder) / f"{stem}-p{abs(right_angle_deg):.1f}.wav"
    return left, right


def read_head_response(
    folder: str | Path,
    *,
    microphone: str,
    subject: str,
    left_angle_deg: float,
    right_angle_deg: float,
    sample_rate: int,
) -> HeadResponse:
    """Read the responses of one head and two loudspeaker positions.

    The files are those of `response_files`. They are stereo: left ear, right ear.

    Parameters
    ----------
    folder : str or Path
        Folder of the files.
    microphone, subject : str
        For example ``"BTE_fr"`` (front microphone of a behind-the-ear device) and ``"VP_E1"``.
    left_angle_deg, right_angle_deg : float
        Directions of the loudspeakers in degrees from the front; the sign is not used.
    sample_rate : int
        Rate in Hz that the files must have.

    Returns
    -------
    HeadResponse

    Raises
    ------
    InputError
        Listing every file that is missing, unreadable, not stereo or of another sample rate.

    Examples
    --------
    >>> import tempfile
    >>> head = {"microphone": "BTE_fr", "subject": "VP_E1"}
    >>> head |= {"left_angle_deg": 30, "right_angle_deg": 30}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for file in response_files(folder, **head):
    ...         _ = audio.write_wav(file, [[0.5, 0.0], [0.0, 0.25]], 44100)
    ...     read_head_response(folder, **head, sample_rate=44100).left_speaker
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    responses = []
    problems = []
    for path in response_files(
        folder,
        microphone=microphone,
        subject=subject,
        left_angle_deg=left_angle_deg,
        right_angle_deg=right_angle_deg,
    ):
        try:
            responses.append(_read_stereo(path, sample_rate))
        except InputError as error:
            problems.extend(error.problems)
    _check.raise_if(problems)
    return HeadResponse(*responses)


def _read_stereo(path: Path, sample_rate: int) -> NDArray[np.float64]:
    found = audio.info(path)
    if (found.channels, found.sample_rate) != (2, sample_rate):
        raise InputError(
            f"{path}: expected 2 channels at {sample_rate} Hz, "
            f"found {found.channels} at {found.sample_rate} Hz"
        )
    return audio.read(path)[0]


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
