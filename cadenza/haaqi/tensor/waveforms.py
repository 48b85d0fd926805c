"""Distances of waveforms, for signals that a listener does not hear."""

from __future__ import annotations

from torch import Tensor

from cadenza.haaqi.tensor.inputs import Signals
from cadenza.haaqi.tensor.precision import power_to_db

_FLOOR = 1e-8  # of powers: a difference that is as good as none


def l1(target: Signals, estimate: Signals) -> Tensor:
    """Mean absolute difference of each pair, shape (batch,)."""
    return (target.samples - estimate.samples).abs().sum(-1) / target.lengths


def negative_si_sdr(target: Signals, estimate: Signals) -> Tensor:
    """Scale-invariant distortion-to-signal ratio in dB of each pair, shape (batch,).

    It is limited to 80 dB on either side of 0.
    """
    x, y = target.samples, estimate.samples
    energy = x.square().sum(-1)
    scale = (x * y).sum(-1) / energy
    signal = scale.square() * energy
    distortion = (y - scale[:, None] * x).square().sum(-1)
    floor = _FLOOR * energy
    return power_to_db(distortion + floor) - power_to_db(signal + floor)
