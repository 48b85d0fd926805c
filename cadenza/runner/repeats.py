"""Equal warnings of many items: the first on the console, a count at the end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cadenza.audio import clipping_logger

logger = logging.getLogger(__name__)


class _FirstOnly(logging.Filter):
    """Lets the first of all warnings with one wording pass, and counts the others."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[tuple[str, str], str] = {}
        self.repeats: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown."""
        if (
            record.name == clipping_logger.name
        ):  # the result table has it, and the last line sums it up
            return False
        if record.levelno != logging.WARNING:
            return True
        key = (record.name, str(record.msg))  # the wording, whatever file or number it names
        if key in self.first:
            self.repeats[key] += 1
            return False
        self.first[key] = record.getMessage()
        return True


@contextmanager
def warnings_once() -> Iterator[None]:
    """Show each warning once on the console while the context lasts, then how often it came.

    Clipped files are left to `cadenza.runner.tables.clipping`. Log files get everything.
    """
    handlers = [h for h in logging.getLogger().handlers if not isinstance(h, logging.FileHandler)]
    filters = [_FirstOnly() for _ in handlers]
    for handler, first_only in zip(handlers, filters, strict=True):
        handler.addFilter(first_only)
    try:
        yield
    finally:
        for handler, first_only in zip(handlers, filters, strict=True):
            handler.removeFilter(first_only)
        repeats: dict[str, int] = {}
        for first_only in filters:  # a handler may not have seen all
            for key, count in first_only.repeats.items():
                repeats[first_only.first[key]] = max(count, repeats.get(first_only.first[key], 0))
        for text, count in repeats.items():
            logger.warning("%d more warnings like this: %s", count, text)
