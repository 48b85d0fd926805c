"""One batch made of several that have been heard one by one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from cadenza.haaqi.cochlea import Bands
from cadenza.haaqi.tensor.alignment import Sounding
from cadenza.haaqi.tensor.ears import Ears, Span
from cadenza.haaqi.tensor.gammatone import grid_for
from cadenza.haaqi.tensor.inputs import Signals
from cadenza.haaqi.tensor.noise import InternalNoise
from cadenza.haaqi.tensor.reference import Heard
from cadenza.haaqi.tensor.short_time import Framing


def joined(parts: Sequence[Heard]) -> Heard:
    """References of several batches in one.

    Raises
    ------
    ValueError
        If they have been heard in different precisions or on different devices.
    """
    envelopes = [part.envelopes for part in parts]
    if len({(x.dtype, x.device) for x in envelopes}) > 1:
        raise ValueError("references must have the same dtype and device to be joined")
    dtype, device = envelopes[0].dtype, envelopes[0].device
    span = Span.of(torch.cat([part.span.lengths for part in parts]), dtype)
    lengths = torch.cat([part.signals.lengths for part in parts])
    cochleas = zip(*(vars(part.ears.cochlea).values() for part in parts), strict=True)
    level = torch.cat([part.ears.level_db_spl for part in parts])
    return Heard(
        signals=Signals(_stacked([part.signals.samples for part in parts]), lengths),
        sounding=Sounding(*map(torch.cat, zip(*(part.sounding for part in parts), strict=True))),
        scale=torch.cat([part.scale for part in parts]),
        span=span,
        ears=Ears(Bands(*map(torch.cat, cochleas)), level, dtype),
        grid=grid_for(span.n_samples, dtype, device),
        framing=Framing(span, parts[0].framing.size, dtype),
        envelopes=_stacked(envelopes),
        motions=_stacked([part.motions for part in parts]),
        delays=torch.cat([part.delays for part in parts]),
        vibration=_stacked([part.vibration for part in parts]),
        smooth=_stacked([part.smooth for part in parts]),
        frames=_stacked([part.frames for part in parts]),
        tiles=_stacked([part.tiles for part in parts]),
        levels_db_sl=torch.cat([part.levels_db_sl for part in parts]),
        noise=InternalNoise.joined([part.noise for part in parts]),
    )


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Batches as one, with zeros after the shorter ones."""
    n_samples = max(x.shape[-1] for x in tensors)
    return torch.cat([pad(x, (0, n_samples - x.shape[-1])) for x in tensors])
