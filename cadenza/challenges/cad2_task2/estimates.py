"""Estimated sources of a CAD2 piece and the gains to remix them with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza._files import file_digest
from cadenza.challenges.cad2_task2.ensembles import EnsemblePair, Source
from cadenza.errors import InputError
from cadenza.remix import repeated_instrument_gains
from cadenza.separation import (
    Excerpt,
    InstrumentSeparator,
    SourceReader,
    Stems,
    instrument_files,
    prepare_instruments,
    separate_instruments,
)
from cadenza.separation.cache import CacheOptions, StemCache
from cadenza.separation.overlap_add import fade_end

Estimates = tuple[Stems, dict[str, float]]
Compat = Literal["fixed", "published"]


class Estimator(Protocol):
    """Finds the sources of a piece."""

    def input_files(self, pair: EnsemblePair) -> tuple[Path, ...]:
        """Files that are read, the mixture first."""

    def __call__(self, pair: EnsemblePair) -> Estimates:
        """Estimates of a piece, each of shape (2, T), and the gain in dB of each."""


def make_estimator(
    separator: InstrumentSeparator | SourceReader,
    *,
    sample_rate: int,
    compat: Compat,
    cache: CacheOptions,
) -> Estimator:
    """Make what finds the sources of a piece.

    A separator cannot tell two voices of one instrument apart. With ``compat="fixed"`` they are
    estimated once and share the mean of their gains. With ``compat="published"`` the estimate is
    used for each voice, so that the instrument comes 6 dB too loud, all repeated instruments share
    one mean, and a piece that fits into one chunk fades out at its end: as in the published
    baseline. A separator that reads the true sources knows every voice; `compat` does not
    matter then.

    Parameters
    ----------
    separator : InstrumentSeparator or SourceReader
        What finds the sources.
    sample_rate : int
        Of the estimates, in Hz.
    compat : {"fixed", "published"}
        What becomes of repeated instruments.
    cache : CacheOptions
        How to keep the estimates of a piece for its other listeners.

    Raises
    ------
    InputError
        If `compat` is neither.
    """
    if compat not in ("fixed", "published"):
        raise InputError(f"compat must be one of fixed, published, got {compat!r}")
    if isinstance(separator, SourceReader):
        return TrueSources(separator, sample_rate)
    return EstimatedInstruments(separator, sample_rate, compat, cache)


def prepare_for(separator: InstrumentSeparator | SourceReader, pairs: list[EnsemblePair]) -> None:
    """Let a separator load what it needs for all instruments that play.

    Raises
    ------
    InputError
        If a network is missing, or the separator is not made for these instruments.
    """
    families = {source.family for pair in pairs for source in pair.piece.sources.values()}
    prepare_instruments(separator, sorted(families))


@dataclass(frozen=True)
class TrueSources:
    """The sources themselves, each with its own gain."""

    reader: SourceReader
    sample_rate: int

    def input_files(self, pair: EnsemblePair) -> tuple[Path, ...]:
        """Files that are read, the mixture first."""
        sources = pair.piece.sources.values()
        return (pair.file(pair.piece.mixture), *(pair.file(source) for source in sources))

    def __call__(self, pair: EnsemblePair) -> Estimates:
        """Sources of a piece and their gains in dB."""
        excerpts = {name: _excerpt(pair, source) for name, source in pair.piece.sources.items()}
        sources = self.reader.read_sources(
            excerpts, mixture=_excerpt(pair, pair.piece.mixture), sample_rate=self.sample_rate
        )
        return sources, dict(pair.gains_db)


def _excerpt(pair: EnsemblePair, source: Source) -> Excerpt:
    return Excerpt(pair.file(source), source.start_s, source.duration_s)


class EstimatedInstruments:
    """Estimates of instruments, made once for all listeners of a piece."""

    def __init__(
        self,
        separator: InstrumentSeparator,
        sample_rate: int,
        compat: Compat,
        cache: CacheOptions,
    ) -> None:
        self._separator = separator
        self._rate = sample_rate
        self._compat = compat
        self._estimates_of = StemCache(self._separate, cache)
        self._digest_of = lru_cache(file_digest)

    def input_files(self, pair: EnsemblePair) -> tuple[Path, ...]:
        """The mixture, and published networks of the instruments that play."""
        families = dict.fromkeys(source.family for source in pair.piece.sources.values())
        networks = instrument_files(self._separator, tuple(families))
        return (pair.file(pair.piece.mixture), *networks)

    def __call__(self, pair: EnsemblePair) -> Estimates:
        """Estimates of a piece, each of shape (2, T), and the gain in dB of each."""
        families = {name: source.family for name, source in pair.piece.sources.items()}
        mixture = pair.piece.mixture
        instruments = tuple(dict.fromkeys(families.values()))
        networks = instrument_files(self._separator, instruments)
        digests = [tuple(map(self._digest_of, networks))] if networks else []
        part = (mixture.start_s, mixture.duration_s, instruments, *digests)
        estimates = self._estimates_of(pair.file(mixture), *part)
        if self._compat == "published":
            faded = {name: self._fade_out(estimates[family]) for name, family in families.items()}
            shared = repeated_instrument_gains(pair.gains_db, families, mean_over="all_repeated")
            return faded, shared
        gains_db = repeated_instrument_gains(pair.gains_db, families)
        return estimates, {family: gains_db[name] for name, family in families.items()}

    def _separate(
        self,
        path: Path,
        start_s: float,
        duration_s: float,
        instruments: tuple[str, ...],
        _digests: tuple[str, ...] = (),  # only tells results apart
    ) -> Stems:
        mixture, rate = audio.read(
            path, sample_rate=self._rate, channels=2, start_s=start_s, duration_s=duration_s
        )
        return separate_instruments(
            self._separator, mixture, sample_rate=rate, instruments=instruments
        )

    def _fade_out(self, estimate: NDArray[np.float64]) -> NDArray[np.float64]:
        return fade_end(
            estimate,
            sample_rate=self._rate,
            segment_s=getattr(self._separator, "segment_s", 10.0),
            overlap_s=getattr(self._separator, "overlap_s", 0.1),
        )
