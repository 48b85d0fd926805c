"""Separators around Conv-TasNet networks: one network per instrument, or one for four stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from numpy.typing import ArrayLike

from cadenza._check import raise_if
from cadenza.errors import InputError
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.files import CONFIG_FILE, WEIGHTS_FILE
from cadenza.separation.network import NetworkSeparator
from cadenza.separation.protocol import Stems

if TYPE_CHECKING:
    import torch

INSTRUMENTS = ("Bassoon", "Cello", "Clarinet", "Flute", "Oboe", "Sax", "Viola", "Violin")
"""Instruments with published networks."""

_OWNER = "cadenzachallenge"  # on the Hugging Face hub
_INCLUDED = Path(__file__).with_name("models")


def model_name(target: str, *, causal: bool) -> str:
    """Name of the folder that holds the network of a target, as the published ones are called.

    Examples
    --------
    >>> model_name("Violin", causal=False)
    'ConvTasNet_Violin_NonCausal'
    """
    return f"ConvTasNet_{target}_{'Causal' if causal else 'NonCausal'}"


@dataclass(frozen=True)
class _ConvTasNetSeparator(NetworkSeparator):
    """A `NetworkSeparator` whose weights are a folder as in `cadenza.separation.convtasnet.files`.

    The network gets the mixture as it is, without normalisation.
    """

    model_sample_rate: ClassVar[int] = 44100

    def _load(self) -> torch.nn.Module:
        folder = self._folder()
        network, metadata = convtasnet_files.load(folder)
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
        return network

    @property
    def _outputs(self) -> tuple[str, ...]:
        """What the files call the outputs of the network."""
        return self.sources

    def _folder(self) -> Path:
        return Path(str(self.weights)).expanduser()


@dataclass(frozen=True)
class ConvTasNetVDBO(_ConvTasNetSeparator):
    """Separator of popular music: one Conv-TasNet with an output for each of the four stems.

    Parameters
    ----------
    device : str, optional
        ``cpu``, ``gpu<N>``, ``cuda``, ``cuda:<N>`` or ``mps``. Default: CUDA if available, else
        the CPU.
    weights : str or Path, optional
        Folder with ``config.json`` and ``model.safetensors``. Default: the small network that comes
        with cadenza.
    segment_s, overlap_s : float
        Seconds of music that the network sees at a time, and of cross-fade between them; see
        `cadenza.separation.overlap_add`.
    progress : bool
        Show a progress bar inside a long song.
    """

    sources: ClassVar[tuple[str, ...]] = ("vocals", "drums", "bass", "other")

    def __post_init__(self) -> None:
        if self.weights is None:
            object.__setattr__(self, "weights", _INCLUDED / model_name("VDBO", causal=False))


@dataclass(frozen=True)
class InstrumentModel(_ConvTasNetSeparator):
    """Separator of one instrument, all its voices together, from everything else.

    Parameters
    ----------
    device, weights, segment_s, overlap_s, progress
        As in `ConvTasNetVDBO`; default of `weights`: the published network, downloaded once (26 MB)
        into the cache of the Hugging Face hub.
    instrument : str
        One of `INSTRUMENTS` if `weights` is not given.
    causal : bool
        Which of the two published networks.
    """

    sources: ClassVar[tuple[str, ...]] = ("target", "accompaniment")

    instrument: str = ""
    causal: bool = False

    def _folder(self) -> Path:
        if self.weights is None:
            return _download(model_name(self.instrument, causal=self.causal))
        return super()._folder()

    @property
    def _outputs(self) -> tuple[str, ...]:
        return self.instrument, "accompaniment"


@dataclass(frozen=True)
class InstrumentSeparator:
    """Separator of classical ensembles, one network per instrument: the CAD2 baseline.

    Two voices of one instrument, such as two violins, come as one estimate.

    Parameters
    ----------
    causality : {"noncausal", "causal"}
        Which networks.
    models_dir : str or Path, optional
        Folder with a folder ``ConvTasNet_<Instrument>_<Causal|NonCausal>`` for each instrument that
        is needed; ``"included"`` for the small networks, non-causal only, that come with cadenza.
        Default: the published networks, each downloaded at first use.
    add_residual : float
        Fraction of the accompaniment that is added to an instrument's estimate.
    device, segment_s, overlap_s, progress
        As in `ConvTasNetVDBO`.
    """

    sources: ClassVar[tuple[str, ...]] = INSTRUMENTS

    causality: Literal["noncausal", "causal"] = "noncausal"
    models_dir: str | Path | None = None
    add_residual: float = 0.1
    device: str | None = None
    segment_s: float = 10.0
    overlap_s: float = 0.1
    progress: bool = False

    def __post_init__(self) -> None:
        if self.causality not in ("noncausal", "causal"):
            raise ValueError(f"causality must be noncausal or causal, got {self.causality!r}")
        if self.models_dir == "included":
            if self.causality == "causal":
                raise InputError(
                    "causality must be noncausal with the included networks, got causal"
                )
            object.__setattr__(self, "models_dir", _INCLUDED)

    def prepare(self, instruments: Sequence[str] = INSTRUMENTS) -> None:
        """Load the networks of some instruments.

        Raises
        ------
        InputError
            Naming every network that is missing or wrong.
        """
        problems = []
        for instrument in dict.fromkeys(instruments):
            try:
                self._model(instrument).prepare()
            except InputError as error:
                problems += error.problems
        raise_if(list(dict.fromkeys(problems)))

    def __call__(
        self, mixture: ArrayLike, *, sample_rate: int, instruments: Sequence[str]
    ) -> Stems:
        """Estimate the instruments that play in a mixture.

        Parameters
        ----------
        mixture : array_like, shape (2, T)
            Stereo signal; mono, (T,) or (1, T), is used for both channels with a logged warning.
        sample_rate : int
            In Hz.
        instruments : sequence of str
            What plays; an instrument that is named twice is estimated once.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
            An estimate for each distinct instrument.
        """
        stems = {}
        for instrument in dict.fromkeys(instruments):
            estimate = self._model(instrument)(mixture, sample_rate=sample_rate)
            stems[instrument] = estimate["target"] + self.add_residual * estimate["accompaniment"]
        return stems

    def _model(self, instrument: str) -> InstrumentModel:
        if instrument not in self._models:
            raise InputError(
                f"instrument must be one of {', '.join(INSTRUMENTS)}, got {instrument!r}"
            )
        return self._models[instrument]

    @cached_property
    def _models(self) -> dict[str, InstrumentModel]:
        """All networks; each is loaded when it is first used."""
        causal = self.causality == "causal"
        return {
            instrument: InstrumentModel(
                device=self.device,
                weights=self.models_dir
                and Path(self.models_dir).expanduser() / model_name(instrument, causal=causal),
                segment_s=self.segment_s,
                overlap_s=self.overlap_s,
                progress=self.progress,
                instrument=instrument,
                causal=causal,
            )
            for instrument in INSTRUMENTS
        }


def _download(name: str) -> Path:
    """Folder of a published network in the hub's cache; it is fetched if it is not there."""
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    repository = f"{_OWNER}/{name}"
    cached = [try_to_load_from_cache(repository, file) for file in (CONFIG_FILE, WEIGHTS_FILE)]
    if all(isinstance(path, str) for path in cached):
        return Path(str(cached[0])).parent
    try:
        return Path(snapshot_download(repository, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except Exception as error:  # of the hub, of its cache, of the connection
        raise InputError(
            f"{name} cannot be downloaded ({type(error).__name__}): on another machine get "
            f"{CONFIG_FILE} and {WEIGHTS_FILE} from https://huggingface.co/{repository}, put them "
            f"into FOLDER/{name}, and set separator.models_dir=FOLDER; or try "
            "separator.models_dir=included, small networks that come with cadenza"
        ) from None
