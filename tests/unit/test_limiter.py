"""The look-ahead limiter, beside a slow and plain version of its gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from omegaconf import OmegaConf

from cadenza import audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.hearing_aid import Limiter, NALRAid
from cadenza.hearing_aid.limiter_kernel import limiting_gain, peaks_between
from cadenza.levels import db_to_gain
from cadenza.runner.cli import build
from tests.conftest import REPOSITORY, step, tone

RATE = 44100


def plain_gain(peaks, ceiling, attack, hold, release):
    """Gain of the limiter as its docstring says it, in quadratic time."""
    n_samples = len(peaks)
    needed = np.minimum(1, ceiling / np.maximum(peaks, 1e-300))
    lowest = [needed[max(0, n - hold) : n + attack + 1].min() for n in range(n_samples)]
    recovering, current = np.empty(n_samples), lowest[0]
    for n in range(n_samples):
        current = min(lowest[n], 1 - (1 - current) * release)
        recovering[n] = current
    before = np.concatenate([np.full(attack, recovering[0]), recovering])
    return np.array([before[n : n + attack + 1].mean() for n in range(n_samples)])


def bursts(rng, n_samples):
    """Peaks that are mostly low, with loud ones alone and in groups, some at the ends."""
    peaks = rng.uniform(0, 1.2, n_samples)
    peaks[rng.integers(0, n_samples, 5)] *= 4
    peaks[[0, -1]] = 3, 2
    return peaks


@pytest.mark.parametrize("attack", [0, 1, 50, 700])
@pytest.mark.parametrize("hold", [0, 30])
@pytest.mark.parametrize("release", [0.5, 0.99])
def test_the_compiled_gain_is_the_plain_one(attack, hold, release, rng):
    for n_samples in (2, 400):
        peaks = bursts(rng, n_samples)
        gain = limiting_gain(peaks, 0.9, attack, hold, release)
        expected = plain_gain(peaks, 0.9, attack, hold, release)
        np.testing.assert_allclose(gain, expected, rtol=0, atol=1e-13)


def test_equal_and_falling_peaks_need_the_gain_of_the_first():
    for peaks in (np.full(300, 2.0), np.linspace(4, 2, 300)):
        gain = limiting_gain(peaks, 1.0, 20, 10, 0.9)
        np.testing.assert_allclose(gain, plain_gain(peaks, 1.0, 20, 10, 0.9), rtol=0, atol=1e-14)


def test_no_signal_no_gain():
    assert limiting_gain(np.zeros(0), 1.0, 20, 10, 0.9).shape == (0,)


@pytest.mark.parametrize(("n_coarse", "n_fine"), [(100, 400), (100, 290), (7, 7), (441, 320)])
def test_peaks_on_another_grid(n_coarse, n_fine, rng):
    fine = rng.standard_normal(n_fine)
    peaks = peaks_between(fine, n_coarse)
    time = np.arange(n_fine) * n_coarse / n_fine
    for n in range(n_coarse):
        near, nearly = (
            np.abs(fine[np.abs(time - n) < limit]).max(initial=0) for limit in (1 - 1e-9, 1 + 1e-9)
        )
        assert near <= peaks[n] <= nearly


@pytest.mark.parametrize("output_sample_rate", [None, 32000, 24000])
@pytest.mark.parametrize("attack_ms", [2.0, 5.0])
@pytest.mark.parametrize("overshoot_db", [0.0, 4.0])
def test_the_output_stays_below_full_scale_at_its_rate(
    output_sample_rate, attack_ms, overshoot_db, rng
):
    loud = 2 * rng.standard_normal((2, RATE)) * (1 + step(RATE))
    limiter = Limiter(sample_rate=RATE, output_sample_rate=output_sample_rate, attack_ms=attack_ms)
    output = audio.resample(limiter(loud), RATE, output_sample_rate or RATE)
    assert np.mean(np.abs(audio.resample(loud, RATE, output_sample_rate or RATE)) > 1) > 0.1
    assert np.abs(output).max() <= 1.0


def test_peaks_between_the_samples_count():
    """A sinusoid at a quarter of the rate whose samples all miss its peaks by 3 dB."""
    n = np.arange(RATE)
    signal = 1.2 * np.sin(np.pi * (n / 2 + 0.25)) * np.hanning(RATE)
    assert np.abs(signal).max() < 0.86
    limiter = Limiter(sample_rate=RATE, ceiling_db=-1, overshoot_db=0)
    assert limiter.gain(signal).min() == pytest.approx(db_to_gain(-1) / 1.2, rel=5e-3)
    doubled = audio.resample(limiter(signal), RATE, 2 * RATE)
    assert np.abs(doubled).max() < db_to_gain(-1) * 1.005


def test_quiet_music_is_not_touched():
    music = 0.9 * tone(RATE)
    np.testing.assert_array_equal(Limiter(sample_rate=RATE)(music), music)


def test_the_gain_falls_before_a_peak_stays_and_recovers():
    click = np.zeros(RATE)
    click[20000] = 4.0
    limiter = Limiter(
        sample_rate=RATE, ceiling_db=0, overshoot_db=0, attack_ms=10, hold_ms=20, release_ms=30
    )
    gain = limiter.gain(click)
    n_attack, n_hold, n_release = 441, 882, 1323
    lowest = gain.min()
    assert lowest == pytest.approx(0.25, rel=0.02)
    assert gain[20000] == lowest
    np.testing.assert_array_equal(gain[: 20000 - n_attack - 2], 1.0)
    ramp = gain[20000 - n_attack + 1 : 20000 - 1]
    np.testing.assert_allclose(np.diff(ramp, 2), 0, atol=1e-12)
    assert gain[20000 + n_hold - 5] == pytest.approx(lowest)
    # after the hold, what is missing to 1 falls to 1 / e in each time constant
    later = gain[20000 + n_hold + n_attack + np.array([1, 2]) * n_release]
    assert (1 - later[1]) / (1 - later[0]) == pytest.approx(np.exp(-1), rel=1e-6)


def test_peaks_up_to_the_overshoot_are_cut_off_without_turning_the_gain_down():
    """A click of 3 dB over the ceiling leaves what is 20 ms away as it is."""
    music = 0.3 * tone(RATE)
    music[20000] = db_to_gain(3)
    limiter = Limiter(sample_rate=RATE, ceiling_db=0, overshoot_db=6)
    limited = limiter(music)
    assert (limiter.gain(music) == 1).all()
    assert np.abs(limited).max() <= 1
    far = np.abs(np.arange(RATE) - 20000) > 882
    np.testing.assert_allclose(limited[far], music[far], rtol=0.02)
    turned_down = replace(limiter, overshoot_db=0)(music)
    assert np.abs(turned_down[20882:24000]).max() < 0.9 * np.abs(limited[20882:24000]).max()


def test_linked_channels_share_the_gain_of_the_louder(rng):
    loud, quiet = 2 * tone(RATE), 0.1 * rng.standard_normal(RATE)
    limiter = Limiter(sample_rate=RATE, stereo_link=True)
    linked = limiter([loud, quiet])
    np.testing.assert_array_equal(linked[0], limiter(loud))
    pure = replace(limiter, overshoot_db=0)
    np.testing.assert_array_equal(pure([loud, quiet])[1], pure.gain(loud) * quiet)
    apart = Limiter(sample_rate=RATE)([loud, quiet])
    np.testing.assert_array_equal(apart, [limiter(loud), quiet])


def test_the_input_is_not_changed_and_its_shape_stays(rng):
    for shape in [(1000,), (1, 1000), (2, 1000), (2, 1)]:
        signal = 3 * rng.standard_normal(shape)
        original = signal.copy()
        assert Limiter(sample_rate=RATE)(signal).shape == shape
        np.testing.assert_array_equal(signal, original)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 0}, "sample_rate must be positive, got 0"),
        ({"output_sample_rate": -1}, "output_sample_rate must be positive, got -1"),
        ({"ceiling_db": np.inf}, "ceiling_db must be from -60 to 0, got inf"),
        ({"ceiling_db": 0.5}, "ceiling_db must be from -60 to 0, got 0.5"),
        ({"overshoot_db": -1}, "overshoot_db must be 0 or more, got -1"),
        ({"attack_ms": -1}, "attack_ms must be 0 or more, got -1"),
        ({"hold_ms": np.nan}, "hold_ms must be 0 or more, got nan"),
        ({"release_ms": 0}, "release_ms must be positive, got 0"),
        ({"release_ms": "50"}, "release_ms must be a number, got '50'"),
        ({"stereo_link": 1}, "stereo_link must be true or false, got 1"),
    ],
)
def test_impossible_settings(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Limiter(**{"sample_rate": RATE, **options})


def test_swapped_axes_are_refused():
    with pytest.raises(ValueError, match=r"did you mean signal.T"):
        Limiter(sample_rate=RATE)(np.zeros((1000, 2)))


def test_after_nal_r_in_the_hearing_aid():
    moderate = Audiogram([15, 20, 30, 45, 50, 55, 60, 65])
    listener = Listener("L0001", left=moderate, right=Audiogram([0] * 8))
    music = np.stack([0.5 * tone(RATE), 0.1 * tone(RATE)])
    limiter = Limiter(sample_rate=RATE)
    amplified = NALRAid(sample_rate=RATE)(music, listener)
    assert np.abs(amplified).max() > 1.2
    limited = NALRAid(sample_rate=RATE, limiter=limiter)(music, listener)
    np.testing.assert_array_equal(limited, limiter(amplified))
    with pytest.raises(ValueError, match="limiter must run at the aid's sample rate 44100 Hz, got"):
        NALRAid(sample_rate=RATE, limiter=Limiter(sample_rate=48000))


def test_the_configuration_builds_the_aid_and_keeps_its_output_below_full_scale(rng):
    config = OmegaConf.create(
        {
            "nalr": {"nfir": 220, "sample_rate": RATE},
            "remix_sample_rate": 32000,
            "hearing_aid": OmegaConf.load(REPOSITORY / "configs/hearing_aid/nalr_limited.yaml"),
        }
    )
    aid = build(config, "hearing_aid")
    assert aid == NALRAid(
        sample_rate=RATE, limiter=Limiter(sample_rate=RATE, output_sample_rate=32000)
    )
    severe = Audiogram([40, 50, 60, 65, 70, 75, 80, 80])
    music = rng.standard_normal((2, RATE)) * 0.3
    output = aid(music, Listener("L0001", left=severe, right=severe))
    assert np.abs(audio.resample(output, RATE, 32000)).max() <= 1
