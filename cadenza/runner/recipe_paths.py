"""Where a recipe looks for its files, without running it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

_RESULTS = {"exp_folder", "enhanced_dir", "submission_dir", "stems_cache"}


@cache
def read_recipe(recipe: str) -> DictConfig:
    """The ``config.yaml`` of a recipe, read-only; it is parsed once."""
    text = resources.files("cadenza.recipes").joinpath(recipe, "config.yaml").read_text("utf-8")
    config = cast("DictConfig", OmegaConf.create(text))
    OmegaConf.set_readonly(config, True)
    return config


def recipe_paths(recipe: str, root: Path, split: str) -> dict[str, str]:
    """Paths of the data that the scripts of a recipe read, from its ``config.yaml``.

    Parameters
    ----------
    recipe : str
        Folder below ``recipes``.
    root : Path
        Challenge root.
    split : str
        Which metadata files; recipes that have only one set ignore it.

    Returns
    -------
    dict
        By the keys of ``path`` in the configuration, without those of results.

    Examples
    --------
    >>> recipe_paths("cad_icassp_2024/baseline", Path("/data"), "valid")["scenes_file"]
    '/data/metadata/scenes.valid.json'
    """
    config = OmegaConf.merge(read_recipe(recipe), {"path": {"root": str(root)}, "split": split})
    return {str(key): str(config.path[key]) for key in config.path if key not in _RESULTS}
