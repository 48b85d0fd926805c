"""What the report must know of each challenge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cadenza.challenges import icassp_2024
from cadenza.challenges.cad1_task1 import songs
from cadenza.challenges.cad2_task2 import ensembles
from cadenza.report import signals
from cadenza.runner.saved import Config
from cadenza.stems import STEMS, instrument_of


@dataclass(frozen=True)
class Enhancement:
    """What made the enhanced signals of a run.

    Parameters
    ----------
    script : str
        Name of the script.
    table : Path
        The table that it wrote.
    """

    script: str
    table: Path


@dataclass(frozen=True)
class Challenge:
    """A challenge, as its runs and pages know it.

    Parameters
    ----------
    title : str
        Its name.
    recipe : str
        What the steps in its journals begin with.
    score : str
        Column of the score.
    left, right : tuple of str
        Columns of the scores of either ear.
    small_test : int
        A small test takes every such item.
    enhancement : callable
        Which script made the enhanced signals that a configuration is about.
    read_pairs : callable
        The work list of a configuration.
    read_signals : callable
        Signals and HAAQI of an item.
    uses_hearing_aid : bool
        Whether these need the hearing aid of the run.
    """

    title: str
    recipe: str
    score: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    small_test: int
    enhancement: Callable[[Config], Enhancement]
    read_pairs: Callable[[Config], list[Any]]
    read_signals: Callable[..., signals.ItemSignals]
    uses_hearing_aid: bool = False


def _by_enhance(config: Config) -> Enhancement:
    return Enhancement("enhance", Path(config.path.exp_folder) / "enhanced_signals.csv")


def _by_enhance_or_test(config: Config) -> Enhancement:
    if not config.evaluate.segments:
        return _by_enhance(config)
    folder = Path(config.path.submission_dir)
    return Enhancement("test", folder.with_name(f"{folder.name}.csv"))


def _song_pairs(config: Config) -> list[Any]:
    return list(songs.read_song_pairs(config.path, with_segments=config.evaluate.segments))


def _pairs(read: Callable[[Mapping[str, str]], list[Any]], config: Config) -> list[Any]:
    return read(config.path)


CHALLENGES = (
    Challenge(
        "ICASSP 2024 Cadenza Challenge",
        "cad_icassp_2024",
        "score",
        ("left_score",),
        ("right_score",),
        icassp_2024.SMALL_TEST,
        _by_enhance,
        partial(_pairs, icassp_2024.read_scene_pairs),
        signals.icassp_2024_signals,
    ),
    Challenge(
        "First Cadenza Challenge, Task 1 (headphones)",
        "cad1_task1",
        "score",
        ("left", *(f"left_{stem}" for stem in STEMS)),  # remix or stems, as evaluate.target says
        ("right", *(f"right_{stem}" for stem in STEMS)),
        songs.SMALL_TEST,
        _by_enhance_or_test,
        _song_pairs,
        signals.cad1_task1_signals,
    ),
    Challenge(
        "Second Cadenza Challenge, Task 2 (classical music)",
        "cad2_task2",
        "avg_haaqi",
        ("left_haaqi",),
        ("right_haaqi",),
        ensembles.SMALL_TEST,
        _by_enhance,
        partial(_pairs, ensembles.read_ensemble_pairs),
        signals.cad2_task2_signals,
        uses_hearing_aid=True,
    ),
)


def gains_db_of(pair: Any) -> dict[str, float]:  # noqa: ANN401
    """Gains that a scene asks for, by stem or source; empty where a challenge has none."""
    gains_db: Mapping[str, float] = getattr(pair, "gains_db", {})
    piece = getattr(pair, "piece", None)
    if piece is None:
        return dict(gains_db)
    return {piece.sources[name].instrument: gain_db for name, gain_db in gains_db.items()}


def part_of(name: str) -> str:
    """What the gains of stems and of voices of one instrument are grouped by."""
    return instrument_of(name)
