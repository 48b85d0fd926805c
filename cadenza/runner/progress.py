"""How far a run is: a bar on a terminal, a log line per item elsewhere."""

from __future__ import annotations

import logging
import sys
import textwrap
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm

from cadenza._durations import in_words
from cadenza.runner.journal import Row

logger = logging.getLogger(__name__)

_LONGEST_REASON = 200  # characters of a reason on the console; the table of failures has it all


class Progress:
    """Counts the items of a run, says what came out and how long the rest will take.

    Use it as a context manager. Where there is a progress bar, the lines go to the log file only.

    Parameters
    ----------
    n_items : int
        All items of the run, also those that were finished before.
    n_finished : int
        How many were finished before.
    show : str
        Name of the value to show for each item; empty for none.
    clock : callable
        Time in seconds.

    Examples
    --------
    >>> progress = Progress(40, 16, show="score", clock=iter([0.0, 30.0]).__next__)
    >>> progress.done("S10017_L0001", {"score": 0.51234567})
    '17 of 40: S10017_L0001, score 0.5123 (2.0 items per minute, 12 min left)'
    """

    def __init__(
        self,
        n_items: int,
        n_finished: int,
        *,
        show: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._n_items = n_items
        self._n_before = n_finished
        self._n_done = 0
        self._show = show
        self._clock = clock
        self._start_s = clock()
        self._reasons: dict[str, str] = {}
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Progress:
        if self._n_before:
            logger.info("%d of %d items were finished before", self._n_before, self._n_items)
        if sys.stderr.isatty():
            self._bar = tqdm(
                total=self._n_items,
                initial=self._n_before,
                bar_format="{n_fmt} of {total_fmt} |{bar}| {desc}",
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def done(self, key: str, row: Row) -> str:
        """Count a finished item and log it with its value; returns the line."""
        self._n_done += 1
        value, pace = self._value(row), self._pace()
        line = f"{self._number} of {self._n_items}: " + ", ".join(filter(None, (key, value)))
        line += f" ({pace})" if pace else ""
        logger.log(logging.INFO if self._bar is None else logging.DEBUG, "%s", line)
        self._move_bar(", ".join(filter(None, (value, pace))))
        return line

    def failed(self, key: str, reason: str) -> None:
        """Say that an item failed, and why, unless another one failed for the same reason."""
        self._n_done += 1
        first = self._reasons.setdefault(reason, key)
        short = textwrap.shorten(reason, _LONGEST_REASON, placeholder=" ...")
        why = short if first == key else f"same reason as {first}"
        logger.error("%d of %d: %s failed: %s", self._number, self._n_items, key, why)
        self._move_bar(self._pace())

    @property
    def _number(self) -> int:
        return self._n_before + self._n_done

    def _value(self, row: Row) -> str:
        value = row.get(self._show)
        return f"{self._show} {value:.4g}" if isinstance(value, int | float) else ""

    def _pace(self) -> str:
        elapsed_s, left = self._clock() - self._start_s, self._n_items - self._number
        if not left or elapsed_s <= 0:
            return ""
        per_minute = 60 * self._n_done / elapsed_s
        return f"{per_minute:.1f} items per minute, {in_words(60 * left / per_minute)} left"

    def _move_bar(self, text: str) -> None:
        if self._bar is not None:
            self._bar.set_description_str(text, refresh=False)
            self._bar.update()
