"""Writing drawn scenes without losing a scene file of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza._paths import write_json
from cadenza.errors import InputError

Content = dict[str, Any]


@dataclass(frozen=True)
class SceneFile:
    """A file of drawn scenes or scene listeners.

    Parameters
    ----------
    path : Path
        Where it goes.
    content : dict
        What was drawn.
    redraw : callable
        Gives for an existing content the draw that it should be if it was drawn from the same
        metadata, with any number of scenes or listeners.
    """

    path: Path
    content: Content
    redraw: Callable[[Content], Content]

    def is_written(self) -> bool:
        """Whether a file with this content is there already."""
        return self._found() == list(self.content.items())

    def would_lose_work(self) -> bool:
        """Whether a file is there that no draw gives again."""
        found = self._found()
        if found is None:
            return self.path.exists()
        try:
            return bool(found) and list(self.redraw(dict(found)).items()) != found
        except (InputError, TypeError):  # nothing that could have been drawn
            return True

    def _found(self) -> list[tuple[str, Any]] | None:
        """Entries of the file that is there, in order; None if there is none that can be read."""
        try:
            return list(read_json(self.path, dict).items())
        except InputError:
            return None


def write_scene_files(files: Sequence[SceneFile], *, overwrite: bool) -> list[Path]:
    """Write scene files, but never over a file that could not be drawn again.

    Parameters
    ----------
    files : sequence of SceneFile
        What to write.
    overwrite : bool
        Whether files that could not be drawn again are replaced too.

    Returns
    -------
    list of Path
        Files that are written; empty if all had this content already.

    Raises
    ------
    InputError
        Listing the files that could not be drawn again; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> def draw(n_scenes):
    ...     return {f"scene_{n}": {"gain": n % 3} for n in range(n_scenes)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scenes.json")
    ...     files = [SceneFile(path, draw(n), lambda old: draw(len(old))) for n in (4, 6)]
    ...     [len(write_scene_files([file], overwrite=False)) for file in [*files, files[1]]]
    [1, 1, 0]
    """
    if not overwrite:
        raise_if(
            [
                f"{file.path}: exists and holds scenes that would be lost, as they were not drawn "
                "from these files; overwrite=true replaces it"
                for file in files
                if not file.is_written() and file.would_lose_work()
            ]
        )
    changed = [file for file in files if not file.is_written()]
    for file in changed:
        write_json(file.path, file.content)
    return [file.path for file in changed]


def n_each(content: Mapping[str, Any], n_groups: int) -> int:
    """Scenes for each of `n_groups` songs, if a scene file has equally many for all.

    Raises
    ------
    InputError
        If it does not.
    """
    each, rest = divmod(len(content), n_groups)
    if rest:
        raise InputError(f"{len(content)} scenes for {n_groups} songs")
    return each


def n_listeners(content: Mapping[str, Any]) -> int:
    """Listeners of the first scene in a file of scene listeners."""
    return len(next(iter(content.values()), ()))
