"""Writing JSON files, checking what is there, and look-ups that forgive letter case."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from cadenza._files import replacing
from cadenza.errors import InputError


def format_json(content: object) -> str:
    """Text of a challenge JSON file: indented by four, no newline at the end."""
    return json.dumps(content, indent=4)


def write_json(path: Path, content: object) -> None:
    """Write a challenge JSON file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(format_json(content), encoding="utf-8")


def write_new_json(files: Mapping[Path, object], *, overwrite: bool) -> bool:
    """Write JSON files unless others are there already.

    Returns
    -------
    bool
        False if all files existed with this very content and nothing was written.

    Raises
    ------
    InputError
        If a file exists with another content and `overwrite` is False; nothing is written then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "gains.json")
    ...     [write_new_json({file: {"vocals": 6}}, overwrite=False) for _ in range(2)]
    [True, False]
    """
    same = [
        path.is_file() and path.read_text(encoding="utf-8") == format_json(content)
        for path, content in files.items()
    ]
    if all(same):
        return False
    differing = [
        path for path, equal in zip(files, same, strict=True) if path.exists() and not equal
    ]
    if differing and not overwrite:
        raise InputError(
            [f"{path}: exists with other content; overwrite=true replaces it" for path in differing]
        )
    for path, content in files.items():
        write_json(path, content)
    return True


def require_files(paths: Iterable[Path]) -> None:
    """Raise an `InputError` that lists every missing file, each once.

    Examples
    --------
    >>> require_files([Path("absent.wav"), Path("absent.wav")])
    Traceback (most recent call last):
    cadenza.errors.InputError: missing file: absent.wav
    """
    missing = [path for path in dict.fromkeys(paths) if not path.is_file()]
    if missing:
        raise InputError([f"missing file: {path}" for path in missing])


def require_disk_space(folder: Path, n_bytes: int) -> None:
    """Raise an `InputError` if the disk that will hold `folder` has less than `n_bytes` free."""
    existing = next(parent for parent in [folder, *folder.absolute().parents] if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < n_bytes:
        raise InputError(
            f"{folder}: {n_bytes / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free there"
        )


def find(root: Path, relative: str | Path) -> Path:
    """Path below `root`, or the one that differs from it only in letter case or Unicode form.

    The data packages disagree on ``Train/Bass.wav`` and ``train/bass.wav``. If nothing matches,
    the plain path is returned, for the caller to report.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "Train").mkdir()
    ...     Path(folder, "Train", "Bass.wav").touch()
    ...     find(Path(folder), "train/bass.wav").name
    'Bass.wav'
    """
    plain = root / relative
    if plain.exists():
        return plain
    path = root
    for part in Path(relative).parts:
        candidate = path / part
        if not candidate.exists() and path.is_dir():
            alike = sorted(p for p in path.iterdir() if _folded(p.name) == _folded(part))
            candidate = alike[0] if alike else candidate
        path = candidate
    return path if path.exists() else plain


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def safe_name(title: str) -> str:
    """Title as a file name: path separators become underscores, and so do dots alone.

    Examples
    --------
    >>> safe_name("AC/DC - Live")
    'AC_DC - Live'
    """
    name = title.replace("/", "_").replace("\\", "_")
    return name if name.strip(".") else "_" * len(name)
