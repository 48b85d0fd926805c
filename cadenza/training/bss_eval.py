"""How well sources are separated: the energy ratios of BSS Eval version 4 [1]_, from museval.

Not mir_eval, whose BSS Eval is version 3 and about to be removed. An estimate may differ from its
source by short filters; version 4 fits them once to a whole piece, version 3 to every window.

References
----------
.. [1] Stöter, Liutkus & Ito (2018), The 2018 Signal Separation Evaluation Campaign, LVA/ICA 2018,
   293-305.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from cadenza.errors import InputError


@dataclass(frozen=True)
class SeparationScores:
    """Medians over windows of 1 s in dB. Larger is better; 0 dB means as much error as signal.

    Parameters
    ----------
    sdr_db : float
        Source to all distortions.
    isr_db : float
        Source to spatial and spectral distortion of itself.
    sir_db : float
        Source to the other sources.
    sar_db : float
        Source to artefacts, which belong to no source.
    mixture_sdr_db : float
        `sdr_db` of the mixture in place of the estimate: the score of doing nothing.
    """

    sdr_db: float
    isr_db: float
    sir_db: float
    sar_db: float
    mixture_sdr_db: float


SCORES = tuple(field.name for field in fields(SeparationScores))


def separation_scores(
    sources: NDArray[np.float64], estimates: NDArray[np.float64], *, sample_rate: int
) -> list[SeparationScores]:
    """Scores of the estimates of all sources of a piece.

    A source that is silent throughout has no scores (NaN) and does not affect those of the others.
    An estimate that is silent throughout has an SDR of 0 dB and no other scores. Windows in which a
    source or an estimate is silent do not count.

    Parameters
    ----------
    sources, estimates : ndarray, shape (n_sources, 2, T)
        True and estimated sources; the mixture is the sum of the true ones.
    sample_rate : int
        In Hz.

    Returns
    -------
    list of SeparationScores
        One for each source.

    Raises
    ------
    ValueError
        If the shapes differ, or the signals are shorter than 1 s.
    InputError
        If museval is not installed.
    """
    if sources.shape != estimates.shape or sources.ndim != 3:
        shapes = f"{sources.shape} and {estimates.shape}"
        raise ValueError(f"sources and estimates must be (n_sources, 2, T), got {shapes}")
    if sources.shape[-1] < sample_rate:
        raise ValueError(f"sources must last at least 1 s, got {sources.shape[-1]} samples")
    mixture = sources.sum(axis=0)
    audible = np.flatnonzero(np.any(sources, axis=(1, 2)))
    heard = np.asarray(np.any(estimates[audible], axis=(1, 2)))
    scores = [SeparationScores(*[np.nan] * 5)] * len(sources)
    if not len(audible):
        return scores
    # museval accepts no silent estimate: give it something else and overwrite its scores
    given = np.where(heard[:, None, None], estimates[audible], sources[audible])
    for k, ratios_db in enumerate(_bss_eval(sources[audible], given, sample_rate)):
        counts = ~np.isnan(ratios_db[0])
        mixture_db = _window_sdr_db(sources[audible[k]], mixture, sample_rate)
        medians = [_median(ratios[counts]) for ratios in (*ratios_db, mixture_db)]
        if not heard[k]:
            medians[:4] = [0.0, *[np.nan] * 3]
        scores[audible[k]] = SeparationScores(*medians)
    return scores


def _bss_eval(
    sources: NDArray[np.float64], estimates: NDArray[np.float64], sample_rate: int
) -> NDArray[np.float64]:
    """SDR, ISR, SIR and SAR of every window, shape (n_sources, 4, n_windows)."""
    time_last = (0, 2, 1)
    *ratios_db, _ = _museval_metrics().bss_eval(
        sources.transpose(time_last),
        estimates.transpose(time_last),
        window=sample_rate,
        hop=sample_rate,
    )
    return np.stack(ratios_db, axis=1)


@cache
def _museval_metrics() -> ModuleType:
    """Load ``museval.metrics`` without the rest of museval, which needs the program ffmpeg."""
    package = importlib.util.find_spec("museval")
    if package is None or not package.submodule_search_locations:
        raise InputError("evaluation needs the package museval: pip install museval")
    path = Path(package.submodule_search_locations[0]) / "metrics.py"
    spec = importlib.util.spec_from_file_location("museval_metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _window_sdr_db(
    source: NDArray[np.float64], estimate: NDArray[np.float64], length: int
) -> NDArray[np.float64]:
    """SDR in windows of `length` samples; it needs no filters."""
    n_windows = source.shape[-1] // length
    signal, error = (
        np.square(x[:, : n_windows * length]).reshape(len(x), n_windows, length).sum(axis=(0, 2))
        for x in (source, estimate - source)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(10 * np.log10(signal / error))


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if len(values) else np.nan
