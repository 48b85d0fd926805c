"""What a script does before its slow imports: answer ``--help``, and end quietly when stopped.

This module must import nothing slow itself.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
"""Exit status after Ctrl-C or SIGTERM."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What Ctrl-C sends, and what ``kill`` and the schedulers of clusters send."""


def start(file: str, options: type, *, calculates: bool = True) -> None:
    """Begin a script.

    Parameters
    ----------
    file : str
        ``__file__`` of the script; its ``config.yaml`` lies beside it.
    options : dataclass type
        What the script can be set to; see `cadenza._options`.
    calculates : bool
        False for a script without linear algebra. It starts without the threads of OpenBLAS, which
        take a fifth of a short script's CPU time by waiting.
    """
    if not calculates:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for number in SIGNALS:
        signal.signal(number, _end)
    gc.disable()  # imports leave no garbage, and looking for it takes a tenth of their time
    if {"--help", "-h"} & set(sys.argv[1:]):
        from cadenza.runner.help import print_help

        sys.exit(print_help(Path(file).resolve(), options, sys.argv[1:]))


def imported() -> None:
    """Let both signals raise KeyboardInterrupt, once everything is imported."""
    gc.enable()
    for number in SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.default_int_handler)


def _end(signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End the process here: libraries turn an exception during their import into another one."""
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)
