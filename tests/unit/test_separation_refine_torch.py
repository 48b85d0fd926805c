"""The operations on tensors are those on arrays, and their gradients are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cadenza.errors import InputError
from cadenza.separation import refine, refine_torch
from cadenza.separation.refine_torch import Refine

NAMES = ["share_residual", "wiener"]


def batch(rng, n_samples, *, dtype=torch.float64):
    stems = torch.tensor(rng.standard_normal((2, 3, 2, n_samples)), dtype=dtype)
    return stems, torch.tensor(rng.standard_normal((2, 2, n_samples)), dtype=dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_samples", [1, 2048, 30001])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-13), (torch.float32, 3e-6)])
def test_numbers_of_the_functions_on_arrays(name, n_samples, dtype, atol, rng):
    stems, mixture = batch(rng, n_samples, dtype=dtype)
    adjusted = getattr(refine_torch, name)(stems, mixture)
    assert adjusted.dtype == dtype
    expected = [
        getattr(refine, name)(s.double().numpy(), m.double().numpy())
        for s, m in zip(stems, mixture, strict=True)
    ]
    np.testing.assert_allclose(adjusted.numpy(), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(adjusted.sum(dim=1), mixture, rtol=0, atol=atol)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_gradients_of_the_masks(power, rng):
    stems, mixture = batch(rng, 40)
    stems.requires_grad_()
    mixture.requires_grad_()
    torch.autograd.gradcheck(
        lambda s, m: refine_torch.wiener(s, m, n_fft=16, power=power), (stems, mixture)
    )


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_silent_stems_have_finite_gradients(power):
    stems = torch.zeros(1, 3, 2, 5000, requires_grad=True)
    mixture = torch.ones(1, 2, 5000)
    refine_torch.wiener(stems, mixture, power=power).square().sum().backward()
    assert torch.isfinite(stems.grad).all()


def test_no_gradient_along_the_phase(rng):
    """The level of all stems together does not matter either: only their ratios do."""
    stems, mixture = batch(rng, 20000)
    stems.requires_grad_()
    weights = torch.tensor(rng.standard_normal((2, 3, 2, 20000)))
    (weights * refine_torch.wiener(stems, mixture)).sum().backward()
    assert abs((stems.grad * stems).sum()) < 1e-6 * (stems.grad.abs() * stems.abs()).sum()


def test_a_network_learns_through_the_masks(rng):
    """Two gains that start equal separate two tones when only the sum of errors is known."""
    time = torch.arange(8192, dtype=torch.float32)
    sources = torch.stack([torch.sin(0.1 * time), torch.sin(1.5 * time)])[None, :, None]
    mixture = sources.sum(dim=1)
    spectrum_gains = torch.zeros(2, 2, requires_grad=True)  # (stem, tone), as logarithms
    optimiser = torch.optim.Adam([spectrum_gains], lr=0.3)
    errors = []
    for _ in range(20):
        stems = torch.einsum("st,btcn->bscn", spectrum_gains.exp(), sources)
        error = (Refine("wiener")(stems, mixture) - sources).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        errors.append(error.item())
    assert errors[0] > 0.1
    assert errors[-1] < 0.02


def test_single_precision_under_autocast(rng):
    stems, mixture = batch(rng, 5000, dtype=torch.float32)
    expected = refine_torch.wiener(stems, mixture)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(refine_torch.wiener(stems, mixture), expected)
        half = refine_torch.wiener(stems.bfloat16(), mixture.bfloat16())
    assert half.dtype == torch.float32
    np.testing.assert_allclose(half, expected, rtol=0, atol=0.2)


@pytest.mark.parametrize(
    ("name", "function"), [("residual", "share_residual"), ("wiener", "wiener")]
)
def test_the_module_chooses_by_name(name, function, rng):
    stems, mixture = batch(rng, 3000)
    module = Refine(name)
    assert torch.equal(module(stems, mixture), getattr(refine_torch, function)(stems, mixture))
    assert Refine("none")(stems, mixture) is stems
    assert not list(module.parameters())
    assert not module.state_dict()
    with pytest.raises(InputError, match="refine must be one of none, residual, wiener, got 'x'"):
        Refine("x")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("stems", "mixture"), [((2, 3, 100), (2, 100)), ((1, 3, 2, 100), (1, 2, 99)), ((0,), (2, 2, 9))]
)
def test_shapes_that_do_not_fit(name, stems, mixture):
    with pytest.raises(ValueError, match=r"stems must have the shape \(batch, n_stems, channels, "):
        getattr(refine_torch, name)(torch.zeros(stems), torch.zeros(mixture))
