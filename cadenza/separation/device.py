"""The device that a network runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cadenza.errors import InputError

if TYPE_CHECKING:
    import torch

_NAME = re.compile(r"cpu|mps|cuda|(?:gpu|cuda:)(\d+)")


def check_device_name(name: str | None) -> None:
    """Raise an `InputError` if a device has a name that `find_device` does not know."""
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise InputError(f"device must be null, cpu, gpu<N>, cuda, cuda:<N> or mps, got {name!r}")


def find_device(name: str | None) -> torch.device:
    """Find the torch device of a given name.

    Parameters
    ----------
    name : str or None
        ``cpu``; ``gpu<N>`` or ``cuda:<N>``, the CUDA GPU with that index, from 0; ``cuda``, the
        current one; ``mps``, the GPU of an Apple computer; None for CUDA if available, else the
        CPU.

    Raises
    ------
    InputError
        If the name is unknown, or the machine has no such device.

    Examples
    --------
    >>> find_device("cpu")
    device(type='cpu')
    """
    import torch

    check_device_name(name)
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise InputError("no such device: mps (no Apple GPU found)")
    if name in ("cpu", "mps"):
        return torch.device(name)
    index = name.removeprefix("gpu").removeprefix("cuda").removeprefix(":")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= n_gpus:
        found = {0: "no CUDA GPU", 1: "1 CUDA GPU"}.get(n_gpus, f"{n_gpus} CUDA GPUs")
        raise InputError(f"no such device: {name} ({found} found)")
    return torch.device(f"cuda:{index}" if index else "cuda")
