"""The journal of a result table: what is finished, kept through kills and damaged files."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cadenza._files import replacing

logger = logging.getLogger(__name__)

Row = Mapping[str, Any]

NOTES = "notes"
"""Key in the settings for what is only recorded: results with other notes are continued."""


@dataclass(frozen=True)
class Entry:
    """What the journal knows about an item.

    Parameters
    ----------
    key : str
        Name of the item.
    fingerprint : str
        Digest of what the result depends on, apart from the settings.
    outputs : list of str
        Digests of the output files.
    row : mapping
        Values of the item's row in the table.
    missing : list of str
        Why some values are missing.
    flags : list of str
        Reasons to doubt the values.
    failure : str
        Why the item failed; empty if it is finished.
    """

    key: str
    fingerprint: str
    outputs: list[str]
    row: Row
    missing: list[str]
    flags: list[str]
    failure: str

    @classmethod
    def failed(cls, key: str, reason: str) -> Entry:
        """Entry of an item that failed."""
        return cls(key, "", [], {}, [], [], reason)

    @property
    def problems(self) -> str:
        """Why there is no result, or an incomplete one; empty if all is well."""
        return self.failure or "; ".join(self.missing)


class Journal:
    """Append-only record of the items of a table, one JSON object per line.

    The first line holds the settings that the results depend on, and notes (`NOTES`). Every line
    carries a checksum: a damaged line is dropped with a warning, and all others count. The last
    line of a process that was killed may be cut short; it is dropped without one. If an item has
    several lines, the last one counts.

    Parameters
    ----------
    path : Path
        The file; `start` creates it.

    Attributes
    ----------
    settings : dict or None
        Settings of the results, if the file exists and its first line is sound.
    entries : dict of str to Entry
        Entries by the key of their item.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder, "scores.journal.jsonl"))
    ...     journal.start({"level_db_spl": 65}, [])
    ...     journal.append(Entry.failed("song 1", "the reference is silent"))
    ...     Journal(Path(folder, "scores.journal.jsonl")).entries["song 1"].failure
    'the reference is silent'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings: dict[str, Any] | None = None
        self.entries: dict[str, Entry] = {}
        self._digests: set[str] = set()
        if path.exists():
            self._read()

    def made_with(self, settings: Mapping[str, Any]) -> bool:
        """Whether all entries were made with these settings."""
        return self._digests <= {_settings_digest(settings)}

    def start(self, settings: Mapping[str, Any], entries: Iterable[Entry]) -> None:
        """Replace the whole file in one step."""
        self.settings = dict(settings)
        self.entries = {entry.key: entry for entry in entries}
        self._digests = {_settings_digest(settings)}
        with replacing(self.path) as temporary:
            lines = [{"settings": self.settings}, *map(self._content, self.entries.values())]
            temporary.write_text("".join(map(_line, lines)), encoding="utf-8")

    def append(self, entry: Entry) -> None:
        """Add an entry; once this returns, it survives a kill of the process."""
        self.entries[entry.key] = entry
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(self._content(entry)))

    def _content(self, entry: Entry) -> dict[str, Any]:
        # the digest makes an entry useful even if the line with the settings is damaged
        return {"entry": asdict(entry), "made_with": _settings_digest(self.settings or {})}

    def _read(self) -> None:
        *lines, rest = self.path.read_bytes().split(b"\n")
        damaged = []
        for number, line in enumerate(lines, 1):
            try:
                self._take(_parse(line))
            except (ValueError, KeyError, TypeError):
                damaged.append(number)
        if rest and not rest.startswith(b"{"):
            damaged.append(len(lines) + 1)  # not the beginning of a line of ours
        if damaged:
            logger.warning("%s: %s", self.path, _report(damaged))

    def _take(self, content: Mapping[str, Any]) -> None:
        if "settings" in content:
            self.settings = dict(content["settings"])
            self._digests.add(_settings_digest(self.settings))
            return
        entry = Entry(**content["entry"])
        self.entries[entry.key] = entry
        self._digests.add(content["made_with"])


def without_notes(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the results depend on.

    Examples
    --------
    >>> without_notes({"level_db_spl": 65, "notes": {"release": "published"}})
    {'level_db_spl': 65}
    """
    return {key: value for key, value in settings.items() if key != NOTES}


def journal_path(table: Path) -> Path:
    """Journal that belongs to a result table.

    Examples
    --------
    >>> journal_path(Path("scores.csv")).name
    'scores.journal.jsonl'
    """
    return table.with_suffix(".journal.jsonl")


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _settings_digest(settings: Mapping[str, Any]) -> str:
    return _digest(without_notes(settings))


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps({"checksum": _digest(content), "content": content}) + "\n"


def _parse(line: bytes) -> Mapping[str, Any]:
    """Content of a line; raises ValueError, KeyError or TypeError if it is damaged."""
    parsed = json.loads(line)
    content: Mapping[str, Any] = parsed["content"]
    if parsed["checksum"] != _digest(content):
        raise ValueError("checksum")
    return content


def _report(damaged: list[int]) -> str:
    if len(damaged) == 1:
        return f"line {damaged[0]} is damaged; its item is made again"
    shown = ", ".join(map(str, damaged[:5]))
    more = f" and {len(damaged) - 5} more" if len(damaged) > 5 else ""
    return f"lines {shown}{more} are damaged; their items are made again"
