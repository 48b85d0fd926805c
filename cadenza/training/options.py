"""What the training recipe can be set to: the keys of its ``config.yaml``, with types.

Defaults and meanings are in the YAML files, where users read and change them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_args, get_type_hints

from cadenza._options import Batches, Block, Count, NotNegative, Rule, Running
from cadenza.errors import InputError
from cadenza.training.losses import LOSSES
from cadenza.training.wishes import Ears

HALVE_AFTER = 5  # epochs without improvement that are tolerated at a learning rate
STOP_AFTER = 20  # epochs without improvement


@dataclass
class LoopOptions:
    """Section ``training``: the training loop.

    Parameters
    ----------
    epochs : int
        Most epochs.
    batch_size : int
        Examples in a batch.
    micro_batch_size : int or None
        Examples of a batch that are computed at a time; the gradients are those of the batch, apart
        from rounding. None: as many as fit into the free memory.
    num_workers : int
        Processes that prepare examples; with 0 they are prepared between the updates.
    loss : str
        Name of one of `cadenza.training.losses.LOSSES`.
    l1_weight : float
        Of the mean absolute error in the loss ``"mixed"``.
    listeners : str or None
        For losses with HAAQI: file of the listeners to draw from; None: random ones.
    ears : {"both", "one"}
        For losses with HAAQI: ears of a listener that are scored.
    refine : {"none", "residual", "wiener"}
        How the estimates are adjusted to the mixture before the loss; see
        `cadenza.separation.refine`. The separator that uses the network should do the same.
    half_lr : bool
        Halve the learning rate after more than 5 epochs without a better validation loss.
    early_stop : bool
        Stop after 20 epochs without a better validation loss.
    aggregate : int
        Batches whose gradients are averaged for an update of the weights.
    checkpoint_updates : int
        Updates between checkpoints; there is also one after every epoch.
    mixed_precision : bool
        Compute the masks in bfloat16 if the device is a CUDA GPU.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    epochs: Count
    batch_size: Count
    micro_batch_size: Annotated[int | None, Rule(least=1)]
    num_workers: Annotated[int, Rule(least=0)]
    loss: Annotated[str, Rule(one_of=tuple(LOSSES))]
    l1_weight: NotNegative
    listeners: str | None
    ears: Annotated[str, Rule(one_of=get_args(Ears))]
    refine: Annotated[str, Rule(one_of=("none", "residual", "wiener"))]
    half_lr: bool
    early_stop: bool
    aggregate: Count
    checkpoint_updates: Count
    mixed_precision: bool

    def __post_init__(self) -> None:
        problems = []
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            least = next((rule.least for rule in getattr(hint, "__metadata__", ())), None)
            value = getattr(self, name)
            if least is not None and value is not None and not value >= least:
                problems.append(f"{name} must be at least {least:g}, got {value!r}")
        if problems:
            raise InputError(problems)


@dataclass
class OptimiserOptions:
    """Section ``optim``: Adam.

    Parameters
    ----------
    lr : float
        Learning rate at the beginning.

    Raises
    ------
    InputError
        If it is not positive.
    """

    lr: NotNegative

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise InputError(f"lr must be positive, got {self.lr!r}")


@dataclass
class ConvTasNetOptions(Running):
    """All options of train.py and eval.py."""

    convtasnet: Annotated[Block, Rule(blocks=("large", "published", "medium", "small"))]
    data: Annotated[Block, Rule(blocks=("cad2", "songs", "generated", "generated_songs", "custom"))]
    exp_dir: str
    models_dir: str
    seed: int
    xavier_norms: bool
    start_from: str | None
    device: str | None
    training: LoopOptions
    optim: OptimiserOptions
    out_dir: str
    n_save_ex: Annotated[int, Rule(least=-1)]
    segment_s: NotNegative
    overlap_s: NotNegative
    evaluate: Batches
