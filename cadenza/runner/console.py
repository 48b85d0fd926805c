"""Log lines on a terminal that may show a progress bar, and in a file."""

from __future__ import annotations

import logging
import sys

from cadenza._files import reason_of_system


class ConsoleHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes log lines above the progress bars, if there are any."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        tqdm = sys.modules.get("tqdm")  # not imported yet: there is no bar, and no need to wait
        if tqdm is None:
            super().emit(record)
            return
        try:
            tqdm.tqdm.write(self.format(record), file=self.stream)
        except (OSError, ValueError):  # the stream is closed
            self.handleError(record)


class LogFile(logging.FileHandler):
    """Writes log lines into a file; if that fails, says so once, without a traceback."""

    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say why a record cannot be written."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._has_failed:
            self._has_failed = True
            reason = reason_of_system(error)
            print(f"{self.baseFilename}: cannot write the log: {reason}", file=sys.stderr)
