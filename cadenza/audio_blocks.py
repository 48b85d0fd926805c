"""Audio files that are read and written block by block, so that a long song needs little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from cadenza import _check, audio
from cadenza._blocks import split, write_blocks
from cadenza._sidecar import read_scale
from cadenza.errors import InputError

_PCM_16_STEP = np.float64(1 / 32768)


class AudioBlocks:
    """An audio file that can be read block by block, as often as needed.

    The samples are those of `cadenza.audio.read`. A file that must be resampled, one that is mono
    where stereo is wanted, and one with a sidecar are read as a whole and kept in memory.

    Parameters
    ----------
    path : str or Path
        Any format that libsndfile reads.
    sample_rate : int
        Wanted rate in Hz.
    channels : int
        Wanted number of channels.

    Attributes
    ----------
    n_frames : int
        Number of samples in each channel.

    Raises
    ------
    InputError
        As `cadenza.audio.read` does.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = audio.write_wav(f"{folder}/song.wav", np.zeros((2, 441)), 44100)
    ...     song = AudioBlocks(f"{folder}/song.wav", sample_rate=44100, channels=2)
    ...     [block.shape for block in song.blocks(200)]
    [(2, 200), (2, 200), (2, 41)]
    """

    def __init__(self, path: str | Path, *, sample_rate: int, channels: int) -> None:
        self._path = Path(path)
        found = audio.info(self._path)
        self._is_pcm_16 = found.subtype == "PCM_16"
        self._whole: NDArray[np.float64] | None = None
        self.n_frames = found.frames
        as_wanted = (found.sample_rate, found.channels) == (sample_rate, channels)
        if not as_wanted or found.frames == 0 or read_scale(self._path) is not None:
            self._whole, _ = audio.read(self._path, sample_rate=sample_rate, channels=channels)
            self.n_frames = self._whole.shape[1]

    def blocks(self, n_frames: int) -> Iterator[NDArray[np.float64]]:
        """Yield the samples in order.

        Parameters
        ----------
        n_frames : int
            Length of a block; the last one may be shorter.

        Yields
        ------
        ndarray, shape (channels, n_frames)

        Raises
        ------
        InputError
            If the file is damaged or has NaN or infinite samples.
        """
        if self._whole is not None:
            yield from split(self._whole, n_frames)
            return
        n_read = 0
        try:
            with soundfile.SoundFile(str(self._path)) as file:
                while len(block := self._next(file, n_frames)):
                    n_read += len(block)
                    yield block.T
        except soundfile.LibsndfileError as error:
            raise InputError(f"{self._path}: damaged audio file: {error.error_string}") from None
        if n_read != self.n_frames:
            raise InputError(
                f"{self._path}: damaged audio file: expected {self.n_frames} frames, found {n_read}"
            )

    def _next(self, file: soundfile.SoundFile, n_frames: int) -> NDArray[np.float64]:
        """Up to `n_frames` frames, shape (T, channels)."""
        if self._is_pcm_16:  # libsndfile converts these more slowly, to the same numbers
            codes: NDArray[np.int16] = file.read(n_frames, dtype="int16", always_2d=True)
            return codes * _PCM_16_STEP
        data: NDArray[np.float64] = file.read(n_frames, dtype="float64", always_2d=True)
        if not np.isfinite(data).all():
            raise InputError(f"{self._path}: expected finite samples, found NaN or infinity")
        return data


def write_wav_blocks(
    path: str | Path, blocks: Iterable[NDArray[np.float64]], sample_rate: int
) -> float:
    """Write a 16-bit WAV file from blocks; the result is that of `cadenza.audio.write_wav`.

    Parameters
    ----------
    path : str or Path
        File name; missing folders are created.
    blocks : iterable of ndarray, shape (channels, T)
        At least one. Samples above full scale are clipped, with a logged warning.
    sample_rate : int
        In Hz.

    Returns
    -------
    float
        Fraction of the samples that were clipped.

    Raises
    ------
    ValueError
        If there is no block, the blocks differ in their channels, or a sample is not finite.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_wav_blocks(f"{folder}/song.wav", [np.zeros((2, 3)), np.full((2, 1), 2.0)], 44100)
    0.25
    """
    counts = write_blocks(Path(path), blocks, _check.whole("sample_rate", sample_rate))
    return audio.report_clipping(Path(path), *counts, soft=False)
