"""Order of the gallery: from the ear to a whole challenge."""

from __future__ import annotations

from pathlib import Path

ORDER = (
    "audiogram.py",
    "compression.py",
    "head.py",
    "separation.py",
    "haaqi_opened.py",
    "equaliser.py",
    "many_files.py",
    "plugin.py",
    "challenge.py",
)


class Order:
    """Sort key of sphinx-gallery; a page that `ORDER` lacks is an error."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, file: str) -> int:
        """Place of a page."""
        return ORDER.index(Path(file).name)
