"""The configuration that a script has left beside its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cadenza.errors import InputError
from cadenza.runner.options import leaves_of

Config: TypeAlias = DictConfig

_NO_SETTINGS = ("path.", "evaluate.batch", "resume", "on_error", "jobs", "+cluster=")
"""Keys that say where results are and how the work was split, not what was computed."""


@dataclass(frozen=True)
class Saved:
    """What a script was run with.

    Parameters
    ----------
    config : Config
        All keys; paths are absolute, and results are where they were found.
    overrides : tuple of str
        What the command line changed, such as ``soft_clip=true``, without paths and without how the
        work was split.
    """

    config: Config
    overrides: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """Values by their full keys, without paths and without how the work was split."""
        resolved = cast("dict[str, Any]", OmegaConf.to_container(self.config, resolve=True))
        leaves = leaves_of(resolved)
        return {key: value for key, value in leaves.items() if not key.startswith(_NO_SETTINGS)}


def read_saved(exp_folder: Path, script: str) -> Saved | None:
    """Read the configuration with which a script worked on a folder of results.

    Parameters
    ----------
    exp_folder : Path
        The folder; it may have been moved since.
    script : str
        Name of the script, such as ``evaluate``.

    Returns
    -------
    Saved or None
        None if the script was not run on this folder.

    Raises
    ------
    InputError
        If the saved configuration cannot be read.
    """
    folder = _newest(exp_folder / ".hydra" / script)
    if folder is None:
        return None
    try:
        config = OmegaConf.load(folder / "config.yaml")
        given = OmegaConf.to_container(OmegaConf.load(folder / "overrides.yaml"))
        hydra = OmegaConf.load(folder / "hydra.yaml")
        start = Path(hydra.hydra.runtime.cwd)
        config.path.exp_folder = str(exp_folder.absolute())
        OmegaConf.resolve(config)
        for key, value in config.path.items():
            if isinstance(value, str):
                config.path[key] = str(start / value)  # an absolute path stays what it is
    except (OSError, OmegaConfBaseException, ValueError, AttributeError) as error:
        raise InputError(f"{folder}: cannot read the saved configuration: {error}") from None
    OmegaConf.set_readonly(config, True)
    overrides = tuple(
        str(o) for o in cast("list[Any]", given) if not str(o).startswith(_NO_SETTINGS)
    )
    return Saved(cast("DictConfig", config), overrides)


def _newest(folder: Path) -> Path | None:
    """The newest folder with a configuration: that of the script, or one of its batches."""
    found = [*folder.glob("config.yaml"), *folder.glob("*/config.yaml")]
    return max(found, key=lambda path: path.stat().st_mtime).parent if found else None
