"""Log lines on a terminal that may show a progress bar."""

from __future__ import annotations

import logging

from tqdm import tqdm


class ConsoleHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes log lines above the progress bars, if there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            tqdm.write(self.format(record), file=self.stream)
        except (OSError, ValueError):  # the stream is closed
            self.handleError(record)
