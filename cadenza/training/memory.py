"""Memory of a training step: estimated from the network, compared with what is free.

Training keeps the output of every layer for the gradients; nearly all memory goes there. How much
it is can be counted on a short example and is proportional to length and number of the examples.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cadenza.errors import InputError

if TYPE_CHECKING:
    import torch

_TRACE_SAMPLES = (4096, 8192)  # lengths of the short examples

# Peak memory over kept bytes. glibc's allocator leaves gaps: 2.0 to 2.5 was measured for networks
# of all sizes. The caching allocators of GPUs do not; temporary arrays add up to 12 %.
_CPU_OVERHEAD, _GPU_OVERHEAD = 2.5, 1.2
_COPIES_OF_WEIGHTS = 3  # the gradient and the two moments of Adam


class OutOfMemoryError(InputError):
    """One example does not fit into the free memory.

    Parameters
    ----------
    needed_bytes, free_bytes : int
        Of one example; of the device.
    longest : float
        Length of the longest example that fits, as a fraction of the present length.
    """

    def __init__(self, needed_bytes: float, free_bytes: float, longest: float) -> None:
        super().__init__(
            f"training on one example at a time needs about {needed_bytes / 1e9:.1f} GB of memory, "
            f"and {free_bytes / 1e9:.1f} GB are free"
        )
        self.longest = longest


@dataclass(frozen=True)
class StepMemory:
    """What a training step needs.

    Parameters
    ----------
    fixed_bytes : float
        However many examples there are.
    example_bytes : float
        For each example.
    """

    fixed_bytes: float
    example_bytes: float

    def of(self, n_examples: int) -> float:
        """Bytes of a step with so many examples.

        Examples
        --------
        >>> StepMemory(fixed_bytes=10, example_bytes=30).of(2)
        70
        """
        return self.fixed_bytes + n_examples * self.example_bytes

    def __add__(self, other: StepMemory) -> StepMemory:
        """Of two things that a step does one after the other and that both stay in memory."""
        return StepMemory(
            self.fixed_bytes + other.fixed_bytes, self.example_bytes + other.example_bytes
        )

    def n_fitting(self, free_bytes: float) -> int:
        """Most examples that fit.

        Examples
        --------
        >>> StepMemory(fixed_bytes=10, example_bytes=30).n_fitting(100)
        3
        """
        return max(0, int((free_bytes - self.fixed_bytes) / self.example_bytes))


def estimate_step(
    network: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor],
    shape: tuple[int, ...],
) -> StepMemory:
    """Memory that a training step needs besides what the process has already.

    Parameters
    ----------
    network : torch.nn.Module
        On its device; a copy is used.
    loss_of : callable
        ``(network, sources) -> loss``, as in training.
    shape : tuple of int
        Shape of an example, (n_sources, 2, T).

    Returns
    -------
    StepMemory
        An upper estimate: on Linux CPUs, measured peaks are 1 to 25 % lower.
    """
    import torch

    parameters = list(network.parameters())
    device = parameters[0].device
    short, long = (
        _kept_bytes(copy.deepcopy(network), loss_of, torch.zeros(1, *shape[:-1], n, device=device))
        for n in _TRACE_SAMPLES
    )
    slope = (long - short) / (_TRACE_SAMPLES[1] - _TRACE_SAMPLES[0])
    kept = long + slope * (shape[-1] - _TRACE_SAMPLES[1])
    weights = sum(p.numel() * p.element_size() for p in parameters)
    return StepMemory(_COPIES_OF_WEIGHTS * weights, overhead(device) * max(kept, slope * shape[-1]))


def overhead(device: torch.device) -> float:
    """Peak memory of a device over the bytes that are kept."""
    return _CPU_OVERHEAD if device.type == "cpu" else _GPU_OVERHEAD


def _kept_bytes(
    network: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor],
    sources: torch.Tensor,
) -> int:
    """Bytes of everything that is kept between the forward and the backward pass."""
    import torch

    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(network, sources)
    return sum(storage.nbytes() for place, storage in kept.items() if place not in weights)


def free_memory(device: torch.device) -> float | None:
    """Free memory of a device in bytes; None if the system does not tell.

    On Linux, that of the CPU is what the machine has available, or less if a container or a SLURM
    job may not use it all. On other systems with a CPU it is all memory that there is.
    """
    import torch

    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(torch.cuda.mem_get_info(device)[0] + unused)
    if device.type == "mps":
        return float(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return free_ram()


def free_ram(root: Path = Path("/")) -> float | None:
    """Free main memory in bytes; `root` is where the folders proc and sys are."""
    meminfo = root / "proc" / "meminfo"
    if not meminfo.is_file():
        names = getattr(os, "sysconf_names", {})  # Windows has none
        known = "SC_PHYS_PAGES" in names
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) if known else None
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    available = 1024.0 * int(lines["MemAvailable"].split()[0])
    return min([available, *_free_in_groups(root)])


def _free_in_groups(root: Path) -> list[float]:
    """Free memory of the control groups of this process: of containers, or of a SLURM job."""
    file = root / "proc" / "self" / "cgroup"
    free = []
    for line in file.read_text().splitlines() if file.is_file() else ():
        _, controllers, group = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = root / "sys" / "fs" / "cgroup" / controllers
        folder = top / group.lstrip("/")
        free += [
            _free_in_group(parent, version=1 if controllers else 2)
            for parent in (folder, *folder.parents)
            if parent.is_relative_to(top)
        ]
    return [value for value in free if value is not None]


def _free_in_group(folder: Path, *, version: int) -> float | None:
    names = {1: ("limit_in_bytes", "usage_in_bytes"), 2: ("max", "current")}[version]
    limit, usage = (folder / f"memory.{name}" for name in names)
    try:
        text = limit.read_text().strip()
        if text == "max":
            return None
        lines = (folder / "memory.stat").read_text().splitlines()
        counts = dict(line.split() for line in lines)
        # The cache of files is given up when memory is needed
        cache = counts["inactive_file" if version == 2 else "total_inactive_file"]
        return float(text) - float(usage.read_text()) + float(cache)
    except (OSError, KeyError):  # the group of a parent may not be visible in a container
        return None
