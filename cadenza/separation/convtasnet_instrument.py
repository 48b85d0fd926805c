"""One Conv-TasNet that separates one instrument from everything else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cadenza.separation.convtasnet.files import cached, download, model_name
from cadenza.separation.convtasnet.separator import ConvTasNetSeparator


@dataclass(frozen=True)
class ConvTasNetInstrument(ConvTasNetSeparator):
    """Separator of one instrument, all its voices together, from the accompaniment.

    Parameters
    ----------
    device, segment_s, overlap_s, progress
        As in `cadenza.separation.convtasnet_vdbo.ConvTasNetVDBO`.
    weights : str or Path, optional
        Folder with ``config.json`` and ``model.safetensors``. Default: the published network,
        downloaded once (26 MB) into the cache of the Hugging Face hub.
    instrument : str
        Name of the instrument. Without `weights`: one of `cadenza.stems.INSTRUMENTS`.
    causal : bool
        Which of the two published networks of the instrument.
    """

    sources: ClassVar[tuple[str, ...]] = ("target", "accompaniment")

    instrument: str = ""
    causal: bool = False

    def weight_files(self) -> dict[str, Path]:
        """Published files by name, if these are used and there."""
        if self.weights is not None:
            return {}
        return cached(model_name(self.instrument, causal=self.causal))

    def _folder(self) -> Path:
        if self.weights is None:
            return download(model_name(self.instrument, causal=self.causal))
        return super()._folder()

    @property
    def _outputs(self) -> tuple[str, ...]:
        return self.instrument, "accompaniment"
