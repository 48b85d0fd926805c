"""One-pole filters, in blocks of samples whose output is a product with a matrix."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from cadenza.haaqi.tensor.precision import constant, product

_BLOCK = 64  # samples
_FEW = 64  # numbers that are filtered as one block
_FORGOTTEN = 1e-11  # part of a state that is not carried over the next block


class OnePoles(NamedTuple):
    """A sum of filters of one input: ``direct * x`` and ``y[n] = gain * x[n] + pole * y[n-1]``.

    All are at rest before the first sample.
    """

    direct: float
    gains: tuple[float, ...]
    poles: tuple[float, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Filter signals, shape (..., N), along time."""
        blocks = _in_blocks(x, _BLOCK)
        inside, to_end, from_start = _matrices(self, _BLOCK, x.dtype, x.device)
        y = product(blocks, inside)
        if blocks.shape[-2] > 1:
            ends = product(blocks[..., :-1, :], to_end).mT
            states = _carried(ends, tuple(pole**_BLOCK for pole in self.poles))
            y = y + product(pad(states, (1, 0)).mT, from_start)
        return y.flatten(-2)[..., : x.shape[-1]]


def _carried(ends: Tensor, poles: tuple[float, ...]) -> Tensor:
    """States after each block, from what the block itself adds: y[n] = ends[n] + pole * y[n-1].

    Parameters
    ----------
    ends : Tensor, shape (..., P, blocks)
    poles : tuple of P floats
    """
    if max(poles) < _FORGOTTEN:
        return ends
    n_blocks = ends.shape[-1]
    block = n_blocks if n_blocks <= _FEW else _FEW // 2
    response, fading = _responses(poles, block, ends.dtype, ends.device)
    rows = _in_blocks(ends, block)
    states = product(rows, response)
    if rows.shape[-2] > 1:
        before = _carried(states[..., :-1, -1], tuple(pole**block for pole in poles))
        # A state fades over the block that follows it
        states = states + pad(before, (1, 0))[..., None] * fading
    return states.flatten(-2)[..., :n_blocks]


def _in_blocks(x: Tensor, block: int) -> Tensor:
    """Signals, shape (..., N), in blocks that zeros fill up, shape (..., blocks, block)."""
    n_blocks = -(-x.shape[-1] // block)
    return pad(x, (0, n_blocks * block - x.shape[-1])).reshape(*x.shape[:-1], n_blocks, block)


@lru_cache(maxsize=16)
def _matrices(
    filters: OnePoles, block: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """From a block to its output, from a block to the states at its end, from states to output."""
    n = np.arange(block)
    gains, poles = np.array(filters.gains)[:, None], np.array(filters.poles)[:, None]
    response = (gains * poles**n).sum(axis=0)
    response[0] += filters.direct
    lag = n - n[:, None]
    inside = np.where(lag >= 0, response[np.maximum(lag, 0)], 0)
    matrices = inside, (poles ** (block - 1 - n)).T, gains * poles ** (n + 1)
    first, second, third = (constant(matrix, dtype, device) for matrix in matrices)
    return first, second, third


@lru_cache(maxsize=64)
def _responses(
    poles: tuple[float, ...], block: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """From a block to its output, (P, block, block), and from a state to it, (P, 1, block)."""
    n = np.arange(block)
    lag = n - n[:, None]
    pole = np.array(poles)[:, None, None]
    matrices = np.where(lag >= 0, pole ** np.maximum(lag, 0), 0), pole ** (n + 1)
    first, second = (constant(matrix, dtype, device) for matrix in matrices)
    return first, second
