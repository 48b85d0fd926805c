"""What all separators around a Conv-TasNet share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cadenza.errors import InputError
from cadenza.separation.convtasnet import files
from cadenza.separation.network_separator import NetworkSeparator

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ConvTasNetSeparator(NetworkSeparator):
    """A `NetworkSeparator` whose weights are a folder as in `cadenza.separation.convtasnet.files`.

    The network gets the mixture without normalisation.
    """

    model_sample_rate: ClassVar[int] = 44100

    def _load(self) -> torch.nn.Module:
        folder = self._folder()
        network, metadata = files.load(folder)
        found = (network.config.C, network.config.audio_channels, network.config.samplerate)
        expected = (len(self.sources), 2, self.model_sample_rate)
        if found != expected:
            raise InputError(
                f"{folder}: expected a network with (C, audio_channels, samplerate) = {expected}, "
                f"found {found}"
            )
        outputs = ",".join(self._outputs)
        if metadata.get("sources", outputs) != outputs:  # published files do not say
            raise InputError(
                f"{folder}: expected a network for {outputs}, found one for {metadata['sources']}"
            )
        if metadata.get("refine") == "wiener" != self.refine:
            raise InputError(
                f"{folder}: this network was trained together with its masks; refine must be "
                f"wiener, got {self.refine}"
            )
        return network

    @property
    def _outputs(self) -> tuple[str, ...]:
        """Names of the network's outputs in its files."""
        return self.sources

    def _folder(self) -> Path:
        return Path(str(self.weights)).expanduser()
