"""The separator that a recipe uses by default, without running the recipe."""

from __future__ import annotations

from importlib import import_module, resources
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from cadenza.runner.recipe_paths import read_recipe


def missing_weights(recipe: str) -> str:
    """What must be downloaded before the default separator of a recipe can run.

    Neither Hydra nor torch is loaded: they take longer than everything else.

    Parameters
    ----------
    recipe : str
        Folder below ``recipes``.

    Returns
    -------
    str
        In words; empty if nothing is missing, or if the separator cannot tell.

    Examples
    --------
    >>> missing_weights("cad_icassp_2024/generate_dataset")
    ''
    """
    config = read_recipe(recipe)
    groups = [entry for entry in config.defaults if isinstance(entry, DictConfig)]
    name = next((group.separator for group in groups if "separator" in group), None)
    if name is None:
        return ""
    file = resources.files("cadenza.configs").joinpath("separator", f"{name}.yaml")
    shared = OmegaConf.create(file.read_text("utf-8"))
    block = OmegaConf.merge(shared, config.get("separator", {}))
    found = _ask(cast("dict[str, Any]", OmegaConf.to_container(block)))
    if found is None:
        return ""
    if found.will_download:
        return f"first downloads the weights of {name} to {found.place}"
    return f"needs the weights of {name}, which are not in {found.place}"


def _ask(block: dict[str, Any]) -> Any:  # noqa: ANN401
    """Weights that a separator lacks; None if it lacks nothing or cannot tell."""
    module, _, name = str(block.pop("_target_")).rpartition(".")
    try:
        separator_class = getattr(import_module(module), name)
        if not hasattr(separator_class, "missing_weights"):
            return None
        return separator_class(**block).missing_weights()
    except (ImportError, AttributeError, TypeError, ValueError):
        return None  # the script itself says what is wrong with its separator
