"""The training loop, its checkpoints and its record on disk."""

from __future__ import annotations

import csv
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cadenza.errors import InputError
from cadenza.training import history as training_history
from cadenza.training.batches import WholePieces
from cadenza.training.checkpoint import Checkpoint, Progress
from cadenza.training.history import HistoryWriter
from cadenza.training.loop import DivergenceError, Training
from cadenza.training.losses import Loss, build_loss
from cadenza.training.options import OptimiserOptions

from .training_helpers import OPTIONS as LEAST
from .training_helpers import RATE, Duets, Gains, piece

PLOT = training_history.plot_losses


@pytest.fixture(autouse=True)
def no_plot(monkeypatch):
    """Drawing takes longer than the training here."""
    monkeypatch.setattr(training_history, "plot_losses", lambda _, path, **__: path.touch())


OPTIONS = replace(LEAST, epochs=3, checkpoint_updates=2, mixed_precision=True)


SOURCES = ["Violin", "accompaniment"]
VALIDATION = WholePieces([piece("a", [], 1.0, Violin=1, Viola=3)], SOURCES)


def fit(
    folder,
    mixes=None,
    *,
    network=None,
    lr=0.01,
    resume=True,
    seed=4,
    settings=None,
    best=None,
    loss_object=None,
    **changes,
):
    network = network or Gains()
    training = Training(
        network,
        replace(OPTIONS, **changes),
        OptimiserOptions(lr),
        loss=loss_object or build_loss("l1", sources=SOURCES, sample_rate=RATE),
        seed=seed,
        folder=folder,
        settings={"data": {"seed": seed}} if settings is None else settings,
    )
    rows = [] if best is None else best
    history = training.run(mixes or Duets(), VALIDATION, resume=resume, save_best=rows.append)
    return history, network.gains.detach()


def test_training_finds_the_sources(tmp_path):
    best = []
    history, gains = fit(tmp_path, epochs=25, lr=0.03, best=best)
    torch.testing.assert_close(gains, torch.tensor([0.25, 0.75]), rtol=0, atol=0.02)
    assert history[-1]["train_loss"] < 0.1 * history[0]["train_loss"]
    losses = [row["valid_loss"] for row in history]
    assert best == [
        row for k, row in enumerate(history) if row["valid_loss"] < min(losses[:k] or [9])
    ]
    assert [row["updates"] for row in history[:3]] == [5, 10, 15]


@pytest.mark.parametrize("examples_until_stop", [1, 5, 9, 10, 14, 20])
def test_a_stopped_training_continues_with_the_same_losses(tmp_path, examples_until_stop):
    """Before, inside and after epochs, between the updates of an accumulation, again and again."""
    expected, gains = fit(tmp_path / "straight", aggregate=2)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", Duets(examples_until_stop), aggregate=2)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", Duets(2), aggregate=2)
    history, resumed_gains = fit(tmp_path / "stopped", aggregate=2)
    assert history == expected
    assert torch.equal(resumed_gains, gains)
    tables = [(tmp_path / name / "history.csv").read_text() for name in ("straight", "stopped")]
    assert tables[0] == tables[1]


def test_a_finished_training_can_be_continued(tmp_path):
    expected, gains = fit(tmp_path / "straight", epochs=4)
    fit(tmp_path / "longer", epochs=2)
    history, continued_gains = fit(tmp_path / "longer", Duets(18), epochs=4)
    assert history == expected
    assert torch.equal(continued_gains, gains)
    again, _ = fit(tmp_path / "longer", Duets(0), epochs=4)
    assert again == expected


def test_the_state_of_the_optimiser_is_part_of_a_checkpoint(tmp_path):
    fit(tmp_path, epochs=1)
    state = torch.load(tmp_path / "checkpoints" / "last.pt", weights_only=True)
    assert state["optimiser"]["state"][0]["step"] == 5
    assert state["progress"]["history"][0]["epoch"] == 1


def test_resume_false_starts_again(tmp_path):
    expected, _ = fit(tmp_path / "a", epochs=1)
    fit(tmp_path / "b", epochs=2)
    history, _ = fit(tmp_path / "b", epochs=1, resume=False)
    assert history == expected


def test_other_settings_are_not_mixed(tmp_path):
    fit(tmp_path, epochs=1, settings={"optim": {"lr": 0.1}, "seed": 1})
    with pytest.raises(InputError) as caught:
        fit(tmp_path, epochs=2, settings={"optim": {"lr": 0.2}, "seed": 1})
    assert caught.value.problems[1:] == ["  optim.lr: 0.1 before, 0.2 now"]
    assert "resume=false starts again" in caught.value.problems[0]


def test_two_trainings_cannot_share_a_folder(tmp_path):
    from filelock import FileLock

    with (
        FileLock(tmp_path / ".training.lock"),
        pytest.raises(InputError, match="another training is running there"),
    ):
        fit(tmp_path)


def test_accumulated_batches_make_one_update(tmp_path):
    """Four batches of two examples are as good as two of four."""
    even = type("Even", (Duets,), {"__len__": lambda _self: 8})
    small, gains = fit(tmp_path / "a", even(), batch_size=2, aggregate=2, epochs=2)
    large, expected = fit(tmp_path / "b", even(), batch_size=4, aggregate=1, epochs=2)
    assert [row["updates"] for row in small] == [row["updates"] for row in large] == [2, 4]
    torch.testing.assert_close(gains, expected, rtol=0, atol=1e-6)


def test_what_is_left_at_the_end_of_an_epoch_is_used(tmp_path):
    """Nine examples in batches of two, three batches an update: five batches, two updates."""
    history, _ = fit(tmp_path, aggregate=3, epochs=2)
    assert [row["updates"] for row in history] == [2, 4]


def test_gradients_are_clipped(tmp_path, monkeypatch):
    norms = []
    step = torch.optim.Adam.step

    def spy(self):
        gradient = self.param_groups[0]["params"][0].grad
        norms.append(gradient.norm().item())
        return step(self)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    loud = type("Loud", (Duets,), {"__call__": lambda *a: 1e4 * Duets.__call__(*a)})
    fit(tmp_path, loud(), epochs=1)
    np.testing.assert_allclose(norms, 5.0, rtol=1e-4)


def test_without_improvement_the_rate_is_halved_and_training_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(Training, "_validate", lambda *_: {"valid_loss": 0.5, "valid_sdr_db": 3})
    history, _ = fit(tmp_path / "a", epochs=200)
    rates = [row["lr"] for row in history]
    assert rates == [0.01] * 7 + [0.005] * 6 + [0.0025] * 6 + [0.00125] * 2
    assert len(history) == 1 + 20
    constant_rate, _ = fit(tmp_path / "b", epochs=25, half_lr=False, early_stop=False)
    assert [row["lr"] for row in constant_rate] == [0.01] * 25


def test_a_loss_that_may_be_negative_is_compared_without_a_relative_threshold(
    tmp_path, monkeypatch
):
    """A ten-thousandth above -10 would count as an improvement, and the rate would never fall."""
    row = {"valid_loss": -10.0, "valid_sdr_db": 10}
    monkeypatch.setattr(Training, "_validate", lambda *_: row)
    history, _ = fit(tmp_path, loss="sdr", epochs=8)
    assert [row["lr"] for row in history] == [0.01] * 7 + [0.005]


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_update(tmp_path):
    broken = type("Broken", (Duets,), {"__call__": lambda *a: np.inf * Duets.__call__(*a)})
    fit(tmp_path, epochs=1)
    with pytest.raises(
        DivergenceError, match=r"epoch 2, update 6: the training loss is (nan|inf)$"
    ):
        fit(tmp_path, broken())


class Steep(Gains):
    """Its loss is finite, but its gradient is not."""

    def forward(self, mixture):
        return super().forward(mixture) + torch.sqrt(0 * self.gains).sum()


def test_a_gradient_that_is_not_finite_leaves_weights_and_checkpoint_alone(tmp_path):
    """The update would have made all weights NaN, and the next checkpoint useless."""
    fit(tmp_path, epochs=1)
    before = (tmp_path / "checkpoints" / "last.pt").read_bytes()
    network = Steep()
    with pytest.raises(DivergenceError, match="epoch 2, update 6: the gradient is nan"):
        fit(tmp_path, network=network)
    assert torch.isfinite(network.gains).all()
    assert (tmp_path / "checkpoints" / "last.pt").read_bytes() == before


def test_options_out_of_range():
    with pytest.raises(InputError) as caught:
        replace(OPTIONS, epochs=0, num_workers=-1, micro_batch_size=0)
    assert caught.value.problems == [
        "epochs must be at least 1, got 0",
        "micro_batch_size must be at least 1, got 0",
        "num_workers must be at least 0, got -1",
    ]
    with pytest.raises(InputError, match="lr must be positive, got 0"):
        OptimiserOptions(lr=0.0)


def test_any_loss_is_measured_beside_the_sdr(tmp_path):
    def squared(estimates, sources):
        return (estimates - sources).square().mean()

    history, gains = fit(tmp_path, loss_object=Loss(squared, "mean square"), epochs=1)
    stems = torch.tensor([1, 3])  # of the validation piece
    errors = 4 * gains - stems
    assert history[-1]["valid_loss"] == pytest.approx(errors.square().mean().item())
    sdr_db = 20 * (stems / errors.abs()).log10().mean().item()
    assert history[-1]["valid_sdr_db"] == pytest.approx(sdr_db, abs=1e-4)
    assert list(history[-1])[-2:] == ["valid_loss", "valid_sdr_db"]


def test_estimates_are_refined_before_the_loss(tmp_path):
    history, gains = fit(tmp_path, epochs=1, refine="residual")
    estimates = 4 * gains  # of sources 1 and 3
    error = (estimates + (4 - estimates.sum()) / 2 - torch.tensor([1, 3])).abs().mean()
    assert history[-1]["valid_loss"] == pytest.approx(error.item())


# Checkpoints


def damage(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0xFF
    path.write_bytes(content)


def weights_place(path: Path) -> float:
    """Where the weights are in the file, which torch.load reads without comparing checksums."""
    content = path.read_bytes()
    state = torch.load(path, weights_only=True)["network"]["gains"]
    return content.index(state.numpy().tobytes()) / len(content)


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(tmp_path, caplog):
    expected, gains = fit(tmp_path / "straight")
    folder = tmp_path / "damaged" / "checkpoints"
    fit(tmp_path / "damaged", epochs=2)
    damage(folder / "last.pt", weights_place(folder / "last.pt"))
    caplog.clear()
    history, resumed_gains = fit(tmp_path / "damaged")
    (warning,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert "last.pt is damaged (checksum of" in warning
    assert warning.endswith("using previous.pt instead")
    assert history == expected
    assert torch.equal(resumed_gains, gains)


@pytest.mark.parametrize("n_bytes", [0, 100, 2000])
def test_a_checkpoint_that_was_cut_off_is_damaged(tmp_path, n_bytes):
    fit(tmp_path, epochs=1)
    files = [tmp_path / "checkpoints" / name for name in ("last.pt", "previous.pt")]
    for path in files:
        path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(InputError) as caught:
        fit(tmp_path)
    (problem,) = caught.value.problems
    assert problem.count("is damaged") == 2
    assert problem.endswith("no other checkpoint is left; resume=false starts again")
    history, _ = fit(tmp_path, epochs=1, resume=False)
    assert len(history) == 1


def test_a_training_survives_a_kill_at_every_file_operation(tmp_path, monkeypatch):
    expected, gains = fit(tmp_path / "straight", epochs=2)
    real = Path.replace
    left = [0]

    def replace_or_die(self, target):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_die)
    n_kills = 0
    while left[0] <= 0:
        n_kills += 1
        left[0], folder = n_kills, tmp_path / str(n_kills)
        try:
            fit(folder, epochs=2)
        except KeyboardInterrupt:
            left[0] = 0
        history, resumed_gains = fit(folder, epochs=2)
        assert history == expected
        assert torch.equal(resumed_gains, gains)
    assert n_kills > 10


def test_a_full_disk_is_reported_and_the_last_checkpoint_survives(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource", reason="Windows has no limit of file sizes")
    fit(tmp_path, epochs=1)
    save = Checkpoint.save

    def save_without_room(self, progress: Progress) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            save(self, progress)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_without_room)
        with pytest.raises(InputError) as caught:
            fit(tmp_path)
    (problem,) = caught.value.problems
    assert "cannot write" in problem
    assert "MB are free" in problem
    expected, _ = fit(tmp_path / "straight")
    assert fit(tmp_path)[0] == expected


# Record


def test_table_plot_and_tensorboard_after_an_interruption(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.setattr(training_history, "plot_losses", PLOT)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, Duets(15))
    history, _ = fit(tmp_path)
    with (tmp_path / "history.csv").open() as file:
        table = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert table == history
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    names = {"batch/loss", "train/loss", "valid/loss", "valid/sdr_db", "lr"}
    assert set(events.Tags()["scalars"]) == names
    assert [event.step for event in events.Scalars("batch/loss")] == list(range(1, 16))
    losses = [row["valid_loss"] for row in history]
    np.testing.assert_allclose([e.value for e in events.Scalars("valid/loss")], losses, rtol=1e-6)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"needs the package matplotlib: pip install matplotlib"):
        HistoryWriter(tmp_path, loss_label="", updates=0)
