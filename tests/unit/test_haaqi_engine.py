"""The compiled ear model against its oracle in plain NumPy, stage by stage and as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.signal
import scipy.stats

from cadenza.haaqi import alignment, haaqi
from cadenza.haaqi.cochlea import impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.ear_model import Ear
from cadenza.haaqi.kernels import correlation as correlation_kernel
from cadenza.haaqi.kernels import ear as ear_kernel
from cadenza.haaqi.kernels import elementary
from cadenza.haaqi.kernels import noise as noise_kernel
from cadenza.haaqi.noise import FastNoise, NoNoise, SeededNoise
from cadenza.haaqi.periphery import adaptation
from cadenza.haaqi.short_time import Frames, smooth_envelope
from tests.haaqi_oracle import alignment as oracle_alignment
from tests.haaqi_oracle import periphery as oracle_periphery
from tests.haaqi_oracle import short_time as oracle_short_time
from tests.haaqi_oracle.ear_model import auditory_bands
from tests.haaqi_oracle.index import haaqi as oracle
from tests.unit.haaqi_signals import (
    AUDIOGRAMS,
    DEGRADATIONS,
    LEVEL_DB_SPL,
    LISTENERS,
    behind_middle_ear,
    music,
    with_lags,
)

# Functions and loops


def test_logarithm_and_exponential_function_agree_with_the_library(rng):
    x = np.exp(rng.uniform(-690, 690, 1000))
    np.testing.assert_allclose([elementary.log(v) for v in x], np.log(x), rtol=0, atol=1e-10)
    x = rng.uniform(-700, 700, 1000)
    np.testing.assert_allclose([elementary.exp(v) for v in x], np.exp(x), rtol=1e-10)


@pytest.mark.parametrize("n_paths", [1, 2, 3])
def test_inner_hair_cells(rng, n_paths):
    n_samples = 4 * ear_kernel.BLOCK
    envelopes = np.repeat(rng.random((n_paths, 8)), n_samples // 8, axis=1).astype(np.float32)
    envelopes[:, 500:700] = 0
    motions = (envelopes * rng.uniform(-1, 1, envelopes.shape)).astype(np.float32)
    expected = [
        oracle_periphery.adapt(*oracle_periphery.to_sensation_level(*path, -30.0))
        for path in zip(envelopes.astype(float), motions.astype(float), strict=True)
    ]
    ear_kernel.inner_hair_cells(envelopes, motions, -30.0, *adaptation())
    np.testing.assert_allclose(np.stack([envelopes, motions], axis=1), expected, atol=2e-5)


@pytest.mark.parametrize("delay", [0, 70])
@pytest.mark.parametrize("n_samples", [1000, 1151, 1152])
def test_smoothed_envelope(rng, n_samples, delay):
    envelope = rng.random(n_samples).astype(np.float32)
    delayed = alignment.shift(envelope.astype(float), delay)
    expected = oracle_short_time.smooth_envelope(delayed)
    np.testing.assert_allclose(smooth_envelope(envelope, delay), expected, rtol=1e-12)


@pytest.mark.parametrize(("window_size", "delay"), [(384, 0), (384, 70), (52, 0), (250, 13)])
def test_covariance(rng, window_size, delay):
    motion = rng.standard_normal((2, 3000)).astype(np.float32)
    motion[1, 1000:2000] = 0
    expected = oracle_short_time.short_time_covariance(
        alignment.shift(motion.astype(float), delay), window_size
    )
    actual = Frames(window_size).covariance(*motion, delay, -np.inf)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_covariance_of_inaudible_frames_is_skipped(rng):
    motion = rng.standard_normal((2, 3000)).astype(np.float32)
    motion[0, :1500] *= 0.1
    full, levels = Frames(384).covariance(*motion, 0, -np.inf)
    covariance, same = Frames(384).covariance(*motion, 0, 0.5)
    np.testing.assert_array_equal(same, levels)
    np.testing.assert_array_equal(covariance, np.where(levels > 0.5, full, 0))


@pytest.mark.parametrize(("first_lag", "n_lags"), [(-30, 40), (0, 1), (2000, 30), (-2990, 9)])
def test_lagged_sums(rng, first_lag, n_lags):
    a, b = rng.standard_normal((2, 3000)).astype(np.float32)
    every = np.correlate(b.astype(float), a.astype(float), "full")
    expected = every[first_lag + 2999 :][:n_lags]
    actual = correlation_kernel.lagged_sums(a, b, first_lag, n_lags)
    np.testing.assert_allclose(actual, expected, atol=1e-10)


@pytest.mark.parametrize("lag", [-2400, -700, 0, 3, 2399])
def test_lag_of_a_band(rng, lag):
    noise = scipy.signal.lfilter([1], [1, -0.99], rng.standard_normal(30000)).astype(np.float32)
    other = alignment.shift(noise, lag)
    assert alignment.best_lag(noise, other) == lag
    alignment.align_band(noise, other)
    np.testing.assert_array_equal(other[3000:-3000], noise[3000:-3000])


@pytest.mark.parametrize(
    "signal", [np.ones(6000), np.sin(np.arange(6000) / 1000), np.zeros(6000)], ids=str
)
def test_lag_of_a_band_with_hardly_any_difference_between_lags(signal):
    """Of lags that are equally good, the last one counts."""
    signal = signal.astype(np.float32)
    other = 0.5 * alignment.shift(signal, 40)
    every = np.correlate(other.astype(float), signal.astype(float), "full")[5999 - 2400 :][:4800]
    assert alignment.best_lag(signal, other) == np.flatnonzero(every == every.max())[-1] - 2400


@pytest.mark.parametrize("seed", [2, 9, 22, 37])
def test_a_lag_that_is_too_long_does_not_hide_the_best_one(seed):
    """The largest correlation lies between those at the last lag and at the one after it."""
    rng = np.random.default_rng(seed)
    n = 24000
    smooth = scipy.signal.lfilter(
        [1], [1, -1.998 * np.cos(0.03), 0.998001], rng.normal(size=n + 5000)
    )
    late = 2400 + rng.integers(5, 60)
    reference, delayed = smooth[2500 : 2500 + n], smooth[2500 - late :][:n]
    of_delayed, of_reference = (
        scipy.signal.correlate(signal, reference)[n - 1 - 2400 :][:4801]
        for signal in (delayed, reference)
    )
    for weight in np.linspace(0, 1.5, 301):
        every = of_delayed + weight * of_reference
        if every[-2] < every[:4700].max() < every[-1]:
            break
    processed = (delayed + weight * reference).astype(np.float32)
    assert alignment.best_lag(reference.astype(np.float32), processed) == every[:-1].argmax() - 2400


# Internal noise


@pytest.mark.parametrize("before", ["nothing", "a normal number", "a word"])
def test_noise_continues_the_stream(before):
    rng, other = np.random.RandomState(7), np.random.RandomState(7)
    for random in (rng, other):
        if before == "a normal number":
            random.standard_normal()
        elif before == "a word":
            random.randint(10, dtype=np.uint32)
    noise = SeededNoise(rng)
    noise.prepare(6, 1001)
    rows = np.zeros((6, 1001), np.float32)
    for row in (4, 0, 5, 1, 3, 2):
        noise.add_to(rows[row], row, 0.25)
    expected = 0.25 * other.standard_normal((6, 1001))
    np.testing.assert_allclose(rows, expected, rtol=1e-7)
    assert rng.standard_normal() == other.standard_normal()
    assert rng.random_sample() == other.random_sample()


def test_points_that_are_left_out(rng):
    state = np.append(np.random.RandomState(1).get_state()[1], 624).astype(np.uint32)
    other = state.copy()
    some, every = np.empty((2, 6)), np.empty((2, 506))
    noise_kernel.draw_points(state, 506, some)
    noise_kernel.draw_points(other, 506, every)
    np.testing.assert_array_equal(some, every[:, 500:])
    np.testing.assert_array_equal(state, other)


def test_fast_noise_is_normal_and_independent():
    noise = FastNoise(np.random.RandomState(1))
    noise.prepare(4, 50000)
    rows = np.zeros((4, 50000), np.float32)
    for row in range(4):
        noise.add_to(rows[row], row, 2.0)
    np.testing.assert_allclose(rows.std(axis=1), 2, rtol=0.02)
    assert np.abs(np.corrcoef(rows) - np.eye(4)).max() < 0.02
    assert 0.99 < scipy.stats.kurtosis(rows.ravel(), fisher=False) / 3 < 1.01


# The whole ear


def test_every_band_is_what_the_oracle_hears():
    signals = behind_middle_ear("mild", "nalr")
    cochlea = impaired_cochlea(six_levels_db_hl(AUDIOGRAMS["mild"]))
    ear = Ear(
        cochlea,
        level_db_spl=LEVEL_DB_SPL,
        noise=NoNoise(),
        frames=Frames(384),
        silence_threshold_db=-1,
    )
    with ThreadPoolExecutor(2) as executor:
        heard = ear.hear(signals, executor)
    for k, band in enumerate(auditory_bands(signals, cochlea, LEVEL_DB_SPL, None)):
        np.testing.assert_allclose(heard.levels_db_sl[:, k], band.level_db_sl, atol=1e-10)
        smooth = oracle_short_time.smooth_envelope(band.envelope)
        np.testing.assert_allclose(heard.envelopes[:, k], smooth, atol=1e-5)
        covariance, level = oracle_short_time.short_time_covariance(band.motion, 384)
        np.testing.assert_allclose(heard.frame_levels_db_sl[k], level, atol=1e-5)
        np.testing.assert_allclose(heard.covariances[0, k], covariance, atol=1e-6)


RATES = (24000, 32000, 44100, 48000)
CASES = [
    (degradation, listener, equalisation, (0.6, 1, 1.5, 2, 3)[(i + j) % 5], RATES[(i + j) % 4])
    for i, degradation in enumerate(DEGRADATIONS)
    for j, listener in enumerate(LISTENERS)
    for equalisation in (("none", "nalr") if j % 2 else ("nalr", "none"))[: 1 + (i + j) % 2]
]
LONG_CASES = [
    (
        degradation,
        list(LISTENERS)[i % 6],
        ("nalr", "none")[i % 2],
        10 if i == 0 else 5,  # longer than what is transformed at a time
        RATES[i % 4],
    )
    for i, degradation in enumerate(DEGRADATIONS)
]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if i in range(0, 84, 17) else pytest.mark.slow)
        for i, case in enumerate(CASES + LONG_CASES)
    ],
    ids=lambda case: "-".join(map(str, case)),
)
def test_scores_and_lags_are_those_of_the_oracle(case):
    degradation, listener, equalisation, seconds, sample_rate = case
    reference = music(seconds, sample_rate, seed=len(degradation))
    processed = DEGRADATIONS[degradation](reference, np.random.RandomState(1))
    options = {
        "sample_rate": sample_rate,
        "audiogram": LISTENERS[listener],
        "equalisation": equalisation,
        "level_db_spl": 65 - 20 * np.log10(reference.std()),
        "rng": 3,
    }
    ours, our_lags = with_lags(alignment, haaqi, reference, processed, options | {"workers": 1})
    theirs, their_lags = with_lags(oracle_alignment, oracle, reference, processed, options)
    assert our_lags == their_lags
    assert ours.delay_samples == theirs.delay_samples
    assert ours.score == pytest.approx(theirs.score, abs=1e-8)
