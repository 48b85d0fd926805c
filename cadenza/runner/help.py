"""What ``--help`` prints: the keys of a script with defaults and meanings, and its blocks."""

from __future__ import annotations

import ast
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path

import yaml

from cadenza.runner.comments import Key, keys, title
from cadenza.runner.options import blocks_of

WIDTH = 100
INDENT = 34


def shared_configs() -> Path:
    """Folder with the groups that all recipes share."""
    return Path(str(resources.files("cadenza.configs")))


def print_help(script: Path, options: type, given: Sequence[str]) -> int:
    """Print the help of a script; returns the exit status.

    Parameters
    ----------
    script : Path
        The script.
    options : dataclass type
        What it can be set to.
    given : sequence of str
        Arguments of the command line.
    """
    overrides = [argument for argument in given if "=" in argument]
    folders = [b for a, b in pairwise(given) if a in ("--config-dir", "-cd")]
    folder = folders[0] if folders else None
    text = help_text(script, blocks_of(options), overrides=overrides, config_dir=folder)
    try:
        print(text, flush=True)
    except BrokenPipeError:  # head or less has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def help_text(
    script: Path,
    blocks: Mapping[str, Sequence[str]],
    *,
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
) -> str:
    """Text of ``--help``.

    Parameters
    ----------
    script : Path
        The script; its ``config.yaml`` lies beside it.
    blocks : mapping
        Config groups of the script and the names that each offers.
    overrides : sequence of str
        Arguments ``key=value``; for a group they say which block's keys to show.
    config_dir : str, optional
        Folder with a user's own blocks.
    """
    files = Files(script, overrides, config_dir)
    parts = [
        ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "",
        f"Usage: python {script.name} key=value ...",
        f"Keys (also in {files.config}; ??? means that a value must be given)",
        _table(files.keys()),
    ]
    for group, names in blocks.items():
        parts += _block(files, group, names)
    parts.append(
        "Several values, key=a,b with -m, run a job for each. --cfg job prints the configuration,\n"
        "--config-dir FOLDER adds your own blocks, --hydra-help lists all options.\n"
        "Exit status: 0 all good; 1 some items failed; 2 bad input or configuration;\n"
        "130 interrupted."
    )
    return "\n\n".join(parts)


def all_keys(script: Path, blocks: Iterable[str], overrides: Sequence[str]) -> list[str]:
    """Names of all keys that a script accepts, with those of the chosen blocks."""
    files = Files(script, overrides)
    found = [*files.keys(), *(key for group in blocks for key in files.block_keys(group))]
    return [key.name for key in found]


class Files:
    """The YAML files that make up the configuration of a script.

    Parameters
    ----------
    script, overrides, config_dir
        As in `help_text`.
    """

    def __init__(
        self, script: Path, overrides: Sequence[str] = (), config_dir: str | None = None
    ) -> None:
        self.config = script.with_name("config.yaml")
        folders = [self.config.parent, shared_configs()]
        self._folders = [Path(config_dir), *folders] if config_dir else folders
        self._given = dict(o.split("=", 1) for o in overrides if "=" in o)
        content = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        self._defaults = content.get("defaults", [])

    def keys(self) -> list[Key]:
        """Keys that belong to no block."""
        found = keys(self.config)
        for entry in self._defaults:
            if isinstance(entry, str) and (path := self.find(entry)):
                found += keys(path)
        return found

    def block_keys(self, group: str) -> list[Key]:
        """Keys of the block that is used for a group."""
        path = self.find(f"{group}/{self.chosen(group)}")
        found = keys(path, group) if path else []
        return [key for key in found if not key.name.endswith("_") or key.default == "???"]

    def chosen(self, group: str) -> str:
        """Name of the block that is used for a group."""
        default = next(e[group] for e in self._defaults if isinstance(e, dict) and group in e)
        return str(self._given.get(group, default))

    def find(self, name: str) -> Path | None:
        """File of a config, such as ``separator/demucs``."""
        paths = [folder / f"{name}.yaml" for folder in self._folders]
        return next((path for path in paths if path.is_file()), None)


def _block(files: Files, group: str, names: Sequence[str]) -> Iterator[str]:
    """Names that a group offers, and the keys of the chosen one."""
    chosen = files.chosen(group)
    titles = {name: title(path) for name in names if (path := files.find(f"{group}/{name}"))}
    yield f"{group}=NAME"
    yield "\n".join(_row(name, meaning) for name, meaning in titles.items())
    yield f"Keys of {group}={chosen} ({group}=NAME --help lists those of another)"
    yield _table(files.block_keys(group))


def _table(found: Sequence[Key]) -> str:
    return "\n".join(
        _row(f"{k.name}={k.default}" if k.default else k.name, k.meaning) for k in found
    )


def _row(left: str, right: str) -> str:
    """Two columns; the second begins on a line of its own if the first is long."""
    lines = textwrap.wrap(right, WIDTH - INDENT)
    margin = " " * INDENT
    if not lines:
        return f"  {left}"
    if len(left) + 4 <= INDENT:
        lines[0] = f"  {left}".ljust(INDENT) + lines[0]
    else:
        lines[0] = f"  {left}\n{margin}{lines[0]}"
    return f"\n{margin}".join(lines)
