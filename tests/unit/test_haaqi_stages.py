"""Stages of HAAQI: properties, and the values of HAAQI §13.2-13.7 with the tolerances of §16."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from cadenza.audiogram import Audiogram
from cadenza.errors import SilentReferenceError
from cadenza.haaqi.alignment import align_and_trim, shift
from cadenza.haaqi.cochlea import erb_hz, impaired_cochlea, six_levels_db_hl
from cadenza.haaqi.periphery import bandwidth, compression_gain_db
from cadenza.haaqi.resampling import to_model_rate
from cadenza.hearing_aid import NALR
from cadenza.levels import rms
from tests.haaqi_oracle import periphery
from tests.haaqi_oracle.alignment import align_band, best_lag
from tests.haaqi_oracle.short_time import short_time_covariance, smooth_envelope
from tests.unit import haaqi_signals

LISTENERS = ("normal", "mild", "severe")


def cochlea_of(listener: str):
    return impaired_cochlea(six_levels_db_hl(haaqi_signals.AUDIOGRAMS[listener]))


# Signals


@pytest.mark.parametrize(
    ("signal", "level", "peak", "samples"),
    [
        (
            haaqi_signals.reference,
            0.0558491312955,
            0.230603364963,
            [0.0276083674177, -0.0972008148063, 0.091550091192],
        ),
        (
            haaqi_signals.processed,
            0.0514740375166,
            0.104892509186,
            [8.37513074584e-05, 0.0841207694853, -0.00359458613008],
        ),
    ],
)
def test_test_signals(signal, level, peak, samples):
    """HAAQI §13.2: the checkpoints below start from the same signals."""
    signal = signal()
    np.testing.assert_allclose(
        [rms(signal), np.abs(signal).max(), *signal[[1234, 10000, 50000]]],
        [level, peak, *samples],
        rtol=1e-10,
    )


# Cochlea

BAND_TABLE = {
    0: (80, 33.335121847, 1.28096378061),
    1: (114.496607322, 37.0586519411, 1.34463367601),
    7: (419.258940893, 69.9544005005, 1.70045880653),
    12: (871.627467699, 118.782617359, 2.06813449184),
    19: (2080.50455376, 249.267629061, 2.71980102514),
    26: (4617.35659295, 523.092959888, 3.45886386002),
    31: (8000, 888.212184697, 4),
}


@pytest.mark.parametrize("k", BAND_TABLE)
def test_bands(k):
    """HAAQI §13.3: centre frequency, bandwidth of the healthy ear, widest relative bandwidth."""
    band = cochlea_of("mild")[k]
    actual = band.centre_hz, erb_hz(band.centre_hz), band.wide_bandwidth
    assert actual == pytest.approx(BAND_TABLE[k], rel=1e-11)


# Loss of outer and inner hair cells, narrow bandwidth, knee, ratio
LOSS_TABLE = {
    ("normal", 3): (0, 0, 1, 30, 1.46774193548),
    ("normal", 31): (0, 0, 1, 30, 3.5),
    ("mild", 3): (8, 2, 1.16003355443, 38, 1.3),
    ("mild", 11): (10.0884549573, 2.52211373932, 1.2019040445, 40.0884549573, 1.75317194019),
    ("mild", 27): (30.3173510423, 7.57933776058, 1.70574040649, 60.3173510423, 1.81955003285),
    ("severe", 3): (22.3076923077, 32.6923076923, 1.46192770111, 52.3076923077, 1),
    ("severe", 19): (43.3742331288, 32.02828964, 2.71980102514, 73.3742331288, 1),
    ("severe", 31): (50, 40, 4, 80, 1),
}


@pytest.mark.parametrize(("listener", "k"), LOSS_TABLE)
def test_loss_is_divided_between_hair_cells(listener, k):
    """HAAQI §13.4."""
    band = cochlea_of(listener)[k]
    actual = (
        *(band.ohc_loss_db, band.ihc_loss_db, band.narrow_bandwidth),
        *(band.knee_db_spl, band.compression_ratio),
    )
    assert actual == pytest.approx(LOSS_TABLE[listener, k], rel=1e-11, abs=1e-11)


def test_threshold_better_than_normal_counts_only_between_frequencies():
    better, normal = (
        impaired_cochlea(np.array([20.0, level, 20, 20, 20, 20])) for level in (-10, 0)
    )
    close = np.abs(better.centre_hz - 500) < 20
    assert (better.ohc_loss_db[close] == 0).all()
    between = (better.centre_hz > 300) & (better.centre_hz < 900) & ~close
    assert (better.ohc_loss_db[between] < normal.ohc_loss_db[between]).all()
    assert (better.ohc_loss_db >= 0).all()


def test_missing_frequencies_are_interpolated_with_a_warning(caplog):
    audiogram = Audiogram([20.5, 47.25], [500, 3000])
    with caplog.at_level(logging.WARNING, "cadenza.haaqi"):
        levels = six_levels_db_hl(audiogram)
    assert "without 250, 1000, 2000, 4000, 6000 Hz" in caplog.text
    np.testing.assert_array_equal(levels[[0, 1, 4, 5]], [20.5, 20.5, 47.25, 47.25])
    assert levels[2] == pytest.approx(20.5 + 26.75 * np.log(2) / np.log(6))


def test_measured_frequencies_do_not_warn(caplog):
    six_levels_db_hl(Audiogram([10, 20, 30, 40, 50, 60, 70, 80]))
    assert not caplog.records


# Resampling

# length, RMS, samples 1, 100, 12000, 20000
RESAMPLED = {
    16000: (24000, 0.0600369604796, 0.0347638296742, -0.00181828811629, -0.00412420406843,
            0.0366754315057),
    22050: (24055, 0.0600369475478, 0.0392775388615, -0.00972049792303, -0.0638222918144,
            0.0413484859248),
    32000: (24000, 0.0600369342707, 0.0397104360003, -0.00183424439171, -0.004106906177,
            0.0366464141563),
    44100: (24055, 0.0600369101446, 0.0395346082878, -0.00973114779193, -0.0638054141309,
            0.0413256669311),
    48000: (24000, 0.060036886957, 0.0395789011562, -0.00182296151056, -0.00411179313202,
            0.0366504371447),
    96000: (24000, 0.0600367067329, 0.0395494215559, -0.00181594620645, -0.00410887008793,
            0.0366418586876),
}  # fmt: skip


@pytest.mark.parametrize("sample_rate", RESAMPLED)
def test_resampling(sample_rate):
    """HAAQI §13.6."""
    n_samples, level, *samples = RESAMPLED[sample_rate]
    resampled = to_model_rate(haaqi_signals.ungated(sample_rate, sample_rate), sample_rate)
    assert resampled.size == n_samples
    actual = [rms(resampled), *resampled[[1, 100, 12000, 20000]]]
    np.testing.assert_allclose(actual, [level, *samples], rtol=0, atol=1e-12)


def test_model_rate_passes_untouched(rng):
    signal = rng.standard_normal(1000)
    assert to_model_rate(signal, 24000) is signal
    assert to_model_rate(signal, 24499) is signal


@pytest.mark.parametrize("sample_rate", [16000, 48000])
def test_silence_stays_silent_at_any_rate(sample_rate):
    """The level of silence cannot be restored; the reference implementation makes NaN of it."""
    assert not to_model_rate(np.zeros(1000), sample_rate).any()


# Alignment


def test_alignment_and_trimming():
    """HAAQI §13.7."""
    reference = haaqi_signals.reference()
    trimmed, processed, start, delay = align_and_trim(reference, haaqi_signals.processed())
    assert (start, delay) == (1200, 37)
    np.testing.assert_array_equal(trimmed, reference[1200 : 1200 + 69600])
    levels = [rms(trimmed), rms(processed)]
    np.testing.assert_allclose(levels, [0.0568038864606, 0.0523466249305], rtol=1e-12)


@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("delay", [-500, 0, 300])
def test_whole_signals_align_in_either_polarity(rng, delay, polarity):
    noise = rng.standard_normal(5000)
    _, processed, _, found = align_and_trim(noise, shift(polarity * noise, delay))
    assert found == delay
    np.testing.assert_array_equal(processed[600:4400], polarity * noise[600 - 48 : 4400 - 48])


def test_the_longer_signal_is_cut(rng):
    noise = rng.standard_normal(3000)
    reference, processed, *_ = align_and_trim(noise, noise[:2000])
    assert reference.size == processed.size == 2000


def test_silent_reference_is_an_error():
    """The reference implementation stops with an index error."""
    with pytest.raises(SilentReferenceError, match="reference must not be silent"):
        align_and_trim(np.zeros(100), np.ones(100))


@pytest.mark.parametrize("n_samples", [9600, 11584, 30000])
@pytest.mark.parametrize("late", [-2400, -1, 0, 7, 2399])
def test_bands_align_within_100_ms(rng, n_samples, late):
    noise = rng.standard_normal(n_samples)
    assert best_lag(noise, shift(noise, late)) == late
    aligned = align_band(np.stack([noise, shift(noise, late)]))
    np.testing.assert_array_equal(aligned[0], noise)
    np.testing.assert_array_equal(aligned[1], shift(shift(noise, late), -late))


def test_band_lag_is_the_best_of_all_direct_correlations(rng):
    reference, processed = rng.standard_normal((2, 9600))
    lags = np.arange(-2400, 2400)
    direct = [reference @ shift(processed, -lag) for lag in lags]
    assert best_lag(reference, processed) == lags[np.argmax(direct)]


def test_bands_do_not_align_in_inverse_polarity(rng):
    noise = rng.standard_normal(10000)
    assert best_lag(noise, -noise) != 0


def test_equally_good_lags_give_the_last():
    assert best_lag(np.ones(10000), np.zeros(10000)) == 2399


@pytest.mark.parametrize("n_samples", [-5, -2, 0, 1, 3, 4, 9])
def test_shift_fills_with_zeros(n_samples):
    signal = np.arange(1.0, 5.0)
    padded = np.concatenate([np.zeros(9), signal, np.zeros(9)])
    np.testing.assert_array_equal(shift(signal, n_samples), padded[9 - n_samples : 13 - n_samples])


# Middle ear, filters


@pytest.mark.parametrize(
    ("listener", "equalisation", "reference", "processed"),
    [
        ("normal", "nalr", 0.0392119910601, 0.0363441816511),
        ("normal", "none", 0.0392377911549, 0.0363441816511),
        ("mild", "nalr", 0.0907402881851, 0.0363441816511),
        ("severe", "nalr", 1.43912759438, 0.726883633021),
        ("severe", "none", 0.784755823099, 0.726883633021),
    ],
)
def test_middle_ear(listener, equalisation, reference, processed):
    """HAAQI §13.7."""
    levels = rms(haaqi_signals.behind_middle_ear(listener, equalisation), axis=-1)
    np.testing.assert_allclose(levels, [reference, processed], rtol=1e-11)


# taps 0, 35, 69 to 71, sum, sum of squares
NALR_TAPS = {
    "mild": (6.75941110789e-05, -0.00197204378461, -0.536727413927, 3.77256689127,
             -0.536727413927, 0.999822677258, 15.0939057287),
    "severe": (0.000483115791866, -0.0339214837715, -9.37573705912, 61.4819537582,
               -9.37573705912, 3.72351282571, 4065.57855851),
}  # fmt: skip


@pytest.mark.parametrize("listener", NALR_TAPS)
def test_equalisation_filter(listener):
    """HAAQI §13.5."""
    taps = NALR(haaqi_signals.AUDIOGRAMS[listener], sample_rate=24000, nfir=140).taps
    actual = [*taps[[0, 35, 69, 70, 71]], taps.sum(), np.square(taps).sum()]
    np.testing.assert_allclose(actual, NALR_TAPS[listener], rtol=1e-11)


@pytest.mark.parametrize("k", [0, 10, 31])
def test_gammatone_of_a_tone_at_its_centre_has_the_tones_amplitude(k):
    centre_hz = cochlea_of("normal").centre_hz[k]
    t = np.arange(24000) / 24000
    out = periphery.gammatone(0.3 * np.cos(2 * np.pi * centre_hz * t), centre_hz, 1)
    np.testing.assert_allclose(np.abs(out[-2000:]), 0.3, rtol=2e-3)
    lag = np.angle(out[-1]) - 2 * np.pi * centre_hz * t[-1]
    assert np.abs(np.exp(1j * lag) - 1) < 2e-3


@pytest.mark.parametrize("k", [0, 12, 31])
def test_gammatone_is_four_poles_and_a_double_zero(rng, k):
    """The difference equation, section by section: y[n] = x[n] + pole y[n-1]."""
    centre_hz = cochlea_of("normal").centre_hz[k]
    x = rng.standard_normal(3000)
    radius = np.exp(-2 * np.pi * 1.3 * 1.019 * erb_hz(centre_hz) / 24000)
    pole = radius * np.exp(2j * np.pi * centre_hz / 24000)
    y = x.astype(complex)
    for _ in range(4):
        for n in range(1, y.size):
            y[n] += pole * y[n - 1]
    for _ in range(2):
        y[1:] += 2 * pole * y[:-1]
    expected = y * 2 * (1 - radius) ** 4 / (1 + 2 * radius) ** 2
    actual = periphery.gammatone(x, centre_hz, 1.3)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("level_db_spl", "fraction"), [(-600, 0), (50, 0), (75, 0.5), (100, 1), (140, 1)]
)
def test_bandwidth_grows_with_level(level_db_spl, fraction):
    cochlea = cochlea_of("mild")
    actual = bandwidth(np.array(level_db_spl), cochlea)
    np.testing.assert_allclose(
        actual, (1 - fraction) * cochlea.narrow_bandwidth + fraction * cochlea.wide_bandwidth
    )


def test_compression_is_linear_below_the_knee_and_above_100_db():
    cochlea = cochlea_of("normal")[31]  # ratio 3.5 above 30 dB SPL
    gain_db = compression_gain_db(np.array([-600, 30, 65, 100, 120]), cochlea)
    np.testing.assert_allclose(gain_db, [0, 0, -25, -50, -50])


def test_gain_starts_at_zero_and_settles():
    gain = periphery.compression_gain(np.full(200, 65.0), cochlea_of("normal")[31])
    assert gain[0] < 0.2 * gain[-1]
    assert gain[-1] == pytest.approx(10 ** (-25 / 20))


def test_sensation_level_of_motion_follows_the_envelope():
    envelope, motion = np.array([0.0, 0.01, 1.0]), np.array([0.0, -0.01, 0.5])
    sensation, fine = periphery.to_sensation_level(envelope, motion, -20)
    np.testing.assert_allclose(sensation, [0, 0, 20])
    np.testing.assert_allclose(fine, [0, 0, 10], atol=1e-27)


def test_adaptation_by_the_circuits_equations():
    """Solve the two node equations at every sample."""
    d = np.abs(np.sin(np.arange(400) / 40)) * (np.arange(400) > 50)
    r1, r2, r3, fast, slow = 0.5, 0.25, 0.25, 36.0, 480.0
    matrix = np.array([[r1 + r2 + fast, -r1], [-r3, r2 + r3 + slow]])
    state, expected = np.zeros(2), []
    for value in d:
        state = np.linalg.solve(matrix, [r2 * value + fast * state[0], slow * state[1]])
        expected.append(max((value - state[0]) / r1, 0))
    adapted, motion = periphery.adapt(d, 0.5 * d)
    np.testing.assert_allclose(adapted, expected, atol=1e-12)
    np.testing.assert_allclose(motion, 0.5 * adapted, atol=1e-12)


# Short-time analysis


def frames_of(signal: np.ndarray, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Frames and their windows, spelled out: half a window at both ends, full ones between."""
    hop, n_frames = size // 2, signal.size // (size // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / (size - 1))
    frames = [(signal[:hop], window[hop:])]
    frames += [(signal[j * hop : j * hop + size], window) for j in range(1, n_frames - 1)]
    return [*frames, (signal[(n_frames - 1) * hop : n_frames * hop], window[:hop])]


@pytest.mark.parametrize("n_samples", [192, 1000, 1151, 1152])
def test_smoothing_is_a_weighted_mean_of_each_frame(rng, n_samples):
    envelope = rng.random((2, n_samples))
    expected = [[w @ x / w.sum() for x, w in frames_of(path, 192)] for path in envelope]
    np.testing.assert_allclose(smooth_envelope(envelope), expected)


@pytest.mark.parametrize(("n_samples", "size"), [(384, 384), (2000, 384), (1500, 192)])
def test_covariance_is_the_best_of_49_direct_lags(rng, n_samples, size):
    motion = rng.standard_normal((2, n_samples))
    expected = []
    for (x, w), (y, _) in zip(frames_of(motion[0], size), frames_of(motion[1], size), strict=True):
        x, y = x * w - (x * w).mean(), y * w - (y * w).mean()
        lags = [
            abs(np.correlate(y, x, "full")[w.size - 1 + lag])
            / np.correlate(w, w, "full")[w.size - 1 + lag]
            for lag in range(-24, 25)
        ]
        power = x @ x / (w @ w), y @ y / (w @ w)
        expected.append([min(max(lags) / np.sqrt(power[0] * power[1]), 1), np.sqrt(2 * power[0])])
    np.testing.assert_allclose(short_time_covariance(motion, size), np.transpose(expected))


def test_covariance_with_silence_is_zero(rng):
    noise = rng.standard_normal(2000)
    assert not short_time_covariance(np.stack([noise, np.zeros(2000)]), 384)[0].any()
    assert not short_time_covariance(np.stack([np.zeros(2000), noise]), 384).any()
