"""The middle ear and the gammatone filters of all bands, as products of spectra.

A gammatone is a complex band pass here, with poles at ``radius * exp(1j * angle)``: the magnitude
of its output is the envelope of a band, the real part the basilar membrane's motion.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ
from cadenza.haaqi import periphery
from cadenza.haaqi.cochlea import impaired_cochlea
from cadenza.haaqi.constants import SAMPLE_RATE
from cadenza.haaqi.tensor.precision import constant
from cadenza.haaqi.tensor.spectrum import fast_length, response

_MEMORY = {torch.float32: 3200, torch.float64: 6000}
"""Samples after which the longest response, at 80 Hz, is below the precision."""

_STEP = SAMPLE_RATE // 2
"""Lengths count as multiples of half a second, so that few grids are needed."""


class Grid(NamedTuple):
    """Frequencies of a Fourier transform, as the filters need them.

    Parameters
    ----------
    n_fft : int
    middle_ear : Tensor, shape (n_fft // 2 + 1,)
        Response of the middle ear, in double precision.
    versine, sine : Tensor, shape (32, n_fft)
        1 - cosine, and sine, of each band's centre frequency less each frequency.
    control : Tensor of complex numbers, shape (32, n_fft)
        Responses of the filters that control gain and bandwidth, which all ears share.
    """

    n_fft: int
    middle_ear: Tensor
    versine: Tensor
    sine: Tensor
    control: Tensor


def grid_for(n_samples: int, dtype: torch.dtype, device: torch.device) -> Grid:
    """Grid on which signals of so many samples can be filtered in a precision."""
    return _grid(fast_length(-(-n_samples // _STEP) * _STEP + _MEMORY[dtype]), dtype, device)


@lru_cache(maxsize=2)
def _grid(n_fft: int, dtype: torch.dtype, device: torch.device) -> Grid:
    low_pass, high_pass = periphery.middle_ear_filters()
    middle_ear = response(*low_pass, n_fft) * response(*high_pass, n_fft)
    ear = impaired_cochlea(np.zeros(len(PRESCRIPTION_FREQUENCIES_HZ)))
    turns = ear.centre_hz[:, None] / SAMPLE_RATE - np.arange(n_fft) / n_fft
    versine = constant(2 * np.sin(np.pi * turns) ** 2, dtype, device)
    sine = constant(np.sin(2 * np.pi * turns), dtype, device)
    radius = periphery.pole_radius(ear.centre_hz, ear.wide_bandwidth)
    with torch.inference_mode(False):
        control, _ = _response(constant(radius, torch.float64, device), versine, sine)
    return Grid(n_fft, constant(middle_ear, torch.complex128, device), versine, sine, control)


def spectra_behind_middle_ear(signals: Tensor, grid: Grid) -> Tensor:
    """Spectra of signals, shape (batch, N) in double precision, in the precision of the grid."""
    half = torch.fft.rfft(signals, grid.n_fft) * grid.middle_ear
    negative = half[..., 1 : (grid.n_fft + 1) // 2].flip(-1).conj()
    complex_type = torch.complex64 if grid.sine.dtype == torch.float32 else torch.complex128
    return torch.cat([half, negative], -1).to(complex_type)


def gammatone(spectra: Tensor, radius: Tensor, bands: slice, n_samples: int, grid: Grid) -> Tensor:
    """Filter signals by some bands.

    Parameters
    ----------
    spectra : Tensor of complex numbers, shape (batch, n_fft)
    radius : Tensor of float64, shape (batch, bands)
        Of the poles.
    bands : slice
        Which bands.
    n_samples : int
        How much of the output is needed.
    grid : Grid

    Returns
    -------
    Tensor of complex numbers, shape (batch, bands, n_samples)
    """
    trigonometry = grid.versine[bands], grid.sine[bands]
    output: Tensor = _Gammatone.apply(spectra, radius, *trigonometry, n_samples)  # type: ignore[no-untyped-call]
    return output


def control(spectra: Tensor, bands: slice, n_samples: int, grid: Grid) -> Tensor:
    """Filter signals as for `gammatone`, by the filters that control gain and bandwidth."""
    output: Tensor = torch.fft.ifft(spectra[:, None] * grid.control[bands])[..., :n_samples]
    return output


class _Gammatone(torch.autograd.Function):
    """Saves only its inputs: the response and its derivative are quickly computed again."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        spectra: Tensor,
        radius: Tensor,
        versine: Tensor,
        sine: Tensor,
        n_samples: int,
    ) -> Tensor:
        ctx.save_for_backward(spectra, radius, versine, sine)
        transfer, _ = _response(radius, versine, sine)
        output: Tensor = torch.fft.ifft(spectra[:, None] * transfer)[..., :n_samples]
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        spectra, radius, versine, sine = ctx.saved_tensors
        transfer, w = _response(radius, versine, sine)
        n_fft = sine.shape[-1]
        gradient = torch.fft.fft(gradients[0], n_fft) * transfer.conj() / n_fft
        for_radius = None
        if ctx.needs_input_grad[1]:
            # Logarithmic derivative of the response: first without its gain, then that of the gain
            relative = (w - 1) * (3 * w - 1) / (3 * w - 2)
            along = gradient.conj() * spectra[:, None]
            total = along.real.sum(-1, dtype=torch.float64)
            for_radius = 4 / radius * (along * relative).real.sum(-1, dtype=torch.float64)
            for_radius = for_radius - (4 / (1 - radius) + 4 / (1 + 2 * radius)) * total
        return gradient.sum(1), for_radius, None, None, None


def _response(radius: Tensor, versine: Tensor, sine: Tensor) -> tuple[Tensor, Tensor]:
    """Frequency response, and the inverse w of the factor of its pole.

    With z = exp(1j * angle), the response is gain ((1 + 2 r z) / (1 - r z)^2)^2. As the factor of
    the zero is 3 - 2 (1 - r z), the bracket is w (3 w - 2) with w = 1 / (1 - r z). What is small
    near the centre frequency, 1 - r z, is computed without cancellation.
    """
    r = radius.to(sine.dtype)[..., None]
    real = torch.addcmul((1 - radius).to(sine.dtype)[..., None], r, versine)
    imaginary = r * sine
    inverse_power = torch.addcmul(real * real, imaginary, imaginary).reciprocal()
    w = torch.complex(real * inverse_power, imaginary * inverse_power)
    root_gain = periphery.gammatone_gain(radius).sqrt().to(sine.dtype)[..., None]
    root = w * (3 * root_gain * w - 2 * root_gain)
    return root * root, w
