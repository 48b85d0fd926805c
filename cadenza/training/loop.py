"""The training loop. It may be stopped at any moment and continues with the same losses.

Examples depend on the seed, the epoch and their index alone, and a checkpoint holds everything
else; neither interruptions nor the number of workers change what is learnt.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from cadenza.errors import InputError
from cadenza.training import memory
from cadenza.training.batches import Batch, WholePieces, load_batches, loss_generator
from cadenza.training.checkpoint import Checkpoint, HasState, Progress
from cadenza.training.display import EpochDisplay
from cadenza.training.history import HistoryWriter, epochs_since_best
from cadenza.training.losses import Loss
from cadenza.training.mixes import RandomMixes
from cadenza.training.options import HALVE_AFTER, STOP_AFTER, LoopOptions, OptimiserOptions

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_LARGEST_GRADIENT = 5.0  # its norm
_VALID = (0, 0)  # seeds of what is random about losses in validation

Row = dict[str, float]


class DivergenceError(ArithmeticError):
    """The loss or its gradient is not finite: the training has failed."""


class Training:
    """Trains a network to separate mixtures into their sources.

    Parameters
    ----------
    network : torch.nn.Module
        ``(M, 2, T) -> (M, n_sources, 2, T)``, on the device where it is to be trained.
    options : LoopOptions
        How to train.
    optimiser : OptimiserOptions
        How to update the weights.
    loss : Loss
        What is to become small, see `build_loss`.
    seed : int
        Of the examples, their order and what is random about their losses.
    folder : Path
        Gets ``checkpoints`` and the files of `HistoryWriter`.
    settings : mapping
        JSON values that the result depends on.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        options: LoopOptions,
        optimiser: OptimiserOptions,
        *,
        loss: Loss,
        seed: int,
        folder: Path,
        settings: Mapping[str, Any],
    ) -> None:
        from torch.optim import Adam
        from torch.optim.lr_scheduler import ReduceLROnPlateau

        from cadenza.separation.refine_torch import Refine

        self._network, self._device = network, next(network.parameters()).device
        self._options, self._seed, self._folder = options, seed, folder
        self._loss = loss
        self._refine = Refine(options.refine)  # type: ignore[arg-type]  # it checks the name
        self._optimiser = Adam(network.parameters(), lr=optimiser.lr)
        self._schedule = ReduceLROnPlateau(
            self._optimiser,
            factor=0.5,
            patience=HALVE_AFTER,
            # least relative improvement: it means nothing for a loss that may be negative
            threshold=0 if options.loss == "sdr" else 1e-4,
        )
        states: dict[str, HasState] = {"network": network, "optimiser": self._optimiser}
        states["schedule"] = self._schedule
        self._checkpoint = Checkpoint(folder / "checkpoints", settings, states)
        self._progress = Progress()
        self._micro_batch_size: int | None = None  # decided when the first batch is there

    def run(
        self,
        mixes: RandomMixes,
        validation: WholePieces,
        *,
        resume: bool,
        save_best: Callable[[Row], None],
    ) -> list[Row]:
        """Train to the last epoch, or until the validation loss stops improving.

        Parameters
        ----------
        mixes, validation
            Examples to learn from, and pieces that tell which state of the network is best.
        resume : bool
            Continue from the checkpoint if there is one; False starts again.
        save_best : callable
            Gets the row of the history of each epoch whose validation loss is the best so far.

        Returns
        -------
        list of dict
            For every epoch ``epoch``, ``updates``, ``lr``, ``train_loss``, ``valid_loss``,
            ``valid_sdr_db`` (mean over the stems with sound) and, if the loss contains it,
            ``valid_haaqi``.

        Raises
        ------
        InputError
            If the checkpoint was made with other settings or is damaged, another process trains in
            the same folder, or a file cannot be written.
        OutOfMemoryError
            If one example alone does not fit into the free memory; an `InputError`.
        DivergenceError
            If the loss or its gradient is not finite.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._folder / ".training.lock", blocking=False):
                if resume:
                    self._progress = self._checkpoint.restore()
                else:
                    self._checkpoint.forget()
                history = self._progress.history
                updates, label = self._progress.updates, self._loss.label
                with HistoryWriter(self._folder, updates=updates, loss_label=label) as writer:
                    while not self._is_finished(history):
                        history.append(self._epoch(mixes, validation, writer))
                        self._save_epoch(writer, save_best)
        except Timeout:
            raise InputError(f"{self._folder}: another training is running there") from None
        return history

    def _is_finished(self, history: list[Row]) -> bool:
        stop = self._options.early_stop and epochs_since_best(history) >= STOP_AFTER
        return stop or len(history) >= self._options.epochs

    def _save_epoch(self, writer: HistoryWriter, save_best: Callable[[Row], None]) -> None:
        history = self._progress.history
        with _write_errors(self._folder):
            if epochs_since_best(history) == 0:
                save_best(history[-1])
            writer.epoch(history)
            self._progress.batches, self._progress.sum_of_losses = 0, 0.0
            self._checkpoint.save(self._progress)

    def _epoch(self, mixes: RandomMixes, validation: WholePieces, writer: HistoryWriter) -> Row:
        epoch = len(self._progress.history)
        learning_rate = self._optimiser.param_groups[0]["lr"]
        train_loss = self._train(mixes, epoch, writer)
        measured = self._validate(validation)
        if self._options.half_lr:
            self._schedule.step(measured["valid_loss"])
        row = {"epoch": epoch + 1, "updates": self._progress.updates, "lr": learning_rate}
        return row | {"train_loss": train_loss} | measured

    def _train(self, mixes: RandomMixes, epoch: int, writer: HistoryWriter) -> float:
        """Mean loss of an epoch, part of which may be done already."""
        options, progress = self._options, self._progress
        n_batches = math.ceil(len(mixes) / options.batch_size)
        batches = load_batches(
            mixes,
            seeds=(self._seed, epoch),
            batch_size=options.batch_size,
            skip=progress.batches,
            num_workers=options.num_workers,
        )
        self._network.train()
        with EpochDisplay(epoch + 1, n_batches=n_batches, n_done=progress.batches) as display:
            for batch in batches:
                loss = self._add_gradients(batch, epoch)
                progress.batches += 1
                progress.sum_of_losses += loss * len(batch.numbers)
                if progress.batches % options.aggregate == 0 or progress.batches == n_batches:
                    self._update()
                    with _write_errors(self._folder):
                        writer.update(progress.updates, loss)
                        if progress.updates % options.checkpoint_updates == 0:
                            self._checkpoint.save(progress)
                n_examples = min(progress.batches * options.batch_size, len(mixes))
                display.batch(progress.batches, progress.sum_of_losses / n_examples)
        return progress.sum_of_losses / len(mixes)

    def _add_gradients(self, batch: Batch, epoch: int) -> float:
        """Add the gradients of a batch, computed in parts that fit into memory; returns its loss.

        A loss is a mean over examples, so each part counts by its share of them.
        """
        import torch

        if self._micro_batch_size is None:
            self._micro_batch_size = self._choose_micro_batch_size(batch.sources)
            self._progress.micro_batch_size = self._micro_batch_size
        total = 0.0
        for part, numbers in zip(
            *(torch.split(values, self._micro_batch_size) for values in batch), strict=True
        ):
            share = len(part) / len(batch.sources)
            rngs = [loss_generator((self._seed, epoch), number) for number in numbers.tolist()]
            try:
                loss = self._loss(*self._estimate(self._network, part), rngs)
                total += self._finite("training loss", loss.item()) * share
                (loss * share / self._options.aggregate).backward()  # type: ignore[no-untyped-call]
            except torch.OutOfMemoryError:
                raise InputError(
                    f"{self._device} ran out of memory with {len(part)} examples at a time: set "
                    "training.micro_batch_size to fewer"
                ) from None
        return total

    def _choose_micro_batch_size(self, sources: torch.Tensor) -> int:
        """Examples to compute at a time; those of an earlier run, if they still fit."""
        if self._options.micro_batch_size is not None:
            return self._options.micro_batch_size
        before, wanted = self._progress.micro_batch_size, self._options.batch_size
        free = memory.free_memory(self._device)
        if free is None:
            return before or wanted
        step = memory.estimate_step(self._network, self._waveform_loss, tuple(sources.shape[1:]))
        step += self._loss.memory(sources.shape[-1], self._device)
        n_fitting = step.n_fitting(free)
        if n_fitting == 0:
            longest = (free - step.fixed_bytes) / step.example_bytes
            raise memory.OutOfMemoryError(step.of(1), free, longest)
        if n_fitting >= (before or wanted):
            return before or wanted
        problem = (
            f"a batch of {wanted} examples needs about {step.of(wanted) / 1e9:.1f} GB of memory, "
            f"and {free / 1e9:.1f} GB are free"
        )
        if _has_batch_norm(self._network):  # its statistics are those of the whole batch
            raise InputError(
                f"{problem}; norm_type=BN cannot be computed in parts: training.batch_size="
                f"{n_fitting} fits"
            )
        logger.warning("%s: computing %d at a time, with the same gradients", problem, n_fitting)
        return n_fitting

    def _update(self) -> None:
        from torch.nn.utils import clip_grad_norm_

        norm = clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
        self._finite("gradient", norm.item())
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._progress.updates += 1

    def _validate(self, pieces: WholePieces) -> Row:
        """Means over the pieces. What is random about their losses is the same in every epoch."""
        import torch

        self._network.eval()
        rows = []
        with torch.inference_mode():
            for number, piece in enumerate(pieces):
                signals = self._estimate(self._network, torch.from_numpy(piece)[None])
                rows.append(self._loss.measure(*signals, [loss_generator(_VALID, number)]))
        loss = self._finite("validation loss", sum(row["loss"] for row in rows) / len(rows))
        means = {f"valid_{name}": _mean([row[name] for row in rows]) for name in rows[0]}
        return means | {"valid_loss": loss}

    def _estimate(
        self, network: torch.nn.Module, sources: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Refined estimates, and the sources on the device of the network."""
        import torch

        sources = sources.to(self._device, torch.float32, non_blocking=True)
        mixture = sources.sum(dim=1)
        mixed = self._options.mixed_precision and self._device.type == "cuda"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=mixed):
            estimates = network(mixture)
        return self._refine(estimates, mixture), sources

    def _waveform_loss(self, network: torch.nn.Module, sources: torch.Tensor) -> torch.Tensor:
        return self._loss.distance(*self._estimate(network, sources))

    def _finite(self, name: str, value: float) -> float:
        if not math.isfinite(value):
            epoch = len(self._progress.history) + 1
            update = self._progress.updates + 1
            raise DivergenceError(f"epoch {epoch}, update {update}: the {name} is {value}")
        return value


@contextmanager
def _write_errors(folder: Path) -> Iterator[None]:
    """Turn errors while writing into one message: nearly always, the disk is full."""
    try:
        yield
    except OSError as error:
        free_mb = shutil.disk_usage(folder).free / 1e6
        raise InputError(
            f"{folder}: cannot write {error.filename or 'a file'}: {error.strerror or error} "
            f"({free_mb:.0f} MB are free). The last checkpoint is kept: with room on the disk, the "
            "same command continues from there"
        ) from error


def _mean(values: list[float]) -> float:
    """Mean of what could be measured; NaN if nothing could."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _has_batch_norm(network: torch.nn.Module) -> bool:
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(module, _BatchNorm) for module in network.modules())
