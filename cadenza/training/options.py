"""How to train."""

from __future__ import annotations

from dataclasses import dataclass

from cadenza._check import raise_if

HALVE_AFTER = 5  # epochs without improvement that are tolerated at a learning rate
STOP_AFTER = 20  # epochs without improvement


@dataclass(frozen=True)
class Options:
    """Settings of the training loop.

    Parameters
    ----------
    lr : float
        Learning rate of Adam at the beginning.
    epochs : int
        Most epochs.
    batch_size : int
        Examples in a batch.
    aggregate : int
        Batches whose gradients are averaged for an update of the weights.
    half_lr : bool
        Halve the learning rate after more than 5 epochs without a better validation loss.
    early_stop : bool
        Stop after 20 epochs without a better validation loss.
    num_workers : int
        Processes that prepare examples; with 0 they are prepared between the updates.
    checkpoint_updates : int
        Updates between checkpoints; there is one after every epoch, too.
    mixed_precision : bool
        Compute the masks in bfloat16 if the device is a CUDA GPU.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    lr: float
    epochs: int
    batch_size: int
    aggregate: int
    half_lr: bool
    early_stop: bool
    num_workers: int
    checkpoint_updates: int
    mixed_precision: bool

    def __post_init__(self) -> None:
        limits = {"epochs": 1, "batch_size": 1, "aggregate": 1, "checkpoint_updates": 1}
        problems = [
            f"{name} must be at least {least}, got {getattr(self, name)!r}"
            for name, least in (limits | {"num_workers": 0}).items()
            if not getattr(self, name) >= least
        ]
        if not self.lr > 0:
            problems.append(f"lr must be positive, got {self.lr!r}")
        raise_if(problems)
