"""Short-time analysis in Hann windows, as `haaqi.short_time` does it, for bands of a batch."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy.fft
import torch
from torch import Tensor
from torch.nn.functional import pad

from cadenza.haaqi.constants import MAX_FRAME_LAG, SMOOTHING_HOP
from cadenza.haaqi.short_time import Frames, smoothing_halves
from cadenza.haaqi.tensor.ears import Span
from cadenza.haaqi.tensor.precision import constant, product
from cadenza.levels import TINY

_LOWEST_POWER = {torch.float32: 1e-6, torch.float64: 1e-12}
"""Of the processed motion in a frame, in dB squared. Below, it has no gradient: the covariance
jumps at 0, and what is left of the motion is uncertain."""


def smooth_envelopes(envelopes: Tensor, span: Span) -> Tensor:
    """Average envelopes over 8 ms, every 4 ms.

    Parameters
    ----------
    envelopes : Tensor, shape (batch, bands, N)
    span : Span

    Returns
    -------
    Tensor, shape (batch, bands, S)
        Meaningless after an item's last frame.
    """
    halves, sums = _smoothing(envelopes.dtype, envelopes.device)
    n_frames = span.n_samples // SMOOTHING_HOP
    hops = envelopes[..., : n_frames * SMOOTHING_HOP]
    hops = hops.reshape(*envelopes.shape[:-1], n_frames, SMOOTHING_HOP)
    rising, falling = product(hops, halves).unbind(-1)
    first, last = falling[..., :1] / sums[1], rising / sums[0]
    inner = (rising[..., 1:-1] + falling[..., 2:]) / (sums[0] + sums[1])
    smooth = torch.cat([first, inner, last[..., -1:]], -1)
    if span.inside is None:
        return smooth
    number = torch.arange(n_frames, device=span.lengths.device)
    is_last = number == (span.lengths // SMOOTHING_HOP - 1)[:, None]
    return torch.where(is_last[:, None], last, smooth)


@lru_cache(maxsize=4)
def _smoothing(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, list[float]]:
    """Rising and falling half of the smoothing window in columns, and their sums."""
    halves = smoothing_halves()
    return constant(halves.T, dtype, device), halves.sum(axis=1).tolist()


class Motions(NamedTuple):
    """Frames of motion, windowed and without their mean.

    Parameters
    ----------
    frames : Tensor, shape (batch, bands, S + 1, W)
        The second one, whose window starts at 0, is none of the index's.
    power : Tensor, shape (batch, bands, S + 1)
        Re that of the window.
    """

    frames: Tensor
    power: Tensor


class Winners(NamedTuple):
    """Lags of the largest covariance of frames, shape (batch, bands, S + 1).

    Parameters
    ----------
    place : Tensor of int
        Place of the lag in the list of lags from -24 to 24.
    weight : Tensor
        What makes the sum at that lag a covariance: its sign over the windows' overlap.
    """

    place: Tensor
    weight: Tensor


class Framing:
    """How the motion of the items of a batch is cut into frames, and how frames are compared.

    Parameters
    ----------
    span : Span
        Which samples count.
    size : int
        Samples in a window, even.
    dtype : torch.dtype
    """

    def __init__(self, span: Span, size: int, dtype: torch.dtype) -> None:
        frames, device = Frames(size), span.lengths.device
        self.size, self._hop = size, frames.hop
        self._n_hops = span.n_samples // frames.hop
        #: Number of frames of each item
        self.n_frames = span.lengths // frames.hop
        ends = self.n_frames[:, None] if span.inside is not None else self.n_frames[:1, None]
        number = torch.arange(self._n_hops + 1, device=device)
        # Windows of the first frame, of inner frames and of the last frame
        kinds = 1 - (number == 0).int() + (number == ends).int()

        def of_each_frame(values: object) -> Tensor:
            return torch.tensor(np.array(values), dtype=dtype, device=device)[kinds][:, None]

        inside = np.ones((3, size))
        inside[0, : frames.hop] = inside[2, frames.hop :] = 0
        self._window = torch.tensor(frames.windows[1], dtype=dtype, device=device)
        self._inside = of_each_frame(inside)
        self._means = of_each_frame([1 / window.size for window in frames.windows])[..., None]
        self._powers = of_each_frame([1 / np.square(window).sum() for window in frames.windows])
        self._overlaps = of_each_frame(1 / np.array(frames.overlaps))
        self._whole = None
        if span.inside is not None:
            n = torch.arange(self._n_hops * frames.hop, device=device)
            self._whole = (n < ends * frames.hop)[:, None]
        self._n_fft = scipy.fft.next_fast_len(size + MAX_FRAME_LAG, real=True)

    def cut(self, motion: Tensor) -> Motions:
        """Cut motion, shape (batch, bands, N), into windowed frames."""
        motion = motion[..., : self._n_hops * self._hop]
        if self._whole is not None:
            motion = motion * self._whole
        # Zeros before the start and after the end make half windows of the first and the last one
        padded = pad(motion, (self._hop, self._hop))
        windowed = padded.unfold(-1, self.size, self._hop) * self._window
        mean = windowed.sum(-1, keepdim=True) * self._means
        frames = torch.addcmul(windowed, mean, self._inside, value=-1)
        return Motions(frames, (frames * frames).sum(-1) * self._powers)

    def winners(self, reference: Motions, processed: Motions) -> Winners:
        """Find the lag, within 1 ms, at which the covariance of frames is the largest one."""
        x, y = (torch.fft.rfft(path.frames, self._n_fft) for path in (reference, processed))
        sums = torch.fft.irfft(x.conj() * y, self._n_fft)
        sums = torch.cat([sums[..., -MAX_FRAME_LAG:], sums[..., : MAX_FRAME_LAG + 1]], -1)
        place = (sums * self._overlaps).abs().argmax(-1, keepdim=True)
        weight = self._overlaps.expand_as(sums).gather(-1, place) * sums.gather(-1, place).sign()
        return Winners(place[..., 0], weight[..., 0])

    def covariances(self, reference: Motions, processed: Motions, winning: Winners) -> Tensor:
        """Normalised covariance of frames at known lags, 0 to 1, shape (batch, bands, S).

        Only `processed` has a gradient.
        """
        with torch.no_grad():
            # The reference is moved by the lag, as it is constant
            moved = pad(reference.frames, (MAX_FRAME_LAG, MAX_FRAME_LAG)).unfold(-1, self.size, 1)
            items, bands, numbers = (torch.arange(n, device=moved.device) for n in moved.shape[:3])
            place = 2 * MAX_FRAME_LAG - winning.place
            moved = moved[items[:, None, None], bands[:, None], numbers, place]
            scale = winning.weight * _inverse_root(reference.power, TINY)
        sums = (moved * processed.frames).sum(-1) * scale
        # Two roots: the product of powers could vanish in single precision
        lowest = _LOWEST_POWER[sums.dtype]
        covariance = sums * _inverse_root(processed.power, lowest)
        with torch.no_grad():
            constant = sums * _inverse_root(processed.power, TINY)
        steady = processed.power > lowest
        return _without_second(torch.where(steady, covariance, constant).clamp(max=1))

    def levels_db_sl(self, reference: Motions) -> Tensor:
        """Levels of frames, read as dB SL, in double precision, shape (batch, bands, S)."""
        return _without_second((2 * reference.power.double()).sqrt())


def _inverse_root(power: Tensor, lowest: float) -> Tensor:
    """1 / sqrt(power), or 0 without gradient for a power that is not above the lowest one."""
    enough = power > lowest
    return torch.where(enough, torch.where(enough, power, 1).rsqrt(), 0)


def _without_second(x: Tensor) -> Tensor:
    return torch.cat([x[..., :1], x[..., 2:]], -1)
