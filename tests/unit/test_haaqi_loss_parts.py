"""The parts of HAAQI in torch do what the same parts of the engine do."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from cadenza.haaqi import alignment as engine_alignment
from cadenza.haaqi.cochlea import impaired_cochlea
from cadenza.haaqi.kernels.ear import control_energy
from cadenza.haaqi.periphery import adaptation, adaptation_filter, equalise, middle_ear
from cadenza.haaqi.resampling import to_model_rate as engine_to_model_rate
from cadenza.haaqi.short_time import Frames, smooth_envelope
from cadenza.haaqi.tensor import alignment, shifting
from cadenza.haaqi.tensor.ears import Span
from cadenza.haaqi.tensor.equalisation import equalised
from cadenza.haaqi.tensor.gammatone import (
    control,
    gammatone,
    grid_for,
    spectra_behind_middle_ear,
)
from cadenza.haaqi.tensor.precision import product
from cadenza.haaqi.tensor.recursion import OnePoles
from cadenza.haaqi.tensor.resampling import to_model_rate
from cadenza.haaqi.tensor.short_time import Framing, smooth_envelopes
from cadenza.haaqi.tensor.silence import Silences
from tests.haaqi_oracle import periphery as oracle
from tests.unit.haaqi_signals import LISTENERS, noisy_tremolo

CPU = torch.device("cpu")


def double(x) -> torch.Tensor:
    return torch.tensor(np.asarray(x, dtype=np.float64))


# Filters


@pytest.mark.parametrize("n_samples", [1, 63, 64, 65, 5000, 30001])
def test_one_pole_filters(rng, n_samples):
    x = rng.standard_normal((2, n_samples))
    direct, gains, poles = adaptation()
    expected = scipy.signal.lfilter(*adaptation_filter(), x)
    ours = OnePoles(direct, tuple(gains), tuple(poles))(double(x))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-11)


def test_gradient_of_one_pole_filters(rng):
    filters = OnePoles(0.5, (1.0, -0.3), (0.9, 0.99))
    x = double(rng.standard_normal((2, 130))).requires_grad_()
    assert torch.autograd.gradcheck(filters, x)


@pytest.mark.parametrize("setting", ["high", "medium"])
def test_settings_do_not_reduce_the_precision_of_products(monkeypatch, setting):
    """TF32 or bfloat16, where the hardware has them; the gradient is computed elsewhere."""
    seen, matmul = [], torch.matmul

    def spy(*matrices):
        backends = torch.backends.cuda.matmul, torch.backends.mkldnn.matmul
        seen.append([backend.fp32_precision for backend in backends])
        return matmul(*matrices)

    monkeypatch.setattr(torch, "matmul", spy)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(setting)
    try:
        product(torch.ones(2, 3, requires_grad=True), torch.ones(3, 2)).sum().backward()
        assert torch.get_float32_matmul_precision() == setting
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen == [["ieee", "ieee"]] * 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gammatone(rng, dtype):
    """Against filters that run sample by sample, relative to the largest output."""
    signal = rng.standard_normal(9000)
    grid = grid_for(signal.size, dtype, CPU)
    spectra = spectra_behind_middle_ear(double(signal)[None], grid)
    cochlea = impaired_cochlea(np.array([10.0, 20, 30, 40, 50, 60]))
    for k in (0, 9, 31):
        bands = slice(k, k + 1)
        for relative_bandwidth in (1.0, cochlea.wide_bandwidth[k]):
            radius = oracle.pole_radius(cochlea.centre_hz[k], relative_bandwidth)
            expected = oracle.gammatone(
                middle_ear(signal), cochlea.centre_hz[k], relative_bandwidth
            )
            ours = gammatone(spectra, double([[radius]]), bands, signal.size, grid)[0, 0]
            tolerance = np.abs(expected).max() * (1e-12 if dtype == torch.float64 else 2e-6)
            np.testing.assert_allclose(ours.abs(), np.abs(expected), rtol=0, atol=tolerance)
        np.testing.assert_allclose(
            control(spectra, bands, signal.size, grid)[0, 0].abs(), ours.abs(), atol=tolerance
        )


def test_gradient_of_the_gammatone(rng):
    grid = grid_for(100, torch.float64, CPU)
    grid = grid._replace(versine=grid.versine[:, ::4000], sine=grid.sine[:, ::4000])
    spectra = torch.tensor(rng.standard_normal((2, grid.sine.shape[1])) + 1j).requires_grad_()
    radius = double([[0.9, 0.8], [0.95, 0.7]]).requires_grad_()

    def two_bands(spectra, radius):
        return torch.view_as_real(gammatone(spectra, radius, slice(3, 5), 4, grid))

    assert torch.autograd.gradcheck(two_bands, (spectra, radius))
    assert torch.autograd.gradgradcheck(two_bands, (spectra, radius))


def test_equalised_reference(rng):
    music = rng.standard_normal((2, 3000))
    ears = [LISTENERS["mild"], LISTENERS["normal"]]
    expected = [equalise(row, ear) for row, ear in zip(music, ears, strict=True)]
    np.testing.assert_allclose(equalised(double(music), ears, dropped=140), expected, atol=1e-12)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 24000, 32000, 44100, 48000])
def test_resampling(rng, sample_rate):
    lengths = [sample_rate // 2, sample_rate // 3, 0.4 * sample_rate]
    signals = [rng.standard_normal(int(n)) for n in lengths]
    signals[2][:] = 0
    batch = np.zeros((3, signals[0].size))
    for row, signal in zip(batch, signals, strict=True):
        row[: signal.size] = signal
    sizes = torch.tensor([signal.size for signal in signals])
    resampled, new_lengths = to_model_rate(double(batch), sizes, sample_rate)
    for row, n, signal in zip(resampled, new_lengths, signals, strict=True):
        expected = engine_to_model_rate(signal, sample_rate)
        assert n == expected.size
        np.testing.assert_allclose(row[:n], expected, rtol=0, atol=1e-12)
        assert not row[n:].any()


# Shifts and lags


@pytest.mark.parametrize("move", [shifting.copied, shifting.gathered])
def test_shifts(move):
    x = torch.arange(1.0, 6).repeat(4, 1)
    lag, first, stop = torch.tensor([[0, 2, -1, 9], [0, 0, 0, 0], [5, 5, 3, 5]])
    expected = [[1, 2, 3, 4, 5], [3, 4, 5, 0, 0], [0, 1, 2, 0, 0], [0, 0, 0, 0, 0]]
    assert move(x, lag, first, stop).tolist() == expected


def test_gradient_of_shifts(rng):
    x = double(rng.standard_normal((2, 3, 20))).requires_grad_()
    lag = torch.tensor([[3, -4, 0], [25, -1, 7]])
    first, stop = torch.full_like(lag, 2), torch.full_like(lag, 17)
    assert torch.autograd.gradcheck(lambda x: shifting.advanced(x, lag, first, stop), x)


def test_lags_of_bands(rng):
    lags = [-2400, -700, 0, 3, 2399]
    noise = scipy.signal.lfilter([1], [1, -0.99], rng.standard_normal(30000)).astype(np.float32)
    others = np.stack([engine_alignment.shift(noise, lag) for lag in lags])
    others[1] = 0
    ours = alignment.band_lags(torch.tensor(noise).expand(5, -1), torch.tensor(others))
    assert ours.tolist() == [engine_alignment.best_lag(noise, other) for other in others]
    assert ours.tolist() == [-2400, 2399, 0, 3, 2399]


def test_delays_of_whole_signals(rng):
    references = rng.standard_normal((4, 5000))
    processed = np.stack([references[0], -references[1], references[2], 0 * references[3]])
    lengths = [5000, 5000, 4000, 3000]
    for i, delay in enumerate((-30, 200, 7, 0)):
        references[i, lengths[i] :] = 0
        processed[i] = engine_alignment.shift(references[i] * np.sign(1.5 - i), delay)
        processed[i, lengths[i] :] = 0
    processed[3] = 0
    ours = alignment.delays(double(references), double(processed), torch.tensor(lengths))
    expected = [
        engine_alignment.align_and_trim(x[:n], y[:n]).delay
        for x, y, n in zip(references, processed, lengths, strict=True)
    ]
    assert ours.tolist() == expected == [-30, 200, 7, 2999]


# Short-time analysis


def test_smoothed_envelopes(rng):
    lengths = [3000, 2495]
    envelopes = rng.random((2, 1, 3000)).astype(np.float32)
    span = Span.of(torch.tensor(lengths), torch.float64)
    ours = smooth_envelopes(torch.tensor(envelopes, dtype=torch.float64), span)
    for row, envelope, n in zip(ours, envelopes, lengths, strict=True):
        expected = smooth_envelope(envelope[0, :n], 0)
        np.testing.assert_allclose(row[0, : expected.size], expected, rtol=1e-12)


@pytest.mark.parametrize("size", [384, 52, 250])
def test_covariances(rng, size):
    lengths = [3000, 2495]
    motion = rng.standard_normal((2, 2, 1, 3000)).astype(np.float32)
    motion[1, :, :, 1000:2000] = 0
    framing = Framing(Span.of(torch.tensor(lengths), torch.float64), size, torch.float64)
    paths = [framing.cut(torch.tensor(path, dtype=torch.float64)) for path in motion]
    covariances = framing.covariances(*paths, framing.winners(*paths))
    levels = framing.levels_db_sl(paths[0])
    for i, n in enumerate(lengths):
        expected = Frames(size).covariance(motion[0, i, 0, :n], motion[1, i, 0, :n], 0, -np.inf)
        actual = [x[i, 0, : expected[0].size] for x in (covariances, levels)]
        np.testing.assert_allclose(np.stack(actual), expected, rtol=1e-10, atol=1e-12)


# Silence


@pytest.mark.parametrize("offset", [0.0, 0.1])
@pytest.mark.parametrize("band", [0, 12, 31])
def test_tails_keep_their_relative_accuracy(rng, band, offset):
    """Down to 1e-40, far below the rounding errors of a Fourier transform."""
    signal = rng.standard_normal(24000)
    signal[:100] = 0
    signal[9000:20000] = offset
    cochlea = impaired_cochlea(np.zeros(6))
    radius = oracle.pole_radius(cochlea.centre_hz[band], cochlea.wide_bandwidth[band])
    expected = oracle.gammatone(
        middle_ear(signal), cochlea.centre_hz[band], cochlea.wide_bandwidth[band]
    )
    silences = Silences(double(signal)[None], torch.tensor([signal.size]))
    stretches = list(silences.tails(0, band, float(radius)))
    starts = [where.start for where, _ in stretches]
    assert starts == [0, 9001]
    for where, output in stretches:
        exact = np.abs(expected[where])
        close = np.abs(np.abs(output) - exact) <= 1e-6 * exact + 1e-36
        assert close.all()


def test_energy_of_the_control_filter_is_that_of_the_engine(rng):
    music = middle_ear(noisy_tremolo(rng))
    ear = impaired_cochlea(np.zeros(6))
    radius = oracle.pole_radius(ear.centre_hz, ear.wide_bandwidth)
    gain = 2 * (1 - radius) ** 4 / (1 + 2 * radius) ** 2
    expected = gain**2 * control_energy(music, 2 * np.pi * ear.centre_hz / 24000, radius)
    grid = grid_for(music.size, torch.float64, CPU)
    # The spectrum of what is behind the middle ear already
    spectra = torch.fft.fft(double(music), grid.n_fft)[None]
    ours = control(spectra, slice(0, 32), music.size, grid)[0].abs().square().sum(-1)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
