"""The edge between a recipe script and Hydra: arguments, configuration, blocks, exit status.

Exit status: 0 all good; 1 some items failed; 2 bad input or configuration, nothing was processed;
130 interrupted. It is the same with every launcher.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from cadenza.errors import InputError
from cadenza.runner import arguments, early, jobs, messages
from cadenza.runner.help import all_keys, print_help
from cadenza.runner.options import blocks_of, check, without_effect
from cadenza.runner.sharding import Shard

logger = logging.getLogger(__name__)

BAD_INPUT = 2
MOST_PROBLEMS = 50


def script(file: str, run: Callable[[DictConfig], int], options: type) -> Callable[[], None]:
    """Make the command-line entry point of a recipe script.

    Parameters
    ----------
    file : str
        ``__file__`` of the script; its ``config.yaml`` lies beside it.
    run : callable
        Gets the composed configuration, with all keys present and of the right type, and returns
        the exit status.
    options : dataclass type
        What the script can be set to; see `cadenza._options`.

    Returns
    -------
    callable
        Runs the script with the arguments of the command line and exits.
    """

    def main() -> None:
        early.imported()
        sys.exit(Script(Path(file).resolve(), run, options)(sys.argv[1:]))

    return main


@dataclass(frozen=True)
class Script:
    """A recipe script; launchers send it to other processes.

    Parameters
    ----------
    path : Path
        The file.
    run : callable
        What it does with a configuration; returns the exit status.
    options : dataclass type
        What it can be set to.
    """

    path: Path
    run: Callable[[DictConfig], int]
    options: type

    def __call__(self, given: Sequence[str]) -> int:
        """Run with the arguments of the command line; returns the exit status."""
        if {"--help", "-h"} & set(given):
            return print_help(self.path, self.options, given)
        try:
            parsed = arguments.parse(given, blocks_of(self.options))
            return jobs.run(self.path, self.job, parsed)
        except InputError as error:
            return _report(error)
        except messages.COMPOSING as error:
            return _report(self._explained(error, given))
        except ValueError as error:  # this is how logging says that it cannot open its file
            if not isinstance(error.__cause__, OSError):
                raise
            return _report(self._explained(error.__cause__))
        except KeyboardInterrupt:
            return _interrupted()

    def job(self, config: DictConfig) -> int:
        """Check a composed configuration and work with it; an error becomes an exit status."""
        status = self._status(config)
        if status == BAD_INPUT:
            jobs.remove_empty_run_folder()
        return status

    def _status(self, config: DictConfig) -> int:
        try:
            return self.run(self._checked(config))
        except InputError as error:
            return _report(error, *messages.hints(config, error.problems))
        except messages.COMPOSING as error:
            # also an OSError: a folder that cannot be made; a file that fails is its item's problem
            return _report(self._explained(error))
        except KeyboardInterrupt:
            return _interrupted()
        except Exception:
            logger.exception("%s failed; this is a bug, in cadenza or in your own class", self.path)
            return jobs.FAILED

    def _explained(self, error: Exception, given: Sequence[str] = ()) -> InputError:
        blocks = blocks_of(self.options)
        known = partial(all_keys, self.path, blocks, given)
        return InputError(messages.message(error, known=known, blocks=blocks))

    def _checked(self, config: DictConfig) -> DictConfig:
        hydra, given = HydraConfig.get(), messages.given_keys()
        messages.require_offered(hydra.runtime.choices, blocks_of(self.options))
        checked = check(config, self.options, file=f"{hydra.job.config_name}.yaml", given=given)
        for text in without_effect(self.options, self.path.stem, given):
            print(f"warning: {text}", file=sys.stderr)
        return checked


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
        Naming the key, the class and the exception, if the class is unknown, does not accept the
        block or fails. The traceback goes to the log file.

    Examples
    --------
    >>> block = {"_target_": "cadenza.hearing_aid.NALRAid", "sample_rate": "${sample_rate}"}
    >>> config = OmegaConf.create({"sample_rate": 44100, "hearing_aid": block})
    >>> build(config, "hearing_aid")
    NALRAid(sample_rate=44100, nfir=220, compressor=None, limiter=None)
    """
    try:
        return instantiate(config[key], _convert_="all")
    except Exception as error:  # also from the code of a user's own class
        cause = error.__cause__ if isinstance(error, InstantiationException) else error
        if isinstance(cause, InputError):
            raise InputError([f"{key}: {problem}" for problem in cause.problems]) from None
        logger.debug("where %s could not be built:", key, exc_info=True)
        target = config[key].get("_target_", "which lacks a _target_")
        raise InputError(f"cannot build {key} ({target}): {_described(cause or error)}") from None


def _described(error: BaseException) -> str:
    if isinstance(error, InstantiationException):
        return str(error).splitlines()[0].split(", set env var")[0]
    text = " ".join(str(error).split())
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"


def settings(config: DictConfig, step: str, keys: Sequence[str]) -> dict[str, Any]:
    """Settings that the results of a step depend on, for the run loop.

    Parameters
    ----------
    config : DictConfig
        The whole configuration.
    step : str
        Name and version of the algorithm; results of another version are not continued.
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


def given(config: DictConfig, key: str) -> Any:  # noqa: ANN401
    """Value of a key if it was given on the command line of this job, or else None."""
    return OmegaConf.select(config, key) if key in messages.given_keys() else None


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


def _report(error: InputError, *hints: str) -> int:
    shown = error.problems[:MOST_PROBLEMS]
    if len(error.problems) > len(shown):
        shown.append(f"... and {len(error.problems) - len(shown)} more")
    for problem in shown:
        print(f"error: {problem}", file=sys.stderr)
    for hint in hints:
        print(f"hint: {hint}", file=sys.stderr)
    return BAD_INPUT


def _interrupted() -> int:
    logger.error("interrupted; run the same command again to continue")
    return early.INTERRUPTED
