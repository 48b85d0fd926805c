"""The index from its start to its end, for one ear."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza._compiled import announced
from cadenza.audiogram import Audiogram
from cadenza.haaqi.cochlea import impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.constants import NALR_ORDER, SAMPLE_RATE, SMOOTHING_HOP
from cadenza.haaqi.details import CepstralDetails, HaaqiDetails, SpectrumDetails, VibrationDetails
from cadenza.haaqi.ear_model import Ear, Excitation
from cadenza.haaqi.features import compare_envelopes, compare_spectra, compare_vibration
from cadenza.haaqi.noise import Random, noise_named
from cadenza.haaqi.options import HaaqiOptions
from cadenza.haaqi.periphery import equalise, middle_ear
from cadenza.haaqi.resampling import drift
from cadenza.haaqi.score import HaaqiScore
from cadenza.haaqi.short_time import Frames, frame_centres
from cadenza.haaqi.signals import Alignment, line_up

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listening:
    """Whose ear listens, at which level, and how that is evaluated.

    Parameters
    ----------
    audiogram, level_db_spl, rng
        As for `haaqi`; an infinite level is refused only after a silent reference, its cause.
    options : HaaqiOptions
    """

    audiogram: Audiogram
    level_db_spl: float
    rng: Random
    options: HaaqiOptions

    def __post_init__(self) -> None:
        if not isinstance(self.audiogram, Audiogram):
            raise TypeError(f"audiogram must be an Audiogram, got {type(self.audiogram).__name__}")


def scores(
    reference: ArrayLike,
    processed: Sequence[ArrayLike],
    listening: Listening,
    executor: Executor,
) -> list[HaaqiScore]:
    """Score processed signals against one reference.

    Parameters
    ----------
    reference : array_like, shape (T,)
    processed : sequence of array_like, shape (T',) each
    listening : Listening
    executor : Executor
        For what can be done in parallel.
    """
    options = listening.options
    cochlea = impaired_cochlea(six_levels_db_hl(listening.audiogram))
    signals, alignments = _behind_middle_ear(reference, processed, listening, executor)
    ear = Ear(
        cochlea,
        level_db_spl=_check.number("level_db_spl", listening.level_db_spl),
        noise=noise_named(options.noise, listening.rng),
        frames=Frames(options.segment_size),
        silence_threshold_db=options.silence_threshold_db,
    )
    with announced("HAAQI (about 20 seconds)"):
        heard = ear.hear(signals, executor)
    return [_compare(heard, i, ear, alignment, options) for i, alignment in enumerate(alignments)]


def _behind_middle_ear(
    reference: ArrayLike, processed: Sequence[ArrayLike], listening: Listening, executor: Executor
) -> tuple[NDArray[np.float64], list[Alignment]]:
    """Signals on their way into the cochlea, shape (P + 1, N), and how they were lined up."""
    signals, alignments = line_up(reference, processed, listening.options.rates)
    if listening.options.equalisation == "nalr":
        signals[0] = equalise(signals[0], listening.audiogram)
    passed = np.empty((len(signals), signals[0].size))
    for row, signal in zip(passed, executor.map(middle_ear, signals), strict=True):
        row[:] = signal
    return passed, alignments


def _compare(
    heard: Excitation, i: int, ear: Ear, alignment: Alignment, options: HaaqiOptions
) -> HaaqiScore:
    """Score the `i`-th processed signal by what the ear heard of it and of the reference."""
    pair = slice(0, i + 2, i + 1)
    spectrum = compare_spectra(heard.levels_db_sl[pair])
    cepstral = compare_envelopes(
        heard.envelopes[pair],
        silence_threshold_db=options.silence_threshold_db,
        noise_db=options.cepstral_noise_db,
        noise=ear.noise,
    )
    vibration = compare_vibration(
        heard.covariances[i],
        heard.frame_levels_db_sl,
        ear.cochlea.centre_hz,
        silence_threshold_db=options.silence_threshold_db,
    )
    flags = alignment.flags
    if not (cepstral.audible and vibration.audible):
        flags += ("inaudible reference",)
    result = HaaqiScore(
        cepstral_correlation=cepstral.mean_correlation,
        vibration_covariance=vibration.mean_covariance,
        loudness_spectrum=spectrum.loudness_similarity,
        normalised_spectrum=spectrum.normalised_similarity,
        delay_samples=alignment.delay,
        flags=flags,
        details=_details(spectrum, cepstral, vibration, alignment.start - heard.delay, ear, options)
        if options.details
        else None,
    )
    if flags:
        logger.warning("HAAQI %.3f is doubtful: %s", result.score, ", ".join(flags))
    return result


def _details(
    spectrum: SpectrumDetails,
    cepstral: CepstralDetails,
    vibration: VibrationDetails,
    start: int,
    ear: Ear,
    options: HaaqiOptions,
) -> HaaqiDetails:
    """Put the details together; `start` is the sample of the reference in the first frame."""
    start += NALR_ORDER // 2 if options.equalisation == "nalr" else 0  # see `periphery.equalise`
    rate = SAMPLE_RATE * drift(options.sample_rate)
    return HaaqiDetails(
        centre_hz=ear.cochlea.centre_hz,
        spectrum=spectrum,
        cepstral=cepstral,
        cepstral_times_s=(start + frame_centres(cepstral.frames.size, SMOOTHING_HOP)) / rate,
        vibration=vibration,
        vibration_times_s=(start + frame_centres(vibration.tiles.shape[1], ear.frames.hop)) / rate,
    )
