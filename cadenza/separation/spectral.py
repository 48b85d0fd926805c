"""Separation by classical signal processing: no training, no weights, no network.

Four soft masks divide each point of a short-time spectrum among the stems:

- *drums* get what stands out as a vertical line in the spectrogram. Two median filters of the
  magnitude, along time and along frequency, estimate its harmonic and its percussive part. A Wiener
  filter compares their energies [1]_. Below the crossover there are too few bins for a line along
  frequency; there, the percussive part is what exceeds the harmonic part.
- *bass* gets the harmonic part below the crossover.
- *vocals* get the harmonic part above the crossover as far as both channels agree in amplitude and
  phase: singers are usually mixed to the centre [2]_, [3]_.
- *other* gets the remainder.

It separates far worse than a trained network; use it to try things out, and as a baseline.

References
----------
.. [1] Fitzgerald (2010), Harmonic/percussive separation using median filtering, DAFx-10.
.. [2] Avendano & Jot (2002), Ambience extraction and synthesis from stereo signals for
   multi-channel audio up-mix, ICASSP 2002, 1957-1960.
.. [3] Barry, Lawlor & Coyle (2004), Sound source separation: azimuth discrimination and
   resynthesis, DAFx-04.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d, median_filter
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from cadenza import _check
from cadenza.separation.overlap_add import overlap_add
from cadenza.separation.protocol import Stems, separate
from cadenza.separation.refine import Refinement, check_refinement
from cadenza.stems import STEMS

_HOP_S = 1024 / 44100
_OVERLAP = 4  # a window is this many hops long
_MEDIAN = 17  # frames (0.4 s) and bins (180 Hz)
_CROSSOVER_HZ = 180.0
_CENTRE_FRAMES = 5  # the agreement of the channels is averaged over so many frames
_CENTRE_SHARPNESS = 4  # exponent of the agreement: a larger one gives vocals less of the sides
_CHUNK_OVERLAP_S = 0.5

_Spectrum = NDArray[np.complex128]  # (channels, bins, frames)


@dataclass(frozen=True)
class Spectral:
    """Separator with four masks on a spectrum of 4096-point Hann windows (at 44.1 kHz).

    The stems add up to the mixture. Works at any sample rate, with windows of the same duration.

    Parameters
    ----------
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`. They add up to
        it in any case.

    Examples
    --------
    >>> noise = np.random.default_rng(1).standard_normal((2, 44100))
    >>> stems = Spectral()(noise, sample_rate=44100)
    >>> bool(np.allclose(sum(stems.values()), noise))
    True
    """

    sources: ClassVar[tuple[str, ...]] = STEMS
    one_core: ClassVar[bool] = True  # several processes may work side by side
    progress: bool | None = None
    refine: Refinement = "none"

    def __post_init__(self) -> None:
        check_refinement(self.refine)

    def __call__(self, mixture: ArrayLike, *, sample_rate: int) -> Stems:
        """Separate a mixture.

        Parameters
        ----------
        mixture : array_like, shape (2, T)
            Stereo signal; mono, (T,) or (1, T), is used for both channels with a logged warning.
        sample_rate : int
            In Hz.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
        """
        transform = _transform(sample_rate)
        low = 1 / (1 + (transform.f / _CROSSOVER_HZ) ** 4)

        def model(chunk: NDArray[np.float64]) -> NDArray[np.float64]:
            n_samples = chunk.shape[1]
            # Whole hops, and the two that the transform needs at least
            missing = max(-n_samples % transform.hop, 2 * transform.hop - n_samples)
            spectrum = transform.stft(np.pad(chunk, [(0, 0), (0, missing)]))
            vocals, drums, bass = (
                transform.istft(mask * spectrum, k1=n_samples + missing)[:, :n_samples]
                for mask in _masks(spectrum, low)
            )
            # The fourth mask is one minus the others, and the transform is linear
            return np.stack([vocals, drums, bass, chunk - vocals - drums - bass])

        return separate(
            lambda x: overlap_add(
                model,
                x,
                n_sources=len(self.sources),
                sample_rate=sample_rate,
                overlap_s=_CHUNK_OVERLAP_S,
                progress=self.progress,
            ),
            mixture,
            sources=self.sources,
            sample_rate=sample_rate,
            model_sample_rate=sample_rate,
            refine=self.refine,
        )


def _transform(sample_rate: int) -> ShortTimeFFT:
    """Short-time transform with Hann windows; every sample is in four of them."""
    hop = round(_check.positive("sample_rate", sample_rate) * _HOP_S)
    if hop < 1:
        raise ValueError(f"sample_rate must be an audio rate in Hz, got {sample_rate!r}")
    window = hann(_OVERLAP * hop, sym=False)
    # The squares of its shifts by a hop add up to 1.5
    return ShortTimeFFT(window, hop, sample_rate, dual_win=window / 1.5, phase_shift=None)


def _masks(
    spectrum: _Spectrum, low: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Masks of vocals, drums and bass, each (bins, frames); their sum is at most one.

    Parameters
    ----------
    spectrum : ndarray, shape (2, bins, frames)
        Both channels.
    low : ndarray, shape (bins,)
        Weight of the region below the crossover, from 1 to 0.
    """
    low = low[:, np.newaxis]
    power = np.sum(np.abs(spectrum) ** 2, axis=0)
    magnitude = np.sqrt(power)
    harmonic = median_filter(magnitude, size=(1, _MEDIAN))
    vertical = median_filter(magnitude, size=(_MEDIAN, 1))
    percussive = low * np.maximum(magnitude - harmonic, 0) + (1 - low) * vertical
    drums = _ratio(percussive**2, percussive**2 + harmonic**2)
    centre = _agreement(spectrum, power) ** _CENTRE_SHARPNESS
    return (1 - drums) * (1 - low) * centre, drums, (1 - drums) * low


def _agreement(spectrum: _Spectrum, power: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the channels are equal, 0 where one of them is silent or they cancel each other."""
    average = np.full(_CENTRE_FRAMES, 1 / _CENTRE_FRAMES)
    common = correlate1d(2 * np.real(spectrum[0] * np.conj(spectrum[1])), average, axis=-1)
    return np.clip(_ratio(common, correlate1d(power, average, axis=-1)), 0, 1)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """`part` over `whole`, 0 where there is nothing."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
