"""References that have been heard, so that processed signals can be compared with them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cadenza.audiogram import Audiogram
from cadenza.errors import SilentReferenceError
from cadenza.haaqi import periphery
from cadenza.haaqi.constants import N_BANDS, NALR_ORDER, SAMPLE_RATE, SMOOTHING_HOP
from cadenza.haaqi.ear_model import MAX_DOUBLINGS
from cadenza.haaqi.noise import Random
from cadenza.haaqi.options import MIN_DURATION_S, HaaqiOptions
from cadenza.haaqi.signals import WITHOUT_SILENCE, check_duration
from cadenza.haaqi.tensor.alignment import Sounding, sounding
from cadenza.haaqi.tensor.ears import Ears, Span
from cadenza.haaqi.tensor.equalisation import equalised
from cadenza.haaqi.tensor.features import audible_frames, vibration_tiles
from cadenza.haaqi.tensor.gammatone import Grid, grid_for, spectra_behind_middle_ear
from cadenza.haaqi.tensor.inputs import Levels, Signals, level_of_each
from cadenza.haaqi.tensor.noise import InternalNoise
from cadenza.haaqi.tensor.precision import DB
from cadenza.haaqi.tensor.shifting import advanced
from cadenza.haaqi.tensor.short_time import Framing, smooth_envelopes

_BANDS_ON_GPU = 64  # at a time: enough to keep it busy


@dataclass(frozen=True, eq=False)
class Heard:
    """What the ears of a batch made of its references.

    Parameters
    ----------
    signals : Signals
        At 24 kHz, before trimming.
    sounding : Sounding
        Where they sound.
    scale : Tensor of float64, shape (batch, 1)
        Powers of 2 that bring very loud and very soft signals near 1.
    span : Span
        Which samples of the trimmed signals count.
    framing : Framing
        How motion is cut into frames.
    ears : Ears
    grid : Grid
        Frequencies for the filters.
    envelopes, motions : Tensor, shape (batch, 32, N)
        Bands behind the outer hair cells, re threshold.
    delays : Tensor of int, shape (batch, 32)
        Samples by which the slowest band comes after each band.
    vibration : Tensor, shape (batch, 32, N)
        Motion behind the inner hair cells, delayed, with noise.
    smooth : Tensor of float64, shape (batch, 32, S)
        Smoothed envelopes behind the inner hair cells in dB SL, delayed.
    frames : Tensor of bool, shape (batch, S)
        Frames of the envelopes that count.
    tiles : Tensor of float64, shape (batch, 32, S')
        Weights of the tiles.
    levels_db_sl : Tensor of float64, shape (batch, 32)
        Levels of the whole signals.
    noise : InternalNoise or None
    """

    signals: Signals
    sounding: Sounding
    scale: Tensor
    span: Span
    framing: Framing
    ears: Ears
    grid: Grid
    envelopes: Tensor
    motions: Tensor
    delays: Tensor
    vibration: Tensor
    smooth: Tensor
    frames: Tensor
    tiles: Tensor
    levels_db_sl: Tensor
    noise: InternalNoise | None


@torch.no_grad()
def hear_references(
    signals: Signals,
    audiograms: Sequence[Audiogram],
    level_db_spl: Levels,
    sources: Sequence[Random],
    options: HaaqiOptions,
    dtype: torch.dtype,
) -> Heard:
    """Let ears hear references, shape (batch, T).

    Raises
    ------
    SilentReferenceError
        If a reference is silent.
    ValueError
        If the part in which a reference sounds is too short, or a level is not finite.
    """
    stretch = _stretch(signals)
    level = level_of_each(level_db_spl, len(audiograms), signals.samples.device)
    doublings = _doublings(signals.samples)
    scale = torch.full_like(level, 2).pow(doublings)[:, None]
    ears = Ears.of(audiograms, level - DB * math.log(2) * doublings, dtype)
    span = Span.of(stretch.length, dtype)
    framing = Framing(span, options.segment_size, dtype)
    grid = grid_for(span.n_samples, dtype, level.device)
    trimmed = advanced(
        signals.samples * scale, stretch.start, stretch.start, stretch.start + stretch.length
    )[:, : span.n_samples]
    if options.equalisation == "nalr":
        trimmed = span.kept(equalised(trimmed, audiograms, dropped=NALR_ORDER)[:, None])[:, 0]
    envelopes, motions, levels_db_sl, delays = _behind_outer_hair_cells(trimmed, ears, span, grid)
    vibration, smooth = _behind_inner_hair_cells(envelopes, motions, delays, span)

    threshold_db = options.silence_threshold_db
    frames = audible_frames(smooth, threshold_db, span.lengths // SMOOTHING_HOP)
    noise = InternalNoise.drawn(
        sources, options, level.tolist(), span.lengths.tolist(), frames.sum(-1).tolist()
    )
    if noise is not None:
        vibration = noise.added(vibration, 0, slice(None), delays)
        smooth = noise.envelopes_with_noise(smooth, 0, frames)
    frame_levels_db_sl = torch.cat(
        [framing.levels_db_sl(framing.cut(vibration[:, bands])) for bands in _chunks_of(vibration)],
        1,
    )
    return Heard(
        signals=signals,
        sounding=stretch,
        scale=scale,
        span=span,
        framing=framing,
        ears=ears,
        grid=grid,
        envelopes=envelopes,
        motions=motions,
        delays=delays,
        vibration=vibration,
        smooth=smooth,
        frames=frames,
        tiles=vibration_tiles(frame_levels_db_sl, threshold_db, framing.n_frames),
        levels_db_sl=levels_db_sl,
        noise=noise,
    )


def chunks(batch: int, device: torch.device) -> Iterator[slice]:
    """Bands that are processed together: on a CPU what fits in its cache, on a GPU more."""
    step = 1 if device.type == "cpu" else max(1, min(N_BANDS, _BANDS_ON_GPU // batch))
    return (slice(k, min(k + step, N_BANDS)) for k in range(0, N_BANDS, step))


def _chunks_of(x: Tensor) -> Iterator[slice]:
    return chunks(len(x), x.device)


def can_be_heard(samples: Tensor) -> Tensor:
    """Whether signals at 24 kHz, shape (batch, T), sound for as long as a reference must.

    The result has shape (batch,).
    """
    return (samples != 0).any(-1) & (sounding(samples).length >= MIN_DURATION_S * SAMPLE_RATE)


def _stretch(signals: Signals) -> Sounding:
    """Find where references sound, and check that they do."""
    silent = (signals.samples == 0).all(-1)
    if bool(silent.any()):
        raise SilentReferenceError(
            f"reference[{int(silent.nonzero()[0])}] must not be silent, got only zeros"
        )
    stretch = sounding(signals.samples)
    for i, n_samples in enumerate(stretch.length.tolist()):
        check_duration(f"reference[{i}] {WITHOUT_SILENCE}", n_samples / SAMPLE_RATE)
    return stretch


def _doublings(samples: Tensor) -> Tensor:
    """How often to double signals, shape (batch,), whose powers would leave single precision."""
    doublings = -torch.frexp(samples.abs().amax(-1))[1]
    return torch.where(doublings.abs() > MAX_DOUBLINGS, doublings, 0)


def _behind_outer_hair_cells(
    samples: Tensor, ears: Ears, span: Span, grid: Grid
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Envelopes and motions, levels of whole signals in dB SL, and delays of bands."""
    spectra = spectra_behind_middle_ear(samples, grid)
    envelopes, motions = torch.empty(
        (2, len(samples), N_BANDS, span.n_samples), dtype=ears.dtype, device=samples.device
    )
    powers, radii = [], []
    for bands in _chunks_of(samples):
        compressed = ears.compress(spectra, bands, span, grid)
        envelopes[:, bands] = span.kept(compressed.envelope)
        motions[:, bands] = span.kept(compressed.motion)
        powers.append(torch.stack([compressed.power, compressed.control_power]))
        radii.append(compressed.radius)
    radius = torch.cat(radii, 1).cpu().numpy()
    delays = torch.tensor(periphery.group_delay(radius), device=samples.device)
    extra = delays.amax(-1, keepdim=True) - delays
    return envelopes, motions, ears.levels_db_sl(*torch.cat(powers, -1)), extra


def _behind_inner_hair_cells(
    envelopes: Tensor, motions: Tensor, delays: Tensor, span: Span
) -> tuple[Tensor, Tensor]:
    """Vibration, and smoothed envelopes in double precision."""
    vibration, smooth = torch.empty_like(motions), []
    for bands in _chunks_of(motions):
        late = -delays[:, bands]
        start, stop = torch.zeros_like(late), torch.full_like(late, span.n_samples)
        envelope, motion = (advanced(x[:, bands], late, start, stop) for x in (envelopes, motions))
        envelope, vibration[:, bands] = Ears.hear(envelope, motion)
        smooth.append(smooth_envelopes(envelope, span).double())
    return vibration, torch.cat(smooth, 1)
