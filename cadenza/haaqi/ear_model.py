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
from cadenza.haaqi.cochlea import N_BANDS, UPPER_KNEE_DB_SPL, Cochlea
from cadenza.haaqi.kernels.ear import BLOCK, compressed_band, control_energy, inner_hair_cells
from cadenza.haaqi.levels import to_db
from cadenza.haaqi.noise import Noise
from cadenza.haaqi.resampling import SAMPLE_RATE
from cadenza.haaqi.short_time import SMOOTHING_HOP, Frames, smooth_envelope


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
    """

    levels_db_sl: NDArray[np.float64]
    envelopes: NDArray[np.float64]
    covariances: NDArray[np.float64]
    frame_levels_db_sl: NDArray[np.float64]


@dataclass(frozen=True)
class _Filters:
    """Signals, shape (P + 1, N), and the poles of their control and analysis filters."""

    signals: NDArray[np.float64]
    wide: NDArray[np.float64]
    radius: NDArray[np.float64]
    waits: NDArray[np.int_]


class Ear:
    """One ear. Its bands are independent and are heard in parallel.

    Parameters
    ----------
    cochlea : Cochlea
        Parameters of all bands.
    level_db_spl : float
        Level in dB SPL of a signal whose RMS is 1.
    noise, noise_rms : Noise and float
        Internal noise, and its RMS.
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
        noise_rms: float,
        frames: Frames,
        silence_threshold_db: float,
    ) -> None:
        self.cochlea = cochlea
        self.level_db_spl = level_db_spl
        self.noise = noise
        self.noise_rms = noise_rms
        self.frames = frames
        self.silence_threshold_db = silence_threshold_db
        self._angle = 2 * np.pi * cochlea.centre_hz / SAMPLE_RATE
        self._adaptation = periphery.adaptation()
        self._memory = threading.local()

    def hear(self, signals: NDArray[np.float64], executor: Executor) -> Excitation:
        """Let the ear hear signals, shape (P + 1, N), which come from behind the middle ear."""
        cochlea, n_samples = self.cochlea, signals.shape[1]
        noise_is_ready = executor.submit(self.noise.prepare, 2 * N_BANDS, n_samples)
        wide = periphery.pole_radius(cochlea.centre_hz, cochlea.wide)
        energies = executor.map(lambda signal: control_energy(signal, self._angle, wide), signals)
        control_rms = periphery.gammatone_gain(wide) * np.sqrt(np.stack(list(energies)) / n_samples)
        control_db_spl = self.level_db_spl + to_db(control_rms)
        bandwidth = periphery.bandwidth(control_db_spl, cochlea)
        radius = periphery.pole_radius(cochlea.centre_hz, bandwidth)
        delays = periphery.group_delay(radius[0])  # of the reference path, for all
        filters = _Filters(signals, wide, radius, delays.max() - delays)
        noise_is_ready.result()

        n_signals, n_frames = signals.shape[0], n_samples // self.frames.hop
        excitation = Excitation(
            levels_db_sl=np.empty((n_signals, N_BANDS)),
            envelopes=np.empty((n_signals, N_BANDS, n_samples // SMOOTHING_HOP)),
            covariances=np.empty((n_signals - 1, N_BANDS, n_frames)),
            frame_levels_db_sl=np.empty((N_BANDS, n_frames)),
        )
        rms = executor.map(lambda k: self._band(filters, k, excitation), range(N_BANDS))
        # Levels below 0 dB SPL are raised to it before the gain, not after
        level_db_spl = np.maximum(self.level_db_spl + to_db(np.stack(list(rms), axis=1)), 0)
        level_db_spl += periphery.compression_gain_db(control_db_spl, cochlea)
        excitation.levels_db_sl[:] = np.maximum(level_db_spl - cochlea.ihc_db, 0)
        return excitation

    def _band(self, filters: _Filters, k: int, out: Excitation) -> NDArray[np.float64]:
        """Fill in band `k`, and return the RMS of all signals behind its filters."""
        (n_signals, n_samples), wait = filters.signals.shape, filters.waits[k]
        envelopes, motions = self._arrays(n_signals, -(-n_samples // BLOCK) * BLOCK)
        rms = self._compress(filters, k, envelopes, motions)
        for path in range(1, n_signals):
            for array in (envelopes, motions):
                align_band(array[0, :n_samples], array[path, :n_samples])

        threshold_db = self.cochlea.ihc_db[k] - self.level_db_spl
        inner_hair_cells(envelopes, motions, threshold_db, *self._adaptation)
        for path in range(n_signals):
            row = k if path == 0 else N_BANDS + k
            self.noise.add_to(motions[path, :n_samples], row, self.noise_rms)
            out.envelopes[path, k] = smooth_envelope(envelopes[path, :n_samples], wait)
        for path in range(1, n_signals):
            out.covariances[path - 1, k], out.frame_levels_db_sl[k] = self.frames.covariance(
                motions[0, :n_samples], motions[path, :n_samples], wait, self.silence_threshold_db
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
        radius, wide = filters.radius[:, k], filters.wide[k]
        scale = periphery.gammatone_gain(radius)
        ratio = self.cochlea.ratio[k]
        # Natural logarithms of powers, as the control filter gives them without its gain
        to_log = math.log(10) / 10
        offset = self.level_db_spl + 20 * math.log10(periphery.gammatone_gain(wide))
        knee, upper_knee = (
            np.array([self.cochlea.knee_db_spl[k], UPPER_KNEE_DB_SPL]) - offset
        ) * to_log
        slope = -(1 - 1 / ratio) / 2
        loss = self.cochlea.ohc_db[k] * to_log / 2
        compression = np.array([math.exp(knee), math.exp(upper_knee), -loss - slope * knee, slope])
        n_signals, n_samples = filters.signals.shape
        energy = np.empty(n_signals)
        for i in range(0, n_signals, 2):  # the last pair may do one again
            pair = slice(min(i, n_signals - 2), i + 2)
            energy[pair] = compressed_band(
                filters.signals[pair],
                self._angle[k],
                np.array([wide, wide, *radius[pair]]),
                compression,
                scale[pair],
                envelopes[pair],
                motions[pair],
            )
        rms: NDArray[np.float64] = scale * np.sqrt(energy / n_samples)
        return rms

    def _arrays(self, *shape: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Arrays of this thread, used again for each band: fresh memory is slow."""
        if getattr(self._memory, "shape", None) != shape:
            self._memory.shape = shape
            self._memory.arrays = np.empty((2, *shape), np.float32)
        envelopes, motions = self._memory.arrays
        return envelopes, motions
