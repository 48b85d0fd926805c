"""The auditory periphery behind the middle ear, one band after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from cadenza.haaqi.alignment import shift
from cadenza.haaqi.cochlea import Cochlea, FloatOrArray
from cadenza.haaqi.constants import N_BANDS, NOISE_DB
from cadenza.haaqi.noise import Random
from cadenza.haaqi.periphery import bandwidth, compression_gain_db, group_delay, pole_radius
from cadenza.levels import db_to_gain, gain_to_db, rms
from tests.haaqi_oracle import periphery
from tests.haaqi_oracle.alignment import align_band


@dataclass(frozen=True)
class Band:
    """What the ear makes of the two signals in one band (row 0: reference, row 1: processed).

    Parameters
    ----------
    level_db_sl : ndarray, shape (2,)
        Level of the whole signal in dB above the listener's threshold.
    envelope, motion : ndarray, shape (2, N)
        Envelope and basilar membrane motion, compressed and adapted, in dB SL.
    """

    level_db_sl: NDArray[np.float64]
    envelope: NDArray[np.float64]
    motion: NDArray[np.float64]


def auditory_bands(
    signals: NDArray[np.float64], cochlea: Cochlea, level_db_spl: float, rng: Random | None
) -> Iterator[Band]:
    """Yield the bands from low to high frequency, with internal noise and on common time.

    Parameters
    ----------
    signals : ndarray, shape (2, N)
        Reference and processed signal behind the middle ear.
    cochlea : Cochlea
        Parameters of all bands.
    level_db_spl : float
        Level in dB SPL of a signal whose RMS is 1.
    rng : RandomState, Generator or None
        Draws the internal noise; None leaves it out.
    """
    delays = _group_delays(signals[0], cochlea, level_db_spl)
    noises = _internal_noise(signals.shape[-1], level_db_spl, rng)
    for k, (delay, noise) in enumerate(zip(delays, noises, strict=True)):
        band = auditory_band(signals, cochlea[k], level_db_spl)
        extra = delays.max() - delay
        yield Band(band.level_db_sl, shift(band.envelope, extra), shift(band.motion + noise, extra))


def auditory_band(signals: NDArray[np.float64], cochlea: Cochlea, level_db_spl: float) -> Band:
    """One band (`cochlea` holds its parameters), before internal noise and common time."""
    # A wide filter controls bandwidth (once for the whole signal) and gain (at every sample)
    control = np.abs(periphery.gammatone(signals, cochlea.centre_hz, cochlea.wide_bandwidth))
    control_db_spl = level_db_spl + gain_to_db(rms(control, axis=-1))
    bandwidths = bandwidth(control_db_spl, cochlea)
    analysis = np.stack(
        [
            periphery.gammatone(signal, cochlea.centre_hz, bandwidth)
            for signal, bandwidth in zip(signals, bandwidths, strict=True)
        ]
    )
    gain = periphery.compression_gain(level_db_spl + gain_to_db(control), cochlea)
    envelope = np.abs(analysis)
    analysis_db_spl = level_db_spl + gain_to_db(rms(envelope, axis=-1))
    envelope, motion = align_band(gain * envelope), align_band(gain * analysis.real)
    envelope, motion = periphery.to_sensation_level(
        envelope, motion, cochlea.ihc_loss_db - level_db_spl
    )
    envelope, motion = periphery.adapt(envelope, motion)
    return Band(_long_term_level(analysis_db_spl, control_db_spl, cochlea), envelope, motion)


def _long_term_level(
    analysis_db_spl: NDArray[np.float64], control_db_spl: NDArray[np.float64], cochlea: Cochlea
) -> NDArray[np.float64]:
    # Levels below 0 dB SPL are raised to it before the gain, not after
    gain_db = compression_gain_db(control_db_spl, cochlea)
    return np.maximum(np.maximum(analysis_db_spl, 0) + gain_db - cochlea.ihc_loss_db, 0)


def _group_delays(
    reference: NDArray[np.float64], cochlea: Cochlea, level_db_spl: float
) -> NDArray[np.int_]:
    """Delays of all analysis filters of the reference path; they serve for both paths."""
    control_rms = [
        rms(np.abs(periphery.gammatone(reference, centre_hz, wide)))
        for centre_hz, wide in zip(cochlea.centre_hz, cochlea.wide_bandwidth, strict=True)
    ]
    bandwidths = bandwidth(level_db_spl + gain_to_db(np.array(control_rms)), cochlea)
    return group_delay(pole_radius(cochlea.centre_hz, bandwidths))


def _internal_noise(
    n_samples: int, level_db_spl: float, rng: Random | None
) -> Iterator[FloatOrArray]:
    """Yield the noise of each band for both paths."""
    if rng is None:
        yield from repeat(0.0, N_BANDS)
        return
    noise_rms = db_to_gain(NOISE_DB - level_db_spl)
    # Seeded scores depend on this order: all bands of the reference first
    reference_noise = rng.standard_normal((N_BANDS, n_samples))
    for row in reference_noise:
        yield noise_rms * np.stack([row, rng.standard_normal(n_samples)])
