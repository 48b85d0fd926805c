"""Memory of a training step: the estimate, and what the loop makes of it."""

from __future__ import annotations

import logging
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cadenza.errors import InputError
from cadenza.separation.convtasnet.network import ConvTasNet, ConvTasNetConfig
from cadenza.training import memory
from cadenza.training.batches import WholePieces
from cadenza.training.history import HistoryWriter
from cadenza.training.loop import Training
from cadenza.training.losses import Loss, build_loss, l1
from cadenza.training.memory import OutOfMemoryError, StepMemory, estimate_step, free_ram
from cadenza.training.options import OptimiserOptions

from .training_helpers import OPTIONS as LEAST
from .training_helpers import Duets, Gains, piece

SMALL = ConvTasNetConfig(N=64, L=40, B=32, H=64, X=8, R=1, C=2, audio_channels=2)
WIDE = ConvTasNetConfig(N=32, L=20, B=32, H=128, X=4, R=1, C=4, audio_channels=2)
CAUSAL = replace(SMALL, causal=True, norm_type="cLN", X=5)


def loss_of(network: torch.nn.Module, sources: torch.Tensor) -> torch.Tensor:
    return l1(network(sources.sum(dim=1)), sources)


def peak_bytes(network: torch.nn.Module, sources: torch.Tensor) -> int:
    """Most memory that torch holds for arrays at a time during forward and backward pass."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as found:
        loss_of(network, sources).backward()
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


class Held(TorchDispatchMode):
    """Counts the memory of arrays in use; for many operations it is faster than a profile."""

    def __init__(self):
        super().__init__()
        self.bytes = self.peak = 0
        self.storages = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor.untyped_storage())
        return result

    def add(self, storage):
        if storage._cdata not in self.storages:
            self.storages.add(storage._cdata)
            weakref.finalize(storage, self.remove, storage._cdata, storage.nbytes())
            self.bytes += storage.nbytes()
            self.peak = max(self.peak, self.bytes)

    def remove(self, place, n_bytes):
        self.storages.discard(place)
        self.bytes -= n_bytes


@pytest.mark.slow
def test_the_estimate_for_haaqi_agrees_with_a_measured_peak(monkeypatch):
    monkeypatch.setattr(memory, "_CPU_OVERHEAD", 1.0)
    loss = build_loss("haaqi", sources=["a", "b"], sample_rate=44100, ears="both")
    sources = 0.1 * torch.randn(1, 2, 2, 22050, generator=torch.manual_seed(1))
    estimates = (0.9 * sources + 0.1 * sources.roll(1, dims=1)).requires_grad_()
    with torch.no_grad():
        loss(estimates, sources, [np.random.default_rng(1)])  # makes tables that are kept
    with Held() as held:
        loss(estimates, sources, [np.random.default_rng(1)]).backward()
    estimate = loss.memory(22050, torch.device("cpu")).of(1)
    assert held.peak < estimate < 1.5 * held.peak


@pytest.mark.parametrize("config", [SMALL, WIDE, CAUSAL], ids=["small", "wide", "causal"])
def test_the_estimate_agrees_with_measured_peaks(config, monkeypatch):
    """Apart from the gaps that the allocator of the CPU leaves, which the estimate allows for."""
    monkeypatch.setattr(memory, "_CPU_OVERHEAD", 1.0)
    network = ConvTasNet(config)
    shape = (config.C, 2, 11025)
    step = estimate_step(network, loss_of, shape)
    peak = peak_bytes(network, torch.randn(2, *shape))
    assert peak / memory._GPU_OVERHEAD < step.of(2) < peak


def test_the_estimate_agrees_with_a_count_by_hand(monkeypatch):
    """Per frame: the encoder's output twice, of each block its input and six arrays inside."""
    monkeypatch.setattr(memory, "_CPU_OVERHEAD", 1.0)
    n_samples = 44100
    step = estimate_step(ConvTasNet(SMALL), loss_of, (2, 2, n_samples))
    per_frame = 2 * 64 + 8 * (6 * 64 + 32) + 32 + 2 * 2 * 64
    n_frames = n_samples // 20 - 1
    assert step.example_bytes == pytest.approx(4 * n_frames * per_frame, rel=0.05)
    n_weights = sum(weights.numel() for weights in ConvTasNet(SMALL).parameters())
    assert step.fixed_bytes == 3 * 4 * n_weights  # gradients and moments, in single precision


def test_estimating_changes_nothing():
    network = ConvTasNet(replace(WIDE, norm_type="BN"))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    estimate_step(network, loss_of, (4, 2, 8820))
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in network.parameters())


# Free memory


def write(path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_free_memory_is_what_the_machine_and_its_control_groups_allow(tmp_path):
    write(tmp_path / "proc/meminfo", "MemTotal: 900 kB\nMemAvailable:  500 kB\n")
    assert free_ram(tmp_path) == 500 * 1024

    write(tmp_path / "proc/self/cgroup", "0::/slurm/job\n")
    groups = tmp_path / "sys/fs/cgroup"
    write(groups / "slurm/job/memory.max", "max\n")
    assert free_ram(tmp_path) == 500 * 1024
    for name, text in (("max", "9000"), ("current", "6000"), ("stat", "anon 1\ninactive_file 400")):
        write(groups / f"slurm/memory.{name}", text)
    assert free_ram(tmp_path) == 9000 - 6000 + 400

    write(tmp_path / "proc/self/cgroup", "4:cpu:/\n3:memory:/box\n")
    stat = "inactive_file 5\ntotal_inactive_file 30\n"
    for name, text in (("limit_in_bytes", "700"), ("usage_in_bytes", "600"), ("stat", stat)):
        write(groups / f"memory/box/memory.{name}", text)
    assert free_ram(tmp_path) == 700 - 600 + 30


def test_this_machine_has_free_memory():
    free = memory.free_memory(torch.device("cpu"))
    assert free is None or 1e8 < free < 1e14


# The loop

OPTIONS = replace(LEAST, batch_size=4)
VALIDATION = WholePieces([piece("a", [], 1.0, Violin=1, Viola=3)], ["Violin", "accompaniment"])


@pytest.fixture(autouse=True)
def no_files(monkeypatch):
    for name in ("update", "epoch"):
        monkeypatch.setattr(HistoryWriter, name, lambda *_: None)


def fit(folder, mixes=None, *, network=None, **changes):
    network = network or Gains()
    options = replace(OPTIONS, **changes)
    loss = Loss(l1, "mean absolute error")
    training = Training(
        network, options, OptimiserOptions(0.01), loss=loss, seed=4, folder=folder, settings={}
    )
    history = training.run(mixes or Duets(), VALIDATION, resume=True, save_best=lambda _: None)
    return history, network.gains.detach()


def room_for(monkeypatch, n_examples: float) -> None:
    """Let the machine have memory for so many examples."""
    step = StepMemory(fixed_bytes=1e9, example_bytes=2e9)
    monkeypatch.setattr(memory, "estimate_step", lambda *_: step)
    monkeypatch.setattr(memory, "free_memory", lambda _: 1e9 + n_examples * 2e9)


@pytest.mark.parametrize("n_examples", [1.5, 3])
def test_a_batch_that_does_not_fit_is_computed_in_parts(tmp_path, monkeypatch, caplog, n_examples):
    """Nine examples in batches of four: also the parts of the last batch count by their size."""
    room_for(monkeypatch, 4)
    expected, gains = fit(tmp_path / "whole")
    assert caplog.text == ""
    room_for(monkeypatch, n_examples)
    history, split_gains = fit(tmp_path / "parts")
    torch.testing.assert_close(split_gains, gains, rtol=1e-6, atol=0)
    for row, other in zip(history, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-6)
    (warning,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert warning == (
        "a batch of 4 examples needs about 9.0 GB of memory, and "
        f"{1 + 2 * n_examples:.1f} GB are free: computing {int(n_examples)} at a time, with the "
        "same gradients"
    )


def test_a_training_continues_with_the_parts_that_it_began_with(tmp_path, monkeypatch):
    """Also if there is more memory then: the last digits would differ."""
    room_for(monkeypatch, 1)
    expected, gains = fit(tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", Duets(11))
    room_for(monkeypatch, 100)
    sizes = []
    spy = lambda module, inputs: sizes.append(len(inputs[0]))  # noqa: E731
    network = Gains()
    network.register_forward_pre_hook(spy)
    history, resumed_gains = fit(tmp_path / "stopped", network=network)
    assert history == expected
    assert torch.equal(resumed_gains, gains)
    assert set(sizes) == {1}


def test_a_size_that_is_given_is_not_checked(tmp_path, monkeypatch):
    room_for(monkeypatch, 0)
    history, _ = fit(tmp_path, micro_batch_size=2)
    assert len(history) == 2


def test_one_example_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    room_for(monkeypatch, 0.75)
    with pytest.raises(OutOfMemoryError) as caught:
        fit(tmp_path)
    assert caught.value.problems == [
        "training on one example at a time needs about 3.0 GB of memory, and 2.5 GB are free"
    ]
    assert caught.value.longest == 0.75


def test_batch_normalisation_is_not_computed_in_parts(tmp_path, monkeypatch):
    room_for(monkeypatch, 2)
    network = Gains()
    network.norm = torch.nn.BatchNorm1d(2)
    with pytest.raises(InputError, match=r"norm_type=BN .*: training\.batch_size=2 fits"):
        fit(tmp_path, network=network)


def test_a_gpu_that_runs_out_of_memory_is_one_message(tmp_path, monkeypatch):
    class Greedy(Gains):
        def forward(self, mixture):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with pytest.raises(InputError) as caught:
        fit(tmp_path, network=Greedy(), micro_batch_size=3)
    assert caught.value.problems == [
        "cpu ran out of memory with 3 examples at a time: set training.micro_batch_size to fewer"
    ]
