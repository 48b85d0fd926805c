"""Checkpoints: everything that a training needs to continue as if it had never stopped."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cadenza._files import replacing
from cadenza._settings import settings_differences
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
        Finished batches of the current epoch, and the sum of the losses of their examples.
    micro_batch_size : int
        Examples that are computed at a time; 0 before the first step.
    history : list of dict
        A row of numbers for each finished epoch.
    """

    updates: int = 0
    batches: int = 0
    sum_of_losses: float = 0.0
    micro_batch_size: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class HasState(Protocol):
    """Network, optimiser or schedule."""

    def state_dict(self) -> Any:  # noqa: ANN401
        """Everything that it needs to continue."""

    def load_state_dict(self, state: Any, /) -> Any:  # noqa: ANN401
        """Continue from a state."""


class Checkpoint:
    """File with the states of some objects, and the settings that they depend on.

    The checkpoint before the last one is kept beside it, as ``previous.pt``, and is used if the
    last one is missing or damaged.

    Parameters
    ----------
    folder : Path
        Gets ``last.pt`` and ``previous.pt``; a process that is killed at any moment leaves at least
        one of them complete.
    settings : mapping
        JSON values; a checkpoint that was made with others is refused.
    objects : mapping of str to object
        With methods ``state_dict`` and ``load_state_dict``, such as networks and optimisers.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], objects: Mapping[str, HasState]
    ) -> None:
        self._last, self._previous = folder / "last.pt", folder / "previous.pt"
        self._settings = json.loads(json.dumps(settings))
        self._objects = objects

    def save(self, progress: Progress) -> None:
        """Write the current states and the progress."""
        import torch

        states = {name: value.state_dict() for name, value in self._objects.items()}
        content = {"settings": json.dumps(self._settings), "progress": asdict(progress), **states}
        buffer = io.BytesIO()  # torch's own writer says nothing of use when the disk is full
        torch.save(content, buffer)
        with replacing(self._last) as temporary:
            temporary.write_bytes(buffer.getbuffer())
            if self._last.is_file():
                self._last.replace(self._previous)

    def forget(self) -> None:
        """Remove both files."""
        for path in (self._last, self._previous):
            path.unlink(missing_ok=True)

    def restore(self) -> Progress:
        """Put the objects into the states of the file; without a file nothing has been done yet.

        Raises
        ------
        InputError
            If the training was started with other settings, or all there is is damaged.
        """
        paths = [path for path in (self._last, self._previous) if path.is_file()]
        damaged = []
        for path in paths:
            try:
                content = _read(path)
            except _DamagedError as error:
                damaged.append(f"{path} is damaged ({error})")
                continue
            self._check_settings(path, json.loads(content["settings"]))
            for name, value in self._objects.items():
                value.load_state_dict(content[name])
            progress = Progress(**content["progress"])
            if damaged:
                logger.warning("%s: using %s instead", damaged[0], path.name)
            logger.info("%s: continuing after %d updates", path, progress.updates)
            return progress
        if damaged:
            raise InputError(
                f"{' and '.join(damaged)}: no other checkpoint is left; resume=false starts again"
            )
        return Progress()

    def _check_settings(self, path: Path, before: Mapping[str, Any]) -> None:
        changed = settings_differences(before, self._settings)
        if changed:
            problem = (
                f"{path}: made with other settings; resume=false starts again, another folder "
                "(exp_dir=...) keeps both"
            )
            raise InputError([problem, *changed])


class _DamagedError(Exception):
    pass


def _read(path: Path) -> dict[str, Any]:
    """Content of a checkpoint; raises `_DamagedError` if it is not what was written."""
    import torch

    try:
        with zipfile.ZipFile(path) as file:
            wrong = file.testzip()  # compares checksums, which torch.load does not
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile and torch fail in many ways on damaged files
        raise _DamagedError(str(error).partition("\n")[0] or type(error).__name__) from None
    if wrong:
        raise _DamagedError(f"checksum of {wrong}")
    return content
