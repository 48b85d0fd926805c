"""What all separators around a torch network share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza.separation.device import check_device_name, find_device
from cadenza.separation.overlap_add import check_durations, overlap_add
from cadenza.separation.protocol import Stems, separate
from cadenza.separation.refine import Refinement, check_refinement

if TYPE_CHECKING:
    import torch

_SHORTEST_CHUNK = 4096  # samples; networks cannot transform fewer


class TorchSeparator(ABC):
    """Base of separators around a torch network, whatever it takes and gives.

    A subclass is a frozen dataclass with the fields that are named here. It gives `sources`,
    `model_sample_rate`, `_load` and `_estimate`. The network is built and its weights are read at
    first use, or by `prepare`.
    """

    device: str | None
    progress: bool | None
    refine: Refinement

    def __post_init__(self) -> None:
        check_refinement(self.refine)
        check_device_name(self.device)

    @property
    @abstractmethod
    def sources(self) -> tuple[str, ...]:
        """Names of the stems, in the order of the estimates."""

    @property
    @abstractmethod
    def model_sample_rate(self) -> int:
        """In Hz; the network gets the signal at this rate."""

    def prepare(self) -> None:
        """Find the device and load the weights.

        Raises
        ------
        InputError
            If the device, the weights or an optional package is missing or wrong.
        """
        _ = self._network

    def __call__(self, mixture: ArrayLike, *, sample_rate: int) -> Stems:
        """Separate a mixture.

        Parameters
        ----------
        mixture : array_like, shape (2, T)
            Stereo signal; mono, (T,) or (1, T), is used for both channels with a logged warning.
        sample_rate : int
            In Hz; the network gets the signal at its own sample rate.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
        """
        return separate(
            self._estimate,
            mixture,
            sources=self.sources,
            sample_rate=sample_rate,
            model_sample_rate=self.model_sample_rate,
            refine=self.refine,
        )

    @cached_property
    def _device(self) -> torch.device:
        return find_device(self.device)

    @cached_property
    def _network(self) -> torch.nn.Module:
        device = self._device  # first: a wrong device should not cost a download
        return self._load().eval().to(device)

    def _through_network(self, chunk: NDArray[np.float64], missing: int) -> NDArray[np.float32]:
        """Run the network on a chunk, in single precision, with `missing` zeros at its end."""
        import torch

        padded = np.pad(chunk, [(0, 0), (0, missing)]).astype(np.float32)
        with torch.inference_mode():
            estimates = self._network(torch.from_numpy(padded)[None].to(self._device))
        result: NDArray[np.float32] = estimates[0, ..., : chunk.shape[1]].cpu().numpy()
        return result

    @abstractmethod
    def _estimate(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimates of all sources, (n_sources, 2, T), at the network's sample rate."""

    @abstractmethod
    def _load(self) -> torch.nn.Module:
        """Build the network and fill it with its weights."""


@dataclass(frozen=True)
class NetworkSeparator(TorchSeparator):
    """Separator around a torch network, ``(1, 2, T) -> (1, n_sources, 2, T)``.

    A subclass gives `sources`, in the order of the network's output, `model_sample_rate` and
    `_load`. The network is built and its weights are read at first use, or by `prepare`; it works
    in single precision.

    Parameters
    ----------
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    weights : str or Path, optional
        Where the weights are. Default: the published ones, downloaded once.
    segment_s, overlap_s : float
        Seconds of music that the network gets at a time, and of cross-fade between them; see
        `cadenza.separation.overlap_add`.
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.
    """

    device: str | None = None
    weights: str | Path | None = None
    segment_s: float = 10.0
    overlap_s: float = 0.1
    progress: bool | None = None
    refine: Refinement = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_durations(self.segment_s, self.overlap_s)

    def _estimate(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        """Estimates of all sources, (n_sources, 2, T), at the network's sample rate."""
        return overlap_add(
            self._run,
            mixture,
            n_sources=len(self.sources),
            sample_rate=self.model_sample_rate,
            segment_s=self.segment_s,
            overlap_s=self.overlap_s,
            progress=self.progress,
        )

    def _run(self, chunk: NDArray[np.float64]) -> NDArray[np.float32]:
        return self._through_network(chunk, max(0, _SHORTEST_CHUNK - chunk.shape[1]))
