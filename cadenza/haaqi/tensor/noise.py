"""Internal noise of the ears of a batch, drawn as for one ear after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadenza.haaqi.constants import N_BANDS, NOISE_DB
from cadenza.haaqi.noise import Noise, Random, noise_named
from cadenza.haaqi.options import HaaqiOptions
from cadenza.haaqi.tensor.shifting import advanced
from cadenza.levels import db_to_gain


@dataclass(frozen=True)
class InternalNoise:
    """Noise on the motion of both paths, which is the same at every use, and on the envelopes.

    Parameters
    ----------
    rows : tuple of Noise
        Ready to be added, for each item.
    lengths : tuple of int
        Samples of each item.
    rms : tuple of float
    on_envelopes : tuple of ndarray, shape (2, 32, S') each, or None
        Noise in dB on the frames that count, of the reference and of the processed signal; None
        for an item without.
    """

    rows: tuple[Noise, ...]
    lengths: tuple[int, ...]
    rms: tuple[float, ...]
    on_envelopes: tuple[NDArray[np.float64] | None, ...]

    @classmethod
    def drawn(
        cls,
        sources: Sequence[Random],
        options: HaaqiOptions,
        level_db_spl: Sequence[float],
        lengths: Sequence[int],
        n_frames: Sequence[int],
    ) -> InternalNoise | None:
        """Draw the noise of each item from its source, or return None if there is none.

        Parameters
        ----------
        sources : sequence of Random
        options : HaaqiOptions
        level_db_spl : sequence of float
            Level of an RMS of 1.
        lengths : sequence of int
            Samples of each item.
        n_frames : sequence of int
            Frames of the envelopes that count in each item.
        """
        if options.noise == "none":
            return None
        rows, on_envelopes = [], []
        for source, n_samples, n in zip(sources, lengths, n_frames, strict=True):
            noise = noise_named(options.noise, source)
            noise.prepare(2 * N_BANDS, n_samples)
            drawn = None
            if n > 1 and options.cepstral_noise_db > 0:
                drawn = options.cepstral_noise_db * noise.draw((2, N_BANDS, n))
            elif n > 1:
                noise.skip(2 * N_BANDS * n)
            rows.append(noise)
            on_envelopes.append(drawn)
        rms = tuple(db_to_gain(NOISE_DB - level) for level in level_db_spl)
        return cls(tuple(rows), tuple(lengths), rms, tuple(on_envelopes))

    @classmethod
    def joined(cls, parts: Sequence[InternalNoise | None]) -> InternalNoise | None:
        """Noise of several batches in one; all have some, or none has."""
        some = [part for part in parts if part is not None]
        if not some:
            return None
        return cls(
            *(
                tuple(chain.from_iterable(getattr(part, field.name) for part in some))
                for field in fields(cls)
            )
        )

    def added(self, motion: Tensor, path: int, bands: slice, delays: Tensor) -> Tensor:
        """Motion with noise, which is delayed as the motion is.

        Parameters
        ----------
        motion : Tensor, shape (batch, bands, N)
        path : int
            0 for the reference, 1 for the processed signal.
        bands : slice
        delays : Tensor of int, shape (batch, bands)
        """
        noise = np.zeros(motion.shape, np.float32)
        numbers = range(N_BANDS)[bands]
        for rows, source, n_samples, rms in zip(
            noise, self.rows, self.lengths, self.rms, strict=True
        ):
            for row, band in zip(rows, numbers, strict=True):
                source.add_to(row[:n_samples], path * N_BANDS + band, rms)
        start, stop = torch.zeros_like(delays), torch.full_like(delays, motion.shape[-1])
        return motion + advanced(torch.from_numpy(noise).to(motion), -delays, start, stop)

    def envelopes_with_noise(self, levels_db_sl: Tensor, path: int, frames: Tensor) -> Tensor:
        """Smoothed envelopes, shape (batch, 32, S), with noise on the frames that count."""
        noise = torch.zeros_like(levels_db_sl)
        for row, mask, drawn in zip(noise, frames, self.on_envelopes, strict=True):
            if drawn is not None:
                row[:, mask] = torch.from_numpy(drawn[path]).to(row)
        return levels_db_sl + noise
