"""In which settings a run differs from what cadenza comes with.

Users edit the ``config.yaml`` of a recipe, so it cannot tell what its defaults were. They are kept
in ``defaults.json``, which ``tests/make_defaults.py`` writes and a test compares with the files.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from cadenza.runner.saved import Saved, settings_of


@cache
def shipped() -> dict[str, Any]:
    """Defaults of all recipes.

    Returns
    -------
    dict
        ``recipes``: for each recipe its ``keys`` with their defaults, and the ``blocks`` that it
        uses by default. ``blocks``: for each group the keys of each block with their defaults.
        Values that refer to other keys do so still.
    """
    text = resources.files("cadenza.report").joinpath("defaults.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def changes(saved: Saved, recipe: str) -> dict[str, str]:
    """Settings of a script that are not the defaults, wherever they were changed.

    A block that was exchanged counts as one setting, and its keys are compared with the defaults of
    that block. A key that follows another one does not count.

    Parameters
    ----------
    saved : Saved
        What the script was run with.
    recipe : str
        Name of the recipe in `shipped`.

    Returns
    -------
    dict of str to str
        Values as YAML writes them, by key or by name of the group.
    """
    defaults = dict(shipped()["recipes"][recipe]["keys"])
    found = {}
    for group, usual in shipped()["recipes"][recipe]["blocks"].items():
        chosen = saved.choices.get(group, usual)
        if chosen != usual:
            found[group] = chosen
        block = shipped()["blocks"][group].get(chosen, {})
        defaults |= {f"{group}.{key}": value for key, value in block.items()}
    values = saved.settings()
    for key, written in settings_of(saved.written).items():
        if key not in defaults or written != defaults[key]:
            found[key] = _text(values[key])
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
