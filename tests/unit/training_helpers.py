"""Pieces of constant parts, and networks and examples of the least size, for tests of training."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from cadenza.training.options import LoopOptions
from cadenza.training.pieces import Part, Piece

RATE = 1000
OPTIONS = LoopOptions(
    epochs=2,
    batch_size=2,
    micro_batch_size=None,
    num_workers=0,
    loss="l1",
    l1_weight=1.0,
    listeners=None,
    ears="both",
    refine="none",
    half_lr=True,
    early_stop=True,
    aggregate=1,
    checkpoint_updates=1,
    mixed_precision=False,
)


def constant(value: float, calls: list, start_s: float, duration_s: float) -> np.ndarray:
    calls.append((value, start_s, duration_s))
    return np.full((2, round(duration_s * RATE)), value)


def piece(name: str, calls: list, duration_s: float = 10.0, **parts: float) -> Piece:
    """Piece whose part ``Violin_1=3`` is the constant 3; reading is noted in `calls`."""
    return Piece(
        name,
        tuple(
            Part(label.partition("_")[0], duration_s, partial(constant, value, calls))
            for label, value in parts.items()
        ),
    )


class Gains(torch.nn.Module):
    """The least that can be trained: a gain for each of two sources."""

    def __init__(self):
        super().__init__()
        self.gains = torch.nn.Parameter(torch.tensor([0.9, 0.9]))

    def forward(self, mixture):
        return self.gains[:, None, None] * mixture[:, None]


class Duets:
    """Nine examples, of which the second source is three times as loud; may stop the program."""

    def __init__(self, stop_after=None):
        self.left = stop_after

    def __len__(self):
        return 9

    def __call__(self, index, rng):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1
        signal = rng.standard_normal((2, 50))
        return np.stack([signal, 3 * signal])
