"""Progress within an epoch: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import time

from tqdm import tqdm

from cadenza._durations import in_words

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0


class EpochDisplay:
    """Shows how many batches are done, the mean loss so far, and the time left.

    Parameters
    ----------
    epoch : int
        Number of the epoch, from 1.
    n_batches, n_done : int
        Batches of the epoch; those that an earlier run has done.
    """

    def __init__(self, epoch: int, *, n_batches: int, n_done: int) -> None:
        self._epoch, self._n_batches, self._n_before = epoch, n_batches, n_done
        self._start = self._last_line = time.monotonic()
        self._bar = tqdm(
            total=n_batches,
            initial=n_done,
            desc=f"epoch {epoch}",
            unit="batch",
            leave=False,
            disable=None,  # without a terminal
        )

    def __enter__(self) -> EpochDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def batch(self, n_done: int, mean_loss: float) -> None:
        """Show that `n_done` batches of the epoch are done."""
        self._bar.set_postfix(loss=f"{mean_loss:.5f}", refresh=False)
        self._bar.update()
        now = time.monotonic()
        n_left = self._n_batches - n_done
        if self._bar.disable and n_left and now - self._last_line >= _LOG_EVERY_S:
            self._last_line = now
            left_s = n_left * (now - self._start) / (n_done - self._n_before)
            logger.info(
                "epoch %d: %d of %d batches, training loss %.5f, %s left",
                *(self._epoch, n_done, self._n_batches, mean_loss, in_words(left_s)),
            )
