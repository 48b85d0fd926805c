"""The training loop with losses that contain HAAQI."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from cadenza.audiogram import Audiogram, Listener
from cadenza.training.batches import WholePieces
from cadenza.training.loop import Training
from cadenza.training.losses import build_loss
from cadenza.training.options import OptimiserOptions
from cadenza.training.pieces import piece_from_arrays

from .training_helpers import OPTIONS as LEAST

RATE = 24000
DURATION_S = 0.45
SOURCES = ("Violin", "accompaniment")
EAR = Audiogram([20, 25, 30, 40, 50, 60, 65, 70])
OPTIONS = replace(LEAST, loss="mixed", l1_weight=0.5, ears="one")


def low_pass(signals):
    """Below 1.5 kHz."""
    spectra = torch.fft.rfft(signals)
    frequencies = torch.fft.rfftfreq(signals.shape[-1], 1 / RATE)
    return torch.fft.irfft(spectra * (frequencies < 1500), signals.shape[-1])


class Crossover(torch.nn.Module):
    """Each source is a mixture of a low and a high band: the right one is the first or the last."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor([[0.6, 0.4], [0.4, 0.6]]))

    def forward(self, mixture):
        low = low_pass(mixture)
        bands = torch.stack([low, mixture - low], dim=1)
        return torch.einsum("sb,nbct->nsct", self.weights, bands)


class Noises:
    """Low and high noises of changing level."""

    def __init__(self, n_examples=3, stop_after=None):
        self.n_examples, self.left = n_examples, stop_after

    def __len__(self):
        return self.n_examples

    def __call__(self, index, rng):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left = None if self.left is None else self.left - 1
        return noises(rng)


def noises(rng):
    level = 0.1 * rng.uniform(0.3, 1, size=(2, 1, round(DURATION_S * 100)))
    white = rng.standard_normal((2, 2, round(DURATION_S * RATE)))
    white *= np.repeat(level, RATE // 100, axis=-1)
    low = low_pass(torch.from_numpy(white[0])).numpy()
    return np.stack([low, white[1] - low_pass(torch.from_numpy(white[1])).numpy()])


STEMS = dict(zip(("Violin", "Cello"), noises(np.random.default_rng(1)), strict=True))
VALIDATION = WholePieces([piece_from_arrays("duet", STEMS, sample_rate=RATE)], SOURCES)


def fit(folder, mixes=None, *, network=None, lr=0.02, **changes):
    options = replace(OPTIONS, **changes)
    loss = build_loss(
        options.loss,
        sources=SOURCES,
        sample_rate=RATE,
        listeners=[Listener("A", left=EAR, right=EAR)],
        ears=options.ears,
        l1_weight=options.l1_weight,
    )
    network = network or Crossover()
    optimiser = OptimiserOptions(lr)
    training = Training(network, options, optimiser, loss=loss, seed=4, folder=folder, settings={})
    history = training.run(mixes or Noises(), VALIDATION, resume=True, save_best=lambda _: None)
    return history, network.weights.detach()


@pytest.fixture(autouse=True)
def one_thread():
    """Sums of several threads are rounded in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_haaqi_is_recorded_beside_the_loss(tmp_path):
    history, weights = fit(tmp_path, Noises(1), epochs=1)
    assert not torch.equal(weights, Crossover().weights)
    with (tmp_path / "history.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert {name: float(value) for name, value in row.items()} == history[0]
    names = ["epoch", "updates", "lr", "train_loss", "valid_loss", "valid_sdr_db", "valid_haaqi"]
    assert list(row) == names
    assert 0 < history[0]["valid_haaqi"] < 1


@pytest.mark.slow
def test_the_mixed_loss_raises_haaqi(tmp_path):
    """The other source is at first only 3.5 dB below the right one in every estimate."""
    history, weights = fit(tmp_path, Noises(12), epochs=2, lr=0.05)
    before = fit(tmp_path / "before", Noises(1), epochs=1, lr=1e-9)[0][0]
    assert history[-1]["valid_haaqi"] > before["valid_haaqi"] + 0.05
    assert history[-1]["valid_sdr_db"] > before["valid_sdr_db"] + 3
    assert history[-1]["valid_loss"] < before["valid_loss"]
    torch.testing.assert_close(weights, torch.eye(2), rtol=0, atol=0.3)


@pytest.mark.slow
def test_a_stopped_training_with_haaqi_continues_with_the_same_losses(tmp_path):
    """Listeners, ears and gains are those of the examples, however these are computed."""
    expected, weights = fit(tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", Noises(stop_after=5))  # in the second epoch
    history, resumed = fit(tmp_path / "stopped")
    assert history == expected
    assert torch.equal(resumed, weights)
    (row,), _ = fit(tmp_path / "parts", epochs=1, micro_batch_size=1)
    assert row == pytest.approx(expected[0], abs=1e-3)
