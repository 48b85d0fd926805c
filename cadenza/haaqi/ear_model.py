"""What a listener's ear makes of a reference and of processed signals, band by band."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cadenza.haaqi import periphery
from cadenza.haaqi.alignment import align_band
from cadenza.haaqi.cochlea import Cochlea
from cadenza.haaqi.constants import (
    N_BANDS,
    NOISE_DB,
    SAMPLE_RATE,
    SMOOTHING_HOP,
)
from cadenza.haaqi.kernels.ear import BLOCK, compressed_band, control_energy, inner_hair_cells
from cadenza.haaqi.noise import Noise
from cadenza.haaqi.short_time import Frames, smooth_envelope
from cadenza.levels import db_to_gain, gain_to_db

MAX_DOUBLINGS = 16
"""Or halvings of a signal, before its level is changed."""


@dataclass(frozen=True)
class Excitation:
    """What reaches the auditory nerve; the first of P + 1 signals is the reference.

    Parameters
    ----------
    levels_db_sl : ndarray, shape (P + 1, 32)
        Levels of the whole signals in dB above the listener's threshold.
    envelopes : ndarray, shape (P + 1, 32, S)
        Smoothed envelopes in dB SL.
    covariances : ndarray, shape (P, 32, S')
        Covariance of the reference path with each processed one in short frames, 0 to 1; 0 where
        the reference is below the silence threshold.
    frame_levels_db_sl : ndarray, shape (32, S')
        Level of the reference path in these frames.
    delay : int
        Samples by which all envelopes and frames come after the signals.
    """

    levels_db_sl: NDArray[np.float64]
    envelopes: NDArray[np.float64]
    covariances: NDArray[np.float64]
    frame_levels_db_sl: NDArray[np.float64]
    delay: int


@dataclass(frozen=True)
class _Filters:
    """Signals and the filters of all bands.

    Parameters
    ----------
    signals : ndarray, shape (P + 1, N)
    level_db_spl : float
        Level in dB SPL of a signal whose RMS is 1.
    control_radius : ndarray, shape (32,)
        Of the poles of the wide filters that control gain and bandwidth.
    analysis_radius : ndarray, shape (P + 1, 32)
        Of the poles of the filters that the signals go through.
    extra_delays : ndarray, shape (32,)
        Samples by which the slowest band comes after each band.
    """

    signals: NDArray[np.float64]
    level_db_spl: float
    control_radius: NDArray[np.float64]
    analysis_radius: NDArray[np.float64]
    extra_delays: NDArray[np.int_]


class Ear:
    """One ear. Its bands are independent and are heard in parallel.

    Parameters
    ----------
    cochlea : Cochlea
        Parameters of all bands.
    level_db_spl : float
        Level in dB SPL of a signal whose RMS is 1.
    noise : Noise
        Internal noise.
    frames : Frames
        How the covariance is framed.
    silence_threshold_db : float
        Level in dB SL below which no covariance is needed.
    """

    def __init__(
        self,
        cochlea: Cochlea,
        *,
        level_db_spl: float,
        noise: Noise,
        frames: Frames,
        silence_threshold_db: float,
    ) -> None:
        self.cochlea = cochlea
        self.level_db_spl = level_db_spl
        self.noise = noise
        self.noise_rms = db_to_gain(NOISE_DB - level_db_spl)
        self.frames = frames
        self.silence_threshold_db = silence_threshold_db
        self._angle = 2 * np.pi * cochlea.centre_hz / SAMPLE_RATE
        self._gain_smoothing = periphery.gain_smoothing()
        self._adaptation = periphery.adaptation()
        self._memory = threading.local()

    def hear(self, signals: NDArray[np.float64], executor: Executor) -> Excitation:
        """Let the ear hear signals, shape (P + 1, N), that have passed the middle ear."""
        cochlea, (n_signals, n_samples) = self.cochlea, signals.shape
        noise_is_ready = executor.submit(self.noise.prepare, 2 * N_BANDS, n_samples)
        signals, level_db_spl = _scaled(signals, self.level_db_spl)
        control_radius = periphery.pole_radius(cochlea.centre_hz, cochlea.wide_bandwidth)
        energies = executor.map(lambda x: control_energy(x, self._angle, control_radius), signals)
        control_rms = np.sqrt(np.stack(list(energies)) / n_samples)
        control_rms = periphery.gammatone_gain(control_radius) * control_rms
        control_db_spl = level_db_spl + gain_to_db(control_rms)
        bandwidth = periphery.bandwidth(control_db_spl, cochlea)
        radius = periphery.pole_radius(cochlea.centre_hz, bandwidth)
        delays = periphery.group_delay(radius[0])  # of the reference path, for all paths
        filters = _Filters(signals, level_db_spl, control_radius, radius, delays.max() - delays)
        noise_is_ready.result()

        n_frames = n_samples // self.frames.hop
        excitation = Excitation(
            levels_db_sl=np.empty((n_signals, N_BANDS)),
            envelopes=np.empty((n_signals, N_BANDS, n_samples // SMOOTHING_HOP)),
            covariances=np.empty((n_signals - 1, N_BANDS, n_frames)),
            frame_levels_db_sl=np.empty((N_BANDS, n_frames)),
            delay=int(delays.max()),
        )
        rms = executor.map(lambda k: self._band(filters, k, excitation), range(N_BANDS))
        # Levels below 0 dB SPL are raised to it before the gain, not after
        signal_db_spl = np.maximum(level_db_spl + gain_to_db(np.stack(list(rms), axis=1)), 0)
        signal_db_spl += periphery.compression_gain_db(control_db_spl, cochlea)
        excitation.levels_db_sl[:] = np.maximum(signal_db_spl - cochlea.ihc_loss_db, 0)
        return excitation

    def _band(self, filters: _Filters, k: int, out: Excitation) -> NDArray[np.float64]:
        """Fill in band `k`, and return the RMS of all signals behind its filters."""
        (n_signals, n_samples), delay = filters.signals.shape, filters.extra_delays[k]
        envelopes, motions = self._arrays(n_signals, -(-n_samples // BLOCK) * BLOCK)
        rms = self._compress(filters, k, envelopes, motions)
        for path in range(1, n_signals):
            for array in (envelopes, motions):
                align_band(array[0, :n_samples], array[path, :n_samples])

        threshold_db = self.cochlea.ihc_loss_db[k] - filters.level_db_spl
        inner_hair_cells(envelopes, motions, threshold_db, *self._adaptation)
        for path in range(n_signals):
            row = k if path == 0 else N_BANDS + k
            self.noise.add_to(motions[path, :n_samples], row, self.noise_rms)
            out.envelopes[path, k] = smooth_envelope(envelopes[path, :n_samples], delay)
        for path in range(1, n_signals):
            out.covariances[path - 1, k], out.frame_levels_db_sl[k] = self.frames.covariance(
                motions[0, :n_samples], motions[path, :n_samples], delay, self.silence_threshold_db
            )
        return rms

    def _compress(
        self,
        filters: _Filters,
        k: int,
        envelopes: NDArray[np.float32],
        motions: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Filter and compress all signals, and return the RMS of their envelopes before that."""
        control_radius, radius = filters.control_radius[k], filters.analysis_radius[:, k]
        scale = periphery.gammatone_gain(radius)
        compression = self._compression(filters, k)
        n_signals, n_samples = filters.signals.shape
        energy = np.empty(n_signals)
        for i in range(0, n_signals, 2):
            # In twos; of an odd number, the last one is joined by one that has been filtered before
            pair = slice(min(i, n_signals - 2), i + 2)
            energy[pair] = compressed_band(
                filters.signals[pair],
                self._angle[k],
                np.array([control_radius, control_radius, *radius[pair]]),
                compression,
                self._gain_smoothing,
                scale[pair],
                envelopes[pair],
                motions[pair],
            )
        rms: NDArray[np.float64] = scale * np.sqrt(energy / n_samples)
        return rms

    def _compression(self, filters: _Filters, k: int) -> NDArray[np.float64]:
        """Compression of band `k` in natural logarithms of powers, as `compressed_band` needs it.

        They are powers of the control filter's output without its gain.
        """
        gain = periphery.gammatone_gain(filters.control_radius[k])
        unit_db_spl = filters.level_db_spl + 20 * math.log10(gain)
        knee, upper_knee, offset, slope = periphery.compression_of_power(
            np.asarray(unit_db_spl), self.cochlea[k]
        )
        return np.array([math.exp(knee), math.exp(upper_knee), offset, slope])

    def _arrays(self, *shape: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Arrays of this thread, which all its bands share: fresh memory is slow."""
        if getattr(self._memory, "shape", None) != shape:
            self._memory.shape = shape
            self._memory.arrays = np.empty((2, *shape), np.float32)
        envelopes, motions = self._memory.arrays
        return envelopes, motions


def _scaled(signals: NDArray[np.float64], level_db_spl: float) -> tuple[NDArray[np.float64], float]:
    """Signals in the range of single precision, and their level; powers of 2 round nothing."""
    doublings = -int(np.frexp(max(signals.max(), -signals.min()))[1])
    if abs(doublings) <= MAX_DOUBLINGS:
        return signals, level_db_spl
    return np.ldexp(signals, doublings), level_db_spl - 20 * math.log10(2) * doublings
