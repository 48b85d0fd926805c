"""History of a training on disk: a table, a plot, and TensorBoard's files."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cadenza._files import replacing
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

History = Sequence[Mapping[str, float]]


def epochs_since_best(history: History) -> int:
    """Epochs since the one with the lowest validation loss; 0 if that is the last one.

    Examples
    --------
    >>> epochs_since_best([{"valid_loss": 0.3}, {"valid_loss": 0.1}, {"valid_loss": 0.2}])
    1
    """
    losses = [row["valid_loss"] for row in history]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


class HistoryWriter:
    """Writes ``history.csv``, ``losses.png`` and the folder ``tensorboard``.

    Parameters
    ----------
    folder : Path
        Where they go.
    updates : int
        Updates so far; TensorBoard drops what an interrupted run logged after them.

    Raises
    ------
    InputError
        If a package is missing.
    """

    def __init__(self, folder: Path, *, updates: int) -> None:
        try:
            import matplotlib  # noqa: F401, ICN001
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                f"training needs the package {error.name}: pip install {error.name}"
            ) from None
        self._folder = folder
        self._start = time.perf_counter()
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=updates + 1)

    def __enter__(self) -> HistoryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def update(self, updates: int, loss: float) -> None:
        """Log the loss of the last batch before an update."""
        self._writer.add_scalar("batch/loss", loss, updates)

    def epoch(self, history: History) -> None:
        """Log the last epoch; write the table and the plot of the whole history."""
        last = history[-1]
        for name in ("train_loss", "valid_loss", "lr"):
            tag = name.replace("_", "/")
            self._writer.add_scalar(tag, last[name], last["updates"])
        self._writer.flush()
        elapsed_s, self._start = time.perf_counter() - self._start, time.perf_counter()
        logger.info(
            "epoch %d: training loss %.5f, validation loss %.5f%s, learning rate %g, %.0f s",
            *(last["epoch"], last["train_loss"], last["valid_loss"]),
            *("" if epochs_since_best(history) else " (best)", last["lr"], elapsed_s),
        )
        with (
            replacing(self._folder / "history.csv") as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            table = csv.DictWriter(file, list(last))
            table.writeheader()
            table.writerows(history)
        with replacing(self._folder / "losses.png") as temporary:
            plot_losses(history, temporary)


def plot_losses(history: History, path: Path) -> None:
    """Draw training and validation loss against the epoch into a PNG file."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in history]
    for name, label in (("train_loss", "training"), ("valid_loss", "validation")):
        axes.plot(epochs, [row[name] for row in history], label=label, marker=".")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean absolute error")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)
