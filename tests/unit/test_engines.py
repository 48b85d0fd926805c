"""What computes HAAQI in the evaluations, and what cannot be combined."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cadenza.audiogram import Audiogram, Listener
from cadenza.challenges.engines import PairScorer, torch_device
from cadenza.challenges.scoring import EvaluationSignals
from cadenza.errors import InputError
from tests.unit.haaqi_signals import noisy_tremolo

LISTENER = Listener("L1", left=Audiogram([20] * 8), right=Audiogram([45] * 8))


def options(**changes) -> SimpleNamespace:
    values = {
        "set_random_seed": True,
        "noise": "seeded",
        "details": False,
        "engine": "torch",
        "device": "cpu",
        "pairs_at_once": 2,
    }
    return SimpleNamespace(**values | changes)


def pair(rng: np.random.Generator, name: str, n_samples: int) -> EvaluationSignals:
    reference = np.stack([noisy_tremolo(rng)[:n_samples] for _ in range(2)])
    processed = np.pad(np.clip(reference, -0.08, 0.08), ((0, 0), (7, 200)))
    return EvaluationSignals(name, LISTENER, reference, processed, np.array([85.0, 90.0]), 24000)


def test_torch_scores_pairs_of_different_lengths_together(rng, tmp_path):
    batch = [pair(rng, "S1", 14400), pair(rng, "S2", 11000)]
    expected = PairScorer(options(engine="compiled", device="auto"), str(tmp_path))(batch)
    scored = PairScorer(options(), str(tmp_path))(batch)
    for ours, theirs in zip(scored, expected, strict=True):
        np.testing.assert_allclose(ours.values, theirs.values, rtol=0, atol=1e-7)
        assert ours.left.delay_samples == theirs.left.delay_samples == 7
        assert ours.flags == theirs.flags


def test_only_torch_scores_several_pairs_at_once(tmp_path):
    assert PairScorer(options(), str(tmp_path)).at_once == 2
    compiled = options(engine="compiled", device="auto", details=True)
    assert PairScorer(compiled, str(tmp_path)).at_once == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "compiled", "device": "cuda"}, "evaluate.device=cuda needs evaluate.engine=t"),
        ({"details": True}, "evaluate.details=true needs evaluate.engine=compiled"),
    ],
)
def test_what_cannot_be_combined(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        PairScorer(options(**changes), str(tmp_path))


def test_a_gpu_is_used_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [torch_device(device) for device in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_device("auto") == "cpu"
    with pytest.raises(InputError, match=r"evaluate\.device is cuda, but torch finds no GPU here"):
        torch_device("cuda")
