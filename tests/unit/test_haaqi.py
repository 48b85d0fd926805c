"""HAAQI as its users meet it: invariances, randomness and flags."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from cadenza.audiogram import Audiogram
from tests.unit import haaqi_signals
from tests.unit.haaqi_signals import one_ear as score


@pytest.fixture
def music(rng):
    return haaqi_signals.noisy_tremolo(rng)


# What the score means


def test_identical_signals_score_almost_one(music):
    result = score(music, music)
    assert 0.99 < result.score < 0.999
    assert result.flags == ()
    assert result.delay_samples == 0


def test_score_drops_as_noise_rises(music, rng):
    noise = rng.standard_normal(music.size)
    scores = [float(score(music, music + gain * noise)) for gain in (0, 0.02, 0.2)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 0.3


def test_result_is_made_of_plain_numbers(music):
    values = vars(score(music, music))
    numbers = [value for name, value in values.items() if name not in ("flags", "details")]
    assert {type(number) for number in numbers} == {float, int}
    assert type(values["delay_samples"]) is int


@pytest.mark.parametrize("gain_db", [-600, -40, 20, 600])
def test_gain_and_presentation_level_cancel(music, rng, gain_db):
    """Only levels in dB SPL count, apart from the internal noise."""
    processed = music + 0.01 * rng.standard_normal(music.size)
    gain = 10 ** (gain_db / 20)
    plain = score(music, processed, noise="none")
    scaled = score(gain * music, gain * processed, level_db_spl=85.0 - gain_db, noise="none")
    assert scaled.score == pytest.approx(plain.score, abs=1e-8)


@pytest.mark.parametrize("delay", [-200, 150])
def test_delay_is_found_and_removed(music, delay):
    padding = np.zeros(300)
    reference = np.concatenate([padding, music, padding])
    result = score(reference, np.roll(reference, delay))
    assert result.delay_samples == delay
    assert result.score == pytest.approx(score(reference, reference).score, abs=1e-8)


def test_silence_around_the_music_does_not_count(music):
    padded = np.pad(music, 1000)
    processed = np.tanh(10 * music)
    expected = score(music, processed, noise="none").score
    actual = score(padded, np.pad(processed, 1000), noise="none").score
    assert actual == pytest.approx(expected, abs=2e-2)  # the filters start and stop elsewhere


def test_whole_khz_rates_may_differ(music):
    slow = music
    fast = np.repeat(music, 2)  # 48 kHz, crudely
    result = score(slow, fast, processed_sample_rate=48000)
    assert result.flags == ()
    assert result.delay_samples == pytest.approx(0, abs=1)


def test_nalr_is_applied_to_the_reference_only(music):
    amplified, plain = (score(music, music, equalisation=word) for word in ("nalr", "none"))
    assert amplified.score < plain.score
    assert amplified.loudness_spectrum < plain.loudness_spectrum


# Arrays and randomness


def test_arguments_stay_as_they_are(music):
    reference, processed = music.copy(), np.tanh(10 * music)
    for array in (reference, processed):
        array.flags.writeable = False
    before = processed.copy()
    score(reference, processed)
    score(reference, processed, sample_rate=32000, equalisation="nalr")
    np.testing.assert_array_equal(reference, music)
    np.testing.assert_array_equal(processed, before)


def test_float32_is_computed_in_float64(music):
    single = music.astype(np.float32)
    assert score(single, single) == score(single.astype(float), single.astype(float))


def test_same_seed_same_score(music):
    processed = 0.001 * music  # inaudible in many bands, so that the noise counts
    assert score(music, processed, rng=3) == score(music, processed, rng=np.random.RandomState(3))
    assert score(music, processed, rng=3).score != score(music, processed, rng=4).score


def test_global_random_state_is_neither_used_nor_changed(music):
    """The reference implementation does both."""
    np.random.seed(1)
    state = np.random.get_state()[1].copy()
    first = score(music, 0.001 * music)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    np.random.seed(2)
    assert score(music, 0.001 * music) == first


def test_two_ears_share_one_stream(music):
    """Each ear takes 2 x 32 numbers a sample, then 2 x 32 numbers a frame that is not silent."""
    n_samples = np.ptp(np.flatnonzero(np.abs(music) > 0.001 * np.abs(music).max())) + 1
    shared, own = np.random.RandomState(5), np.random.RandomState(5)
    score(music, music, rng=shared)
    own.standard_normal(2 * 32 * n_samples)
    n_draws = list(own.standard_normal(2 * 32 * 151)).index(shared.standard_normal())
    assert n_draws % 64 == 0
    assert 140 < n_draws / 64 <= 150


def test_generators_draw_other_noise(music):
    results = [score(music, 0.001 * music, rng=np.random.default_rng(3)) for _ in range(2)]
    assert results[0] == results[1] != score(music, 0.001 * music, rng=3)


@pytest.mark.parametrize(
    "make", [np.random.default_rng, lambda seed: np.random.RandomState(np.random.PCG64(seed))]
)
@pytest.mark.parametrize("noise", ["seeded", "fast"])
def test_other_generators_are_as_reproducible(music, make, noise):
    first, again, other = (
        score(music, 0.001 * music, rng=make(seed), noise=noise) for seed in (3, 3, 4)
    )
    assert first == again != other


def test_without_noise_nothing_is_drawn(music):
    rng = np.random.RandomState(5)
    results = [score(music, 0.001 * music, noise="none", rng=rng) for _ in range(2)]
    assert results[0] == results[1]
    assert rng.standard_normal() == np.random.RandomState(5).standard_normal()


# Flags


def test_silent_processed_is_flagged_at_any_rate(music):
    """The reference implementation scores NaN when silence has to be resampled."""
    for sample_rate in (24000, 32000):
        result = score(music, 0 * music, sample_rate=sample_rate)
        assert result.flags == ("silent processed",)
        assert 0 < result.score < 0.2


@pytest.mark.parametrize(
    "options", [{"level_db_spl": -10.0}, {"audiogram": Audiogram([120, 120], [250, 6000])}]
)
def test_inaudible_reference_is_flagged(music, options, caplog):
    result = score(music, 0.5 * music, **options)
    assert result.flags == ("inaudible reference",)
    assert result.cepstral_correlation == result.vibration_covariance == 0
    assert result.score == pytest.approx(0.162)
    assert "HAAQI 0.162 is doubtful: inaudible reference" in caplog.text


def test_different_lengths_are_flagged(music):
    assert score(music, music[:-500]).flags == ("lengths differ",)
    assert score(music[:-500], music).flags == ("lengths differ",)


def test_the_tail_of_a_hearing_aid_is_not_flagged(music):
    assert score(music, np.pad(music, (0, 240))).flags == ()


def test_sample_rates_that_drift_apart_are_flagged(music):
    """44.1 kHz counts as 44 kHz: beside a signal at 48 kHz it runs 0.2 % slow."""
    options = {"sample_rate": 44100, "processed_sample_rate": 48000}
    music = np.concatenate([music, music])
    assert "sample rates drift apart" in score(music, music, **options).flags
    assert score(music, music, sample_rate=44100).flags == ()


def test_good_input_logs_nothing(music, caplog):
    with caplog.at_level(logging.INFO):
        score(music, music)
    assert not caplog.records
