"""One Conv-TasNet for the four stems of popular music."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cadenza.separation.convtasnet.files import INCLUDED, model_name
from cadenza.separation.convtasnet.separator import ConvTasNetSeparator
from cadenza.separation.refine import Refinement
from cadenza.stems import STEMS


@dataclass(frozen=True)
class ConvTasNetVDBO(ConvTasNetSeparator):
    """Separator of popular music: one network with an output for each of the four stems.

    Parameters
    ----------
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    weights : str or Path, optional
        Folder with ``config.json`` and ``model.safetensors``. Default: the small network that is
        included in cadenza.
    segment_s, overlap_s : float
        Seconds of music that the network gets at a time, and of cross-fade between them; see
        `cadenza.separation.overlap_add`.
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`. The included
        network was trained together with the masks of ``"wiener"`` and needs them.
    """

    sources: ClassVar[tuple[str, ...]] = STEMS

    refine: Refinement = "wiener"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is None:
            object.__setattr__(self, "weights", INCLUDED / model_name("VDBO", causal=False))
