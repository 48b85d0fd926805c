"""The way from signals to scores, for one ear."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza._compiled import announced
from cadenza.audiogram import Audiogram
from cadenza.haaqi import _arguments
from cadenza.haaqi.alignment import align_and_trim
from cadenza.haaqi.cochlea import impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.ear_model import Ear, Excitation
from cadenza.haaqi.features import cepstral_correlation, spectrum_features, vibration_covariance
from cadenza.haaqi.noise import Noise, Random, noise_named
from cadenza.haaqi.periphery import middle_ear
from cadenza.haaqi.resampling import SAMPLE_RATE, drift, to_model_rate
from cadenza.haaqi.score import Flag, HaaqiScore
from cadenza.haaqi.short_time import Frames
from cadenza.hearing_aid import NALR

logger = logging.getLogger(__name__)

_NALR_ORDER = 140
_NOISE_DB = -10  # internal noise relative to the threshold of hearing
_MAX_DOUBLINGS = 16  # or halvings that a level may need before it is changed
_MAX_SURPLUS_MS = 20  # the tail of a hearing aid's filters is shorter


@dataclass(frozen=True)
class Options:
    """How to evaluate; the arguments of `haaqi` that are the same for both ears."""

    rates: tuple[float, float]
    equalisation: str
    noise: str
    silence_threshold_db: float = 2.5
    cepstral_noise_db: float = 0.0
    segment_ms: float = 16.0

    def __post_init__(self) -> None:
        _arguments.equalisation(self.equalisation)
        _arguments.finite("silence_threshold_db", self.silence_threshold_db)
        _arguments.segment_size(self.segment_ms)
        _arguments.noise(self.noise, self.cepstral_noise_db)
        _arguments.sample_rate("sample_rate", self.rates[0])
        _arguments.sample_rate("processed_sample_rate", self.rates[1])


class Evaluation:
    """Signals that are lined up and equalised, and are ready for the ear.

    Parameters
    ----------
    reference : array_like, shape (T,)
    processed : sequence of array_like, shape (T',) each
    audiogram : Audiogram
    level_db_spl : float
    options : Options
        All as for `haaqi_candidates`.
    executor : Executor
        For what can be done in parallel.
    """

    def __init__(
        self,
        reference: ArrayLike,
        processed: Sequence[ArrayLike],
        audiogram: Audiogram,
        level_db_spl: float,
        options: Options,
        executor: Executor,
    ) -> None:
        if not isinstance(audiogram, Audiogram):
            raise TypeError(f"audiogram must be an Audiogram, got {type(audiogram).__name__}")
        self._options, self._executor = options, executor
        self._level_db_spl = level_db_spl
        self._cochlea = impaired_cochlea(six_levels_db_hl(audiogram))
        reference, aligned, self._delays, self._flags = _line_up(
            reference, processed, options.rates
        )
        _arguments.finite("level_db_spl", level_db_spl)
        if options.equalisation == "nalr":
            amplify = NALR(audiogram, sample_rate=SAMPLE_RATE, nfir=_NALR_ORDER)
            # Cut to the same length, which makes it early: aligning the bands makes up for that
            reference = amplify(reference)[_NALR_ORDER:]
        self._signals = np.empty((1 + len(aligned), reference.size))
        behind_middle_ear = executor.map(middle_ear, (reference, *aligned))
        for row, signal in zip(self._signals, behind_middle_ear, strict=True):
            row[:] = signal

    def scores(self, rng: Random) -> list[HaaqiScore]:
        """Let the ear hear the signals, and score each processed one."""
        noise = noise_named(self._options.noise, rng)
        with announced("HAAQI (some 20 seconds)"):
            heard = self._hear(noise)
        return [self._score(heard, i, noise) for i in range(len(self._delays))]

    def _hear(self, noise: Noise) -> Excitation:
        # A level that the ear model's single precision can hold; doubling rounds nothing
        signals, level_db_spl = self._signals, self._level_db_spl
        doublings = -int(np.frexp(max(signals.max(), -signals.min()))[1])
        if abs(doublings) > _MAX_DOUBLINGS:
            signals = np.ldexp(signals, doublings)
            level_db_spl -= 20 * math.log10(2) * doublings
        ear = Ear(
            self._cochlea,
            level_db_spl=level_db_spl,
            noise=noise,
            noise_rms=10 ** ((_NOISE_DB - self._level_db_spl) / 20),
            frames=Frames(_arguments.segment_size(self._options.segment_ms)),
            silence_threshold_db=self._options.silence_threshold_db,
        )
        return ear.hear(signals, self._executor)

    def _score(self, heard: Excitation, i: int, noise: Noise) -> HaaqiScore:
        silence_threshold_db = self._options.silence_threshold_db
        pair = slice(0, i + 2, i + 1)
        cepstral = cepstral_correlation(
            heard.envelopes[pair],
            silence_threshold_db=silence_threshold_db,
            noise_db=self._options.cepstral_noise_db,
            noise=noise,
        )
        vibration = vibration_covariance(
            np.stack([heard.covariances[i], heard.frame_levels_db_sl]),
            self._cochlea.centre_hz,
            silence_threshold_db=silence_threshold_db,
        )
        loudness_spectrum, normalised_spectrum = spectrum_features(heard.levels_db_sl[pair])
        flags = self._flags[i]
        if cepstral is None or vibration is None:
            flags += ("inaudible reference",)
        result = HaaqiScore(
            cepstral_correlation=cepstral or 0.0,
            vibration_covariance=vibration or 0.0,
            loudness_spectrum=loudness_spectrum,
            normalised_spectrum=normalised_spectrum,
            delay_samples=self._delays[i],
            flags=flags,
        )
        if flags:
            logger.warning("HAAQI %.3f is doubtful: %s", result.score, ", ".join(flags))
        return result


def _line_up(
    reference: ArrayLike,
    processed: Sequence[ArrayLike],
    rates: tuple[float, float],
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], list[int], list[tuple[Flag, ...]]]:
    """Check all signals, bring them to the model's rate, align and trim them."""
    reference = to_model_rate(_arguments.signal("reference", reference, rates[0]), rates[0])
    drifting = drift(rates[0]) != drift(rates[1])
    trimmed = reference
    signals: list[NDArray[np.float64]] = []
    delays: list[int] = []
    flags: list[tuple[Flag, ...]] = []
    for samples in processed:
        candidate = to_model_rate(_arguments.signal("processed", samples, rates[1]), rates[1])
        surplus_ms = 1000 * abs(reference.size - candidate.size) / SAMPLE_RATE
        trimmed, aligned, delay = align_and_trim(reference, candidate)
        duration_s = trimmed.size / SAMPLE_RATE
        _arguments.duration("reference without the silence at its ends", duration_s)
        if signals and aligned.size != signals[0].size:
            raise ValueError("processed signals must all have the same length")
        findings: dict[Flag, bool] = {
            "lengths differ": surplus_ms > _MAX_SURPLUS_MS,
            "sample rates drift apart": drifting,
            "silent processed": not aligned.any(),
        }
        signals.append(aligned)
        delays.append(delay)
        flags.append(tuple(flag for flag, found in findings.items() if found))
    return trimmed, signals, delays, flags
