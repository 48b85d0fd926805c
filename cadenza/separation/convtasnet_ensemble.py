"""A Conv-TasNet for each instrument of a classical ensemble: the separator of the CAD2 baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.errors import InputError
from cadenza.separation import weights
from cadenza.separation.convtasnet.files import INCLUDED, cached, missing, model_name
from cadenza.separation.convtasnet_instrument import ConvTasNetInstrument
from cadenza.separation.device import check_device_name
from cadenza.separation.overlap_add import check_durations
from cadenza.separation.protocol import Stems
from cadenza.separation.refine import Refinement, check_refinement, refined, wiener
from cadenza.separation.weights import MissingWeights
from cadenza.stems import INSTRUMENTS


@dataclass(frozen=True)
class ConvTasNetEnsemble:
    """Separator of classical ensembles with one network per instrument.

    Two voices of one instrument, such as two violins, are estimated together.

    Parameters
    ----------
    causality : {"noncausal", "causal"}
        Which networks.
    models_dir : str or Path, optional
        Folder with a folder ``ConvTasNet_<Instrument>_<Causal|NonCausal>`` for each instrument that
        is needed; ``"included"`` for the small networks, non-causal only, that are included in
        cadenza. Default: the published networks, each downloaded at first use.
    add_residual : float
        Fraction of the accompaniment that is added to an instrument's estimate, 0 or more.
    device, segment_s, overlap_s, progress
        As in `cadenza.separation.convtasnet_vdbo.ConvTasNetVDBO`.
    refine : {"none", "residual", "wiener"}, optional
        How the instruments are adjusted to the mixture; see `cadenza.separation.refine`. With
        ``"wiener"``, each network first divides the mixture into its instrument and the rest. Then
        masks for all instruments together follow, with a part for what no network has found, of
        which all instruments get an equal share. Networks that were trained with masks need it, as
        the included ones. Default: ``"wiener"`` with the included networks,
        otherwise ``"none"``, as published.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.
    """

    sources: ClassVar[tuple[str, ...]] = INSTRUMENTS

    causality: Literal["noncausal", "causal"] = "noncausal"
    models_dir: str | Path | None = None
    add_residual: float = 0.1
    device: str | None = None
    segment_s: float = 10.0
    overlap_s: float = 0.1
    progress: bool | None = False
    refine: Refinement | None = None

    def __post_init__(self) -> None:
        if self.refine is None:
            best: Refinement = "wiener" if self.models_dir == "included" else "none"
            object.__setattr__(self, "refine", best)
        check_refinement(self.refine)
        if self.causality not in ("noncausal", "causal"):
            raise ValueError(f"causality must be noncausal or causal, got {self.causality!r}")
        _check.within("add_residual", self.add_residual, 0)
        check_device_name(self.device)
        check_durations(self.segment_s, self.overlap_s)
        if self.models_dir == "included":
            if self.causality == "causal":
                raise InputError(
                    "causality must be noncausal with the included networks, got causal"
                )
            object.__setattr__(self, "models_dir", INCLUDED)

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
                self._network_of(instrument).prepare()
            except InputError as error:
                problems += error.problems
        last_of_each = dict.fromkeys(reversed(problems))  # advice that all share comes last
        _check.raise_if(list(reversed(last_of_each)))

    def missing_weights(self) -> MissingWeights | None:
        """Networks that are not there, if any."""
        names = [model_name(name, causal=self.causality == "causal") for name in INSTRUMENTS]
        if self.models_dir is None:
            return missing(names)
        return weights.missing(self.models_dir, [], "")

    def files_of(self, instruments: Sequence[str]) -> tuple[Path, ...]:
        """Files of the published networks of some instruments, if these are used and there.

        They belong to the pieces with these instruments, because a run fetches only what it needs.
        """
        if self.models_dir is not None:
            return ()
        causal = self.causality == "causal"
        names = [model_name(instrument, causal=causal) for instrument in instruments]
        return tuple(path for name in names for path in cached(name).values())

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
            What plays; an instrument that is named twice is estimated once. Unless `refine` is
            ``"none"``, these divide the mixture among them, so all that play must be named.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
            An estimate for each distinct instrument.
        """
        stems = {}
        for name in dict.fromkeys(instruments):
            estimate = self._network_of(name)(mixture, sample_rate=sample_rate)
            stems[name] = estimate["target"]
            if self.refine == "none":
                stems[name] = stems[name] + self.add_residual * estimate["accompaniment"]
        if self.refine == "none":
            return stems
        whole = _check.mono_or_stereo("mixture", mixture)
        return {
            name: target + self.add_residual * (whole - target)
            for name, target in self._adjusted(stems, whole).items()
        }

    def _adjusted(self, targets: Stems, mixture: NDArray[np.float64]) -> Stems:
        """Instruments that add up to the mixture."""
        if self.refine == "residual":
            return refined(targets, mixture, "residual")
        rest = mixture - sum(targets.values())
        *masked, masked_rest = wiener([*targets.values(), rest], mixture)
        share = masked_rest / len(masked)
        return {name: target + share for name, target in zip(targets, masked, strict=True)}

    def _network_of(self, instrument: str) -> ConvTasNetInstrument:
        if instrument not in self._networks:
            raise InputError(
                f"instrument must be one of {', '.join(INSTRUMENTS)}, got {instrument!r}"
            )
        return self._networks[instrument]

    @cached_property
    def _networks(self) -> dict[str, ConvTasNetInstrument]:
        """All networks; each is loaded when it is first used."""
        causal = self.causality == "causal"
        return {
            instrument: ConvTasNetInstrument(
                device=self.device,
                weights=self.models_dir
                and Path(self.models_dir).expanduser() / model_name(instrument, causal=causal),
                segment_s=self.segment_s,
                overlap_s=self.overlap_s,
                progress=self.progress,
                instrument=instrument,
                causal=causal,
                # first each instrument against all others, as networks are trained with masks
                refine="wiener" if self.refine == "wiener" else "none",
            )
            for instrument in INSTRUMENTS
        }
