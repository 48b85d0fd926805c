"""The arguments of a script: Hydra's options and ``key=value`` pairs, in any order."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from cadenza.errors import InputError

ALIASES = {
    "nalr.fs": "nalr.sample_rate",
    "path.exp": "path.exp_folder",
    "path.music_test_file": "path.music_file",
    "path.listeners_test_file": "path.listeners_file",
}
"""Keys of earlier releases and their present names."""

SHORT_NAMES = {"shards": "evaluate.batch_size"}
"""Other names of keys, which fit better where the challenges' own names mislead."""

HINTS = {
    "separator.model": "choose a separator by its name: separator={value}",
    "separator.force_redownload": "weights are downloaded once and kept; drop this key",
}
"""Keys of earlier releases that have no direct successor."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; --help lists what this script accepts")


def parse(arguments: Sequence[str], blocks: Mapping[str, Sequence[str]]) -> argparse.Namespace:
    """Split arguments into Hydra's options and overrides.

    Parameters
    ----------
    arguments : sequence of str
        As given on the command line. Options may stand between the overrides.
    blocks : mapping
        Config groups of the script and the names that each offers, for suggestions.

    Returns
    -------
    Namespace
        As Hydra's own parser returns it. Keys of earlier releases have their present names.

    Raises
    ------
    InputError
        If an argument is neither an option nor ``key=value``.

    Examples
    --------
    >>> parse(["split=valid", "-m", "shards=2", "evaluate.batch=0,1"], {}).overrides
    ['split=valid', 'evaluate.batch_size=2', 'evaluate.batch=0,1']
    >>> parse(["spectral"], {"separator": ["demucs", "spectral"]})
    Traceback (most recent call last):
    cadenza.errors.InputError: cannot read the argument spectral; did you mean separator=spectral?
    """
    parser = _Parser(parents=[get_args_parser()], add_help=False, allow_abbrev=False)
    parsed = parser.parse_intermixed_args(list(arguments))
    parsed.overrides = [_translated(argument, blocks) for argument in parsed.overrides]
    return parsed


def _translated(argument: str, blocks: Mapping[str, Sequence[str]]) -> str:
    """Override with the present name of its key, and with the home folder in place of ``~/``."""
    key, equals, value = argument.partition("=")
    if argument.startswith("~"):  # deletes a key
        return argument
    if not equals:
        meant = [f"{group}={argument}" for group, names in blocks.items() if argument in names]
        hint = f"did you mean {' or '.join(meant)}?" if meant else "it must be key=value"
        raise InputError(f"cannot read the argument {argument}; {hint}")
    name = key.lstrip("+")
    if name in HINTS:
        raise InputError(f"{name} is no key: {HINTS[name].format(value=value)}")
    if value.startswith("~/"):  # the shell expands it only at the beginning of a word
        value = str(Path(value).expanduser())
    if name in SHORT_NAMES and not (value.isdecimal() and int(value)):
        raise InputError(f"{name} must be a whole number above zero, got {value}")
    present = (ALIASES | SHORT_NAMES).get(name, name)
    return f"{key.replace(name, present, 1)}={value}"
