"""Running a script's function through Hydra, once or as a sweep, and collecting exit statuses."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from cadenza.errors import InputError
from cadenza.runner import messages

logger = logging.getLogger(__name__)

FAILED = 1
LOST = ("FailedJobError", "UncompletedJobError", "BrokenProcessPool")
"""What submitit and joblib raise if a job ended without a result."""


def _at_most_cores(n: int) -> int:
    from cadenza.runner.pool import n_cores  # most scripts start without

    return min(n, n_cores())


OmegaConf.register_new_resolver("at_most_cores", _at_most_cores, replace=True)


def run(script: Path, job: Callable[[DictConfig], int], arguments: argparse.Namespace) -> int:
    """Run a job with a composed configuration, or several jobs with a launcher.

    ``hydra.main`` throws away what jobs return, and a launcher may run them in other processes or
    on other machines. The methods of Hydra behind it hand their results back, so they are called
    here.

    Parameters
    ----------
    script : Path
        Its folder holds the configuration, its name is that of the job.
    job : callable
        Gets the configuration and returns an exit status; for launchers it must be picklable.
    arguments : Namespace
        From `cadenza.runner.arguments.parse`.

    Returns
    -------
    int
        The highest exit status of all jobs.
    """
    name, overrides = arguments.config_name or "config", arguments.overrides
    with _hydra(script, arguments) as hydra:
        if arguments.hydra_help:
            hydra.hydra_help(config_name=name, args_parser=get_args_parser(), args=arguments)
        elif arguments.cfg:
            package, resolve = arguments.package, arguments.resolve
            hydra.show_cfg(name, overrides, arguments.cfg, package, resolve=resolve)
        elif arguments.info:
            hydra.show_info(arguments.info, config_name=name, overrides=overrides)
        elif arguments.shell_completion:
            hydra.shell_completion(config_name=name, overrides=overrides)
        elif _is_sweep(hydra, script, arguments):
            others = [o for o in overrides if not o.startswith("hydra.mode=")]
            return _sweep(hydra, name, job, others)
        else:
            try:
                returned = hydra.run(config_name=name, task_function=job, overrides=overrides)
            except OSError as error:  # Hydra's own files; a failed write does not name its file
                error.filename = error.filename or _run_folder(hydra, name, overrides)
                raise
            return int(returned.return_value)
    return 0


def _is_sweep(hydra: Hydra, script: Path, arguments: argparse.Namespace) -> bool:
    """Whether several jobs are wanted.

    Hydra has to compose the whole configuration to find out, which takes a tenth of a script's
    start. So it is asked only if something may set ``hydra.mode``.
    """
    name, overrides = arguments.config_name or "config", arguments.overrides
    if arguments.multirun:
        return True
    folder = Path(arguments.config_path or script.parent)
    file = folder / f"{name}.yaml"
    elsewhere = arguments.config_dir or not file.is_file()
    groups = any(override.startswith(("+", "~", "hydra", "cluster")) for override in overrides)
    if not (elsewhere or groups or "mode:" in file.read_text(encoding="utf-8")):
        return False
    return bool(hydra.get_mode(name, overrides) == RunMode.MULTIRUN)


def _run_folder(hydra: Hydra, name: str, overrides: list[str]) -> str:
    config = hydra.compose_config(name, overrides, run_mode=RunMode.RUN)
    return str(config.hydra.run.dir)


@contextmanager
def _hydra(script: Path, arguments: argparse.Namespace) -> Iterator[Hydra]:
    """Hydra, looking for configurations beside the script and in ``--config-dir``."""
    version.setbase("1.3")
    search_path = create_config_search_path(str(arguments.config_path or script.parent))
    if arguments.config_dir:
        _add_folder(search_path, Path(arguments.config_dir))
    try:
        yield Hydra.create_main_hydra2(task_name=script.stem, config_search_path=search_path)
    finally:
        GlobalHydra.instance().clear()


def _add_folder(search_path: ConfigSearchPath, folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"--config-dir: no such folder: {folder}")
    search_path.prepend(provider="command-line", path=f"file://{folder.absolute()}")


def _sweep(hydra: Hydra, name: str, job: Callable[[DictConfig], int], overrides: list[str]) -> int:
    """Run all jobs of a sweep; failed ones are listed."""
    # The folder of the sweep may depend on ${hydra:...}; the first job's then stands for all
    first = hydra.compose_config(name, _first_values(overrides), run_mode=RunMode.RUN)
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(first)
    try:
        sweep = [*overrides, "hydra.mode=MULTIRUN"]
        batches = hydra.multirun(config_name=name, task_function=job, overrides=sweep)
    except (InputError, *messages.COMPOSING):
        raise
    except Exception as error:  # each launcher has its own
        return _broken_off(error)
    finally:
        HydraConfig.instance().cfg = before
    if batches is None:
        print("the sweeper does not tell how its jobs ended: see their logs", file=sys.stderr)
        return 0
    return _worst([returned for batch in batches for returned in batch])


def _broken_off(error: Exception) -> int:
    """Say why a launcher did not get to the end; returns the exit status.

    Jobs report for themselves; this is about jobs that cannot: the process was killed, the node was
    lost, the cluster took no jobs.
    """
    logger.debug("where the sweep ended:", exc_info=True)
    text = next((line for line in map(str.strip, str(error).splitlines()) if line), "")
    if not {kind.__name__ for kind in type(error).__mro__} & set(LOST):
        raise InputError(f"cannot start the jobs: {type(error).__name__}: {text}") from None
    print(f"error: a job ended without a result: {text}", file=sys.stderr)
    print(
        "hint: jobs of a cluster that are still running go on. When they have ended, run the same "
        "command again: it does what is missing",
        file=sys.stderr,
    )
    return FAILED


def _first_values(overrides: Sequence[str]) -> list[str]:
    """Overrides with the first of the values that are swept over."""
    values = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        line: str = override.input_line or ""
        if override.is_discrete_sweep():
            key = override.get_key_element()
            line = f"{key}={next(iter(override.sweep_string_iterator()))}"
        values.append(line)
    return values


def remove_empty_run_folder() -> None:
    """Remove the run folder if nothing is in it but Hydra's notes on this job and an empty log."""
    hydra = HydraConfig.get()
    folder, log_name = Path(hydra.runtime.output_dir).resolve(), f"{hydra.job.name}.log"
    if hydra.output_subdir is None or Path.cwd().is_relative_to(folder):
        return
    notes, log = folder / hydra.output_subdir, folder / log_name
    for path in folder.rglob("*"):
        is_empty_log = path == log and not path.stat().st_size
        if not (is_empty_log or path.is_relative_to(notes) or notes.is_relative_to(path)):
            return
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).resolve() == log:
            root.removeHandler(handler)
            handler.close()
    shutil.rmtree(folder)


def _worst(returns: Sequence[JobReturn]) -> int:
    """Highest exit status; jobs that did not end well are listed."""
    statuses = [int(returned.return_value) for returned in returns]
    for number, (returned, status) in enumerate(zip(returns, statuses, strict=True)):
        if status:
            values = " ".join(returned.overrides or ())
            print(f"job {number} ended with exit status {status}: {values}", file=sys.stderr)
    return max(statuses, default=0)
