"""The signals of one ear: checked, at the rate of the model, aligned and trimmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.haaqi.alignment import align_and_trim
from cadenza.haaqi.constants import SAMPLE_RATE
from cadenza.haaqi.options import MIN_DURATION_S
from cadenza.haaqi.resampling import drift, to_model_rate
from cadenza.haaqi.score import Flag

MAX_AMPLITUDE = 1e100
"""Powers of larger numbers overflow."""

WITHOUT_SILENCE = "without the silence at its ends"
"""Words for the part of a reference in which it sounds."""

_MAX_SURPLUS_MS = 20  # the tail of a hearing aid's filters is shorter


@dataclass(frozen=True)
class Alignment:
    """How a processed signal was lined up with the reference.

    Parameters
    ----------
    start : int
        Number of samples that were cut from the start of the reference.
    delay : int
        By how many samples the processed signal came in late.
    flags : tuple of str
        Reasons to doubt the score.
    """

    start: int
    delay: int
    flags: tuple[Flag, ...]


def line_up(
    reference: ArrayLike, processed: Sequence[ArrayLike], rates: tuple[float, float]
) -> tuple[list[NDArray[np.float64]], list[Alignment]]:
    """Check all signals, bring them to the model's rate, align and trim them.

    Parameters
    ----------
    reference : array_like, shape (T,) or (1, T)
    processed : sequence of array_like, shape (T',) or (1, T') each
        At least one; all of the same length.
    rates : pair of float
        Sample rates of the reference and of processed signals in Hz.

    Returns
    -------
    signals : list of ndarray, shape (N,) each
        The reference without the silence at its ends, and the processed signals, at 24 kHz.
    alignments : list of Alignment
        One for each processed signal.
    """
    names = _names(processed)
    at_model_rate = to_model_rate(one_channel("reference", reference, rates[0]), rates[0])
    signals: list[NDArray[np.float64]] = []
    alignments = []
    for name, samples in zip(names, processed, strict=True):
        candidate = to_model_rate(one_channel(name, samples, rates[1]), rates[1])
        surplus = at_model_rate.size - candidate.size
        trimmed, aligned, start, delay = align_and_trim(at_model_rate, candidate)
        check_duration(f"reference {WITHOUT_SILENCE}", trimmed.size / SAMPLE_RATE)
        signals = signals or [trimmed]
        if aligned.size != signals[0].size:
            raise ValueError("processed signals must all have the same length")
        signals.append(aligned)
        flags = reasons_to_doubt(surplus, rates, silent=not aligned.any())
        alignments.append(Alignment(start, delay, flags))
    return signals, alignments


def reasons_to_doubt(surplus: int, rates: tuple[float, float], *, silent: bool) -> tuple[Flag, ...]:
    """Reasons to doubt the score of two signals, before they are heard.

    Parameters
    ----------
    surplus : int
        By how many samples at the model's rate the lengths differ.
    rates : pair of float
        Sample rates of the reference and of the processed signal in Hz.
    silent : bool
        Whether the processed signal is silent while the reference sounds.
    """
    findings: dict[Flag, bool] = {
        "lengths differ": 1000 * abs(surplus) / SAMPLE_RATE > _MAX_SURPLUS_MS,
        "sample rates drift apart": drift(rates[0]) != drift(rates[1]),
        "silent processed": silent,
    }
    return tuple(flag for flag, found in findings.items() if found)


def two_channels(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Check that a signal has a channel for each ear, and return it in the shape (2, T)."""
    channels = _check.signal(name, value)
    if channels.ndim == 2 and len(channels) == 2:
        return channels
    raise ValueError(
        f"{name} must have 2 channels, got shape {channels.shape}: for one ear, use haaqi"
    )


def _names(processed: Sequence[ArrayLike]) -> list[str]:
    """Names of the processed signals for messages."""
    if len(processed) == 0:
        raise ValueError("processed must hold one signal or more, got none")
    if len(processed) == 1:
        return ["processed"]
    return [f"processed[{i}]" for i in range(len(processed))]


def one_channel(name: str, value: ArrayLike, sample_rate: float) -> NDArray[np.float64]:
    """Check one channel of audio, and return it in the shape (T,)."""
    channels = _check.signal(name, value)
    if channels.ndim == 2 and len(channels) != 1:
        hint = ": for both ears, use haaqi_ears" if len(channels) == 2 else ""
        raise ValueError(f"{name} must have one channel, got shape {channels.shape}{hint}")
    samples = channels.reshape(-1)
    check_duration(name, samples.size / sample_rate)
    if (peak := max(samples.max(), -samples.min())) > MAX_AMPLITUDE:
        raise ValueError(f"{name} must not exceed {MAX_AMPLITUDE:g}, got a peak of {peak:g}")
    return samples


def check_duration(name: str, duration_s: float) -> None:
    """Raise a `ValueError` if there is too little music to score."""
    if duration_s < MIN_DURATION_S:
        raise ValueError(f"{name} must last at least {MIN_DURATION_S} s, got {duration_s:.4g} s")
