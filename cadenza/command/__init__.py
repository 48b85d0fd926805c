"""The command `cadenza`: score files, run the demo, compile."""

from cadenza.command.app import main

__all__ = ["main"]
