"""Files of a challenge root: what must be there, finding it, and writing JSON."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType

from cadenza._files import replacing
from cadenza.errors import InputError

_NO_HINTS: Mapping[Path, str] = MappingProxyType({})


def format_json(content: object) -> str:
    """Text of a challenge JSON file: indented by four, no newline at the end."""
    return json.dumps(content, indent=4)


def write_json(path: Path, content: object) -> None:
    """Write a challenge JSON file; it is complete or absent, also if the process is killed."""
    with replacing(path) as temporary:
        temporary.write_text(format_json(content), encoding="utf-8")


def require_files(paths: Iterable[Path], hints: Mapping[Path, str] = _NO_HINTS) -> None:
    """Check that files exist.

    Parameters
    ----------
    paths : iterable of Path
        Files that are needed; repeated ones are reported once.
    hints : mapping of Path to str
        How to get a file that is missing, for example the command that writes it.

    Raises
    ------
    InputError
        Listing every missing file. Files whose folder is missing share one line.

    Examples
    --------
    >>> require_files([Path("songs/a.wav"), Path("songs/b.wav")])
    Traceback (most recent call last):
    cadenza.errors.InputError: missing folder: songs (with a.wav and 1 more file)
    >>> require_files([Path("scenes.json")], {Path("scenes.json"): "draw_scenes.py writes it"})
    Traceback (most recent call last):
    cadenza.errors.InputError: missing file: scenes.json; draw_scenes.py writes it
    """
    problems = []
    in_missing_folder: dict[Path, list[Path]] = defaultdict(list)
    for path in dict.fromkeys(paths):
        if path.is_file():
            continue
        if path.is_dir():
            problems.append(f"expected a file, found a folder: {path}")
        elif folder := _highest_missing_folder(path):
            in_missing_folder[folder].append(path)
        else:
            hint = f"; {hints[path]}" if path in hints else ""
            problems.append(f"missing file: {path}{hint}")
    for folder, (first, *others) in in_missing_folder.items():
        more = f" and {len(others)} more file{'s' * (len(others) > 1)}" if others else ""
        ways = {hints.get(path, "") for path in (first, *others)}
        hint = f"; {way}" if len(ways) == 1 and (way := ways.pop()) else ""
        problems.append(f"missing folder: {folder} (with {first.relative_to(folder)}{more}){hint}")
    if problems:
        raise InputError(problems)


def _highest_missing_folder(path: Path) -> Path | None:
    missing = [folder for folder in path.parents if not folder.exists()]
    return missing[-1] if missing else None


def find_roots(folder: Path) -> list[Path]:
    """Challenge roots in a folder: folders that hold ``metadata``, the highest first.

    Parameters
    ----------
    folder : Path
        Where to look, at most three levels deep. Hidden folders are left out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "data", "cad1", "metadata").mkdir(parents=True)
    ...     [root.relative_to(folder).as_posix() for root in find_roots(Path(folder))]
    ['data/cad1']
    """
    levels = ("", "*/", "*/*/", "*/*/*/")
    found = [path for level in levels for path in sorted(folder.glob(f"{level}metadata/"))]
    return [p.parent for p in found if not p.relative_to(folder).parts[0].startswith(".")]


def find_root(folder: Path) -> Path | None:
    """The highest challenge root in a folder, or None: the first of `find_roots`."""
    return next(iter(find_roots(folder)), None)


def require_disk_space(folder: Path, n_bytes: int) -> None:
    """Check that `n_bytes` fit on the disk that holds, or will hold, `folder`.

    Raises
    ------
    InputError
        If less is free.
    """
    existing = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < n_bytes:
        raise InputError(
            f"{folder}: {in_bytes(n_bytes)} are needed, {in_bytes(free)} are free there"
        )


def in_bytes(n_bytes: float) -> str:
    """Size for people.

    Examples
    --------
    >>> in_bytes(230_000), in_bytes(999_999_999), in_bytes(14_800_000_000)
    ('230 kB', '1 GB', '14.8 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= 0.9995 * factor:  # 999.9 MB are shown as 1 GB
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.0f} bytes"


def find_ignoring_case(root: Path, relative: str | Path) -> Path:
    """Path below `root`, whatever the letter case and Unicode form of its names on the disk.

    The data packages disagree on ``Train/Bass.wav`` and ``train/bass.wav``. If nothing matches,
    the result is ``root / relative``, which does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "Train").mkdir()
    ...     Path(folder, "Train", "Bass.wav").touch()
    ...     find_ignoring_case(Path(folder), "train/bass.wav").name
    'Bass.wav'
    """
    plain = root / relative
    if plain.exists():
        return plain
    path = root
    for part in Path(relative).parts:
        candidate = path / part
        if not candidate.exists() and path.is_dir():
            alike = sorted(p for p in path.iterdir() if folded(p.name) == folded(part))
            candidate = alike[0] if alike else candidate
        path = candidate
    return path if path.exists() else plain


def leaves_folder(path: str) -> bool:
    """Whether a relative path leads out of its folder, on this or any other system.

    Examples
    --------
    >>> [leaves_folder(path) for path in ("a/b.wav", "../b.wav", "/b.wav", "C:b.wav")]
    [False, True, True, True]
    """
    on_windows = PureWindowsPath(path)
    return bool(PurePosixPath(path).anchor or on_windows.anchor or ".." in on_windows.parts)


def folded(name: str) -> str:
    """Name without letter case and Unicode form: names that are the same for some file systems."""
    return unicodedata.normalize("NFC", name).casefold()


def safe_name(title: str) -> str:
    """Title as a file name: path separators become underscores, and so does a name of dots only.

    Examples
    --------
    >>> safe_name("AC/DC - Live")
    'AC_DC - Live'
    """
    name = title.replace("/", "_").replace("\\", "_")
    return name if name.strip(".") else "_" * len(name)
