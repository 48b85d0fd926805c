"""Estimated sources of a CAD2 piece and the gains to remix them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from cadenza import audio
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair
from cadenza.errors import InputError
from cadenza.remix import repeated_instrument_gains
from cadenza.runner import cli
from cadenza.runner.blocks import stem_cache
from cadenza.separation import Stems
from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
from cadenza.separation.oracle import Oracle

Estimates = tuple[Stems, dict[str, float]]


class Estimator:
    """Finds the sources of a piece, once for all its listeners.

    A separator cannot tell two voices of one instrument apart. With ``compat=fixed`` they are
    estimated once and share the mean of their gains. With ``compat=published`` the estimate is
    used for each voice, so that the instrument comes 6 dB too loud, all repeated instruments share
    one mean, and a piece that fits into one chunk fades out at its end: as in the published
    baseline. The oracle knows every voice.

    Parameters
    ----------
    config : DictConfig
        Configuration of the recipe.

    Raises
    ------
    InputError
        If the separator cannot be built.
    """

    def __init__(self, config: DictConfig) -> None:
        self._published = config.compat == "published"
        self._rate = config.input_sample_rate
        self.separator = cli.build(config, "separator")
        self._stems_of = stem_cache(
            config, self.separator, self._separate, rate_key="input_sample_rate"
        )

    def prepare(self, pairs: list[EnsemblePair]) -> None:
        """Load the networks of all instruments that play, so that a missing one is known now.

        Raises
        ------
        InputError
            If a network is missing, or the separator is not made for these instruments.
        """
        if isinstance(self.separator, Oracle):
            return
        families = sorted({s.family for pair in pairs for s in pair.piece.sources.values()})
        known = getattr(self.separator, "sources", families)
        if not set(families) <= set(known):
            name = type(self.separator).__name__
            raise InputError(f"separator {name} knows {list(known)}, the music has {families}")
        if isinstance(self.separator, ConvTasNetEnsemble):
            self.separator.prepare(families)

    def input_files(self, pair: EnsemblePair) -> tuple[Path, ...]:
        """Files that are read, the mixture first."""
        sources = pair.piece.sources.values() if isinstance(self.separator, Oracle) else ()
        return (pair.file(pair.piece.mixture), *(pair.file(source) for source in sources))

    def __call__(self, pair: EnsemblePair) -> Estimates:
        """Estimates of a piece, each of shape (2, T), and the gain in dB of each."""
        sources = pair.piece.sources
        if isinstance(self.separator, Oracle):
            true = {name: pair.read(source, self._rate) for name, source in sources.items()}
            return true, dict(pair.gains_db)
        families = {name: source.family for name, source in sources.items()}
        mixture = pair.piece.mixture
        part = (mixture.start_s, mixture.duration_s, tuple(dict.fromkeys(families.values())))
        estimates = self._stems_of(pair.file(mixture), *part)
        if self._published:
            faded = {name: self._fade_out(estimates[family]) for name, family in families.items()}
            shared = repeated_instrument_gains(pair.gains_db, families, mean_over="all_repeated")
            return faded, shared
        gains_db = repeated_instrument_gains(pair.gains_db, families)
        return estimates, {family: gains_db[name] for name, family in families.items()}

    def _separate(
        self, path: Path, start_s: float, duration_s: float, instruments: tuple[str, ...]
    ) -> Stems:
        mixture, rate = audio.read(
            path, sample_rate=self._rate, channels=2, start_s=start_s, duration_s=duration_s
        )
        estimates: Stems = self.separator(mixture, sample_rate=rate, instruments=instruments)
        return estimates

    def _fade_out(self, estimate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fade the last overlap of a signal that fits into one chunk."""
        segment_s = getattr(self.separator, "segment_s", 10.0)
        overlap_s = getattr(self.separator, "overlap_s", 0.1)
        if estimate.shape[-1] > int(self._rate * segment_s * (1 + overlap_s)):
            return estimate
        overlap = int(overlap_s * self._rate)
        weights = np.ones(estimate.shape[-1])
        weights[-overlap:] = np.linspace(1, 0, overlap)
        return weights * estimate
