"""What the user asked for, as it was typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EQUALISATIONS = ("nalr", "none")
"""Those of `HaaqiOptions`, written again because that module is slow to import."""

NOISES = ("seeded", "fast", "none")
"""Those of `HaaqiOptions`, too."""


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """Arguments and options of `cadenza score`; its help explains them."""

    reference: Path
    processed: tuple[Path, ...]
    audiogram: str | None
    audiogram_right: str | None
    frequencies: str | None
    listener: str | None
    ear: Literal["left", "right"] | None
    equalisation: Literal["nalr", "none"]
    presented_db_spl: float | None
    level_from: Path | None
    level_db_spl: str | None
    resample_hz: int | None
    noise: Literal["seeded", "fast", "none"]
    seed: str
    as_json: bool
    report: Path | None
