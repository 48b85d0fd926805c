"""What the training recipe can be set to: the keys of its ``config.yaml``, with types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cadenza._options import Batches, Block, Count, NotNegative, Rule, Running


@dataclass
class Training:
    """The training loop; see `cadenza.training.options.Options`."""

    epochs: Count
    batch_size: Count
    num_workers: Annotated[int, Rule(least=0)]
    half_lr: bool
    early_stop: bool
    aggregate: Count
    checkpoint_updates: Count
    mixed_precision: bool


@dataclass
class Optimiser:
    """Adam."""

    lr: NotNegative


@dataclass
class ConvTasNetRecipe(Running):
    """Options of train.py and eval.py."""

    convtasnet: Annotated[Block, Rule(blocks=("large", "published", "small"))]
    data: Annotated[Block, Rule(blocks=("cad2", "songs", "generated", "generated_songs", "custom"))]
    exp_dir: str
    models_dir: str
    seed: int
    xavier_norms: bool
    device: str | None
    training: Training
    optim: Optimiser
    out_dir: str
    n_save_ex: Annotated[int, Rule(least=-1)]
    segment_s: NotNegative
    overlap_s: NotNegative
    evaluate: Batches
