"""YAML files from the internet: plain values only, and nothing that grows when it is read."""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

import yaml

from cadenza.errors import InputError

_LARGEST = 2**20  # bytes


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML with tuples, which configurations of networks contain, and without aliases.

    A few nested aliases can stand for billions of values.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node))
)


def read_yaml(path: Path, what: str) -> Any:  # noqa: ANN401
    r"""Content of a YAML file; tags are refused, except ``!!python/tuple``, and so are aliases.

    Parameters
    ----------
    path : Path
        File of at most 1 MB.
    what : str
        What it should be, for messages: "the configuration of the network".

    Raises
    ------
    InputError
        If the file is missing, too large or damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.yaml")
    ...     _ = path.write_text("a: &x [1, 2]\nb: *x")
    ...     read_yaml(path, "an example")
    Traceback (most recent call last):
    cadenza.errors.InputError: ...a.yaml: expected YAML with plain values...: aliases are not ...
    """
    if not path.is_file():
        raise InputError(f"{path}: file not found; it must be {what}")
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: expected {what}, found a file of more than 1 MB")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: expected YAML with plain values and tuples: {reason}") from None


def shown(value: object) -> str:
    """A value in a message, abbreviated.

    Examples
    --------
    >>> shown(0), shown(list(range(1000)))
    ('0', '[0, 1, 2, 3, 4, 5, ...]')
    """
    try:
        return reprlib.repr(value)
    except ValueError:  # Python does not print whole numbers of thousands of digits
        return "a very large number"
