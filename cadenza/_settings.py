"""Comparing the settings that results were made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def settings_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> list[str]:
    """Every setting that differs, on a line of its own; a setting that one side lacks is unused.

    Earlier versions of cadenza did not record all files that results depend on, so a file that one
    side lacks is "not recorded".

    Examples
    --------
    >>> settings_differences({"nalr": {"nfir": 220}}, {"nalr": {"nfir": 140}})
    ['  nalr.nfir: 220 before, 140 now']
    >>> settings_differences({}, {"release": "0.9.0"})
    ['  release: unused before, 0.9.0 now']
    """
    lines = []
    for key in dict.fromkeys([*before, *now]):
        lacking = "not recorded" if prefix.startswith("file_digests.") else "unused"
        old, new = before.get(key, lacking), now.get(key, lacking)
        if isinstance(old, dict) and isinstance(new, dict):
            lines += settings_differences(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"  {prefix}{key}: {old} before, {new} now")
    return lines
