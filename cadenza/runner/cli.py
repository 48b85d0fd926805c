"""The edge between a recipe script and Hydra: help, overrides, building blocks, exit status.

Exit status: 0 all good; 1 some items failed; 2 bad input or configuration, nothing was processed;
130 interrupted.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.errors import HydraException, InstantiationException, OverrideParseException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigTypeError, OmegaConfBaseException

from cadenza._check import raise_if
from cadenza.errors import InputError
from cadenza.runner.sharding import Shard

logger = logging.getLogger(__name__)

ALIASES = {
    "nalr.fs": "nalr.sample_rate",
    "path.exp": "path.exp_folder",
    "path.music_test_file": "path.music_file",
    "path.listeners_test_file": "path.listeners_file",
}
"""Keys of earlier releases and what they are called now."""

HINTS = {
    "separator.model": "choose a separator by its name: separator={value}",
    "separator.force_redownload": "weights are downloaded once and kept; drop this key",
}
"""Keys of earlier releases that are spelt in another way now."""


def recipe(script: str, main: Callable[[DictConfig], int]) -> Callable[[], None]:
    """Make the command-line entry point of a recipe script.

    Parameters
    ----------
    script : str
        ``__file__`` of the script; its ``config.yaml`` lies beside it.
    main : callable
        Gets the composed configuration, with all mandatory keys given and all values of the right
        type, and returns the exit status.

    Returns
    -------
    callable
        Runs the script with the arguments of the command line and exits.
    """
    path = Path(script).resolve()

    def entry_point() -> None:
        if {"--help", "-h"} & set(sys.argv[1:]):
            print(_help(path, sys.modules[main.__module__].__doc__ or ""))
            return
        statuses: list[int] = []

        def task(config: DictConfig) -> None:
            statuses.append(_run(main, config, path))

        try:
            sys.argv[1:] = _arguments(sys.argv[1:], job_name=path.stem)
            with _errors_reach_us():
                run = hydra.main(
                    version_base="1.3", config_path=str(path.parent), config_name="config"
                )
                run(task)()
        except InputError as error:
            statuses.append(_report(error))
        except OverrideParseException as error:
            key, _, value = error.override.partition("=")
            statuses.append(
                _report(InputError(f"cannot read {error.override}: quote it: '{key}=\"{value}\"'"))
            )
        except (HydraException, OmegaConfBaseException, OSError) as error:
            statuses.append(_report(InputError(_first_lines(error))))
        sys.exit(max(statuses, default=0))

    return entry_point


def _arguments(arguments: Sequence[str], *, job_name: str) -> list[str]:
    """Arguments for Hydra: keys of earlier releases translated, the script's name added."""
    translated = [_translate(argument) for argument in arguments]
    is_override = [not a.startswith("-") and "=" in a for a in translated]
    # Hydra's options may stand before or after the overrides, but not between them
    place = is_override.index(True) if any(is_override) else len(translated)
    return [*translated[:place], f"hydra.job.name={job_name}", *translated[place:]]


@contextmanager
def _errors_reach_us() -> Iterator[None]:
    """Make Hydra raise its errors instead of printing them and ending the process."""
    name = "HYDRA_FULL_ERROR"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _first_lines(error: Exception) -> str:
    """What an error of Hydra says, without its advice that does not fit here."""
    text = str(error).split("Config search path")[0]
    if unknown := re.match(r"Could not override '(.+)'", text):
        return f"unknown key {unknown[1]}; --help lists all keys"
    lines = [line.strip() for line in text.splitlines()]
    technical = ("full_key", "object_type", "reference_type")
    return " ".join(line for line in lines if line and not line.startswith(technical))


def build(config: DictConfig, key: str) -> Any:  # noqa: ANN401
    """Build the object that a configuration block describes by its ``_target_``.

    Parameters
    ----------
    config : DictConfig
        The whole configuration, so that the block may refer to other keys.
    key : str
        Where the block is.

    Raises
    ------
    InputError
        Naming the key and the class, if the class is unknown or does not accept the block.

    Examples
    --------
    >>> block = {"_target_": "cadenza.hearing_aid.NALRAid", "sample_rate": "${sample_rate}"}
    >>> config = OmegaConf.create({"sample_rate": 44100, "hearing_aid": block})
    >>> build(config, "hearing_aid")
    NALRAid(sample_rate=44100, nfir=220, compressor=None)
    """
    try:
        return instantiate(config[key], _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        detail = f"{type(cause).__name__}: {cause}" if cause else str(error)
        target = config[key].get("_target_", "which lacks a _target_")
        raise InputError(f"cannot build {key} ({target}): {detail}") from None


def settings(config: DictConfig, step: str, keys: Sequence[str]) -> dict[str, Any]:
    """Settings that the results of a step depend on, for the run loop.

    Parameters
    ----------
    config : DictConfig
        The whole configuration.
    step : str
        Name and version of the algorithm; another version does not go on with old results.
    keys : sequence of str
        Keys and blocks that matter.

    Examples
    --------
    >>> config = OmegaConf.create({"rate": 44100, "nalr": {"nfir": 220, "rate": "${rate}"}})
    >>> settings(config, "enhance 1", ["nalr"])
    {'step': 'enhance 1', 'nalr': {'nfir': 220, 'rate': 44100}}
    """
    resolved = cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True))
    return {"step": step, **{key: _select(resolved, key) for key in keys}}


def _select(content: Any, key: str) -> Any:  # noqa: ANN401
    for part in key.split("."):
        content = content[part]
    return content


def choice(config: DictConfig, key: str, allowed: Sequence[str]) -> str:
    """Value of a key that must be one of some words.

    Raises
    ------
    InputError
        If it is none of them.

    Examples
    --------
    >>> choice(OmegaConf.create({"compat": "fixed"}), "compat", ["fixed", "published"])
    'fixed'
    """
    value = OmegaConf.select(config, key)
    if value not in allowed:
        raise InputError(f"{key} must be one of {', '.join(allowed)}, got {value!r}")
    return str(value)


def run_options(config: DictConfig) -> dict[str, Any]:
    """Arguments of the run loop that every recipe takes from the same keys.

    Examples
    --------
    >>> config = OmegaConf.create({
    ...     "evaluate": {"batch": 0, "batch_size": 2}, "resume": True, "on_error": "continue"
    ... })
    >>> run_options(config)
    {'shard': Shard(index=0, count=2), 'resume': True, 'on_error': 'continue'}
    """
    return {
        "shard": Shard(config.evaluate.batch, config.evaluate.batch_size),
        "resume": config.resume,
        "on_error": config.on_error,
    }


def _run(main: Callable[[DictConfig], int], config: DictConfig, script: Path) -> int:
    try:
        _check(config, script)
        return main(config)
    except InputError as error:
        return _report(error)
    except OmegaConfBaseException as error:
        return _report(InputError(_first_lines(error)))
    except OSError as error:
        # a folder that cannot be made or read; a file that fails in the middle is its item's
        return _report(InputError(str(error)))
    except KeyboardInterrupt:
        logger.error("interrupted; the same command continues")
        return 130


def _report(error: InputError) -> int:
    shown = error.problems[:50]
    for problem in shown:
        print(f"error: {problem}", file=sys.stderr)
    if len(error.problems) > len(shown):
        print(f"error: ... and {len(error.problems) - len(shown)} more", file=sys.stderr)
    return 2


def _check(config: DictConfig, script: Path) -> None:
    """Check that mandatory keys are given and that values have the type of their default."""
    given = _leaves(OmegaConf.to_container(config))
    if missing := [key for key, value in given if value == "???"]:
        raise InputError([f"{key} is required: {key}=..." for key in missing])
    problems = []
    defaults = OmegaConf.load(script.with_name("config.yaml"))
    for key, default in _leaves(OmegaConf.to_container(defaults)):
        value = _value(config, key)
        if value is None and default == "???":
            problems.append(f"{key} is required: {key}=...")
        elif not _has_type_of(default, value):
            kind = type(default).__name__
            problems.append(f"{key} must be of type {kind} (like {default}), got {value!r}")
        elif key.endswith("sample_rate") and not 8000 <= value <= 768000:
            problems.append(f"{key} must be a sample rate of at least 8000 Hz, got {value!r}")
    raise_if(problems)


def _value(config: DictConfig, key: str) -> Any:  # noqa: ANN401
    try:
        return OmegaConf.select(config, key)
    except ConfigTypeError:  # a section was replaced by a value
        return None


def _leaves(node: Any, prefix: str = "") -> list[tuple[str, Any]]:  # noqa: ANN401
    if not isinstance(node, dict):
        return [(prefix, node)]
    leaves = []
    for key, child in node.items():
        if prefix or key not in ("defaults", "hydra"):
            leaves += _leaves(child, f"{prefix}.{key}" if prefix else key)
    return leaves


def _has_type_of(default: object, value: object) -> bool:
    if default is None:
        return True
    if value is None:
        return False
    if isinstance(default, str):
        return "$" in default or not isinstance(value, bool)
    if isinstance(default, list):
        return OmegaConf.is_list(value)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int) or (isinstance(default, float) and isinstance(value, float))


def _translate(argument: str) -> str:
    key, equals, value = argument.partition("=")
    name = key.lstrip("+~")
    if equals and name in HINTS:
        raise InputError(f"{name} is no key: {HINTS[name].format(value=value)}")
    if not equals or argument.startswith("-"):
        return argument
    if value.startswith("~/"):  # the shell expands it only at the beginning of a word
        value = str(Path(value).expanduser())
    return f"{key.replace(name, ALIASES.get(name, name), 1)}={value}"


def _help(script: Path, description: str) -> str:
    configs = Path(str(resources.files("cadenza.configs")))
    groups = "\n".join(
        f"  {folder.name}: {', '.join(sorted(p.stem for p in folder.glob('*.yaml')))}"
        for folder in sorted(configs.iterdir())
        if folder.is_dir() and any(folder.glob("*.yaml"))
    )
    return (
        f"{description.strip()}\n\n"
        f"Usage: python {script.name} key=value ...\n\n"
        f"Blocks to choose from (GROUP=NAME, options of a block: GROUP.key=value):\n{groups}\n\n"
        "Keys with their defaults (??? must be given):\n\n"
        f"{script.with_name('config.yaml').read_text(encoding='utf-8')}\n"
        "Exit status: 0 all good; 1 some items failed; 2 bad input or configuration."
    )
