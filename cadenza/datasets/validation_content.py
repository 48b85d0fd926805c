"""What is in music files that can be read to their end: silence, and stems that do not add up.

The stems of a song are compared with its mixture without reading them at the same time. For each
file, a few sums of its samples are kept, each sample with a random sign. All files use the same
signs, so the sums of the mixture are those of the stems, added up. The mean square of such sums
estimates the energy of a signal [1]_, here within about 1 dB.

References
----------
.. [1] Alon, Matias & Szegedy (1999), Journal of Computer and System Sciences 58(1), 137-147.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza.datasets.validation_headers import AudioFile

BLOCK_FRAMES = 2**17
"""Frames that are read at a time: some 2 MB of stereo music."""

_N_SUMS = 32  # of each half of a file
_LEAST_SNR_DB = 10.0  # with music at the microphones it is some 27 dB, with clipped mixtures more


@dataclass(frozen=True)
class Content:
    """What was found in an audio file.

    Parameters
    ----------
    sounds_until : float
        Fraction of the file after which all samples are zero; 0 if all of them are.
    sums : ndarray, shape (2, 32)
        Sums of the samples with random signs, of either half of the file.
    """

    sounds_until: float
    sums: NDArray[np.float64]

    def as_text(self) -> str:
        """As it is remembered."""
        return " ".join(f"{value:.4g}" for value in (self.sounds_until, *self.sums.ravel()))

    @classmethod
    def parse(cls, text: str) -> Content | None:
        """What `as_text` gave; None for anything else."""
        try:
            until, *sums = map(float, text.split())
        except ValueError:
            return None
        if len(sums) != 2 * _N_SUMS or not math.isfinite(until + sum(sums)):
            return None
        return cls(until, np.reshape(sums, (2, _N_SUMS)))


def content_of(blocks: Iterable[NDArray[np.float64]], n_frames: int) -> Content:
    """Find out what is in a file.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (channels, T)
        Its samples in blocks of `BLOCK_FRAMES`; the last one may be shorter.
    n_frames : int
        Number of frames of the file.

    Examples
    --------
    >>> music = np.zeros((2, 1000))
    >>> music[:, :250] = 0.5
    >>> content_of([music], 1000).sounds_until
    0.25
    """
    rng = np.random.default_rng(0)
    sums = np.zeros((2, _N_SUMS))
    n_read = n_until = 0
    for block in blocks:
        half = 1 if 2 * n_read + BLOCK_FRAMES >= n_frames else 0  # by its middle
        # a sign for each block, too, or the same error in many blocks would add up
        sums[half] += rng.choice((-1.0, 1.0), _N_SUMS) * _signed_sums(block)
        n_read += block.shape[1]
        if block.any():
            n_until = n_read - _trailing_zeros(block)
    return Content(n_until / n_frames if n_frames else 0.0, sums)


def _trailing_zeros(block: NDArray[np.float64]) -> int:
    """Number of frames at the end of a block that are zero in all channels."""
    if block[:, -1].any():  # nearly always
        return 0
    sounds = np.any(block, axis=0)
    return int(np.argmax(np.flip(sounds)))


def _signed_sums(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of a block: one for every 32nd pair of samples."""
    samples = block.T.reshape(-1)  # as they are in memory
    if excess := samples.size % (2 * _N_SUMS):
        samples = np.pad(samples, (0, 2 * _N_SUMS - excess))
    rows = samples.reshape(-1, 2 * _N_SUMS)
    sums = np.einsum("ij,ij->j", rows, _signs(len(block))[: len(rows)])
    total: NDArray[np.float64] = sums.reshape(_N_SUMS, 2).sum(axis=1)
    return total


@cache
def _signs(n_channels: int) -> NDArray[np.float64]:
    n_rows = BLOCK_FRAMES * n_channels // (2 * _N_SUMS)
    return np.random.default_rng(1).choice((-1.0, 1.0), (n_rows, 2 * _N_SUMS))


def snr_db(mixture: Content, stems: Sequence[Content]) -> float:
    """Level of a mixture over its difference from the sum of its stems, in dB.

    It is estimated for each half of the song; the smaller one is returned. In a very quiet half,
    rounding alone makes differences, so its level counts as 20 dB below the whole song at least.
    """
    energies = (mixture.sums**2).sum(axis=1)
    energies = np.maximum(energies, energies.sum() / 100)
    differences = mixture.sums - np.sum([stem.sums for stem in stems], axis=0)
    errors = (differences**2).sum(axis=1)
    return min(
        math.inf if error == 0 else 10 * math.log10(energy / error)
        for energy, error in zip(energies, errors, strict=True)
    )


def remarks(
    files: Iterable[AudioFile],
    songs: Mapping[Path, Sequence[Path]],
    contents: Mapping[Path, Content],
) -> Iterator[tuple[Path, str]]:
    """What is odd about music that can be read: files, and messages about them.

    Parameters
    ----------
    files : iterable of AudioFile
        The files.
    songs : mapping of Path to sequence of Path
        Stems of each mixture that should be their sum; all as long as it is, at the same rate.
    contents : mapping of Path to Content
        What is in the files that could be read.
    """
    for file in files:
        mixture = contents.get(file.path)
        if mixture is None or not file.is_mixture:
            continue
        if mixture.sounds_until <= 0.5:
            part = "of the second half " if mixture.sounds_until else ""
            yield file.path, f"{file.path}: all samples {part}are zero"
            continue
        stems = songs.get(file.path, ())
        if not stems or any(stem not in contents for stem in stems):
            continue
        snr = snr_db(mixture, [contents[stem] for stem in stems])
        if snr < _LEAST_SNR_DB:
            yield (
                stems[0],
                f"{file.path.parent}: stems do not add up to the mixture (SNR {round(snr)} dB)",
            )
