"""Words that describe what a script can be set to: types and rules, without Hydra.

The options of a script are a dataclass. A field's annotation is its type; ``Annotated[type, Rule]``
adds what the type alone does not say. Defaults and meanings are in the YAML files, where users read
and change them, so the fields have neither. `cadenza.runner.options` does the checking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Rule:
    """What a value must be besides having the right type.

    Parameters
    ----------
    one_of : tuple
        The allowed values. Default: any.
    least, most : float, optional
        Inclusive limits of a number, or of each number of a list.
    folder : bool
        Whether the value is a folder that must exist.
    blocks : tuple of str
        For a `Block`, the names of those that the recipe offers.
    scripts : tuple of str
        Names of the scripts that use the value, without ``.py``. Default: all of the recipe.
    """

    one_of: tuple[object, ...] = ()
    least: float | None = None
    most: float | None = None
    folder: bool = False
    blocks: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


Block = dict[str, Any]
"""A part that can be exchanged, such as a separator: its class and the options of that class."""

Folder = Annotated[str, Rule(folder=True)]
"""Path of a folder that must exist."""

Count = Annotated[int, Rule(least=1)]
"""Number of things, at least one."""

SampleRate = Annotated[int, Rule(least=8000, most=768000)]
"""In Hz."""

NotNegative = Annotated[float, Rule(least=0)]
"""A number that is 0 or above."""


@dataclass
class Batches:
    """Which part of its work list a script does."""

    batch_size: Count
    batch: Annotated[int, Rule(least=0)]


@dataclass
class Parallel:
    """How many processes a script uses."""

    jobs: Annotated[int | None, Rule(least=1)]


@dataclass
class Running:
    """How a script works through its list."""

    resume: Annotated[Any, Rule(one_of=(True, False, "changed"))]
    on_error: Annotated[str, Rule(one_of=("continue", "stop"))]
