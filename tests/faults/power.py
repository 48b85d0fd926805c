"""What a disk holds after a power cut: a prefix of what a process has asked of it.

Renames, new names and removals reach the disk in their order, data later or not at all, unless the
file was synced. So do journalling file systems such as ext4 and XFS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .disk import Operation


@dataclass
class _File:
    data: bytearray = field(default_factory=bytearray)
    safe: bytes = b""


def replay(folder: Path, recorded: Path, operations: list[Operation], rng: Random) -> str:
    """Bring a folder into a state that a power cut may leave; returns which.

    Parameters
    ----------
    folder : Path
        As it was before the process.
    recorded : Path
        The folder in which the operations were recorded.
    operations : list of Operation
        What the process did.
    rng : Random
        Decides when the power fails, and what is lost.
    """
    cut = rng.randrange(1, len(operations) + 1)
    synced = [i for i, operation in enumerate(operations[:cut]) if operation.kind == "sync"]
    named = rng.randint(synced[-1] + 1 if synced else 0, cut)  # names after this are lost
    names = {
        str(path.relative_to(folder)): _File(bytearray(path.read_bytes()), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }
    before = set(names)
    opened: dict[int, _File] = {}
    now = dict(names)  # as the process sees it
    for index, operation in enumerate(operations[:cut]):
        name = str(Path(operation.path).relative_to(recorded))
        _apply(operation, name, str(recorded), now, opened)
        if index < named:
            _apply_names(operation, name, str(recorded), names, now, opened)
    for file in {id(f): f for f in (*names.values(), *opened.values())}.values():
        _lose(file, rng)
    for name in before - set(names):
        (folder / name).unlink()
    for name, file in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(file.data))
    return f"after {cut} of {len(operations)} operations, names after {named}"


def _apply(operation, name, root, now, opened) -> None:
    """What the process sees."""
    if operation.kind == "create":
        # a truncated file keeps its name; its old content counts as lost
        now[name] = opened[operation.file] = now.get(name, _File())
        now[name].data.clear()
        now[name].safe = b""
    elif operation.kind == "open":
        opened[operation.file] = now[name]
    elif operation.kind == "write":
        data = opened[operation.file].data
        data.extend(bytes(max(0, operation.offset - len(data))))
        data[operation.offset : operation.offset + len(operation.data)] = operation.data
    elif operation.kind == "sync" and name in now:
        now[name].safe = bytes(now[name].data)
    elif operation.kind == "rename":
        _move(now, name, str(Path(operation.target).relative_to(root)))
    elif operation.kind == "remove":
        now.pop(name, None)


def _apply_names(operation, name, root, names, now, opened) -> None:
    """What the disk knows of names."""
    if operation.kind == "create":
        names[name] = opened[operation.file]
    elif operation.kind == "rename":
        _move(names, name, str(Path(operation.target).relative_to(root)))
    elif operation.kind == "remove":
        names.pop(name, None)


def _move(names: dict[str, _File], source: str, target: str) -> None:
    """Rename a file, or a folder with all that is in it."""
    for name in [n for n in names if n == source or n.startswith(f"{source}/")]:
        names[target + name[len(source) :]] = names.pop(name)


def _lose(file: _File, rng: Random) -> None:
    """Data that was not synced may be lost, in part, or be zeros."""
    n_safe = len(file.safe)
    if bytes(file.data) == file.safe or file.data[:n_safe] != file.safe:
        return
    fate = rng.choice(["kept", "lost", "cut", "zeros"])
    if fate == "lost":
        file.data = bytearray(file.safe)
    elif fate == "cut":
        del file.data[rng.randint(n_safe, len(file.data)) :]
    elif fate == "zeros":
        file.data[n_safe:] = bytes(len(file.data) - n_safe)
