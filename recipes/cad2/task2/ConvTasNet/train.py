"""Train a Conv-TasNet that separates one instrument from its accompaniment, or songs into stems.

If it is stopped, the same command continues. Writes history.csv, losses.png, tensorboard/ and
checkpoints/ into <exp_dir>, and the best network so far into <models_dir>. enhance.py loads it with
separator=convtasnet separator.models_dir=<models_dir>.
"""

from __future__ import annotations

from cadenza.runner import early
from cadenza.training.options import ConvTasNetOptions, LoopOptions, OptimiserOptions

if __name__ == "__main__":
    early.start(__file__, ConvTasNetOptions)  # before the slow imports

import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

import cadenza
from cadenza._check import raise_if
from cadenza._files import file_digest, replacing
from cadenza.errors import InputError
from cadenza.runner import cli
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.files import model_name
from cadenza.separation.device import find_device
from cadenza.training.allocator import reuse_freed_memory
from cadenza.training.batches import WholePieces
from cadenza.training.corpus import Corpus
from cadenza.training.loop import DivergenceError, Row, Training
from cadenza.training.losses import choose_loss
from cadenza.training.memory import OutOfMemoryError

if TYPE_CHECKING:
    from cadenza.separation.convtasnet.network import ConvTasNet

logger = logging.getLogger(__name__)

SETTINGS = ["convtasnet", "data", "seed", "xavier_norms", "training", "optim"]
# May change when a training continues
FREE = ("epochs", "num_workers", "checkpoint_updates", "micro_batch_size")


def build_network(config: DictConfig, n_sources: int) -> ConvTasNet:
    """Build the network with its first weights, on its device."""
    from cadenza.separation.convtasnet.network import ConvTasNet, initialise

    size = cli.build(config, "convtasnet")
    if n_sources != size.C:
        raise InputError(f"convtasnet.C must be {n_sources}, got {size.C}")
    if config.start_from is None:
        network = ConvTasNet(size)
        initialise(network, seed=config.seed, xavier_norms=config.xavier_norms)
    else:
        network, _ = convtasnet_files.load(config.start_from)
        there, here = asdict(network.config), asdict(size)
        raise_if(
            [
                f"convtasnet.{name} must be {there[name]} as in start_from, got {here[name]}"
                for name in there
                if there[name] != here[name]
            ]
        )
    return network.to(find_device(config.device))


def save(network: ConvTasNet, corpus: Corpus, models_dir: Path, row: Row, *, refine: str) -> None:
    """Write the current network, with a description."""
    name = model_name(corpus.target, causal=network.config.causal)
    metadata = {
        "sources": ",".join(corpus.sources),
        "refine": refine,
        "epoch": str(row["epoch"]),
        "validation_loss": str(row["valid_loss"]),
        "trained_with": f"cadenza {cadenza.__version__}",
    }
    convtasnet_files.save(network, models_dir / name, metadata=metadata)


def run(config: DictConfig) -> int:
    """Train to the last epoch, or until the network stops improving."""
    if config.resume == "changed":
        raise InputError("resume must be true or false for train.py, got changed")
    reuse_freed_memory()
    folder, models_dir = Path(config.exp_dir), Path(config.models_dir)
    options, optimiser = LoopOptions(**config.training), OptimiserOptions(**config.optim)
    corpus: Corpus = cli.build(config, "data")
    loss = choose_loss(options, corpus, find_device(config.device))
    network = build_network(config, len(corpus.sources))
    validation = WholePieces(corpus.whole_pieces("valid"), corpus.sources)
    mixes = corpus.training()
    settings = cli.settings(config, "cad2_task2/train 1", SETTINGS)
    settings["training"] = {k: v for k, v in settings["training"].items() if k not in FREE}
    if options.listeners is not None:
        settings["training"]["listeners"] = file_digest(Path(options.listeners))
    if config.start_from is not None:
        weights = Path(config.start_from) / convtasnet_files.WEIGHTS_FILE
        settings["start_from"] = file_digest(weights)
    settings |= {"examples": len(mixes), "pieces for validation": len(validation)}
    with replacing(folder / "conf.yml") as temporary:
        OmegaConf.save(config, temporary, resolve=True)
    training = Training(
        network, options, optimiser, loss=loss, seed=config.seed, folder=folder, settings=settings
    )
    try:
        history = training.run(
            mixes,
            validation,
            resume=config.resume,
            save_best=lambda row: save(network, corpus, models_dir, row, refine=options.refine),
        )
    except OutOfMemoryError as error:
        raise InputError(f"{error}; {_smaller_step(error, corpus)}") from None
    except DivergenceError as error:
        logger.error("%s; try a lower optim.lr, with resume=false", error)
        return 1
    best = min(history, key=lambda row: row["valid_loss"])
    print(f"epoch {best['epoch']} is the best of {len(history)}; its network is in {models_dir}")
    return 0


def _smaller_step(error: OutOfMemoryError, corpus: Corpus) -> str:
    """Say which settings fit into the memory."""
    smaller = "choose a smaller network, such as convtasnet=small"
    longest_s = math.floor(10 * error.longest * corpus.segment_length) / 10
    if longest_s <= 0:
        return smaller
    return f"shorten the examples to data.segment_length={longest_s:g}, or {smaller}"


main = cli.script(__file__, run, ConvTasNetOptions)

if __name__ == "__main__":
    main()
