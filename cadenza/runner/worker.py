"""What happens inside a process that works on items for `cadenza.runner.pool`."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cadenza.runner.early import SIGNALS
from cadenza.runner.items import Item, Result, reason_of
from cadenza.runner.journal import Row

_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Done:
    """What a worker sends back.

    Parameters
    ----------
    result : mapping or Result, optional
        What came out of the item; None if it failed.
    failure : str
        Why it failed.
    where : str
        The traceback of the error.
    records : list of LogRecord
        What was logged meanwhile, for the logs of the run.
    """

    result: Row | Result | None
    failure: str
    where: str
    records: list[logging.LogRecord]


class _Records(logging.Handler):
    """Keeps log records, in a form that can be sent to another process."""

    def __init__(self) -> None:
        super().__init__()
        self._formatter = logging.Formatter()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if record.exc_info:
            record.exc_text = self._formatter.formatException(record.exc_info)
            record.exc_info = None
        if isinstance(record.args, tuple):
            record.args = tuple(a if isinstance(a, _PLAIN) else str(a) for a in record.args)
        self.kept.append(record)

    def taken(self) -> list[logging.LogRecord]:
        """All records since the last call."""
        records, self.kept = self.kept, []
        return records


class _NoTerminal(io.TextIOWrapper):
    """Standard error without progress bars: those of several processes would mix."""

    def isatty(self) -> bool:
        """False."""
        return False


_RECORDS = _Records()
_work: Callable[[Any], Row | Result]  # a worker has one for its whole life


def log_levels() -> dict[str, int]:
    """Levels of the loggers of this process, for `set_up`."""
    return {name: logging.getLogger(name).level for name in ("", "cadenza")}


def set_up(process_item: Callable[[Any], Row | Result], levels: dict[str, int]) -> None:
    """Make this process a worker.

    Parameters
    ----------
    process_item : callable
        What it does with each item.
    levels : dict
        Levels of the loggers of the process that this one works for.
    """
    global _work
    # Ctrl-C and schedulers reach all processes at once; the main process ends this one
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.stderr = _NoTerminal(io.FileIO(2, "w", closefd=False), write_through=True)
    logging.getLogger().handlers = [_RECORDS]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    _work = process_item
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def process(item: Item[Any]) -> Done:
    """Process an item; an error becomes its reason, which can always be sent."""
    try:
        result = _work(item)
    except Exception as error:
        return Done(None, reason_of(error), traceback.format_exc(), _RECORDS.taken())
    return Done(result, "", "", _RECORDS.taken())


def _end_with(parent: int) -> None:
    """End this process when the one that it works for is gone, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
