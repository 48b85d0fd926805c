"""Networks of the package demucs, read from their files without running code in them.

A file is either a pickle as ``demucs`` writes it, with the suffix ``.th``, or a safetensors file
whose header describes the network. Both name a class and its arguments. Only `HTDemucs` is built,
whatever else a file may ask for; its name is compared and never imported from what the file says.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadenza.errors import InputError
from cadenza.separation import weights
from cadenza.separation.packages import Package
from cadenza.separation.plain_yaml import shown

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

SUFFIXES = (".th", ".safetensors")
"""Endings of files that hold a network."""

PACKAGE = Package(
    "demucs",
    requirement="demucs>=4.1,<4.2",
    needed_by="Hybrid Transformer Demucs",
    version="4.1",  # the first that shows its progress within a song
)

_CLASS = "demucs.htdemucs.HTDemucs"
_AT_MOST = {"depth": 16, "dconv_depth": 16, "t_layers": 64}
"""Limits of options that repeat layers; published networks have a third of it or less."""

_WHOLE = re.compile(r"-?\d{1,9}")


@dataclass(frozen=True)
class _Description:
    """What a file says about its network."""

    class_name: str
    args: Any
    kwargs: Any
    state: Any


class _HTDemucs:
    """Takes the place of the network's class while a pickle is read; it does nothing."""


def _fraction(*parts: object) -> Fraction:
    """Takes the place of `Fraction` in a pickle: ``("39/5",)`` or ``(39, 5)``."""
    numbers = "/".join(str(part) for part in parts).split("/")
    if len(numbers) > 2 or not all(_WHOLE.fullmatch(number) for number in numbers):
        raise ValueError(f"not a fraction of small whole numbers: {parts!r}")
    return Fraction(*map(int, numbers))


def read_network(path: Path, *, sha256: str | None = None) -> torch.nn.Module:
    """Read a network.

    Parameters
    ----------
    path : Path
        File of demucs, ``.th`` or ``.safetensors``.
    sha256 : str, optional
        First digits of the SHA-256 that the file must have. Default: those in its name, if it
        follows torch's convention ``<name>-<SHA-256>.th``.

    Returns
    -------
    torch.nn.Module
        An `HTDemucs` on the CPU.

    Raises
    ------
    InputError
        If the package demucs is missing or of another version, or the file is missing, damaged,
        has another checksum, or holds another kind of network.
    """
    import torch

    kind = _class()
    read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
    description = read(path, sha256)
    options = _options(kind, description, path)
    with torch.device("meta"):  # no memory, until the weights are known to fit
        skeleton = _build(kind, options, path)
    weights.fill(skeleton, description.state, path)
    network = _build(kind, options, path)
    weights.fill(network, description.state, path)
    return network


def _options(kind: type[torch.nn.Module], description: _Description, path: Path) -> dict[str, Any]:
    """Options of the network that a file describes; those that the package lacks are left out."""
    args, kwargs = description.args, description.kwargs
    if description.class_name != _CLASS:
        raise InputError(f"{path}: expected a network {_CLASS}, found {description.class_name}")
    if not isinstance(args, list | tuple) or not isinstance(kwargs, Mapping):
        raise InputError(f"{path}: expected the arguments of a network, found others")
    known = inspect.signature(kind).parameters
    if unknown := sorted(str(name) for name in kwargs if name not in known):
        logger.warning("%s: unknown options are ignored: %s", path, ", ".join(unknown))
    options = dict(zip(known, args, strict=False)) | {
        name: value for name, value in kwargs.items() if name in known
    }
    for name, most in _AT_MOST.items():
        value = options.get(name, 0)
        if not (isinstance(value, int) and value <= most):
            raise InputError(
                f"{path}: {name} must be a whole number up to {most}, got {shown(value)}"
            )
    return options


def _build(
    kind: Callable[..., torch.nn.Module], options: Mapping[str, Any], path: Path
) -> torch.nn.Module:
    """A network with random weights."""
    try:
        return kind(**options)
    except Exception as error:  # its constructor checks little and fails in many ways
        raise InputError(
            f"{path}: no network can be built with the options in this file "
            f"({type(error).__name__}: {str(error)[:200]})"
        ) from None


def _class() -> type[torch.nn.Module]:
    with PACKAGE.importing():
        from demucs.htdemucs import HTDemucs
    found: type[torch.nn.Module] = HTDemucs
    return found


def _read_pickle(path: Path, sha256: str | None) -> _Description:
    stand_ins: dict[str, Callable[..., Any]] = {_CLASS: _HTDemucs, "fractions.Fraction": _fraction}
    content = weights.read(path, sha256=sha256, stand_ins=stand_ins)
    parts = ("klass", "args", "kwargs", "state")
    if not isinstance(content, Mapping) or not set(parts) <= set(content):
        raise InputError(f"{path}: expected a network of demucs with {', '.join(parts)}")
    named, args, kwargs, state = (content[part] for part in parts)
    class_name = _CLASS if named is _HTDemucs else type(named).__name__
    return _Description(class_name, args, kwargs, state)


def _read_safetensors(path: Path, sha256: str | None) -> _Description:
    state, metadata = weights.read_safetensors(path, sha256=sha256)
    try:
        args, kwargs = (json.loads(metadata[part]) for part in ("args", "kwargs"))
        class_name = metadata["klass"]
        return _Description(class_name, _with_fractions(args), _with_fractions(kwargs), state)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, RecursionError):
        raise InputError(
            f"{path}: expected a network of demucs with klass, args and kwargs in its header"
        ) from None


def _with_fractions(value: Any) -> Any:  # noqa: ANN401
    """Fractions from their form in JSON."""
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return _fraction(value["numerator"], value["denominator"])
        return {key: _with_fractions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_fractions(item) for item in value]
    return value
