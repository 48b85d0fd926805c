"""What keeps single precision from becoming less: no autocast, no TF32, levels in double."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cadenza.levels import TINY

DB = 20 / math.log(10)
"""Decibels of an amplitude that grows by e."""


def without_autocast(device: torch.device) -> torch.autocast:
    """Context in which operations keep the precision of their inputs."""
    return torch.autocast(device.type, enabled=False)


@contextmanager
def full_matrix_precision() -> Iterator[None]:
    """Context in which products of single-precision matrices are not rounded to TF32 or bfloat16.

    The gradient of a product is computed outside the context of the product: see `product`.
    """
    backends: list[Any] = [torch.backends.cuda.matmul]
    backends.append(torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    before = [(backend, backend.fp32_precision) for backend in backends]
    changed = [(backend, value) for backend, value in before if value not in ("ieee", "none")]
    try:
        for backend, _ in changed:
            backend.fp32_precision = "ieee"
        yield
    finally:
        for backend, value in changed:
            backend.fp32_precision = value


def constant(values: object, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Tensor that may be kept and used in any mode of torch."""
    with torch.inference_mode(False):
        return torch.tensor(np.asarray(values), dtype=dtype, device=device)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(matrix)
        with full_matrix_precision():
            return torch.matmul(x, matrix)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (matrix,) = ctx.saved_tensors
        with without_autocast(matrix.device):
            return product(gradients[0], matrix.mT), None


def product(x: Tensor, matrix: Tensor) -> Tensor:
    """Product with a constant matrix, in full precision whatever the settings; so its gradient."""
    result: Tensor = _Product.apply(x, matrix)  # type: ignore[no-untyped-call]
    return result


def power_to_db(power: Tensor) -> Tensor:
    """Level in dB re 1 of a power; silence counts as -600 dB and has no gradient."""
    return DB / 2 * power.clamp(min=TINY**2).log()


def db_to_gain(level_db: Tensor) -> Tensor:
    """Amplitude of a level in dB re 1."""
    return (level_db / DB).exp()
