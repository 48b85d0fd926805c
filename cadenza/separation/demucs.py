"""Hybrid Demucs, the separator of the CAD1 and ICASSP 2024 baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from cadenza.separation import weights
from cadenza.separation.network_separator import NetworkSeparator
from cadenza.separation.weights import MissingWeights

if TYPE_CHECKING:
    import torch

_URL = "https://download.pytorch.org/torchaudio/models/hdemucs_high_musdbhq_only.pt"
_CACHE = "torchaudio/models"  # torchaudio looks for the file in the same folder
_SILENCE = 1e-8  # standard deviation


def on_normalised(
    model: Callable[[NDArray[np.float64]], NDArray[np.float64]], mixture: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Apply a model to a mixture whose mid signal is scaled to mean 0 and standard deviation 1.

    The estimates get the level and the mean of the mixture. As in the Cadenza baselines, the mean
    is added to each source. So four sources add up to the mixture plus three times its mean.

    Parameters
    ----------
    model : callable
        ``(2, T) -> (n_sources, 2, T)``.
    mixture : ndarray, shape (2, T)
        A mid signal that is constant or zero is not scaled.

    Returns
    -------
    ndarray, shape (n_sources, 2, T)

    Examples
    --------
    >>> on_normalised(lambda x: np.stack([x]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[[1., 2.], [3., 4.]]])
    """
    mean, deviation = _mean_and_deviation(mixture)
    if deviation < _SILENCE:  # a constant signal, or channels that cancel each other
        return model(mixture)
    estimates = model((mixture - mean) / deviation)
    estimates *= deviation
    estimates += mean
    return estimates


def _mean_and_deviation(mixture: NDArray[np.float64]) -> tuple[float, float]:
    mid = mixture.mean(axis=0)
    return float(mid.mean()), float(mid.std())


@dataclass(frozen=True)
class HybridDemucs(NetworkSeparator):
    """Network on waveform and spectrogram, trained on the training part of MUSDB18-HQ [1]_.

    Architecture and weights are those of ``torchaudio.pipelines.HDEMUCS_HIGH_MUSDB``.

    Parameters
    ----------
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    weights : str or Path, optional
        File with a state dictionary. Default: the published one, downloaded once (about 330 MB)
        into torch's cache.
    segment_s, overlap_s : float
        Seconds of music that the network gets at a time, and of cross-fade between them; see
        `cadenza.separation.overlap_add`.
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`.
    sha256 : str, optional
        First digits of the SHA-256 of the weights, which is then checked. Default: not checked,
        because torchaudio gives no checksum for the published file.

    References
    ----------
    .. [1] Défossez (2021), Hybrid spectrogram and waveform source separation, Music Demixing
       Workshop at ISMIR 2021.
    """

    sources: ClassVar[tuple[str, ...]] = ("drums", "bass", "other", "vocals")
    model_sample_rate: ClassVar[int] = 44100

    sha256: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        weights.check_digits(self.sha256)

    def missing_weights(self) -> MissingWeights | None:
        """Weights that are not there, if any."""
        return weights.missing(self.weights, [_URL], _CACHE)

    def added_mean(self, mixture: NDArray[np.float64]) -> float:
        """What `on_normalised` adds to every stem of a mixture, shape (2, T): its mean.

        Zero if the stems are refined, which makes them add up to the mixture.
        """
        mean, deviation = _mean_and_deviation(mixture)
        return mean if self.refine == "none" and deviation >= _SILENCE else 0.0

    def weight_files(self) -> dict[str, Path]:
        """Published files by name, if these are used."""
        return {} if self.weights is not None else weights.cached([_URL], _CACHE)

    def _estimate(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        return on_normalised(super()._estimate, mixture)

    def _load(self) -> torch.nn.Module:
        from torchaudio.models import hdemucs_high

        if self.weights is None:
            (path,) = weights.download([_URL], _CACHE, instead="that file")
        else:
            path = Path(self.weights).expanduser()
        network: torch.nn.Module = hdemucs_high(sources=list(self.sources))
        weights.load(network, path, sha256=self.sha256)
        return network
