"""HAAQI, the Hearing-Aid Audio Quality Index, version 1.

How good does processed music sound to a listener with hearing loss, compared with a reference?
Both signals go through a model of the listener's ear: the middle ear, 32 gammatone filters whose
bandwidth follows the level, compression by outer hair cells, threshold and adaptation of inner
hair cells. Four features compare what reaches the auditory nerve, and a regression fitted to
listening tests makes one number of them [1]_. The numbers are those of the implementation in
pyClarity 0.9.0, which the Cadenza challenges use.

.. [1] J. M. Kates and K. H. Arehart, "The Hearing-Aid Audio Quality Index (HAAQI)", IEEE/ACM
   Transactions on Audio, Speech, and Language Processing 24(2), 354-365, 2016,
   doi:10.1109/TASLP.2015.2507858.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza.audiogram import Audiogram
from cadenza.haaqi import _arguments
from cadenza.haaqi.alignment import SilentReferenceError, align_and_trim
from cadenza.haaqi.cochlea import impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.ear_model import auditory_bands
from cadenza.haaqi.features import cepstral_correlation, spectrum_features, vibration_covariance
from cadenza.haaqi.periphery import middle_ear
from cadenza.haaqi.resampling import SAMPLE_RATE, drift, to_model_rate
from cadenza.haaqi.short_time import short_time_covariance, smooth_envelope
from cadenza.hearing_aid import NALR

__all__ = ["HaaqiScore", "SilentReferenceError", "haaqi"]

logger = logging.getLogger(__name__)

Flag = Literal[
    "lengths differ", "sample rates drift apart", "silent processed", "inaudible reference"
]

_NALR_ORDER = 140


@dataclass(frozen=True)
class HaaqiScore:
    """A HAAQI score and what it is made of; ``float(...)`` gives the score alone.

    Attributes
    ----------
    score : float
        The index: near 0 for ruined or inaudible music, 0.999 for a perfect match.
    nonlinear, linear : float
        Its terms: the first drops with noise and distortion, the second with coloration.
    cepstral_correlation, vibration_covariance : float
        Features of the nonlinear term, 0 to 1: how much is left of the modulation of the spectrum
        at 20 to 125 Hz, and of the temporal fine structure.
    loudness_spectrum, normalised_spectrum : float
        Features of the linear term, 0 to 1: how much of the long-term spectrum is left, by
        loudness and relative to the loudness of each band.
    delay_samples : int
        By how many samples at 24 kHz the processed signal was late.
    flags : tuple of str
        Reasons to doubt the score: ``"lengths differ"`` (by more than 1 ms),
        ``"sample rates drift apart"``, ``"silent processed"``, ``"inaudible reference"`` (features
        of the nonlinear term are 0 for want of anything to compare).
    """

    score: float = field(init=False)
    nonlinear: float = field(init=False)
    linear: float = field(init=False)
    cepstral_correlation: float
    vibration_covariance: float
    loudness_spectrum: float
    normalised_spectrum: float
    delay_samples: int
    flags: tuple[Flag, ...]

    def __post_init__(self) -> None:
        nonlinear = 0.754 * self.cepstral_correlation**3 + 0.246 * self.vibration_covariance
        linear = 0.329 * self.loudness_spectrum + 0.671 * self.normalised_spectrum
        score = 0.336 * nonlinear + 0.001 * linear + 0.501 * nonlinear**2 + 0.161 * linear**2
        for name, value in (("score", score), ("nonlinear", nonlinear), ("linear", linear)):
            object.__setattr__(self, name, value)

    def __float__(self) -> float:
        return self.score


def haaqi(
    reference: ArrayLike,
    processed: ArrayLike,
    *,
    sample_rate: float,
    processed_sample_rate: float | None = None,
    audiogram: Audiogram,
    equalisation: Literal["nalr", "none"],
    level_db_spl: float = 65.0,
    noise: Literal["seeded", "none"] = "seeded",
    rng: int | np.random.RandomState | np.random.Generator = 0,
    silence_threshold_db: float = 2.5,
    cepstral_noise_db: float = 0.0,
    segment_ms: float = 16.0,
) -> HaaqiScore:
    """Score the quality of processed music for one ear.

    Parameters
    ----------
    reference, processed : array_like, shape (T,) and (T',)
        One channel each, at least 0.4 s, linear amplitude. A delay between them is found and
        removed; the longer one is cut at its end.
    sample_rate : float
        Sample rate in Hz, at least 8000. It counts as its nearest whole kHz (44.1 kHz as 44), so
        signals of different rates should have rates of whole kHz, or they drift apart.
    processed_sample_rate : float, optional
        Sample rate of the processed signal, if it is another.
    audiogram : Audiogram
        Thresholds of the ear.
    equalisation : {"nalr", "none"}
        Who gives the reference the gain that the listener needs: ``"nalr"`` applies NAL-R to it
        (mode 1 of other implementations), ``"none"`` takes it as already amplified (mode 2).
        With ``"nalr"`` even identical signals do not reach 0.999, as only one is filtered.
    level_db_spl : float
        Sound level in dB SPL of a signal with an RMS of 1.
    noise : {"seeded", "none"}
        Internal noise of the ear. It matters where the processed signal is inaudible.
    rng : int, RandomState or Generator
        Draws the noise. An integer seeds a `RandomState`; hand over one `RandomState` for both
        ears of a listener to repeat scores of the Cadenza challenges.
    silence_threshold_db : float
        Level in dB SL that the reference must exceed for a moment of it to count.
    cepstral_noise_db : float
        Standard deviation in dB of noise on the envelopes.
    segment_ms : float
        Duration of the segments for the vibration covariance, 2.15 to 400 ms.

    Returns
    -------
    HaaqiScore

    Raises
    ------
    SilentReferenceError
        If all samples of the reference are zero: a `ValueError`.
    ValueError
        If a signal is too short, not finite, or has more than one channel, if the part in which
        the reference sounds is too short, or if an option is out of range.
    TypeError
        If an argument has the wrong type.

    Examples
    --------
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=24000)
    >>> audiogram = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
    >>> clipped = np.clip(music, -0.05, 0.05)
    >>> result = haaqi(
    ...     music, clipped, sample_rate=24000, audiogram=audiogram, equalisation="none",
    ...     level_db_spl=85,
    ... )
    >>> round(result.score, 3)
    0.439
    """
    if not isinstance(audiogram, Audiogram):
        raise TypeError(f"audiogram must be an Audiogram, got {type(audiogram).__name__}")
    _arguments.equalisation(equalisation)
    _arguments.finite("silence_threshold_db", silence_threshold_db)
    segment_size = _arguments.segment_size(segment_ms)
    noise_source = _arguments.noise_source(noise, rng, cepstral_noise_db)
    rates = (sample_rate, sample_rate if processed_sample_rate is None else processed_sample_rate)
    reference, processed, delay, flags = _line_up(reference, processed, rates)
    _arguments.finite("level_db_spl", level_db_spl)

    if equalisation == "nalr":
        amplify = NALR(audiogram, sample_rate=SAMPLE_RATE, nfir=_NALR_ORDER)
        # Cut to the same length, which makes it early: aligning the bands makes up for that
        reference = amplify(reference)[_NALR_ORDER:]
    ear = impaired_cochlea(six_levels_db_hl(audiogram))
    signals = middle_ear(np.stack([reference, processed]))
    bands = [
        (
            band.level_db_sl,
            smooth_envelope(band.envelope),
            short_time_covariance(band.motion, segment_size),
        )
        for band in auditory_bands(signals, ear, level_db_spl, noise_source)
    ]
    levels_db_sl, envelopes, tiles = (np.stack(part, axis=1) for part in zip(*bands, strict=True))

    cepstral = cepstral_correlation(
        envelopes,
        silence_threshold_db=silence_threshold_db,
        noise_db=cepstral_noise_db,
        rng=noise_source,
    )
    vibration = vibration_covariance(
        tiles, ear.centre_hz, silence_threshold_db=silence_threshold_db
    )
    if cepstral is None or vibration is None:
        flags += ("inaudible reference",)
    loudness_spectrum, normalised_spectrum = spectrum_features(levels_db_sl)
    result = HaaqiScore(
        cepstral_correlation=cepstral or 0.0,
        vibration_covariance=vibration or 0.0,
        loudness_spectrum=loudness_spectrum,
        normalised_spectrum=normalised_spectrum,
        delay_samples=delay,
        flags=flags,
    )
    if flags:
        logger.warning("HAAQI %.3f is doubtful: %s", result.score, ", ".join(flags))
    return result


def _line_up(
    reference: ArrayLike, processed: ArrayLike, rates: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int, tuple[Flag, ...]]:
    """Check both signals, bring them to the model's rate, align and trim them."""
    _arguments.sample_rate("sample_rate", rates[0])
    _arguments.sample_rate("processed_sample_rate", rates[1])
    reference = to_model_rate(_arguments.signal("reference", reference, rates[0]), rates[0])
    processed = to_model_rate(_arguments.signal("processed", processed, rates[1]), rates[1])
    surplus_ms = 1000 * abs(reference.size - processed.size) / SAMPLE_RATE
    reference, processed, delay = align_and_trim(reference, processed)
    _arguments.duration("reference without the silence at its ends", reference.size / SAMPLE_RATE)
    findings: dict[Flag, bool] = {
        "lengths differ": surplus_ms > 1,
        "sample rates drift apart": drift(rates[0]) != drift(rates[1]),
        "silent processed": not processed.any(),
    }
    return reference, processed, delay, tuple(flag for flag, found in findings.items() if found)
