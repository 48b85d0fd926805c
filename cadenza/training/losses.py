"""Losses: how far the estimates of a network are from the true sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cadenza.errors import InputError

if TYPE_CHECKING:
    import torch

Loss = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""``(estimates, sources) -> loss``, both of shape (batch, n_sources, 2, T).

A loss is a mean over the examples of the batch: the loop may compute a batch in parts.
"""


def l1(estimates: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the samples.

    Examples
    --------
    >>> import torch
    >>> l1(torch.ones(1, 2, 2, 4), torch.zeros(1, 2, 2, 4))
    tensor(1.)
    """
    return (estimates - sources).abs().mean()


LOSSES: Mapping[str, Loss] = {"l1": l1}
"""Losses by name."""


def find_loss(name: str) -> Loss:
    """Loss of a given name.

    Raises
    ------
    InputError
        If there is none; the message lists those that exist.
    """
    if name not in LOSSES:
        raise InputError(f"loss must be one of {', '.join(LOSSES)}, got {name!r}")
    return LOSSES[name]
