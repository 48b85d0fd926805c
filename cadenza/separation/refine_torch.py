"""The operations of `cadenza.separation.refine` on tensors: differentiable, for training.

They give the numbers of the functions on arrays. The stems stand where a network's output has them:
``(batch, n_stems, channels, T)``, beside a mixture ``(batch, channels, T)``. Nothing is cut into
parts: a batch for training is short.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cadenza.separation.refine import (
    FLOOR,
    N_FFT,
    OVERLAP,
    POWER,
    Refinement,
    check_refinement,
)

_TINY = 1e-30  # power of a spectrum that keeps the gradient of its magnitude finite


class Refine(torch.nn.Module):
    """Adjust stems to their mixture, as a separator does by its option `refine`.

    Parameters
    ----------
    refinement : {"none", "residual", "wiener"}
        As in `cadenza.separation.refine.refine`.

    Raises
    ------
    InputError
        If the refinement is unknown.

    Examples
    --------
    >>> stems, mixture = torch.tensor([[[[0.1, 0.2]], [[0.1, 0.2]]]]), torch.tensor([[[0.4, 0.4]]])
    >>> Refine("residual")(stems, mixture)
    tensor([[[[0.2000, 0.2000]], [[0.2000, 0.2000]]]])
    """

    def __init__(self, refinement: Refinement) -> None:
        super().__init__()
        check_refinement(refinement)
        self.refinement = refinement

    def forward(self, stems: Tensor, mixture: Tensor) -> Tensor:
        """Refine stems, (batch, n_stems, channels, T), of mixtures, (batch, channels, T)."""
        if self.refinement == "residual":
            return share_residual(stems, mixture)
        if self.refinement == "wiener":
            return wiener(stems, mixture)
        return stems


def share_residual(stems: Tensor, mixture: Tensor) -> Tensor:
    """Add to each stem an equal part of what is missing from their sum.

    Parameters
    ----------
    stems : Tensor, shape (batch, n_stems, channels, T)
        Estimates of all stems.
    mixture : Tensor, shape (batch, channels, T)
        What they were estimated from.

    Returns
    -------
    Tensor, shape of `stems`

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    _check_shapes(stems, mixture)
    return stems + ((mixture - stems.sum(dim=1)) / stems.shape[1]).unsqueeze(1)


def wiener(stems: Tensor, mixture: Tensor, *, n_fft: int = N_FFT, power: float = POWER) -> Tensor:
    """Divide the mixture among the stems in the ratio of their spectra, point by point.

    The gradient is that of the masks; there is none along the phases of the stems. It is computed
    in single precision at least, also under autocast.

    Parameters
    ----------
    stems : Tensor, shape (batch, n_stems, channels, T)
        Estimates of all stems.
    mixture : Tensor, shape (batch, channels, T)
        What they were estimated from.
    n_fft, power
        As in `cadenza.separation.refine.wiener`.

    Returns
    -------
    Tensor, shape of `stems`

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    _check_shapes(stems, mixture)
    with torch.autocast(stems.device.type, enabled=False):
        window = torch.hann_window(
            n_fft, dtype=torch.promote_types(stems.dtype, torch.float32), device=stems.device
        )
        powers = _stft(stems, window).abs().square()
        levels = (powers + _TINY) ** (power / 2) + FLOOR**power / stems.shape[1]
        spectrum = _stft(mixture, window).unsqueeze(1)
        masked = levels / levels.sum(dim=1, keepdim=True) * spectrum
        return _istft(masked, window, stems.shape[-1])


def _stft(signals: Tensor, window: Tensor) -> Tensor:
    """Spectra of shape (..., bins, frames); as many frames hold each sample as in its middle."""
    n_fft = window.numel()
    hop = n_fft // OVERLAP
    padded = functional.pad(signals.to(window.dtype), (n_fft // 2, n_fft // 2 + hop))
    spectra = torch.stft(
        padded.flatten(0, -2),
        n_fft,
        hop,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )
    return spectra.reshape(*signals.shape[:-1], *spectra.shape[1:])


def _istft(spectra: Tensor, window: Tensor, n_samples: int) -> Tensor:
    n_fft = window.numel()
    signals = torch.istft(
        spectra.flatten(0, -3),
        n_fft,
        n_fft // OVERLAP,
        window=window,
        length=n_fft // 2 + n_samples,
    )
    return signals[..., n_fft // 2 :].reshape(*spectra.shape[:-2], n_samples)


def _check_shapes(stems: Tensor, mixture: Tensor) -> None:
    batch, n_channels, n_samples = mixture.shape if mixture.ndim == 3 else (0, 0, 0)
    expected = (batch, stems.shape[1] if stems.ndim > 1 else 0, n_channels, n_samples)
    if mixture.ndim != 3 or tuple(stems.shape) != expected:
        raise ValueError(
            "stems must have the shape (batch, n_stems, channels, T) and mixture "
            f"(batch, channels, T), got {tuple(stems.shape)} and {tuple(mixture.shape)}"
        )
