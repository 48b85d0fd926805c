"""History of a training on disk: a table, a plot, and TensorBoard's files."""

from __future__ import annotations

import csv
import logging
import threading
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
    loss_label : str
        What the loss is, for the plot.
    updates : int
        Updates so far; TensorBoard drops what an interrupted run logged after them.

    Raises
    ------
    InputError
        If a package is missing.
    """

    def __init__(self, folder: Path, *, loss_label: str, updates: int) -> None:
        try:
            import matplotlib  # noqa: F401, ICN001
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                f"training needs the package {error.name}: pip install {error.name}"
            ) from None
        self._folder, self._loss_label = folder, loss_label
        self._start = time.perf_counter()
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=updates + 1)

    def __enter__(self) -> HistoryWriter:
        self._hook, threading.excepthook = threading.excepthook, _quiet_about_the_disk
        return self

    def __exit__(self, error_type: object, *_: object) -> None:
        try:
            self._writer.close()
        except OSError as error:  # of an earlier write; what the training said about it counts
            if error_type is None:
                folder = self._folder / "tensorboard"
                raise InputError(f"{folder}: cannot write: {error.strerror or error}") from None
        finally:
            threading.excepthook = self._hook

    def update(self, updates: int, loss: float) -> None:
        """Log the loss of the last batch before an update."""
        self._writer.add_scalar("batch/loss", loss, updates)

    def epoch(self, history: History) -> None:
        """Log the last epoch; write the table and the plot of the whole history."""
        last = history[-1]
        for name in [name for name in last if name not in ("epoch", "updates")]:
            tag = name.replace("_", "/", 1)
            self._writer.add_scalar(tag, last[name], last["updates"])
        self._writer.flush()
        elapsed_s, self._start = time.perf_counter() - self._start, time.perf_counter()
        logger.info(
            "epoch %d: training loss %.5f, validation loss %.5f%s, %s, learning rate %g, %.0f s",
            *(last["epoch"], last["train_loss"], last["valid_loss"]),
            *("" if epochs_since_best(history) else " (best)", _quality(last)),
            *(last["lr"], elapsed_s),
        )
        with (
            replacing(self._folder / "history.csv") as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            table = csv.DictWriter(file, list(last))
            table.writeheader()
            table.writerows(history)
        with replacing(self._folder / "losses.png") as temporary:
            plot_losses(history, temporary, loss_label=self._loss_label)


def _quiet_about_the_disk(stopped: threading.ExceptHookArgs) -> None:
    """No traceback of TensorBoard's thread: its error is raised by the next call as well."""
    if not isinstance(stopped.exc_value, OSError):
        threading.__excepthook__(stopped)


def _quality(row: Mapping[str, float]) -> str:
    """Everything that is measured in validation beside the loss, in words."""
    return ", ".join(
        form.format(row[name])
        for name, form in (("valid_sdr_db", "SDR {:.2f} dB"), ("valid_haaqi", "HAAQI {:.4f}"))
        if name in row
    )


def plot_losses(history: History, path: Path, *, loss_label: str) -> None:
    """Draw the history against the epoch into a PNG file.

    The losses of training and validation are in one panel, each quality that is measured in
    validation in another below it.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    panels = {loss_label: {"train_loss": "training", "valid_loss": "validation"}}
    for name, label in (("valid_sdr_db", "SDR (dB)"), ("valid_haaqi", "HAAQI")):
        if name in history[-1]:
            panels[label] = {name: "validation"}
    figure = Figure(figsize=(6, 2 + 2 * len(panels)), layout="constrained")
    all_axes = figure.subplots(
        len(panels), sharex=True, squeeze=False, height_ratios=[2] + [1] * (len(panels) - 1)
    )[:, 0]
    epochs = [row["epoch"] for row in history]
    for axes, (title, curves) in zip(all_axes, panels.items(), strict=True):
        for name, label in curves.items():
            colour = "C0" if name == "train_loss" else "C1"
            values = [row[name] for row in history]
            axes.plot(epochs, values, label=label, marker=".", color=colour)
        axes.set_ylabel(title)
        axes.grid(alpha=0.3)
    all_axes[0].legend()
    all_axes[-1].set_xlabel("epoch")
    all_axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(path, format="png", dpi=120)
