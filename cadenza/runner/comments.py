"""Keys of a YAML file with their defaults, and what the comments beside them say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Key:
    """A key as a user may set it.

    Parameters
    ----------
    name : str
        With its section, such as ``evaluate.noise``.
    default : str
        As the file has it.
    meaning : str
        The comment beside it.
    """

    name: str
    default: str
    meaning: str


def title(path: Path) -> str:
    """First comment of a YAML file, which says what it is for."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("#").strip() for line in lines if line.startswith("#")]
    return next((text for text in comments if not text.startswith("@package")), "")


def keys(path: Path, group: str = "") -> list[Key]:
    r"""Keys of a YAML file, in its order.

    Parameters
    ----------
    path : Path
        The file.
    group : str
        Its config group, which is the section its keys belong to, unless the file says
        ``# @package _global_``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "nalr.yaml")
    ...     _ = file.write_text("nfir: 220   # order of\n            # the filter\nrate: 1\n")
    ...     keys(file, "nalr")
    [Key(name='nalr.nfir', default='220', meaning='order of the filter'),
     Key(name='nalr.rate', default='1', meaning='')]
    """
    text = path.read_text(encoding="utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    is_global = text.startswith("# @package _global_")
    section = "" if is_global or not group else f"{group.replace('/', '.')}."
    return list(_keys(node, text, section)) if isinstance(node, yaml.MappingNode) else []


def _keys(node: yaml.MappingNode, text: str, section: str) -> Iterator[Key]:
    for key, value in node.value:
        name = f"{section}{key.value}"
        if name in ("defaults", "hydra"):
            continue
        if isinstance(value, yaml.MappingNode):
            if meaning := _comment(text, key.end_mark.index + 1):
                yield Key(name, "", meaning)
            yield from _keys(value, text, f"{name}.")
        else:
            start, end = value.start_mark.index, value.end_mark.index
            yield Key(name, text[start:end], _comment(text, end))


def _comment(text: str, end: int) -> str:
    """Comment that follows a value on its line, and on indented lines below that have no other."""
    first, *rest = text[end:].split("\n")
    if not re.match(r"\s*#", first):
        return ""
    lines = [first]
    for line in rest:
        if not re.match(r"\s+#", line):
            break
        lines.append(line)
    return " ".join(line.strip().lstrip("#").strip() for line in lines)
