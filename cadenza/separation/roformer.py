"""BS-RoFormer and Mel-Band RoFormer, through the package BS-RoFormer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cadenza import _check
from cadenza.errors import InputError
from cadenza.separation import roformer_files, weights
from cadenza.separation.demucs import on_normalised
from cadenza.separation.network_separator import TorchSeparator
from cadenza.separation.refine import Refinement
from cadenza.separation.roformer_files import RoformerConfig
from cadenza.separation.windowed_mean import windowed_mean
from cadenza.stems import STEMS

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Roformer(TorchSeparator):
    """Transformer over time and over frequency bands that masks the spectrum of the mixture [1]_.

    The bands are those of the configuration (BS-RoFormer), or overlap on the mel scale (Mel-Band
    RoFormer [2]_). Configuration and weights are files in the format of the training repository
    Music-Source-Separation-Training. Its published networks fit. Chunks overlap and are averaged as
    there; see `cadenza.separation.windowed_mean`.

    A network for one instrument, such as those with ``target_instrument: vocals``, gives that
    instrument and ``rest``, what is left of the mixture. The recipes for songs need a network with
    ``target_instrument: null`` and the instruments vocals, drums, bass and other.

    Parameters
    ----------
    weights : str or Path
        File with the state dictionary, ``.ckpt`` or ``.safetensors``.
    model_config : str or Path
        YAML file with the configuration.
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    num_overlap : int, optional
        Number of chunks that each sample is in, up to 100; the time is proportional to it. Default:
        that of the configuration.
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`.
    sha256 : str, optional
        First digits of the SHA-256 of the weights, which is then checked. Default: not checked,
        unless the name of the file ends with ``-<SHA-256>``.

    Raises
    ------
    InputError, TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    .. [1] Lu, Wang, Kong & Hung (2024), Music source separation with band-split RoPE transformer,
       ICASSP 2024.
    .. [2] Wang, Lu & Won (2023), Mel-Band RoFormer for music source separation, arXiv:2310.01809.
    """

    weights: str | Path
    model_config: str | Path
    device: str | None = None
    num_overlap: int | None = None
    progress: bool | None = None
    refine: Refinement = "none"
    sha256: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        weights.check_digits(self.sha256)
        if self.num_overlap is not None:
            most = roformer_files.MOST_OVERLAPS
            if _check.whole("num_overlap", self.num_overlap) > most:
                raise ValueError(f"num_overlap must be at most {most}, got {self.num_overlap!r}")
        for name in ("weights", "model_config"):
            if not isinstance(getattr(self, name), str | Path):
                raise InputError(f"{name} must be a file, got {getattr(self, name)!r}")

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems, from the configuration."""
        return self._config.sources

    @property
    def sources_note(self) -> str:
        """What to do if other stems are needed."""
        return (
            f"the configuration {self._config.path} is that of a network for "
            f"{', '.join(self._config.outputs)}; take one with target_instrument: null and the "
            f"instruments {', '.join(STEMS)}"
        )

    @property
    def model_sample_rate(self) -> int:
        """In Hz, from the configuration."""
        return self._config.sample_rate

    @cached_property
    def _config(self) -> RoformerConfig:
        return roformer_files.read_config(Path(self.model_config).expanduser())

    def _load(self) -> torch.nn.Module:
        path = Path(self.weights).expanduser()
        return roformer_files.load(self._config, path, sha256=self.sha256)

    def _estimate(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._config.normalize:
            estimates = on_normalised(self._average, mixture)
        else:
            estimates = self._average(mixture)
        if len(self.sources) == len(estimates):
            return estimates
        return np.concatenate([estimates, mixture - estimates])

    def _average(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        config = self._config
        return windowed_mean(
            self._run,
            mixture,
            n_sources=len(config.outputs),
            length=config.chunk,
            n_overlaps=self.num_overlap or config.num_overlap,
            progress=self.progress,
        )

    def _run(self, chunk: NDArray[np.float64]) -> NDArray[np.float32]:
        hop = int(self._config.options.get("stft_hop_length", 512))
        missing = -chunk.shape[1] % hop  # the network leaves out an incomplete hop at the end
        estimates = self._through_network(chunk, missing)
        return estimates.reshape(len(self._config.outputs), *chunk.shape)  # one stem has no axis
