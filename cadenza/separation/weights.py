"""Weights of trained networks: download, verify, and load them without running code in them."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadenza.errors import InputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MissingWeights:
    """Weights that a separator needs and that are not on this machine.

    Parameters
    ----------
    place : Path
        Where the separator looks for them.
    will_download : bool
        Whether the separator downloads them by itself.
    """

    place: Path
    will_download: bool


def missing(
    given: str | Path | None, urls: Sequence[str], folder: str, *, will_download: bool = True
) -> MissingWeights | None:
    """Say which weights are not there, without loading torch; None if nothing is missing.

    Parameters
    ----------
    given : str or Path, optional
        The separator's weights as the user has set them. Default: the published files.
    urls, folder
        As for `find`.
    will_download : bool
        Whether the separator downloads the published files by itself.
    """
    if given is not None:
        path = Path(given).expanduser()
        return None if path.exists() else MissingWeights(path, will_download=False)
    cache, files = _cached(urls, folder)
    if all(path.is_file() for path in files.values()):
        return None
    return MissingWeights(cache, will_download)


def find(urls: Sequence[str], folder: str, *, instead: str) -> list[Path]:
    """Published files in a folder of torch's cache; they are not downloaded.

    Parameters
    ----------
    urls : sequence of str
        Where the files are published.
    folder : str
        Relative to torch's cache; the environment variable ``TORCH_HOME`` moves that cache.
    instead : str
        What a user can set the separator's weights to, for the error message.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If a file is missing: which, where to get it, and where to put it.
    """
    cache, files = _cached(urls, folder)
    if missing := [url for url, path in files.items() if not path.is_file()]:
        raise InputError(
            f"the separator's weights are missing: download {', '.join(missing)} and put "
            f"{'it' if len(missing) == 1 else 'them'} into {cache}, or set the separator's weights "
            f"to {instead}"
        )
    return list(files.values())


def cached(urls: Sequence[str], folder: str) -> dict[str, Path]:
    """Name and place of published files in torch's cache, there or not; torch is not loaded.

    Parameters
    ----------
    urls, folder
        As for `find`.
    """
    return {path.name: path for path in _cached(urls, folder)[1].values()}


def _cached(urls: Sequence[str], folder: str) -> tuple[Path, dict[str, Path]]:
    """A folder of torch's cache, and the place of each file in it."""
    cache = _torch_cache() / folder
    return cache, {url: cache / url.rpartition("/")[2] for url in urls}


def _torch_cache() -> Path:
    """Where torch keeps downloads; torch is asked only if it is loaded, because that is slow."""
    if torch := sys.modules.get("torch"):
        return Path(torch.hub.get_dir())
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return Path(os.getenv("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub"


def download(urls: Sequence[str], folder: str, *, instead: str) -> list[Path]:
    """Download published files into a folder of torch's cache, unless they are there.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the files.
    folder : str
        Relative to torch's cache; the environment variable ``TORCH_HOME`` moves that cache.
    instead : str
        What a user can set the separator's weights to, for the error message.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If a file cannot be downloaded: which are missing, where to get and where to put them.
    """
    import torch

    cache, files = _cached(urls, folder)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for url, path in files.items():
            if not path.is_file():
                torch.hub.download_url_to_file(url, str(path), hash_prefix=_sha256_in_name(path))
    except (OSError, RuntimeError, HTTPException) as error:
        missing = ", ".join(url for url, path in files.items() if not path.is_file())
        raise InputError(
            f"the separator's weights cannot be downloaded ({error}): get {missing} on another "
            f"machine and put it into {cache}, or set the separator's weights to {instead}"
        ) from None
    return list(files.values())


def load(
    network: torch.nn.Module,
    path: Path,
    *,
    sha256: str | None = None,
    allow_others: bool = False,
) -> None:
    """Fill a network with the tensors of a file; all must be present and fit.

    Parameters
    ----------
    network : torch.nn.Module
        Filled in place.
    path : Path
        State dictionary as written by ``torch.save``.
    sha256 : str, optional
        First digits of the SHA-256 that the file must have. Default: those in its name, if it
        follows torch's convention ``<name>-<SHA-256>.pth``.
    allow_others : bool
        Whether the file may contain tensors that the network does not have; they are left out.

    Raises
    ------
    InputError
        If the file is missing, damaged, has another checksum or belongs to another network.
    """
    state = read(path, sha256=sha256)
    if allow_others and isinstance(state, Mapping):
        state = {name: state[name] for name in network.state_dict() if name in state}
    fill(network, state, path)


def read(
    path: Path,
    *,
    sha256: str | None = None,
    stand_ins: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:  # noqa: ANN401
    """Content of a file that ``torch.save`` wrote, without running code in it.

    Parameters
    ----------
    path : Path
        Tensors in plain containers.
    sha256 : str, optional
        As for `load`.
    stand_ins : mapping of str to callable, optional
        Full names of the classes and functions that the file may also name, and what takes their
        place. Nothing with such a name is imported or called.

    Raises
    ------
    InputError
        If the file is missing, damaged, has another checksum or names anything else.
    """
    import torch

    if not path.is_file():
        raise InputError(f"{path}: file not found; the separator's weights must be a file")
    _check_sha256(path, sha256)
    allowed: list[Any] = [(object_, name) for name, object_ in (stand_ins or {}).items()]
    try:
        with torch.serialization.safe_globals(allowed):
            # Only tensors: other pickled objects could run code
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in many ways on other kinds of files
        raise InputError(
            f"{path}: expected weights of a network, a dictionary of tensors written by "
            f"torch.save ({type(error).__name__})"
        ) from None


def read_safetensors(
    path: Path, *, sha256: str | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and texts of a safetensors file, a format that cannot hold code.

    Raises
    ------
    InputError
        If the file is missing, damaged or has another checksum.
    """
    from safetensors import SafetensorError, safe_open

    try:
        _check_sha256(path, sha256)
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: expected weights in safetensors format: {error}") from None


def fill(
    network: torch.nn.Module, state: object, path: Path, *, expected: str | None = None
) -> None:
    """Fill a network with tensors that were read from a file; all must be present and fit.

    A network on torch's ``meta`` device, which has shapes but no memory, is filled to find out
    whether they fit before memory is taken.

    Parameters
    ----------
    network : torch.nn.Module
        Filled in place.
    state : object
        What was read.
    path : Path
        The file, for messages.
    expected : str, optional
        What is expected, for messages. Default: weights of the class of the network.

    Raises
    ------
    InputError
        If they belong to another network, or are no dictionary of tensors.
    """
    import torch

    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise InputError(
            f"{path}: expected weights of a network, a dictionary of tensors written by torch.save"
        )
    _require_plain(network, state, path)
    is_skeleton = any(value.is_meta for value in network.state_dict().values())
    try:
        network.load_state_dict(state, assign=is_skeleton)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()[:200]
        expected = expected or f"weights of {type(network).__name__}, found others"
        raise InputError(f"{path}: expected {expected}. {first}") from None


def _require_plain(network: torch.nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse tensors that torch would convert without a word, or that need no room in a file."""
    import torch

    for name, wanted in network.state_dict().items():
        if name not in state:
            continue  # which is reported later
        found = state[name]
        if found.is_floating_point() != wanted.is_floating_point() or found.is_complex():
            kind = "floating-point" if wanted.is_floating_point() else "whole"
            raise InputError(f"{path}: expected {kind} numbers in {name}, found {found.dtype}")
        is_dense = found.layout == torch.strided and not found.is_meta
        if not is_dense or found.untyped_storage().nbytes() < found.numel() * found.itemsize:
            raise InputError(f"{path}: expected all numbers of {name}, found a shorter form")


def _sha256_in_name(path: Path) -> str | None:
    match = re.search(r"-([0-9a-f]{8,64})$", path.stem)
    return match[1] if match else None


def check_digits(sha256: str | None) -> None:
    """Raise an `InputError` unless this can be the beginning of a SHA-256, or None."""
    if sha256 is None:
        return
    if not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-fA-F]+", sha256)):
        hint = ": put it into quotes" if isinstance(sha256, int) else ""  # YAML made it a number
        raise InputError(f"sha256 must be a text of hexadecimal digits, got {sha256!r}{hint}")


def _check_sha256(path: Path, given: str | None) -> None:
    """Compare a file with the digits that were given, or else with those in its name, if any."""
    expected = _sha256_in_name(path) if given is None else given
    check_digits(expected)
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected.lower()):
        raise InputError(
            f"{path}: expected a SHA-256 that begins with {expected}, found {found}: the file is "
            "damaged, or it is not the one you mean"
        )
