"""What there is to fetch: challenges and their parts, from a file that users can add to."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cadenza._check import raise_if
from cadenza._files import reason_of_system
from cadenza.errors import InputError

_FILE = Path(__file__).with_name("registry.toml")
ALL_FILES = "*"
"""In the place of a file name: all files of a record whose list is not known here."""

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class Part:
    """A file of a record, or all of them.

    Parameters
    ----------
    name : str
        What users call it, such as ``"train"``.
    record : int
        Number of the Zenodo record.
    file : str
        Name of the file there; ``"*"`` for all files.
    about_bytes : float, optional
        About how large it is; the record knows exactly.
    content : str
        What is in it, for lists.
    unpack : bool
        Whether the archive is unpacked after the download.
    md5 : str, optional
        Checksum of the file that this registry means.
    """

    name: str
    record: int
    file: str
    about_bytes: float | None = None
    content: str = ""
    unpack: bool = True
    md5: str | None = None

    def files_of(self, names: Iterable[str]) -> list[Part]:
        """A part for each file of the record, by their names there; itself if it names its file.

        Examples
        --------
        >>> [part.name for part in Part("entrants", 1, "*").files_of(["E1.zip", "scores.csv"])]
        ['entrants/E1.zip', 'entrants/scores.csv']
        """
        if self.file != ALL_FILES:
            return [self]
        return [
            replace(
                self,
                name=f"{self.name}/{name}",
                file=name,
                unpack=self.unpack and name.lower().endswith(_ARCHIVES),
            )
            for name in names
        ]


@dataclass(frozen=True)
class Challenge:
    """Data of a challenge.

    Parameters
    ----------
    name, title : str
        For the command line, and for people.
    parts : mapping of str to Part
        By name, in the order of the registry.
    metadata : str, optional
        Name of the part with the metadata, which every script needs.
    """

    name: str
    title: str
    parts: Mapping[str, Part]
    metadata: str | None = None

    def choose(self, names: list[str] | tuple[str, ...]) -> list[Part]:
        """Parts of given names.

        ``all`` stands for all of them, except those whose files are not known here. Of these,
        ``part/file`` names a single file.

        Raises
        ------
        InputError
            If a name is unknown; the message lists those that exist.
        """
        open_parts = tuple(f"{p.name}/" for p in self.parts.values() if p.file == ALL_FILES)
        unknown = [
            name
            for name in names
            if name not in (*self.parts, "all") and not name.startswith(open_parts)
        ]
        if unknown:
            raise InputError(
                f"{self.name} has no part {', '.join(unknown)}: there are {', '.join(self.parts)}, "
                "and all"
            )
        chosen = []
        for part in self.parts.values():
            if part.name in names or ("all" in names and part.file != ALL_FILES):
                chosen.append(part)
            elif part.file == ALL_FILES:
                files = [n.partition("/")[2] for n in names if n.startswith(f"{part.name}/")]
                chosen += part.files_of(dict.fromkeys(files))
        return chosen


def find_challenge(name: str, names: Collection[str]) -> str:
    """Full name of a challenge, of which the beginning is enough.

    Raises
    ------
    InputError
        If there is none, or there are several.

    Examples
    --------
    >>> find_challenge("icassp", ["icassp_2024", "cad1_task1"])
    'icassp_2024'
    """
    found = [full for full in names if name and full.startswith(name)]
    if name in found:
        return name
    if not found:
        raise InputError(f"no challenge {name}: there are {', '.join(names)}")
    if len(found) > 1:
        raise InputError(f"{name} may be {' or '.join(found)}: write the full name")
    return found[0]


def read_registry(more: Path | None = None) -> dict[str, Challenge]:
    """Challenges by name.

    Parameters
    ----------
    more : Path, optional
        A TOML file in the form of cadenza's own; its entries add to those, or replace them.

    Raises
    ------
    InputError
        If the file cannot be read, or an entry is not as expected.

    Examples
    --------
    >>> list(read_registry())
    ['icassp_2024', 'cad1_task1', 'cad1_task2', 'cad2_task1', 'cad2_task2']
    >>> read_registry()["icassp_2024"].parts["train"].file
    'cad_icassp_2024_train.v1.0.tgz'
    """
    tables: dict[str, dict[str, Any]] = {}
    for path in [_FILE, *([more] if more else [])]:
        for name, table in _read(path).items():
            known = tables.setdefault(name, {"parts": {}})
            parts = {**known["parts"], **table.get("parts", {})}
            tables[name] = {**known, **table, "parts": parts}
    return {name: _challenge(name, table, more or _FILE) for name, table in tables.items()}


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot read: {reason_of_system(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected TOML: {error}") from None
    for name, table in content.items():
        parts = table.get("parts", {}) if isinstance(table, dict) else None
        if not isinstance(parts, dict) or not all(isinstance(p, dict) for p in parts.values()):
            raise InputError(f"{path}: [{name}] must be a table with tables [{name}.parts.NAME]")
    return content


def _challenge(name: str, table: Mapping[str, Any], path: Path) -> Challenge:
    parts, problems = {}, []
    for part_name, values in table["parts"].items():
        values = {"record": table.get("record"), **values}
        problem = _problem(values)
        if problem:
            problems.append(f"{path}: [{name}.parts.{part_name}] {problem}")
        else:
            parts[part_name] = Part(part_name, **values)
    metadata = table.get("metadata")
    if metadata is not None and metadata not in table["parts"]:
        problems.append(f"{path}: [{name}] metadata must name one of its parts, got {metadata!r}")
    raise_if(problems)
    return Challenge(name, str(table.get("title", name)), parts, metadata)


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "record": int,
    "file": str,
    "about_bytes": (int, float),
    "content": str,
    "unpack": bool,
    "md5": str,
}


def _problem(values: Mapping[str, Any]) -> str | None:
    if unknown := sorted(values.keys() - _TYPES.keys()):
        return f"has unknown keys: {', '.join(unknown)}; known are {', '.join(_TYPES)}"
    for key in ("record", "file", "about_bytes"):
        is_unknown = key == "about_bytes" and values["file"] == ALL_FILES
        if values.get(key) is None and not is_unknown:
            return f"needs {key}"
    for key, value in values.items():
        if not isinstance(value, _TYPES[key]):
            return f"has a wrong {key}: {value!r}"
    if not re.fullmatch(r"[0-9a-fA-F]{32}", values.get("md5", "0" * 32)):
        return f"md5 must have 32 hexadecimal digits, got {values['md5']!r}"
    if not is_plain_name(values["file"]):
        return f"file must be a name without a folder, got {values['file']!r}"
    return None


def is_plain_name(name: str) -> bool:
    """Whether a file of this name stays in the folder where it is put.

    Examples
    --------
    >>> is_plain_name("train.tgz"), is_plain_name("../train.tgz"), is_plain_name("")
    (True, False, False)
    """
    return bool(name.strip(".")) and not set(name) & set("/\\:\0")
