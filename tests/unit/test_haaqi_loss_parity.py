"""HAAQI in torch gives the scores of the engine and of the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cadenza.audiogram import Audiogram
from cadenza.haaqi import HaaqiScore, haaqi
from cadenza.haaqi.loss import HaaqiTensors, haaqi_tensor
from cadenza.haaqi.tensor import comparison, reference, shifting
from tests.haaqi_oracle.index import haaqi as oracle
from tests.unit.haaqi_signals import AUDIOGRAMS, DEGRADATIONS, LISTENERS, music, noisy_tremolo, pair

pytestmark = pytest.mark.slow

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
TOLERANCE = {torch.float64: 1e-8, torch.float32: 5e-7}
FEATURES = (
    *("cepstral_correlation", "vibration_covariance"),
    *("loudness_spectrum", "normalised_spectrum", "score"),
)


def case(
    degradation: str, seconds: float, sample_rate: int, seed: int = 1
) -> tuple[np.ndarray, np.ndarray, float]:
    """Music, what became of it, and the level at which it is presented."""
    reference = music(seconds, sample_rate, seed)
    processed = DEGRADATIONS[degradation](reference, np.random.RandomState(seed))
    return reference, np.ascontiguousarray(processed), 65 - 20 * np.log10(reference.std())


def in_torch(x: np.ndarray, y: np.ndarray, dtype: torch.dtype, **options) -> HaaqiTensors:
    """Scores of arrays of the shape (T,) or (batch, T)."""
    device = options.pop("device", "cpu")
    batch = [torch.tensor(np.atleast_2d(signal), device=device) for signal in (x, y)]
    return haaqi_tensor(*batch, dtype=dtype, **options)


def assert_same(ours: HaaqiTensors, theirs: HaaqiScore, tolerance: float, item: int = 0) -> None:
    for name in FEATURES:
        limit = tolerance if name == "score" else 4 * tolerance
        assert float(getattr(ours, name)[item]) == pytest.approx(getattr(theirs, name), abs=limit)
    assert int(ours.delay_samples[item]) == theirs.delay_samples
    assert ours.flags[item] == theirs.flags


SECONDS = (0.6, 1, 1.5, 2, 3)
RATES = (24000, 32000, 44100, 48000)
CASES = [
    (
        degradation,
        list(LISTENERS)[(i + 2 * j) % len(LISTENERS)],
        ("nalr", "none")[(i + j) % 2],
        10 if (i, j) in ((1, 0), (2, 1), (5, 2)) else SECONDS[(i + j) % len(SECONDS)],
        RATES[(i + j) % len(RATES)],
        ("seeded", "none")[(i // 2 + j) % 2],
    )
    for i, degradation in enumerate(DEGRADATIONS)
    for j in range(3)
]


@pytest.mark.parametrize(
    "case_",
    [
        pytest.param(case, marks=[] if i in (0, 15) else pytest.mark.slow)
        for i, case in enumerate(CASES)
    ],
    ids=lambda case: "-".join(map(str, case)),
)
def test_scores_are_those_of_the_engine(case_):
    degradation, listener, equalisation, seconds, sample_rate, noise = case_
    x, y, level_db_spl = case(degradation, seconds, sample_rate, seed=len(degradation))
    options = {
        "sample_rate": sample_rate,
        "equalisation": equalisation,
        "level_db_spl": level_db_spl,
        "noise": noise,
        "rng": 3,
    }
    expected = haaqi(x, y, audiogram=LISTENERS[listener], workers=1, **options)
    for dtype, tolerance in TOLERANCE.items():
        ours = in_torch(x, y, dtype, audiograms=LISTENERS[listener], **options)
        assert_same(ours, expected, tolerance)


ORACLE_CASES = [
    *((degradation, "sloping", "none", 0) for degradation in DEGRADATIONS),
    ("with gaps", "sloping", "none", 0.01),
    ("with gaps", "normal", "nalr", -1 / 32768),
    ("noisy", "severe", "nalr", 0),
    ("clipped", "uneven", "nalr", 0),
]


@pytest.mark.parametrize(
    "case_",
    [
        pytest.param(case, marks=[] if case[0] == "with gaps" else pytest.mark.slow)
        for case in ORACLE_CASES
    ],
    ids=lambda case: "-".join(map(str, case)),
)
def test_scores_are_those_of_the_oracle(case_):
    """More closely than the engine's, which keeps bands in single precision.

    In the gaps, which may have an offset, envelope and motion of some bands have different lags.
    """
    degradation, listener, equalisation, offset = case_
    x, y, level_db_spl = case(degradation, 1, 24000)
    y = np.where(y == 0, offset, y)
    options = {
        "sample_rate": 24000,
        "equalisation": equalisation,
        "level_db_spl": level_db_spl,
        "noise": "none",
    }
    expected = oracle(x, y, audiogram=LISTENERS[listener], **options)
    ours = in_torch(x, y, torch.float64, audiograms=LISTENERS[listener], **options)
    assert float(ours.score) == pytest.approx(expected.score, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("equalisation", ["nalr", "none"])
@pytest.mark.parametrize("listener", AUDIOGRAMS)
@pytest.mark.parametrize("device", DEVICES)
def test_checkpoints_of_the_index(listener, equalisation, device):
    x, y = pair(listener, equalisation)
    options = {"sample_rate": 24000, "equalisation": equalisation, "level_db_spl": 90}
    expected = haaqi(x, y, audiogram=AUDIOGRAMS[listener], **options)
    for dtype, tolerance in TOLERANCE.items():
        ours = in_torch(x, y, dtype, audiograms=AUDIOGRAMS[listener], device=device, **options)
        assert_same(ours, expected, tolerance)


def ragged() -> tuple[list[np.ndarray], list[np.ndarray], dict]:
    """Four pairs of different lengths, and options that differ between them."""
    cases = [
        case(degradation, seconds, 24000)
        for degradation, seconds in (("clipped", 0.6), ("noisy", 0.9), ("late", 0.75), ("dull", 1))
    ]
    references, processed, levels_db_spl = zip(*cases, strict=True)
    options = {
        "audiograms": [LISTENERS[name] for name in ("mild", "sloping", "normal", "uneven")],
        "level_db_spl": list(levels_db_spl),
    }
    return list(references), list(processed), options


def padded(signals: list[np.ndarray]) -> np.ndarray:
    """Signals in rows, with something after their ends that does not count."""
    longest = max(signal.size for signal in signals)
    return np.stack([np.pad(signal, (0, longest - signal.size), mode="wrap") for signal in signals])


@pytest.mark.parametrize("equalisation", ["nalr", "none"])
def test_a_batch_is_its_items(equalisation):
    references, processed, options = ragged()
    lengths = [signal.size for signal in references]
    common = {"sample_rate": 24000, "equalisation": equalisation, "noise": "seeded"}
    batch = in_torch(
        *(padded(signals) for signals in (references, processed)),
        torch.float64,
        lengths=lengths,
        rng=[1, 2, 3, 4],
        **options,
        **common,
    )
    for i, (x, y) in enumerate(zip(references, processed, strict=True)):
        mine = {name: values[i] for name, values in options.items()}
        single = in_torch(x, y, torch.float64, rng=i + 1, **mine, **common)
        for name in FEATURES:
            difference = getattr(batch, name)[i] - getattr(single, name)[0]
            assert abs(float(difference)) < 1e-12
        assert batch.delay_samples[i] == single.delay_samples[0]


def test_a_batch_on_a_gpu_is_organised_in_another_way(monkeypatch):
    """Several bands at a time, and shifts by gathering: a CPU can do that too."""
    references, processed, options = ragged()
    options |= {"sample_rate": 24000, "equalisation": "none", "noise": "none"}
    options["lengths"] = [signal.size for signal in references]
    signals = [padded(signals) for signals in (references, processed)]
    expected = in_torch(*signals, torch.float32, **options)
    for module in (reference, comparison):
        monkeypatch.setattr(
            module, "chunks", lambda *_: (slice(k, min(k + 10, 32)) for k in range(0, 32, 10))
        )
    monkeypatch.setattr(shifting, "copied", shifting.gathered)
    actual = in_torch(*signals, torch.float32, **options)
    torch.testing.assert_close(actual.score, expected.score, rtol=0, atol=1e-7)


@pytest.mark.parametrize("surplus", [-400, 700])
def test_the_longer_signal_is_cut(rng, surplus):
    x = noisy_tremolo(rng)
    y = np.tanh(8 * x) / 8
    x, y = (x[:surplus], y) if surplus < 0 else (x, y[:-surplus])
    options = {"sample_rate": 24000, "equalisation": "none", "level_db_spl": 85, "noise": "none"}
    expected = haaqi(x, y, audiogram=LISTENERS["mild"], **options)
    ours = in_torch(x, y, torch.float64, audiograms=LISTENERS["mild"], **options)
    assert_same(ours, expected, 1e-8)


@pytest.mark.parametrize(
    "options",
    [
        {"segment_ms": 8, "silence_threshold_db": 10, "cepstral_noise_db": 0.3},
        {"noise": "fast", "segment_ms": 50.1},
        {"processed_sample_rate": 32000},
        {"sample_rate": 16000, "processed_sample_rate": 22050},
        {"level_db_spl": 20.0, "noise": "none"},
    ],
    ids=str,
)
def test_options_mean_the_same(rng, options):
    x = noisy_tremolo(rng)
    y = np.clip(x, -0.05, 0.07)
    options = {"sample_rate": 24000, "equalisation": "none", "level_db_spl": 85} | options
    expected = haaqi(x, y, audiogram=LISTENERS["mild"], **options)
    ours = in_torch(x, y, torch.float64, audiograms=LISTENERS["mild"], **options)
    assert_same(ours, expected, 1e-8)


@pytest.mark.parametrize("gain_db", [-400, -120, 120])
def test_very_soft_and_very_loud_signals(rng, gain_db):
    x = 10 ** (gain_db / 20) * noisy_tremolo(rng)
    y = np.clip(x, x.min() / 3, x.max() / 2)
    options = {
        "sample_rate": 24000,
        "equalisation": "none",
        "level_db_spl": 65 - 20 * np.log10(x.std()),
        "noise": "none",
    }
    expected = haaqi(x, y, audiogram=LISTENERS["mild"], **options)
    for dtype, tolerance in TOLERANCE.items():
        ours = in_torch(x, y, dtype, audiograms=LISTENERS["mild"], **options)
        assert_same(ours, expected, tolerance)


@pytest.mark.parametrize("processed", ["silence", "impulse", "tone"])
def test_unusual_processed_signals(rng, processed):
    x = noisy_tremolo(rng)
    y = {
        "silence": np.zeros(x.size),
        "impulse": np.eye(1, x.size, 7000)[0],
        "tone": np.sin(np.arange(x.size)),
    }[processed]
    options = {"sample_rate": 24000, "equalisation": "nalr", "level_db_spl": 85}
    for noise in ("none", "seeded"):
        expected = haaqi(x, y, audiogram=LISTENERS["mild"], noise=noise, **options)
        for dtype, tolerance in TOLERANCE.items():
            ours = in_torch(x, y, dtype, audiograms=LISTENERS["mild"], noise=noise, **options)
            assert float(ours.score) == pytest.approx(expected.score, abs=tolerance)
            assert ours.flags[0] == expected.flags


def test_one_random_source_serves_one_item_after_the_other(rng):
    """As it serves both ears in the evaluations of the challenges."""
    x = np.stack([noisy_tremolo(rng), noisy_tremolo(rng)])
    y = 1e-3 * x
    ears = [Audiogram([20] * 8), Audiogram([50] * 8)]
    options = {"sample_rate": 24000, "equalisation": "none", "level_db_spl": 85}
    source = np.random.RandomState(5)
    expected = [
        haaqi(*signals, audiogram=ear, rng=source, **options)
        for *signals, ear in zip(x, y, ears, strict=True)
    ]
    batch = in_torch(x, y, torch.float64, audiograms=ears, rng=np.random.RandomState(5), **options)
    for i, score in enumerate(expected):
        assert_same(batch, score, 1e-8, item=i)
