"""The configuration that a script has left beside its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cadenza.errors import InputError
from cadenza.runner.help import shared_configs
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
    written : dict
        Values by their full keys as they were written: those that refer to other keys do so still.
    choices : dict
        Names of the blocks that were chosen, by group.
    """

    config: Config
    written: dict[str, Any]
    choices: dict[str, str]

    def settings(self) -> dict[str, Any]:
        """Values by their full keys, without paths and without how the work was split."""
        resolved = cast("dict[str, Any]", OmegaConf.to_container(self.config, resolve=True))
        return settings_of(leaves_of(resolved))


def settings_of(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a configuration's values that say what is computed.

    Examples
    --------
    >>> settings_of({"path.root": "/data", "soft_clip": True, "resume": True})
    {'soft_clip': True}
    """
    return {key: value for key, value in leaves.items() if not key.startswith(_NO_SETTINGS)}


def targets_of(block: object) -> set[str]:
    """Classes that a configuration block names, at any depth.

    Examples
    --------
    >>> targets_of({"_target_": "my.Aid", "limiter": {"_target_": "my.Limiter"}}) == {
    ...     "my.Aid", "my.Limiter"
    ... }
    True
    """
    content = OmegaConf.to_container(block) if OmegaConf.is_config(block) else block
    if isinstance(content, list):
        return set().union(*map(targets_of, content))
    if not isinstance(content, dict):
        return set()
    inner = set().union(*map(targets_of, content.values()))
    return inner | ({str(content["_target_"])} if "_target_" in content else set())


def shared_targets(group: str) -> set[str]:
    """Classes that cadenza's own blocks of a group name."""
    return {
        target
        for path in (shared_configs() / group).glob("*.yaml")
        for target in targets_of(OmegaConf.load(path))
        if target != "???"
    }


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
        written = leaves_of(cast("dict[str, Any]", OmegaConf.to_container(config)))
        hydra = OmegaConf.load(folder / "hydra.yaml")
        start = Path(hydra.hydra.runtime.cwd)
        choices = dict(hydra.hydra.runtime.choices)
        config.path.exp_folder = str(exp_folder.absolute())
        OmegaConf.resolve(config)
        for key, value in config.path.items():
            if isinstance(value, str):
                config.path[key] = str(start / value)  # an absolute path stays what it is
    except (OSError, OmegaConfBaseException, ValueError, AttributeError) as error:
        reason = next(iter(str(error).splitlines()), "")
        file = folder / "config.yaml"
        raise InputError(f"{file}: cannot read the saved configuration: {reason}") from None
    OmegaConf.set_readonly(config, True)
    return Saved(cast("DictConfig", config), written, choices)


def with_settings(saved: Saved, settings: Mapping[str, Any]) -> Saved:
    """A saved configuration with the settings that the results themselves were made with.

    A script that refuses to work saves its configuration, too, in place of the earlier one.

    Parameters
    ----------
    saved : Saved
        From `read_saved`.
    settings : mapping
        Values by their full keys, from a journal. Blocks and unknown keys are left out.
    """
    content = cast("dict[str, Any]", OmegaConf.to_container(saved.config))
    leaves = leaves_of(content)
    used = {key: value for key, value in settings.items() if leaves.get(key, value) != value}
    if not used:
        return saved
    config = OmegaConf.create(content)
    for key, value in used.items():
        OmegaConf.update(config, key, value)
    OmegaConf.set_readonly(config, True)
    return replace(saved, config=config, written=saved.written | used)


def _newest(folder: Path) -> Path | None:
    """The newest folder with a configuration: that of the script, or one of its batches."""
    found = [*folder.glob("config.yaml"), *folder.glob("*/config.yaml")]
    return max(found, key=lambda path: path.stat().st_mtime).parent if found else None
