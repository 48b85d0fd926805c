"""Comparing the settings that results were made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs between two nested mappings of JSON values, a line for each key.

    Examples
    --------
    >>> differences({"optim": {"lr": 0.1}, "seed": 1}, {"optim": {"lr": 0.2}, "seed": 1})
    ['  optim.lr: 0.1 before, 0.2 now']
    """
    return _differences(before, now, "")


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], section: str) -> list[str]:
    lines = []
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            lines += _differences(old, new, f"{section}{key}.")
        elif old != new:
            lines.append(f"  {section}{key}: {old} before, {new} now")
    return lines
