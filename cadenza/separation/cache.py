"""Separate a file once, however many listeners, batches and runs want its stems."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cadenza._files import file_digest, replacing
from cadenza.separation.protocol import Stems

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheOptions:
    """How stems are kept.

    Parameters
    ----------
    settings : str
        What the stems depend on besides the file: the separator and its options.
    folder : Path, optional
        Where stems are kept for other processes and later runs, 32 bytes per sample of four stereo
        stems.
    """

    settings: str
    folder: Path | None = None


class StemCache:
    """Keeps the stems of the last file in memory, and those of all files in a folder if given.

    Parameters
    ----------
    separate : callable
        Gets the path of an audio file, and options if there are any, and returns its stems.
    options : CacheOptions
        How to keep them.

    Examples
    --------
    >>> cache = StemCache(lambda path: {"vocals": np.zeros((2, 4))}, CacheOptions("silence"))
    >>> cache(Path(__file__))["vocals"].shape
    (2, 4)
    """

    def __init__(self, separate: Callable[..., Stems], options: CacheOptions) -> None:
        self._separate = separate
        self._settings = options.settings
        self._folder = options.folder
        self._last: tuple[str, Stems] = ("", {})

    def __call__(self, path: Path, *options: object) -> Stems:
        """Stems of an audio file; `options` go to the separation and tell its results apart."""
        content = f"{file_digest(path)} {self._settings} {options}"
        key = hashlib.sha256(content.encode()).hexdigest()[:16]
        if self._last[0] != key:
            self._last = ("", {})  # free the memory before the next file needs it
            self._last = (
                key,
                self._load(key, path, *options) if self._folder else self._separate(path, *options),
            )
        return self._last[1]

    def _load(self, key: str, path: Path, *options: object) -> Stems:
        file = (self._folder or Path()) / f"{key}.npz"
        if file.exists():
            try:
                with np.load(file) as stored:
                    return {name: stored[name] for name in stored.files}
            except (OSError, ValueError, EOFError, zipfile.BadZipFile):
                logger.warning("%s: damaged, the stems are separated again", file)
        stems = self._separate(path, *options)
        with replacing(file) as temporary, temporary.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **stems)
        return stems
