"""What holds of earlier runs: which items are finished, and which must be made again."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from cadenza._files import DigestCache
from cadenza._settings import settings_differences
from cadenza.errors import InputError
from cadenza.runner.items import Item
from cadenza.runner.journal import Entry, Journal, journal_path, without_notes

logger = logging.getLogger(__name__)

Resume = bool | Literal["changed"]
"""True: finished items stay. False: all are made again. "changed": only what has changed is."""

EXP_FOLDER = "path.exp_folder"
"""Key that chooses the folder of the results of most scripts."""


@dataclass(frozen=True)
class Selection:
    """The items of a run, and the work list that they are from.

    Parameters
    ----------
    items : sequence of Item
        What the run is to finish.
    listed : set of str
        Keys of the whole work list.
    is_shard : bool
        Whether other shards have the rest of the list.
    is_small_test : bool
        Whether the run leaves out items that no other shard has.
    """

    items: Sequence[Item[Any]]
    listed: Set[str]
    is_shard: bool
    is_small_test: bool

    @cached_property
    def left_out(self) -> Set[str]:
        """Keys of the listed items that are not of this run."""
        return self.listed - {item.key for item in self.items}


@dataclass(frozen=True)
class Earlier:
    """Results of earlier runs in the folder of a table.

    Parameters
    ----------
    table : Path
        The table of this run.
    own : Journal
        Its journal.
    others : list of Journal
        Those of other shards.
    folder_key : str
        Key of the configuration that chooses the folder, for messages.
    """

    table: Path
    own: Journal
    others: list[Journal]
    folder_key: str = EXP_FOLDER

    @classmethod
    def find(cls, table: Path, name: str, *, folder_key: str = EXP_FOLDER) -> Earlier:
        """Read the journals of a table and of all other shards of the same results."""
        own = journal_path(table)
        pattern = re.compile(re.escape(name) + r"(_\d+-\d+)?\.journal\.jsonl")
        found = sorted(p for p in table.parent.iterdir() if pattern.fullmatch(p.name))
        others = [Journal(path) for path in found if path != own]
        return cls(table, Journal(own), others, folder_key)

    def start(
        self,
        selection: Selection,
        fingerprints: Mapping[str, str],
        digests: DigestCache,
        settings: Mapping[str, Any],
        *,
        resume: Resume,
    ) -> Journal:
        """Keep in the journal of this run what holds of the earlier ones.

        Items that the run leaves out keep their entries, as long as the settings are the same.

        Raises
        ------
        InputError
            If `resume` is True and finished items were made with other settings or inputs, or if
            a small test with other settings would cost results.
        """
        journals = [self.own, *self.others]
        usable = [journal for journal in journals if journal.made_with(settings)]
        outdated = [journal for journal in journals if journal not in usable]
        if resume is True:
            self._require_none(outdated, settings)
        else:
            if selection.is_small_test:
                self._require_no_loss(outdated, selection)
            self._remove([journal for journal in outdated if journal is not self.own])
        kept: dict[str, Entry] = {}
        changed = []
        for item in selection.items if resume is not False else ():
            made = [j.entries[item.key] for j in usable if item.key in j.entries]
            made = [entry for entry in made if not entry.failure]
            same = [entry for entry in made if entry.fingerprint == fingerprints[item.key]]
            if sound := [entry for entry in same if entry.outputs == _found(item, digests)]:
                kept[item.key] = sound[0]
            elif same:
                logger.warning("%s: its output is missing or damaged and is made again", item.key)
            elif made:
                changed.append(item.key)
        self._say_what_changed(changed, resume=resume)
        self.own.start(settings, (self._staying(usable, selection) | kept).values())
        return self.own

    def _staying(self, usable: Sequence[Journal], selection: Selection) -> dict[str, Entry]:
        """Entries of items that the run leaves out, and of those that failed before it."""
        ours = {item.key for item in selection.items}
        stay: dict[str, Entry] = {}
        if not selection.is_shard:  # the table of all items has the results of the shards, too
            for journal in self.others:
                known = journal.entries.items() if journal in usable else ()
                stay |= {key: entry for key, entry in known if key in selection.left_out}
        own = self.own.entries.items() if self.own in usable else ()
        return stay | {k: entry for k, entry in own if k not in ours or entry.failure}

    def _require_none(self, outdated: Sequence[Journal], settings: Mapping[str, Any]) -> None:
        """Raise an `InputError` if results were made with other settings; it says which."""
        for journal in outdated:
            if not journal.entries:
                continue
            problem = (
                f"{journal.path}: its results were made with other settings; resume=changed makes "
                f"them again, another folder ({self.folder_key}=...) keeps both"
            )
            if journal.settings is None:
                raise InputError([problem, "  (the line that says which ones is damaged)"])
            before, now = without_notes(journal.settings), without_notes(settings)
            raise InputError([problem, *settings_differences(before, now)])

    def _require_no_loss(self, outdated: Sequence[Journal], selection: Selection) -> None:
        finished = {key for j in outdated for key, entry in j.entries.items() if not entry.failure}
        if lost := finished & selection.left_out:
            raise InputError(
                f"{self.table.parent}: a small test with other settings would cost {len(lost)} "
                f"finished results; give it another folder ({self.folder_key}=...)"
            )

    def _say_what_changed(self, keys: Sequence[str], *, resume: Resume) -> None:
        if not keys:
            return
        what = f"{self.table}: the inputs of {len(keys)} finished items have changed"
        if resume is True:
            raise InputError(
                f"{what}, the first is {keys[0]}; resume=changed makes only these again, "
                "resume=false all"
            )
        logger.info("%s, they are made again", what)

    def _remove(self, journals: Sequence[Journal]) -> None:
        """Remove results of other shards that were made with other settings."""
        for journal in journals:
            stem = journal.path.name.removesuffix(".journal.jsonl")
            table = journal.path.with_name(f"{stem}.csv")
            with suppress(Timeout), FileLock(lock_path(table), blocking=False):
                for path in (journal.path, table, failures_path(table), flags_path(table)):
                    path.unlink(missing_ok=True)


def _found(item: Item[Any], digests: DigestCache) -> list[str | None]:
    """Digests of the output files that are there."""
    return [digests(path) if path.is_file() else None for path in item.outputs]


def lock_path(table: Path) -> Path:
    """File that a run holds locked while it works on a table."""
    return table.with_name(f".{table.name}.lock")


def failures_path(table: Path) -> Path:
    """Table of the items that failed or lack values, and why."""
    return table.with_suffix(".failures.csv")


def flags_path(table: Path) -> Path:
    """Table of the doubtful results, and why they are doubtful."""
    return table.with_suffix(".flags.csv")
