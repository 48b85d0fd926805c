"""The building blocks of an enhancement, built from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from cadenza.audiogram import Listener
from cadenza.challenge import app
from cadenza.remix import STEMS
from cadenza.separation import FileSeparator, Separator, input_files, prepare, separate_file
from cadenza.separation.cache import StemCache

HearingAid = Callable[[NDArray[np.float64], Listener], NDArray[np.float64]]


@dataclass(frozen=True)
class Blocks:
    """A separator whose stems are kept for the next listener, and a hearing aid."""

    separator: Separator | FileSeparator
    stems_of: StemCache
    hearing_aid: HearingAid

    def input_files(self, mixture: Path) -> tuple[Path, ...]:
        """Files that are read to enhance a mixture, the mixture itself first."""
        return input_files(self.separator, mixture)


def build_blocks(config: DictConfig) -> Blocks:
    """Build what `separator` and `hearing_aid` describe; weights are loaded now, not later.

    Raises
    ------
    InputError
        If a block cannot be built, the separator has other stems, or its weights are missing.
    """
    separator = app.build(config, "separator")
    prepare(separator, STEMS)
    folder = config.path.stems_cache
    stems_of = StemCache(
        lambda path: separate_file(separator, path, sample_rate=config.sample_rate),
        settings=repr(app.settings(config, "stems", ["separator", "sample_rate"])),
        folder=Path(folder) if folder else None,
    )
    return Blocks(separator, stems_of, app.build(config, "hearing_aid"))
