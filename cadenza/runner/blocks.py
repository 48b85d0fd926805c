"""The building blocks of an enhancement, built from its configuration and checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from cadenza import _check
from cadenza._files import identity
from cadenza.audiogram import Listener
from cadenza.errors import InputError
from cadenza.hearing_aid import HearingAid
from cadenza.runner import cli
from cadenza.separation import (
    FileSeparator,
    Separator,
    Stems,
    input_files,
    prepare,
    separate_file,
)
from cadenza.separation.cache import StemCache
from cadenza.stems import STEMS


@dataclass(frozen=True)
class CheckedAid:
    """A hearing aid whose output is checked, as it may be the user's own."""

    aid: HearingAid

    def __call__(self, signal: NDArray[np.float64], listener: Listener) -> NDArray[np.float64]:
        """Process music for a listener; raises ValueError unless stereo comes back."""
        name = f"the output of {type(self.aid).__name__}"
        output = _check.signal(name, self.aid(signal, listener))
        if output.ndim != 2 or len(output) != 2 or output.shape[1] < signal.shape[1] // 2:
            raise ValueError(
                f"{name} must have two rows of about {signal.shape[1]} samples, got {output.shape}"
            )
        return output


@dataclass(frozen=True)
class Blocks:
    """A separator whose stems are kept for the next listener, and a hearing aid.

    Parameters
    ----------
    separator : Separator or FileSeparator
        What finds the stems.
    stems_of : StemCache
        Stems of an audio file.
    hearing_aid : CheckedAid
        What amplifies for a listener.
    made_of : dict
        Identities of the files that the blocks are made of, for the settings of a run.
    """

    separator: Separator | FileSeparator
    stems_of: StemCache
    hearing_aid: CheckedAid
    made_of: dict[str, dict[str, str]]

    def input_files(self, mixture: Path) -> tuple[Path, ...]:
        """Files that are read to enhance a mixture, the mixture itself first."""
        return input_files(self.separator, mixture)


def build_blocks(config: DictConfig) -> Blocks:
    """Build what `separator` and `hearing_aid` describe; weights are loaded now, not later.

    Raises
    ------
    InputError
        If a block cannot be built, the separator has other stems, its weights are missing, or
        NAL-R is not set to the sample rate of the music.
    """
    if config.nalr.sample_rate != config.sample_rate:
        raise InputError(
            f"nalr.sample_rate must be the sample_rate of the music, {config.sample_rate}, "
            f"got {config.nalr.sample_rate}"
        )
    separator = cli.build(config, "separator")
    prepare(separator, STEMS)
    hearing_aid = CheckedAid(cli.build(config, "hearing_aid"))

    def separate(path: Path) -> Stems:
        return separate_file(separator, path, sample_rate=config.sample_rate)

    return Blocks(
        separator,
        stem_cache(config, separator, separate, rate_key="sample_rate"),
        hearing_aid,
        {"separator": made_of(separator), "hearing_aid": made_of(hearing_aid.aid)},
    )


def stem_cache(
    config: DictConfig,
    separator: object,
    separate: Callable[..., Stems],
    *,
    rate_key: str,
) -> StemCache:
    """Cache of separated stems; only what is estimated from the mixture is kept in a folder."""
    settings = cli.settings(config, "stems", ["separator", rate_key])
    folder = config.path.stems_cache
    keeps = folder and not isinstance(separator, FileSeparator)
    return StemCache(
        separate,
        settings=f"{settings} {made_of(separator)}",
        folder=Path(folder) if keeps else None,
    )


def made_of(block: object) -> dict[str, str]:
    """Identities of the files that a block is made of: a user's own source, local weights."""
    files: dict[str, Path] = {}
    code = block if inspect.isfunction(block) else type(block)
    if not code.__module__.startswith("cadenza."):
        files["source"] = Path(inspect.getsourcefile(code) or "")
    for name in ("weights", "models_dir"):
        path = Path(str(getattr(block, name, None) or "")).expanduser()
        if path.is_file():
            files[name] = path
        elif path != Path() and path.is_dir():
            inside = sorted(path.rglob("*"))
            files |= {f"{name}/{file.relative_to(path).as_posix()}": file for file in inside}
    return {name: identity(path) for name, path in files.items() if path.is_file()}
