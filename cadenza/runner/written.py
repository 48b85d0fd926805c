"""What an earlier step has written, and with which settings, as its journals know it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cadenza._files import file_digest
from cadenza.errors import InputError
from cadenza.runner.resume import Earlier

logger = logging.getLogger(__name__)


class Written:
    """Files that a step has written for each item, and the settings that it had.

    Parameters
    ----------
    table : Path
        The table of the step; its journals, of all batches, lie beside it. Without any, nothing is
        known.
    """

    def __init__(self, table: Path) -> None:
        self._folder = table.parent
        self._digests: dict[str, set[str]] = {}
        self._settings: list[dict[str, Any]] = []
        if not table.parent.is_dir():
            return
        found = Earlier.find(table, table.stem)
        for journal in (found.own, *found.others):
            for key, entry in journal.entries.items():
                if not entry.failure:
                    self._digests.setdefault(key, set()).update(entry.outputs)
            if journal.entries and journal.settings:
                self._settings.append(journal.settings)

    def setting(self, key: str, *, given: object = None) -> Any:  # noqa: ANN401
        """Value of a setting with which the files were written; logged, if it is known.

        Parameters
        ----------
        key : str
            Key of the setting.
        given : object
            What the user says it is, if not None.

        Returns
        -------
        object
            The value; if it is not known, what the user says.

        Raises
        ------
        InputError
            If the files were written with several values, or with another one than the user says.
        """
        found = {settings[key]: None for settings in self._settings if key in settings}
        if not found:
            return given
        value, *others = found
        if others:
            raise InputError(
                f"{self._folder}: its signals were made with different settings: "
                f"{' and '.join(f'{key}={other}' for other in found)}; make all of them again"
            )
        if given not in (None, value):
            raise InputError(
                f"{self._folder}: its signals were made with {key}={value}, not {given}; leave out "
                f"{key}=, or give the folder of other signals (path.exp_folder=...)"
            )
        logger.info("the signals in %s were made with %s=%s", self._folder, key, value)
        return value

    def warn_of_changes(self, key: str, files: Iterable[Path]) -> None:
        """Log a warning for each file of an item that is missing or not as it was written.

        A scale beside a FLAC file cannot show by itself that half of it is missing.

        Parameters
        ----------
        key : str
            Name of the item.
        files : iterable of Path
            Its files.
        """
        known = self._digests.get(key)
        for path in files if known else ():
            if not path.is_file():
                logger.warning("%s: was written, and is missing now", path)
            elif known and file_digest(path) not in known:
                logger.warning("%s: is not what was written; it is used as it is", path)
