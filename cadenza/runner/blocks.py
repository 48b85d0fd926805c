"""The building blocks of an enhancement, built from its configuration and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig, read_write

from cadenza import _check
from cadenza.audiogram import Listener
from cadenza.errors import InputError, noting
from cadenza.hearing_aid import HearingAid
from cadenza.runner import cli
from cadenza.runner.plugins import file_digests
from cadenza.separation import FileSeparator, input_files, prepare, separate_file
from cadenza.separation.cache import CacheOptions, StemCache


@dataclass(frozen=True)
class CheckedAid:
    """A hearing aid whose output is checked, because it may be the user's own."""

    aid: HearingAid

    def __call__(self, signal: NDArray[np.float64], listener: Listener) -> NDArray[np.float64]:
        """Process music for a listener; raises ValueError unless stereo comes back."""
        name = type(self.aid).__name__
        with noting(f"in hearing aid {name}"):
            processed = self.aid(signal, listener)
        output = _check.signal(f"the output of {name}", processed)
        if output.ndim != 2 or len(output) != 2 or output.shape[1] < signal.shape[1] // 2:
            raise ValueError(
                f"the output of {name} must have two rows of about {signal.shape[1]} samples, "
                f"got {output.shape}"
            )
        return output


@dataclass(frozen=True)
class Blocks:
    """What an enhancement is built of.

    Parameters
    ----------
    separator : object
        What finds the stems, ready for use.
    hearing_aid : CheckedAid
        What amplifies for a listener.
    cache : CacheOptions
        How to keep stems that the separator has estimated.
    file_digests : dict
        Digests of the files that the blocks depend on, for the settings of a run.
    """

    separator: Any
    hearing_aid: CheckedAid
    cache: CacheOptions
    file_digests: dict[str, dict[str, str]]

    def jobs(self, wanted: int | None) -> int | None:
        """Processes to use, as for `run_items`.

        A network uses all cores by itself, so it stays in one process unless more are wanted. A
        separator with the attribute ``one_core = True`` leaves the others to other processes.
        """
        uses_all_cores = not getattr(self.separator, "one_core", False)
        return 1 if wanted is None and uses_all_cores else wanted


def build_blocks(config: DictConfig, *, rate_key: str, prepare: Callable[[Any], None]) -> Blocks:
    """Build what the blocks `separator` and `hearing_aid` of a configuration describe.

    Parameters
    ----------
    config : DictConfig
        Configuration of a recipe.
    rate_key : str
        Key of the sample rate of the music.
    prepare : callable
        Gets the separator, checks it and loads its weights now, before the first item.

    Raises
    ------
    InputError
        If a block cannot be built or prepared, or the hearing aid runs at another sample rate.
    """
    separator = cli.build(config, "separator")
    prepare(separator)
    if config.separator.get("refine", "none") is None:
        # null: the separator has chosen, and results and kept stems remember what
        with read_write(config):
            config.separator.refine = separator.refine
    hearing_aid = build_hearing_aid(config, rate_key=rate_key)
    digests = file_digests(separator)
    settings = cli.settings(config, "stems", ["separator", rate_key])
    estimates = not isinstance(separator, FileSeparator)
    folder = config.path.stems_cache if estimates else None
    return Blocks(
        separator,
        hearing_aid,
        CacheOptions(f"{settings} {digests}", Path(folder) if folder else None),
        {"separator": digests, "hearing_aid": file_digests(hearing_aid.aid)},
    )


@dataclass(frozen=True)
class StemBlocks(Blocks):
    """Blocks of an enhancement that separates whole files into named stems.

    Parameters
    ----------
    stems_of : StemCache
        Gives the stems of an audio file.
    """

    stems_of: StemCache

    def input_files(self, mixture: Path) -> tuple[Path, ...]:
        """Files that are read to separate a mixture, the mixture itself first."""
        return input_files(self.separator, mixture)

    def added_mean(self, mixture: NDArray[np.float64]) -> float:
        """What the separator adds to all samples of each stem; 0 unless it normalises."""
        added_mean = getattr(self.separator, "added_mean", None)
        return 0.0 if added_mean is None else float(added_mean(mixture))


def build_stem_blocks(config: DictConfig, *, rate_key: str, sources: Sequence[str]) -> StemBlocks:
    """Build blocks whose separator finds the given stems.

    Parameters
    ----------
    config, rate_key
        As for `build_blocks`.
    sources : sequence of str
        Names of the stems.

    Raises
    ------
    InputError
        As by `build_blocks`; also if the separator has other stems.
    """
    blocks = build_blocks(config, rate_key=rate_key, prepare=partial(prepare, sources=sources))
    separate = partial(separate_file, blocks.separator, sample_rate=config[rate_key])
    return StemBlocks(**vars(blocks), stems_of=StemCache(separate, blocks.cache))


def build_hearing_aid(config: DictConfig, *, rate_key: str) -> CheckedAid:
    """Build what the block `hearing_aid` describes.

    Raises
    ------
    InputError
        If it cannot be built, or runs at another sample rate than the music.
    """
    aid = cli.build(config, "hearing_aid")
    require_sample_rate("hearing_aid", aid, rate_key, config[rate_key])
    return CheckedAid(aid)


def require_sample_rate(name: str, aid: object, rate_key: str, sample_rate: int) -> None:
    """Raise an `InputError` if a hearing aid has a sample rate, but not that of the music."""
    found = getattr(aid, "sample_rate", sample_rate)
    if found != sample_rate:
        raise InputError(
            f"{name}.sample_rate must be the {rate_key} of the music, {sample_rate} Hz, got {found}"
        )
