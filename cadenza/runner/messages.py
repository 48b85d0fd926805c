"""What is wrong with a composed configuration, or kept Hydra from composing it, in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cadenza._check import raise_if
from cadenza._paths import find_root
from cadenza.runner.help import shared_configs
from cadenza.runner.options import leaves_of, unknown_key

COMPOSING = (HydraException, OmegaConfBaseException, yaml.YAMLError, OSError)
"""Errors that `message` explains."""


def message(
    error: Exception, *, known: Callable[[], list[str]], blocks: Mapping[str, Sequence[str]]
) -> str:
    """One line that says what is wrong and where.

    Parameters
    ----------
    error : Exception
        One of `COMPOSING`.
    known : callable
        Gives the keys of the script; the files they are read from may be what is wrong.
    blocks : mapping
        Config groups of the script and the names that each offers.
    """
    if isinstance(error, yaml.MarkedYAMLError):
        return _yaml(error)
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        return f"cannot read {error.override}: quote it: '{key}=\"{value}\"'"
    if isinstance(error, MissingConfigException):
        return _missing(error, blocks)
    if isinstance(error, OSError) and error.strerror:
        return _of_the_disk(error)
    text = str(error)
    if found := re.match(r"Could not override '(.+)'", text):
        keys = known()
        if found[1] in keys:  # a mapping, and the value has other entries
            key = found[1]
            return f"{key}: +{key}.NAME=... adds an entry, ~{key}.NAME removes one"
        return unknown_key(found[1], keys)
    if found := re.match(r"Ambiguous value for argument '([^=]+)=(.+)'", text):
        key, value = found[1], found[2]
        as_list = "" if key in blocks else f"; {key}=[{value}] is a list"
        return f"{key} has several values: -m runs a job for each{as_list}"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {_first_lines(text)}"
    return _first_lines(text)


def _of_the_disk(error: OSError) -> str:
    """Where an operation failed, and why; if the file is not known, the folder of the run."""
    place = error.filename
    if place is None and HydraConfig.initialized():
        place = HydraConfig.get().runtime.output_dir
    return f"{place or 'cannot write'}: {str(error.strerror).lower()}"


def _yaml(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{mark.name}, line {mark.line + 1}" if mark else "YAML"
    context = f"{error.context}: " if error.context else ""
    return f"{place}: {context}{error.problem}"


def _missing(error: MissingConfigException, blocks: Mapping[str, Sequence[str]]) -> str:
    """A block that does not exist; a user's own blocks are offered, too."""
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if group == "hydra/launcher":
        package = f"hydra-{name.partition('_')[0]}-launcher"
        return f"hydra/launcher={name} is not installed: pip install {package}"
    if group not in blocks and not error.options:
        return _first_lines(str(error))
    options = error.options or ()
    own = [o for o in options if group not in blocks or not _is_shared(group, o)]
    offered = ", ".join(dict.fromkeys([*blocks.get(group, ()), *own]))
    return f"there is no {group} called {name}; choose one of {offered}"


def _first_lines(text: str) -> str:
    lines = [line.strip() for line in text.split("Config search path")[0].splitlines()]
    technical = ("full_key", "object_type", "reference_type")
    return " ".join(line for line in lines if line and not line.startswith(technical))


def require_offered(choices: Mapping[str, str], blocks: Mapping[str, Sequence[str]]) -> None:
    """Check that the chosen blocks are for this script; a user's own are.

    Parameters
    ----------
    choices : mapping
        Config groups and the names that were chosen.
    blocks : mapping
        Config groups of the script and the names that each offers.

    Raises
    ------
    InputError
        If a block is one of cadenza's, but for other recipes.

    Examples
    --------
    >>> require_offered({"hearing_aid": "multiband"}, {"hearing_aid": ("nalr", "custom")})
    Traceback (most recent call last):
    cadenza.errors.InputError: hearing_aid=multiband is not made for this script; choose one of ...
    """
    raise_if(
        [
            f"{group}={name} is not made for this script; choose one of {', '.join(blocks[group])}"
            for group, name in choices.items()
            if group in blocks and name not in blocks[group] and _is_shared(group, name)
        ]
    )


def _is_shared(group: str, name: str) -> bool:
    """Whether a block is one of cadenza's."""
    return (shared_configs() / group / f"{name}.yaml").is_file()


def given_keys() -> set[str]:
    """Keys and groups that were given on the command line of a job."""
    # not by iterating, which would resolve interpolations
    overrides = cast("list[str]", OmegaConf.to_container(HydraConfig.get().overrides.task))
    return {override.lstrip("+~").partition("=")[0] for override in overrides}


def hints(config: DictConfig, problems: Sequence[str]) -> list[str]:
    """Advice on problems with files and folders that are missing."""
    return [
        *_other_block(config, problems),
        *_other_root(config, problems),
        *_other_split(config, problems),
    ] or [*_earlier_step(config, problems)]


def _other_block(config: DictConfig, problems: Sequence[str]) -> Iterator[str]:
    """The name of a folder may come from a block that was not chosen."""
    given, choices = given_keys(), HydraConfig.get().runtime.choices
    content = cast("dict[str, Any]", OmegaConf.to_container(config))
    for key, raw in leaves_of(content).items():
        choice = re.search(r"\$\{hydra:runtime\.choices\.(\w+)\}", str(raw))
        if not choice or choice[1] in given:
            continue
        group, folder = choice[1], OmegaConf.select(config, key)
        if any(str(folder).removeprefix("./") in problem for problem in problems):
            yield (
                f"{key} is {folder} because {group}={choices[group]} is the "
                f"default; if the results were made with another, give it here, too: {group}=..."
            )


def _other_root(config: DictConfig, problems: Sequence[str]) -> Iterator[str]:
    """The root may be a folder too high."""
    root = Path(OmegaConf.select(config, "path.root") or ".")
    missing = f"missing folder: {root / 'metadata'} "
    if any(problem.startswith(missing) for problem in problems) and (found := find_root(root)):
        yield f"did you mean path.root={found}?"


def _other_split(config: DictConfig, problems: Sequence[str]) -> Iterator[str]:
    """The name of the split may be misspelt, or its data not there."""
    if not any(problem.startswith("missing file: ") for problem in problems):
        return
    split, file = OmegaConf.select(config, "split"), OmegaConf.select(config, "path.listeners_file")
    before, found, after = Path(file or "").name.partition(f".{split}.")
    if not found or f"missing file: {file}" not in problems:
        return
    names = sorted(path.name for path in Path(file).parent.glob(f"{before}.*.{after}"))
    splits = [name.removeprefix(f"{before}.").removesuffix(f".{after}") for name in names]
    if splits:
        yield f"there are no listeners for split={split}, only for {', '.join(splits)}"


def _earlier_step(config: DictConfig, problems: Sequence[str]) -> Iterator[str]:
    """What an earlier script writes may be missing, or a part of it."""
    results = OmegaConf.select(config, "path.exp_folder")
    if not results:
        return
    folder = Path(results) / "enhanced_signals"
    same = "with the same path.exp_folder and from the same folder"
    if any(problem.startswith(f"missing folder: {folder} (with ") for problem in problems):
        yield f"run enhance.py first, {same}"
    elif any(re.fullmatch(rf"missing \w+: {re.escape(str(folder))}/[^;]+", p) for p in problems):
        yield f"some of the enhanced music is missing: run enhance.py again, {same}"
