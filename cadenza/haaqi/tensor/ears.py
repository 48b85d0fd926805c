"""The inner ears of a batch: filters, outer and inner hair cells, for some bands at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cadenza.audiogram import Audiogram
from cadenza.haaqi import periphery
from cadenza.haaqi.cochlea import Bands, impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.tensor.gammatone import Grid, control, gammatone
from cadenza.haaqi.tensor.precision import DB, db_to_gain, power_to_db
from cadenza.haaqi.tensor.recursion import OnePoles

_LOWEST_POWER = {torch.float32: 1e-30, torch.float64: 1e-60}
"""Of an envelope. Its root has no gradient below: that of a root is infinite at 0."""


class Span(NamedTuple):
    """Which samples count.

    Parameters
    ----------
    lengths : Tensor of int, shape (batch,)
        Samples of each item.
    n_samples : int
        The largest of them.
    inside : Tensor, shape (batch, 1, n_samples), optional
        1 where an item has samples, 0 after its end; None if all items are equally long.
    """

    lengths: Tensor
    n_samples: int
    inside: Tensor | None

    @classmethod
    def of(cls, lengths: Tensor, dtype: torch.dtype) -> Span:
        """The samples of items that have these lengths."""
        n_samples = int(lengths.max())
        if bool((lengths == n_samples).all()):
            return cls(lengths, n_samples, None)
        inside = torch.arange(n_samples, device=lengths.device) < lengths[:, None, None]
        return cls(lengths, n_samples, inside.to(dtype))

    def kept(self, x: Tensor) -> Tensor:
        """Signals without what comes after the end of each item."""
        return x if self.inside is None else x * self.inside

    def mean(self, x: Tensor) -> Tensor:
        """Mean of each signal, in double precision."""
        return self.kept(x).sum(-1, dtype=torch.float64) / self.lengths[:, None]


class Compressed(NamedTuple):
    """Bands behind the outer hair cells.

    Parameters
    ----------
    envelope, motion : Tensor, shape (batch, bands, N)
        Envelope, and motion of the basilar membrane, re the amplitude at threshold.
    gain : Tensor, shape (batch, bands, N)
        Gain of the outer hair cells, which both contain.
    power, control_power : Tensor of float64, shape (batch, bands)
        Mean power of the envelope before compression, and of the filter that controls it.
    radius : Tensor of float64, shape (batch, bands)
        Of the filters' poles.
    """

    envelope: Tensor
    motion: Tensor
    gain: Tensor
    power: Tensor
    control_power: Tensor
    radius: Tensor


@dataclass(frozen=True)
class Ears:
    """Ears, one for each item of a batch.

    Parameters
    ----------
    cochlea : Bands of Tensor of float64, shape (batch, 32)
    level_db_spl : Tensor of float64, shape (batch, 1)
        Level in dB SPL of a signal whose RMS is 1.
    dtype : torch.dtype
        Precision of signals.
    """

    cochlea: Bands[Tensor]
    level_db_spl: Tensor
    dtype: torch.dtype

    @classmethod
    def of(cls, audiograms: Sequence[Audiogram], level_db_spl: Tensor, dtype: torch.dtype) -> Ears:
        """Ears with these audiograms, on the device of their levels, shape (batch,)."""
        cochleas = [impaired_cochlea(six_levels_db_hl(audiogram)) for audiogram in audiograms]
        parameters = [
            torch.tensor(np.stack([getattr(ear, field.name) for ear in cochleas])).to(level_db_spl)
            for field in fields(Bands)
        ]
        return cls(Bands(*parameters), level_db_spl[:, None], dtype)

    def compress(self, spectra: Tensor, bands: slice, span: Span, grid: Grid) -> Compressed:
        """Filter signals by bands, and compress them.

        Parameters
        ----------
        spectra : Tensor, shape (batch, n_fft)
            Of the signals behind the middle ear.
        bands : slice
        span : Span
        grid : Grid
        """
        cochlea, level = self.cochlea[bands], self.level_db_spl
        _, drive = _motion_and_power(control(spectra, bands, span.n_samples, grid))
        control_power = span.mean(drive)
        bandwidth = periphery.bandwidth(level + power_to_db(control_power), cochlea)
        radius = (-self._decay[:, bands] * bandwidth).exp()
        motion, power = _motion_and_power(gammatone(spectra, radius, bands, span.n_samples, grid))
        lowest, highest, offset, slope = (x[:, bands] for x in self._compression)
        log_power = drive.clamp(lowest, highest).log()
        log_gain = torch.addcmul(offset, slope, log_power)
        gain = _gain_smoothing()(log_gain.exp())
        envelope = power.clamp(min=_LOWEST_POWER[power.dtype]).sqrt() * gain
        return Compressed(envelope, motion * gain, gain, span.mean(power), control_power, radius)

    @staticmethod
    def hear(
        envelope: Tensor, motion: Tensor, independence: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Turn amplitudes into dB above threshold and let the inner hair cells adapt.

        Parameters
        ----------
        envelope, motion : Tensor, shape (batch, bands, N)
            Behind the outer hair cells, re threshold.
        independence : Tensor, shape (batch, bands, N), optional
            Part of the motion that stays as it is, where the envelope has vanished.

        Returns
        -------
        envelope, motion : Tensor, shape (batch, bands, N)
            In dB SL; the motion keeps its fine structure and takes the new envelope.
        """
        audible = envelope.clamp(min=1)
        adapted = _adaptation()(audible.log()).clamp(min=0)
        factor = adapted / audible
        return adapted, motion * (factor if independence is None else factor + independence)

    @cached_property
    def threshold(self) -> Tensor:
        """Amplitude at the threshold of hearing, shape (batch, 32, 1)."""
        threshold_db = self.cochlea.ihc_loss_db - self.level_db_spl
        return db_to_gain(threshold_db).to(self.dtype)[..., None]

    @cached_property
    def _decay(self) -> Tensor:
        """Decay of the gammatones for a relative bandwidth of 1, to which it is proportional."""
        centre_hz = self.cochlea.centre_hz
        return periphery.decay(centre_hz, torch.ones_like(centre_hz))

    @cached_property
    def _compression(self) -> tuple[Tensor, ...]:
        """Powers between which the gain changes; offset and slope of its logarithm over theirs.

        The gain is re threshold.
        """
        knee, upper_knee, offset, slope = periphery.compression_of_power(
            self.level_db_spl, self.cochlea
        )
        offset = offset - (self.cochlea.ihc_loss_db - self.level_db_spl) / DB
        values = knee.exp(), upper_knee.exp(), offset, slope
        return tuple(value.to(self.dtype).expand_as(knee)[..., None] for value in values)

    def levels_db_sl(self, power: Tensor, control_power: Tensor) -> Tensor:
        """Levels of whole signals in dB above threshold, shape (batch, 32)."""
        # Levels below 0 dB SPL are raised to it before the gain, not after
        signal_db_spl = (self.level_db_spl + power_to_db(power)).clamp(min=0)
        control_db_spl = self.level_db_spl + power_to_db(control_power)
        gain_db = periphery.compression_gain_db(control_db_spl, self.cochlea)
        return (signal_db_spl + gain_db - self.cochlea.ihc_loss_db).clamp(min=0)


def _motion_and_power(band: Tensor) -> tuple[Tensor, Tensor]:
    """Real part and squared magnitude of the output of a filter."""
    real, imaginary = torch.view_as_real(band).unbind(-1)
    return real, torch.addcmul(real * real, imaginary, imaginary)


@cache
def _gain_smoothing() -> OnePoles:
    """y[n] = weight (x[n] + x[n-1]) + pole y[n-1], as a sum of x and of a one-pole filter of it."""
    weight = periphery.gain_smoothing()
    pole = 1 - 2 * weight
    return OnePoles(-weight / pole, (weight + weight / pole,), (pole,))


@cache
def _adaptation() -> OnePoles:
    """Adaptation of a natural logarithm of amplitude; the result is in dB."""
    direct, gains, poles = periphery.adaptation()
    return OnePoles(DB * direct, tuple((DB * gains).tolist()), tuple(poles.tolist()))
