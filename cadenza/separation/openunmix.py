"""Open-Unmix, the second separator of the CAD1 and ICASSP 2024 baselines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cadenza._check import raise_if
from cadenza.separation import weights
from cadenza.separation.network_separator import NetworkSeparator
from cadenza.separation.packages import Package
from cadenza.separation.weights import MissingWeights
from cadenza.stems import STEMS

if TYPE_CHECKING:
    import torch

_PACKAGE = Package("openunmix", requirement="openunmix>=1.3,<1.4", needed_by="Open-Unmix")
_URL = "https://zenodo.org/records/3370489/files"
_FILES = {
    "vocals": "vocals-b62c91ce.pth",
    "drums": "drums-9619578f.pth",
    "bass": "bass-8d85a5bd.pth",
    "other": "other-b52fbbf7.pth",
}
_CACHE = "checkpoints"  # the package openunmix looks for the files in the same folder


@dataclass(frozen=True)
class OpenUnmix(NetworkSeparator):
    """Recurrent networks, one for each source, that mask the spectrogram of the mixture [1]_.

    Networks and weights are those of ``umxhq`` in the package ``openunmix``, trained on
    MUSDB18-HQ. The stems keep the phase of the mixture. As in the Cadenza baselines, there is no
    Wiener filter afterwards.

    Parameters
    ----------
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    weights : str or Path, optional
        Folder with a state dictionary for each source, ``<source>.pth`` or
        ``<source>-<SHA-256>.pth``; in the second form the checksum is verified. Default: the
        published ones, downloaded once (about 140 MB) into torch's cache.
    segment_s, overlap_s : float
        Seconds of music that the networks get at a time, and of cross-fade between them; see
        `cadenza.separation.overlap_add`.
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`.

    References
    ----------
    .. [1] Stöter, Uhlich, Liutkus & Mitsufuji (2019), Open-Unmix: a reference implementation for
       music source separation, Journal of Open Source Software 4(41), 1667.
    """

    sources: ClassVar[tuple[str, ...]] = STEMS
    model_sample_rate: ClassVar[int] = 44100

    def missing_weights(self) -> MissingWeights | None:
        """Weights that are not there, if any."""
        return weights.missing(self.weights, self._urls, _CACHE)

    def weight_files(self) -> dict[str, Path]:
        """Published files by name, if these are used."""
        return {} if self.weights is not None else weights.cached(self._urls, _CACHE)

    @property
    def _urls(self) -> list[str]:
        """Published weights of each source."""
        return [f"{_URL}/{_FILES[source]}" for source in self.sources]

    def _load(self) -> torch.nn.Module:
        with _PACKAGE.importing():
            from openunmix import umxhq
        # The order of the targets is that of the network's output
        network: torch.nn.Module = umxhq(targets=list(self.sources), niter=0, pretrained=False)
        for source, path in zip(self.sources, self._files(), strict=True):
            part = network.get_submodule(f"target_models.{source}")
            # The published files also contain the window of the transform
            weights.load(part, path, allow_others=True)
        return network

    def _files(self) -> list[Path]:
        """Weights of each source."""
        if self.weights is None:
            return weights.download(self._urls, _CACHE, instead="a folder that contains them")
        folder = Path(self.weights).expanduser()
        found = {
            source: [*folder.glob(f"{source}.pth"), *folder.glob(f"{source}-*.pth")]
            for source in self.sources
        }
        problems = [
            f"{folder}: expected one file {source}.pth or {source}-<SHA-256>.pth, "
            f"found {len(paths)}; the separator's weights must be a folder with one per source"
            for source, paths in found.items()
            if len(paths) != 1
        ]
        raise_if(problems)
        return [path for (path,) in found.values()]
