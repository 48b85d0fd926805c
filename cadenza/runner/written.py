"""What an earlier step has written, as its journals know it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from cadenza._files import file_digest
from cadenza.runner.resume import Earlier

logger = logging.getLogger(__name__)


class Written:
    """Digests of the files that a step has written for each item.

    Parameters
    ----------
    table : Path
        The table of the step; its journals, of all batches, lie beside it. Without any, nothing is
        known.
    """

    def __init__(self, table: Path) -> None:
        self._digests: dict[str, set[str]] = {}
        if not table.parent.is_dir():
            return
        found = Earlier.find(table, table.stem)
        for journal in (found.own, *found.others):
            for key, entry in journal.entries.items():
                if not entry.failure:
                    self._digests.setdefault(key, set()).update(entry.outputs)

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
