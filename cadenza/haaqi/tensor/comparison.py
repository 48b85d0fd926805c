"""Processed signals, heard and compared with references."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from cadenza.haaqi.constants import BACK_OFF
from cadenza.haaqi.tensor.alignment import band_lags, delays
from cadenza.haaqi.tensor.ears import Compressed, Ears, Span
from cadenza.haaqi.tensor.features import (
    cepstral_correlation,
    spectral_similarities,
    vibration_covariance,
)
from cadenza.haaqi.tensor.gammatone import spectra_behind_middle_ear
from cadenza.haaqi.tensor.inputs import Signals
from cadenza.haaqi.tensor.reference import Heard, chunks
from cadenza.haaqi.tensor.shifting import advanced
from cadenza.haaqi.tensor.short_time import Winners, smooth_envelopes
from cadenza.haaqi.tensor.silence import Silences, with_exact_tails

_LOUDEST = 1e15
"""Amplitude whose square, in a few bands, stays in the range of single precision."""


class Comparison(NamedTuple):
    """Features, and how the processed signals were lined up, shape (batch,) each.

    Parameters
    ----------
    cepstral_correlation, vibration_covariance, loudness_spectrum, normalised_spectrum : Tensor
    delays : Tensor of int
        By how many samples the processed signals came in late.
    silent : Tensor of bool
        Whether they are silent while the reference sounds.
    """

    cepstral_correlation: Tensor
    vibration_covariance: Tensor
    loudness_spectrum: Tensor
    normalised_spectrum: Tensor
    delays: Tensor
    silent: Tensor


@dataclass
class _Choices:
    """What has been found without gradient, and holds when bands are computed again."""

    lags: tuple[Tensor, Tensor] | None = None
    differ: bool = False
    winning: Winners | None = None


def compare(heard: Heard, processed: Signals, *, checkpointed: bool) -> Comparison:
    """Compare processed signals with references, as long as these or cut to their length.

    With `checkpointed`, what is inside the bands is computed again for the gradient instead of
    being kept.
    """
    span, lengths = heard.span, heard.signals.lengths
    with torch.no_grad():
        late = delays(heard.signals.samples, processed.samples.detach(), lengths)
    lag = heard.sounding.start + late - BACK_OFF
    scaled = processed.samples * heard.scale
    _check_range(scaled.detach(), heard.ears.dtype)
    samples = advanced(scaled, lag, torch.zeros_like(lag), lengths)
    samples = span.kept(samples[:, None, : span.n_samples])[:, 0]
    spectra = spectra_behind_middle_ear(samples, heard.grid)
    silences = Silences(samples, span.lengths)
    parts = []
    for bands in chunks(len(samples), samples.device):
        listen = partial(
            _listen,
            silences=silences,
            heard=heard,
            bands=bands,
            choices=_Choices(),
        )
        if checkpointed and spectra.requires_grad:
            parts.append(checkpoint(listen, spectra, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(listen(spectra))
    smooth, covariance, power, control_power = (torch.cat(p, 1) for p in zip(*parts, strict=True))
    smooth = smooth.double()
    if heard.noise is not None:
        smooth = heard.noise.envelopes_with_noise(smooth, 1, heard.frames)
    return Comparison(
        cepstral_correlation(heard.smooth, smooth, heard.frames),
        vibration_covariance(covariance.double(), heard.tiles),
        *spectral_similarities(heard.levels_db_sl, heard.ears.levels_db_sl(power, control_power)),
        delays=late,
        silent=(samples.detach() == 0).all(-1),
    )


def _check_range(scaled: Tensor, dtype: torch.dtype) -> None:
    """Raise a `ValueError` if powers in bands would leave single precision."""
    if dtype == torch.float32 and bool((scaled.abs() > _LOUDEST).any()):
        raise ValueError(
            f"processed must not exceed {_LOUDEST:g} in single precision, got a peak of "
            f"{scaled.abs().max():g}: use dtype=torch.float64"
        )


def _listen(
    spectra: Tensor,
    *,
    silences: Silences,
    heard: Heard,
    bands: slice,
    choices: _Choices,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Smoothed envelopes, covariances with the reference, and powers of some bands."""
    span = heard.span
    compressed = heard.ears.compress(spectra, bands, span, heard.grid)
    if choices.lags is None:
        choices.lags = _lags(compressed, heard, bands)
        choices.differ = bool((choices.lags[0] != choices.lags[1]).any())
    envelope_lag, motion_lag = choices.lags
    delay, motion, independence = heard.delays[:, bands], compressed.motion, None
    if choices.differ:
        threshold = heard.ears.threshold[:, bands]
        motion, independence = with_exact_tails(
            motion, compressed.gain.detach(), compressed.radius, silences, bands, threshold
        )
        independence = _aligned(independence, envelope_lag, delay, span)
        ones = torch.ones_like(independence)
        absent = _aligned(ones, envelope_lag, delay, span) == 0
        independence = independence + threshold * absent
    envelope = _aligned(compressed.envelope, envelope_lag, delay, span)
    motion = _aligned(motion, motion_lag, delay, span)
    envelope, vibration = Ears.hear(envelope, motion, independence)
    if heard.noise is not None:
        vibration = heard.noise.added(vibration, 1, bands, delay)
    with torch.no_grad():
        reference = heard.framing.cut(heard.vibration[:, bands])
    processed = heard.framing.cut(vibration)
    if choices.winning is None:
        with torch.no_grad():
            choices.winning = heard.framing.winners(reference, processed)
    return (
        smooth_envelopes(envelope, span),
        heard.framing.covariances(reference, processed, choices.winning),
        compressed.power,
        compressed.control_power,
    )


@torch.no_grad()
def _lags(compressed: Compressed, heard: Heard, bands: slice) -> tuple[Tensor, Tensor]:
    """Lags of envelopes and of motions re those of the references."""
    return (
        band_lags(heard.envelopes[:, bands], heard.span.kept(compressed.envelope)),
        band_lags(heard.motions[:, bands], heard.span.kept(compressed.motion)),
    )


def _aligned(path: Tensor, lag: Tensor, delay: Tensor, span: Span) -> Tensor:
    """A path without its lag re the reference's, then delayed as the reference is."""
    stop = span.lengths[:, None] + lag.clamp(max=0)
    return advanced(path, lag - delay, lag.clamp(min=0), stop)
