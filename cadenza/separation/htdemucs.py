"""Hybrid Transformer Demucs, one network or a bag of them, through the package demucs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cadenza import _check
from cadenza.errors import InputError
from cadenza.separation import htdemucs_files, weights
from cadenza.separation.demucs import on_normalised
from cadenza.separation.network_separator import TorchSeparator
from cadenza.separation.overlap_add import hide_progress
from cadenza.separation.plain_yaml import read_yaml, shown
from cadenza.separation.refine import Refinement
from cadenza.separation.weights import MissingWeights

if TYPE_CHECKING:
    import torch

_URL = "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer"
_SHORTEST_S, _LONGEST_S = 0.1, 60  # of a segment; published networks have 7.8 s
_CACHE = "checkpoints"  # demucs 4.0 looks for the files in the same folder
_PUBLISHED = {
    "htdemucs": ["955717e8-8726e21a.th"],
    "htdemucs_ft": [
        *("f7e0c4bc-ba3fe64a.th", "d12395a8-e57c48e6.th"),
        *("92cfc3b6-ef3bcb9c.th", "04573f0d-f3cf25b2.th"),
    ],
}
"""Files of each model. The networks of ``htdemucs_ft`` are tuned to one source each, in order."""


@dataclass(frozen=True)
class _Bag:
    """Files of a bag's networks, and how much each counts for each source."""

    files: list[Path]
    shares: list[list[float]] | None = None


@dataclass(frozen=True)
class HTDemucs(TorchSeparator):
    """Transformer between the two branches of Hybrid Demucs, trained on 800 more songs [1]_.

    The mixture is divided into segments and normalised as in the package demucs, by the package
    itself, without its random shifts; `cadenza.separation.ensemble` averages over shifts.

    Parameters
    ----------
    model : str
        ``htdemucs``: one network. ``htdemucs_ft``: four networks, each fine-tuned to one source;
        takes four times as long. Or the name of your own bag in `weights`.
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    weights : str or Path, optional
        A network, as a ``.th`` or ``.safetensors`` file. Or a folder with the networks of `model`:
        the published files, or those that ``<model>.yaml`` in this folder lists, in the format of
        demucs. Default: the published files in torch's cache; they are not downloaded.
    overlap : float
        Fraction of a segment (7.8 s) that it shares with the next, from 0 to 0.9.
    progress : bool, optional
        Show a progress bar inside a long song. Default: on a terminal.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`.
    sha256 : str, optional
        First digits of the SHA-256 of `weights`, if it is one file. Default: the digits in the name
        of a file, if it has the form ``<name>-<SHA-256>.th``.

    Raises
    ------
    InputError, TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    References
    ----------
    .. [1] Rouard, Massa & Défossez (2023), Hybrid transformers for music source separation,
       ICASSP 2023.
    """

    sources: ClassVar[tuple[str, ...]] = ("drums", "bass", "other", "vocals")
    model_sample_rate: ClassVar[int] = 44100

    model: str = "htdemucs"
    device: str | None = None
    weights: str | Path | None = None
    overlap: float = 0.25
    progress: bool | None = None
    refine: Refinement = "none"
    sha256: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= _check.number("overlap", self.overlap) <= 0.9:
            raise ValueError(f"overlap must be from 0 to 0.9, got {self.overlap!r}")
        if self.weights is None and self.model not in _PUBLISHED:
            raise InputError(f"model must be one of {', '.join(_PUBLISHED)}, got {self.model!r}")
        weights.check_digits(self.sha256)
        if self.sha256 is not None and self.weights is None:
            raise InputError("sha256 is the checksum of weights, which must be one file, got null")

    def missing_weights(self) -> MissingWeights | None:
        """Weights that are not there, if any."""
        return weights.missing(self.weights, self._urls, _CACHE, will_download=False)

    def weight_files(self) -> dict[str, Path]:
        """Published files by name, if these are used."""
        return {} if self.weights is not None else weights.cached(self._urls, _CACHE)

    @property
    def _urls(self) -> list[str]:
        """Published files of the model; none for a bag of your own."""
        return [f"{_URL}/{name}" for name in _PUBLISHED.get(self.model, [])]

    def _estimate(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        return on_normalised(self._apply, mixture)

    def _apply(self, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
        import torch
        from demucs.apply import apply_model

        signal = torch.from_numpy(mixture.astype(np.float32))[None]
        bag: Any = self._network
        chunks = _n_chunks(bag, mixture.shape[1], self.overlap)
        hide = hide_progress(self.progress)

        def show(state: dict[str, Any]) -> None:
            bar.update(state["state"] == "end")

        with tqdm(total=chunks, desc="separating", leave=False, disable=hide) as bar:
            estimates = apply_model(
                bag,
                signal,
                shifts=0,
                overlap=self.overlap,
                device=self._device,
                callback=show,
            )
        result: NDArray[np.float64] = estimates[0].cpu().numpy().astype(np.float64)
        return result

    def _load(self) -> torch.nn.Module:
        htdemucs_files.PACKAGE.check()  # before anyone fetches weights
        found = self._bag()
        networks: list[Any] = [
            htdemucs_files.read_network(p, sha256=self.sha256) for p in found.files
        ]
        with htdemucs_files.PACKAGE.importing():
            from demucs.apply import BagOfModels

        for path, network in zip(found.files, networks, strict=True):
            self._check(path, network)
        bag: torch.nn.Module = BagOfModels(networks, found.shares)
        return bag

    def _check(self, path: Path, network: Any) -> None:  # noqa: ANN401
        """Raise an `InputError` if this network is one for other stems or signals."""
        given = (tuple(network.sources), network.audio_channels, network.samplerate)
        expected = (self.sources, 2, self.model_sample_rate)
        if given != expected:
            raise InputError(
                f"{path}: expected a network with (sources, channels, sample rate) = {expected}, "
                f"found {given}"
            )
        segment = network.segment
        is_number = isinstance(segment, int | float | Fraction)
        if not (is_number and _SHORTEST_S <= segment <= _LONGEST_S):
            raise InputError(
                f"{path}: the segment of the network must be from {_SHORTEST_S} to {_LONGEST_S} s, "
                f"got {shown(segment)}"
            )

    def _bag(self) -> _Bag:
        """The files and shares of the networks."""
        names = _PUBLISHED.get(self.model, [])
        identity = [[float(i == k) for i in range(4)] for k in range(4)]
        shares = identity if len(names) == len(self.sources) else None
        if self.weights is None:
            instead = "a file or folder that you have"
            return _Bag(weights.find(self._urls, _CACHE, instead=instead), shares)
        path = Path(self.weights).expanduser()
        if not path.is_dir():
            return _Bag([path])
        if self.sha256 is not None:
            raise InputError(f"sha256 is the checksum of one file, but weights is a folder: {path}")
        definition = path / f"{self.model}.yaml"
        if definition.is_file():
            return self._defined(definition)
        if not names:
            raise InputError(f"{definition}: file not found; it lists the networks of the bag")
        signatures = [name.partition("-")[0] for name in names]
        return _Bag(_files(path, signatures), shares)

    def _defined(self, path: Path) -> _Bag:
        """The bag of a YAML file: `models`, `weights` and nothing else that matters here."""
        content = read_yaml(path, "the list of the networks of a bag")
        content = content if isinstance(content, Mapping) else {}
        names, shares = content.get("models"), content.get("weights")
        if not (isinstance(names, list) and names and all(_is_signature(name) for name in names)):
            raise InputError(f"{path}: models must be a list of names, got {shown(names)}")
        if shares is not None and not _are_shares(shares, len(names), len(self.sources)):
            raise InputError(
                f"{path}: weights must be a list for each model of one number for each of "
                f"{', '.join(self.sources)}, of which some must be positive for every source"
            )
        return _Bag(_files(path.parent, names), shares)


def _n_chunks(bag: Any, n_samples: int, overlap: float) -> int:  # noqa: ANN401
    """How many chunks the package makes of a signal, for all networks together."""
    lengths = [int(network.samplerate * network.segment) for network in bag.models]
    return sum(len(range(0, n_samples, int((1 - overlap) * length))) for length in lengths)


def _is_signature(name: object) -> bool:
    return isinstance(name, str) and name.isalnum()


def _are_shares(shares: object, n_models: int, n_sources: int) -> bool:
    """Whether each model has a number for each source, and each source a positive sum."""
    if not (isinstance(shares, list) and len(shares) == n_models):
        return False
    rows = [row for row in shares if isinstance(row, list) and len(row) == n_sources]
    numbers = [x for row in rows for x in row if type(x) in (int, float) and 0 <= x < np.inf]
    if len(numbers) < n_models * n_sources:
        return False
    return bool(np.all(np.sum(rows, axis=0) > 0))


def _files(folder: Path, signatures: list[str]) -> list[Path]:
    """File of each network in a folder."""
    found = {
        signature: [
            path
            for suffix in htdemucs_files.SUFFIXES
            for pattern in (f"{signature}{suffix}", f"{signature}-*{suffix}")
            for path in sorted(folder.glob(pattern))
        ]
        for signature in signatures
    }
    problems = [
        f"{folder}: expected one file {signature}.th, {signature}-<SHA-256>.th or "
        f"{signature}.safetensors, found {len(paths)}"
        for signature, paths in found.items()
        if len(paths) != 1
    ]
    _check.raise_if(problems)
    return [path for (path,) in found.values()]
