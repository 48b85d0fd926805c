"""Checkpoints: everything that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cadenza._files import replacing
from cadenza.errors import InputError

logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far a training is.

    Parameters
    ----------
    updates : int
        Updates of the weights.
    batches, sum_of_losses : int, float
        Batches of the present epoch that are done, and the sum of the losses of their examples.
    history : list of dict
        A row of numbers for each finished epoch.
    """

    updates: int = 0
    batches: int = 0
    sum_of_losses: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


class HasState(Protocol):
    """Network, optimiser or schedule."""

    def state_dict(self) -> Any:  # noqa: ANN401
        """All that it needs to go on."""

    def load_state_dict(self, state: Any, /) -> Any:  # noqa: ANN401
        """Go on from there."""


class Checkpoint:
    """File with the states of some objects, and the settings that they depend on.

    Parameters
    ----------
    path : Path
        The file; it is complete at any moment.
    settings : mapping
        JSON values; a checkpoint that was made with others is refused.
    objects : mapping of str to object
        With methods ``state_dict`` and ``load_state_dict``, such as networks and optimisers.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], objects: Mapping[str, HasState]
    ) -> None:
        self._path = path
        self._settings = _flat(json.loads(json.dumps(settings)))
        self._objects = objects

    def save(self, progress: Progress) -> None:
        """Write the present states and the progress."""
        import torch

        states = {name: value.state_dict() for name, value in self._objects.items()}
        content = {"settings": json.dumps(self._settings), "progress": asdict(progress), **states}
        with replacing(self._path) as temporary:
            torch.save(content, temporary)

    def restore(self) -> Progress:
        """Put the objects into the states of the file; without a file nothing has been done yet.

        Raises
        ------
        InputError
            If the file was made with other settings.
        """
        import torch

        if not self._path.is_file():
            return Progress()
        content = torch.load(self._path, map_location="cpu", weights_only=True)
        before = json.loads(content["settings"])
        keys = dict.fromkeys([*before, *self._settings])
        changed = [key for key in keys if before.get(key) != self._settings.get(key)]
        if changed:
            problem = (
                f"{self._path}: made with other settings; resume=false starts again, another "
                "folder (exp_dir=...) keeps both"
            )
            lines = [f"  {k}: {before.get(k)} before, {self._settings.get(k)} now" for k in changed]
            raise InputError([problem, *lines])
        for name, value in self._objects.items():
            value.load_state_dict(content[name])
        progress = Progress(**content["progress"])
        logger.info("%s: going on after %d updates", self._path, progress.updates)
        return progress


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat
