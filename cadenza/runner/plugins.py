"""Which files a building block depends on: a user's own code, and local weights."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cadenza
from cadenza._files import file_digest

_CADENZA = Path(cadenza.__file__).resolve().parent


def file_digests(block: object) -> dict[str, str]:
    """Digests of the files that a building block depends on, for the settings of a run.

    These are the local files that it names as `weights`, `models_dir` or `model_config`, those that
    its method ``weight_files() -> {name: path}`` gives, such as published weights in a cache, and
    those of its `members` if it is made of other blocks. If the block is a user's own, they are
    also the file of its class or function, and every module of the same folder or package that is
    loaded now or that one of these files imports.

    Parameters
    ----------
    block : object
        A separator, a hearing aid.

    Returns
    -------
    dict of str to str
        Digest by the name of the file, below the folder of the module or package.

    Examples
    --------
    >>> from cadenza.separation.spectral import Spectral
    >>> file_digests(Spectral())
    {}
    """
    files = _weights(block)
    members = getattr(block, "members", None)
    of_members = {
        f"members/{name}/{key}": digest
        for name, member in (members.items() if isinstance(members, Mapping) else ())
        for key, digest in file_digests(member).items()
    }
    code = block.func if isinstance(block, functools.partial) else block
    if not (inspect.isfunction(code) or inspect.isclass(code)):
        code = type(code)
    module = sys.modules.get(code.__module__)
    if module is not None and _file_of(module) and _top(module) != "cadenza":
        files |= _sources(module)
    own = {name: file_digest(path) for name, path in sorted(files.items()) if path.is_file()}
    return own | of_members


def _weights(block: object) -> dict[str, Path]:
    elsewhere = None if inspect.isclass(block) else getattr(block, "weight_files", None)
    found = elsewhere() if callable(elsewhere) else {}
    files = {f"weights/{name}": Path(path) for name, path in found.items()}
    for name in ("weights", "models_dir", "model_config"):
        path = Path(str(getattr(block, name, None) or "")).expanduser()
        if path.is_file():
            files[name] = path
        elif path != Path() and path.is_dir():
            inside = sorted(path.rglob("*"))
            files |= {f"{name}/{file.relative_to(path).as_posix()}": file for file in inside}
    return files


def _sources(module: ModuleType) -> dict[str, Path]:
    """Files of a user's module and of all modules of its home that it uses."""
    home = _Home.of(module)
    loaded = (_file_of(other) for other in list(sys.modules.values()))
    found = {path for path in loaded if path and home.has(path)} | {_file_of(module) or Path()}
    waiting = list(found)
    while waiting:
        for imported in _imports(waiting.pop(), home.root):
            if home.has(imported) and imported not in found:
                found.add(imported)
                waiting.append(imported)
    return {path.relative_to(home.root).as_posix(): path for path in found}


@dataclass(frozen=True)
class _Home:
    """Where a user's module lives: the folder of its package, or else the folder of its file.

    Parameters
    ----------
    root : Path
        The folder from which Python imports the package or the module.
    folder : Path
        The folder of the package, or `root`.
    """

    root: Path
    folder: Path

    @classmethod
    def of(cls, module: ModuleType) -> _Home:
        path = _file_of(module) or Path()
        is_package = path.name == "__init__.py"
        root = path.parents[module.__name__.count(".") + is_package]
        return cls(root, root / _top(module) if is_package or "." in module.__name__ else root)

    def has(self, path: Path) -> bool:
        """Whether a file is the user's own: below the folder, and not of an installed package."""
        if not path.is_relative_to(self.folder) or path.is_relative_to(_CADENZA):
            return False
        return self.folder != self.root or not any(map(path.is_relative_to, _installed()))


def _imports(path: Path, root: Path) -> Iterator[Path]:
    """Files below `root` that the import statements of a file may name, wherever they stand."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bases = [root.joinpath(*alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1] if node.level else root
            base = folder.joinpath(*(node.module or "").split("."))
            bases = [base, *(base / alias.name for alias in node.names)]
        else:
            continue
        for base in bases:
            steps = [base, *(p for p in base.parents if p.is_relative_to(root) and p != root)]
            candidates = [step / "__init__.py" for step in steps] + [base.with_suffix(".py")]
            yield from (candidate for candidate in candidates if candidate.is_file())


def _file_of(module: ModuleType) -> Path | None:
    """Source file of a module, if it has one."""
    name = getattr(module, "__file__", None)
    return Path(name).resolve() if isinstance(name, str) and name.endswith(".py") else None


def _top(module: ModuleType) -> str:
    return module.__name__.partition(".")[0]


def _installed() -> list[Path]:
    """Folders of Python itself and of the packages that were installed."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    return [Path(place).resolve() for kind in kinds if (place := sysconfig.get_path(kind))]
