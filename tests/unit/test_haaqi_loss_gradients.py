"""Gradients of HAAQI in torch: right where music is audible, and finite everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cadenza.haaqi.loss import HaaqiReference, haaqi_tensor, prepare_reference
from tests.unit.haaqi_signals import LISTENERS, noisy_tremolo
from tests.unit.test_haaqi_loss_parity import case

pytestmark = pytest.mark.slow

POINTS = [
    ("clipped", "mild", "none"),
    ("noisy", "sloping", "nalr"),
    ("dull", "uneven", "none"),
    ("late", "severe", "none"),
    ("same", "normal", "nalr"),
]
DIRECTIONS = ["noise", "gain", "towards the reference", "soft treble"]


def point(
    degradation: str, listener: str, equalisation: str
) -> tuple[HaaqiReference, torch.Tensor, torch.Tensor]:
    """A prepared reference, the reference itself, and a processed signal."""
    x, y, level_db_spl = case(degradation, 0.6, 24000, seed=3)
    gain = 8 if listener == "severe" else 1
    reference, processed = (gain * torch.tensor(signal)[None] for signal in (x, y))
    heard = prepare_reference(
        reference,
        sample_rate=24000,
        audiograms=LISTENERS[listener],
        equalisation=equalisation,
        level_db_spl=level_db_spl + 10,
        noise="none",
    )
    return heard, reference, processed


def gradient(heard: HaaqiReference, processed: torch.Tensor, **options) -> torch.Tensor:
    leaf = processed.clone().requires_grad_()
    heard.score(leaf, **options).score.sum().backward()
    return leaf.grad


def direction(name: str, reference: torch.Tensor, processed: torch.Tensor) -> torch.Tensor:
    noise = (
        0.1
        * processed.std()
        * torch.randn(processed.shape, dtype=torch.float64, generator=torch.manual_seed(1))
    )
    return {
        "noise": noise,
        "gain": processed,
        "towards the reference": reference - processed,
        "soft treble": noise - noise.roll(1, -1),
    }[name]


@torch.no_grad()
def difference_quotient(
    heard: HaaqiReference, processed: torch.Tensor, along: torch.Tensor, step: float
) -> float:
    scores = [float(heard.score(processed + s * along).score) for s in (step, -step)]
    return (scores[0] - scores[1]) / (2 * step)


def error_of_derivative(
    heard: HaaqiReference, processed: torch.Tensor, along: torch.Tensor
) -> float:
    """Smallest relative error: too large steps cross kinks, too small ones meet rounding."""
    derivative = float((gradient(heard, processed) * along).sum())
    quotients = [difference_quotient(heard, processed, along, 10.0**-p) for p in (5, 6, 4)]
    return min(abs(quotient - derivative) for quotient in quotients) / abs(derivative)


@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize(
    "at",
    [pytest.param(at, marks=[] if i == 0 else pytest.mark.slow) for i, at in enumerate(POINTS)],
    ids="-".join,
)
def test_gradient_is_the_limit_of_difference_quotients(at, name):
    heard, reference, processed = point(*at)
    along = direction(name, reference, processed)
    if name == "towards the reference" and at[0] == "same":
        along = direction("noise", reference, processed)  # there is nowhere to go
    assert error_of_derivative(heard, processed, along) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_checkpointed_gradients_are_identical(dtype):
    x, y, level_db_spl = case("with gaps", 0.6, 24000)
    options = {"sample_rate": 24000, "equalisation": "nalr", "level_db_spl": level_db_spl}
    reference, processed = (torch.tensor(signal, dtype=dtype)[None] for signal in (x, y))
    heard = prepare_reference(reference, audiograms=LISTENERS["mild"], **options)
    kept = gradient(heard, processed, checkpointed=False)
    assert kept.abs().max() > 0
    assert torch.equal(gradient(heard, processed, checkpointed=True), kept)


def test_gradients_in_single_precision_are_close():
    x, y, level_db_spl = case("noisy", 0.6, 24000)
    options = {"sample_rate": 24000, "equalisation": "none", "level_db_spl": level_db_spl}
    gradients = []
    for dtype in (torch.float64, torch.float32):
        reference, processed = (torch.tensor(signal)[None] for signal in (x, y))
        heard = prepare_reference(
            reference, audiograms=LISTENERS["mild"], noise="none", dtype=dtype, **options
        )
        gradients.append(gradient(heard, processed))
    exact, single = gradients
    assert (single - exact).norm() < 1e-4 * exact.norm()


def test_an_item_has_the_same_gradient_in_a_batch():
    pairs = [case("clipped", 0.6, 24000), case("noisy", 0.8, 24000)]
    lengths = [x.size for x, *_ in pairs]
    options = {
        "sample_rate": 24000,
        "audiograms": LISTENERS["mild"],
        "equalisation": "nalr",
        "noise": "none",
        "level_db_spl": 85.0,
    }
    batch = [torch.zeros(2, max(lengths), dtype=torch.float64) for _ in range(2)]
    singles = []
    for i, (x, y, _) in enumerate(pairs):
        batch[0][i, : x.size], batch[1][i, : x.size] = torch.tensor(x), torch.tensor(y)
        heard = prepare_reference(torch.tensor(x)[None], **options)
        singles.append(gradient(heard, torch.tensor(y)[None])[0])
    heard = prepare_reference(batch[0], lengths=lengths, **options)
    together = gradient(heard, batch[1], lengths=lengths)
    for row, single, length in zip(together, singles, lengths, strict=True):
        torch.testing.assert_close(row[:length], single, rtol=0, atol=1e-12 * single.abs().max())
        assert not row[length:].any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    "processed", ["silence", "the reference", "an impulse", "a gap", "nearly nothing", "inverted"]
)
def test_gradients_are_finite(rng, processed, dtype):
    music = noisy_tremolo(rng)
    n = np.arange(music.size)
    signal = {
        "silence": np.zeros(music.size),
        "the reference": music,
        "an impulse": np.eye(1, music.size, 7000)[0],
        "a gap": np.where((n > 4000) & (n < 11000), 0, music),
        "nearly nothing": 1e-20 * music,
        "inverted": -music,
    }[processed]
    leaf = torch.tensor(signal, dtype=dtype)[None].requires_grad_()
    result = haaqi_tensor(
        torch.tensor(music, dtype=dtype)[None],
        leaf,
        sample_rate=24000,
        audiograms=LISTENERS["mild"],
        equalisation="nalr",
        level_db_spl=85,
        noise="none",
    )
    result.score.sum().backward()
    assert result.score.isfinite().all()
    assert leaf.grad.isfinite().all()
    if processed in ("silence", "nearly nothing"):
        assert not leaf.grad.any()


def test_resampling_passes_gradients_on(rng):
    music = noisy_tremolo(rng)
    clipped = torch.tensor(np.clip(music, -0.05, 0.05))[None]
    heard = prepare_reference(
        torch.tensor(music)[None],
        sample_rate=32000,
        audiograms=LISTENERS["mild"],
        equalisation="none",
        level_db_spl=85,
        noise="none",
    )
    along = torch.tensor(music)[None] - clipped
    assert error_of_derivative(heard, clipped, along) < 1e-6


def test_second_derivatives(rng):
    """The gradient along a direction is itself differentiable."""
    heard, reference, processed = point("clipped", "mild", "none")
    along = direction("towards the reference", reference, processed)
    leaf = processed.clone().requires_grad_()
    (first,) = torch.autograd.grad(
        heard.score(leaf, checkpointed=False).score.sum(), leaf, create_graph=True
    )
    (second,) = torch.autograd.grad((first * along).sum(), leaf)
    step = 1e-5
    slopes = [(gradient(heard, processed + s * along) * along).sum() for s in (step, -step)]
    expected = float(slopes[0] - slopes[1]) / (2 * step)
    assert float((second * along).sum()) == pytest.approx(expected, rel=1e-4)
