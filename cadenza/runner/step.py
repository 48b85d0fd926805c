"""A step of a recipe, described by data, and how to run it with a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig

from cadenza.runner import cli
from cadenza.runner.items import Item, Report, Result
from cadenza.runner.journal import NOTES, Row
from cadenza.runner.run import run_items
from cadenza.runner.sharding import every_nth
from cadenza.runner.stages import Together

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """What distinguishes a step from others.

    Parameters
    ----------
    version : str
        Name and version of the algorithm; another version does not continue old results.
    columns : tuple of str
        Columns of the result table.
    show : str
        The column to show on the console as items finish.
    settings : tuple of str
        Keys and blocks of the configuration that the results depend on.
    small_test : int
        A small test (``evaluate.small_test``) takes every such item.
    """

    version: str
    columns: tuple[str, ...]
    show: str
    settings: tuple[str, ...]
    small_test: int = 1

    def every(self, config: DictConfig) -> int:
        """1 to take all items, more for a small test."""
        return self.small_test if config.evaluate.small_test else 1

    def selected(self, config: DictConfig, items: Sequence[T]) -> list[T]:
        """Items that a run with this configuration works on."""
        shard = cli.run_options(config)["shard"]
        taken: list[T] = shard.take(every_nth(items, self.every(config)))
        return taken


def run_step(
    step: Step,
    config: DictConfig,
    items: Sequence[Item[T]],
    process_item: Callable[[Any], Row | Result],
    *,
    table: Path,
    read_item: Callable[[Item[T]], object] | None = None,
    together: Together | None = None,
    at_once: int = 1,
    jobs: int | None = 1,
    file_digests: Mapping[str, Mapping[str, str]] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Report:
    """Run a step on the items that the configuration asks for.

    Parameters
    ----------
    step : Step
        What it is.
    config : DictConfig
        Configuration of the recipe; has ``evaluate.batch``, ``evaluate.batch_size``,
        ``evaluate.small_test``, ``resume`` and ``on_error``.
    items : sequence of Item
        The whole work list.
    process_item, read_item, together, at_once, jobs
        As for `run_items`.
    table : Path
        The result table, ``<name>.csv``.
    file_digests : mapping, optional
        Digests of the files that the building blocks depend on.
    notes : mapping, optional
        JSON values that are recorded beside the settings, and not compared.
    """
    settings = cli.settings(config, step.version, step.settings)
    more = {"file_digests": file_digests, NOTES: notes}
    return run_items(
        items,
        process_item,
        folder=table.parent,
        name=table.stem,
        columns=step.columns,
        settings=settings | {key: value for key, value in more.items() if value},
        every=step.every(config),
        read_item=read_item,
        together=together,
        at_once=at_once,
        jobs=jobs,
        show=step.show,
        **cli.run_options(config),
    )
