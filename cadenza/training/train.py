"""The training loop: stopped at any moment, it goes on with the same losses as without a stop.

Examples depend on the seed, the epoch and their index alone, and a checkpoint holds everything
else; neither interruptions nor the number of workers change what is learnt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from cadenza.errors import InputError
from cadenza.training.batches import WholePieces, load_batches
from cadenza.training.checkpoint import Checkpoint, HasState, Progress
from cadenza.training.data import RandomMixes
from cadenza.training.options import HALVE_AFTER, STOP_AFTER, Options
from cadenza.training.record import Record, epochs_since_best

if TYPE_CHECKING:
    import torch

_LARGEST_GRADIENT = 5.0  # its norm

Row = dict[str, float]


class Training:
    """Trains a network on the mean absolute error of the sources.

    Parameters
    ----------
    network : torch.nn.Module
        ``(M, 2, T) -> (M, n_sources, 2, T)``, on the device where it is to be trained.
    options : Options
        How to train.
    seed : int
        Of the examples and their order.
    folder : Path
        Gets ``checkpoints/last.pt`` and the files of `Record`.
    settings : mapping
        JSON values that the result depends on.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        options: Options,
        *,
        seed: int,
        folder: Path,
        settings: Mapping[str, Any],
    ) -> None:
        from torch.optim import Adam
        from torch.optim.lr_scheduler import ReduceLROnPlateau

        self._network, self._device = network, next(network.parameters()).device
        self._options, self._seed, self._folder = options, seed, folder
        self._optimiser = Adam(network.parameters(), lr=options.lr)
        self._schedule = ReduceLROnPlateau(self._optimiser, factor=0.5, patience=HALVE_AFTER)
        states: dict[str, HasState] = {"network": network, "optimiser": self._optimiser}
        states["schedule"] = self._schedule
        self._checkpoint = Checkpoint(folder / "checkpoints" / "last.pt", settings, states)
        self._progress = Progress()

    def run(
        self,
        mixes: RandomMixes,
        validation: WholePieces,
        *,
        resume: bool,
        save_best: Callable[[Row], None],
    ) -> list[Row]:
        """Train to the last epoch, or until the validation loss does not improve any more.

        Parameters
        ----------
        mixes, validation
            Examples to learn from, and pieces that tell which state of the network is best.
        resume : bool
            Go on from the checkpoint if there is one; False starts again.
        save_best : callable
            Gets the row of the history of each epoch whose validation loss is the best so far.

        Returns
        -------
        list of dict
            ``epoch``, ``lr``, ``train_loss``, ``valid_loss`` and ``updates`` of every epoch.

        Raises
        ------
        InputError
            If the checkpoint was made with other settings, another process trains in the same
            folder, or the loss is not finite any more.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._folder / ".training.lock", blocking=False):
                if resume:
                    self._progress = self._checkpoint.restore()
                history = self._progress.history
                with Record(self._folder, updates=self._progress.updates) as record:
                    while not self._is_finished(history):
                        history.append(self._epoch(mixes, validation, record))
                        if epochs_since_best(history) == 0:
                            save_best(history[-1])
                        record.epoch(history)
                        self._progress.batches, self._progress.sum_of_losses = 0, 0.0
                        self._checkpoint.save(self._progress)
        except Timeout:
            raise InputError(f"{self._folder}: another training is running there") from None
        return history

    def _is_finished(self, history: list[Row]) -> bool:
        stop = self._options.early_stop and epochs_since_best(history) >= STOP_AFTER
        return stop or len(history) >= self._options.epochs

    def _epoch(self, mixes: RandomMixes, validation: WholePieces, record: Record) -> Row:
        epoch = len(self._progress.history)
        learning_rate = self._optimiser.param_groups[0]["lr"]
        train_loss = self._train(mixes, epoch, record)
        valid_loss = self._validate(validation)
        if self._options.half_lr:
            self._schedule.step(valid_loss)
        row = {"epoch": epoch + 1, "updates": self._progress.updates, "lr": learning_rate}
        return row | {"train_loss": train_loss, "valid_loss": valid_loss}

    def _train(self, mixes: RandomMixes, epoch: int, record: Record) -> float:
        """Mean loss of an epoch, of which a part may be done already."""
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
        for batch in tqdm(batches, f"epoch {epoch + 1}", leave=False, disable=None):
            loss = self._loss(batch)
            (loss / options.aggregate).backward()  # type: ignore[no-untyped-call]
            progress.batches += 1
            progress.sum_of_losses += loss.item() * len(batch)
            if progress.batches % options.aggregate == 0 or progress.batches == n_batches:
                self._update()
                record.update(progress.updates, loss.item())
                if progress.updates % options.checkpoint_updates == 0:
                    self._checkpoint.save(progress)
        return progress.sum_of_losses / len(mixes)

    def _update(self) -> None:
        from torch.nn.utils import clip_grad_norm_

        clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._progress.updates += 1

    def _validate(self, pieces: WholePieces) -> float:
        import torch

        self._network.eval()
        with torch.inference_mode():
            losses = [self._loss(torch.from_numpy(piece)[None]).item() for piece in pieces]
        return sum(losses) / len(losses)

    def _loss(self, sources: torch.Tensor) -> torch.Tensor:
        import torch

        sources = sources.to(self._device, torch.float32, non_blocking=True)
        mixed = self._options.mixed_precision and self._device.type == "cuda"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=mixed):
            estimates = self._network(sources.sum(dim=1))
        loss: torch.Tensor = (estimates - sources).abs().mean()
        if not math.isfinite(loss.item()):
            raise InputError(f"the loss became {loss.item()}: try a lower optim.lr")
        return loss
