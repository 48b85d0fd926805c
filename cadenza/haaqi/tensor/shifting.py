"""Shifts of signals in time, by a different number of samples for each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def advanced(x: Tensor, lag: Tensor, first: Tensor, stop: Tensor) -> Tensor:
    """Signals that come `lag` samples earlier (later, if negative); zeros move in.

    Parameters
    ----------
    x : Tensor, shape (..., N)
    lag : Tensor of int, shape (...)
    first, stop : Tensor of int, shape (...)
        Only samples from `first` up to, but without, `stop` are kept.

    Returns
    -------
    Tensor, shape (..., N)

    Examples
    --------
    >>> one, four = torch.tensor(1), torch.tensor(4)
    >>> advanced(torch.tensor([1.0, 2.0, 3.0, 4.0]), one, one, four)
    tensor([2., 3., 4., 0.])
    """
    return _move(x, lag, first - lag, stop - lag)


class _Move(torch.autograd.Function):
    """x[n + lag] for first <= n < stop; the gradient moves back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lag: Tensor, first: Tensor, stop: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(lag, first, stop)
        if x.device.type == "cpu":
            return copied(x, lag, first, stop)
        return gathered(x, lag, first, stop)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:  # noqa: ANN401
        lag, first, stop = ctx.saved_tensors
        return _move(gradients[0], -lag, first + lag, stop + lag), None, None, None


def _move(x: Tensor, lag: Tensor, first: Tensor, stop: Tensor) -> Tensor:
    result: Tensor = _Move.apply(x, lag, first, stop)  # type: ignore[no-untyped-call]
    return result


def copied(x: Tensor, lag: Tensor, first: Tensor, stop: Tensor) -> Tensor:
    """x[n + lag] for first <= n < stop, a slice at a time: fast on a CPU."""
    n_samples = x.shape[-1]
    out = torch.zeros_like(x, memory_format=torch.contiguous_format)
    numbers = torch.stack([lag, first, stop]).reshape(3, -1).T.tolist()
    rows = out.view(-1, n_samples), x.reshape(-1, n_samples)
    for to, source, (shift, start, end) in zip(*rows, numbers, strict=True):
        start, end = max(start, 0, -shift), min(end, n_samples, n_samples - shift)
        if end > start:
            to[start:end] = source[start + shift : end + shift]
    return out


def gathered(x: Tensor, lag: Tensor, first: Tensor, stop: Tensor) -> Tensor:
    """x[n + lag] for first <= n < stop, all at once: fast on a GPU."""
    n_samples = x.shape[-1]
    n = torch.arange(n_samples, device=x.device)
    source = n + lag[..., None]
    kept = (source >= 0) & (source < n_samples) & (n >= first[..., None]) & (n < stop[..., None])
    moved = x.gather(-1, source.clamp_(0, n_samples - 1))
    return torch.where(kept, moved, torch.zeros((), dtype=x.dtype, device=x.device))
