"""Train a ConvTasNet that separates one instrument from its accompaniment, or songs into stems.

Stopped at any moment, the same command goes on. Writes into <exp_dir>: history.csv, losses.png,
tensorboard/ and checkpoints/; and into <models_dir> the best network so far, as enhance.py loads it
with separator=convtasnet separator.models_dir=<models_dir>.
"""

from __future__ import annotations

from cadenza.runner import early
from cadenza.training.keys import ConvTasNetRecipe

if __name__ == "__main__":
    early.start(__file__, ConvTasNetRecipe)  # before the slow imports

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

import cadenza
from cadenza._files import replacing
from cadenza.errors import InputError
from cadenza.runner import cli
from cadenza.separation.convtasnet import files as convtasnet_files
from cadenza.separation.convtasnet.files import model_name
from cadenza.separation.device import find_device
from cadenza.training.batches import WholePieces
from cadenza.training.memory import reuse_freed_memory
from cadenza.training.music import Music
from cadenza.training.options import Options
from cadenza.training.train import Row, Training

if TYPE_CHECKING:
    from cadenza.separation.convtasnet.network import ConvTasNet

SETTINGS = ["convtasnet", "data", "seed", "xavier_norms", "training", "optim"]
FREE = ("epochs", "num_workers", "checkpoint_updates")  # may change when a training goes on


def build_network(config: DictConfig, n_sources: int) -> ConvTasNet:
    """Build the network with its first weights, on its device."""
    from cadenza.separation.convtasnet.network import ConvTasNet, initialise

    network = ConvTasNet(cli.build(config, "convtasnet"))
    if (n_outputs := network.config.C) != n_sources:
        raise InputError(f"convtasnet.C must be {n_sources}, got {n_outputs}")
    initialise(network, seed=config.seed, xavier_norms=config.xavier_norms)
    return network.to(find_device(config.device))


def save(network: ConvTasNet, music: Music, models_dir: Path, row: Row) -> None:
    """Write the network as it is now, and what it is."""
    name = model_name(music.target, causal=network.config.causal)
    metadata = {
        "sources": ",".join(music.sources),
        "epoch": str(row["epoch"]),
        "validation_loss": str(row["valid_loss"]),
        "trained_with": f"cadenza {cadenza.__version__}",
    }
    convtasnet_files.save(network, models_dir / name, metadata=metadata)


def run(config: DictConfig) -> int:
    """Train until the last epoch, or until the network does not get better."""
    reuse_freed_memory()
    folder, models_dir = Path(config.exp_dir), Path(config.models_dir)
    music: Music = cli.build(config, "data")
    network = build_network(config, len(music.sources))
    mixes = music.training()
    validation = WholePieces(music.whole_pieces("valid"), music.sources)
    settings = cli.settings(config, "cad2_task2/train 1", SETTINGS)
    settings["training"] = {k: v for k, v in settings["training"].items() if k not in FREE}
    settings |= {"examples": len(mixes), "pieces for validation": len(validation)}
    with replacing(folder / "conf.yml") as temporary:
        OmegaConf.save(config, temporary, resolve=True)
    training = Training(
        network,
        Options(lr=config.optim.lr, **config.training),
        seed=config.seed,
        folder=folder,
        settings=settings,
    )
    history = training.run(
        mixes,
        validation,
        resume=config.resume,
        save_best=lambda row: save(network, music, models_dir, row),
    )
    best = min(history, key=lambda row: row["valid_loss"])
    print(f"epoch {best['epoch']} is the best of {len(history)}; its network is in {models_dir}")
    return 0


main = cli.script(__file__, run, ConvTasNetRecipe)

if __name__ == "__main__":
    main()
