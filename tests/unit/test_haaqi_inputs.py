"""What HAAQI refuses, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.audiogram import Audiogram, Listener
from cadenza.haaqi import SilentReferenceError, haaqi_candidates, haaqi_ears
from tests.unit import haaqi_signals
from tests.unit.haaqi_signals import one_ear as score

SLOPING = Audiogram([10, 10, 15, 25, 30, 35, 40, 45])
LISTENER = Listener("L1", SLOPING, SLOPING)
OPTIONS = {"sample_rate": 24000, "equalisation": "none"}


@pytest.fixture
def music(rng):
    return haaqi_signals.noisy_tremolo(rng)


@pytest.mark.parametrize("level_db_spl", [85.0, np.inf])
@pytest.mark.parametrize("sample_rate", [24000, 32000])
def test_silent_reference_is_the_first_thing_to_say(music, level_db_spl, sample_rate):
    """A level taken from a silent reference is infinite, but that is not the cause."""
    with pytest.raises(SilentReferenceError, match="reference must not be silent"):
        score(0 * music, music, level_db_spl=level_db_spl, sample_rate=sample_rate)


def broken(music: np.ndarray, value: float) -> np.ndarray:
    broken = music.copy()
    broken[7000] = value
    return broken


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_must_be_finite(music, value):
    """The reference implementation gives a plausible low score."""
    with pytest.raises(ValueError, match="reference must be finite"):
        score(broken(music, value), music)
    with pytest.raises(ValueError, match="processed must be finite"):
        score(music, broken(music, value))


def test_samples_must_not_overflow(music):
    with pytest.raises(ValueError, match=r"processed must not exceed 1e\+100, got .* 1e\+200"):
        score(music, broken(music, 1e200))


@pytest.mark.parametrize("n_samples", [0, 1, 9599])
def test_signals_must_be_long_enough(music, n_samples):
    with pytest.raises(ValueError, match=r"reference must last at least 0\.4 s, got"):
        score(music[:n_samples], music)
    with pytest.raises(ValueError, match=r"processed must last at least 0\.4 s, got"):
        score(music, music[:n_samples])


def test_a_click_is_too_short(music):
    click = np.zeros(24000)
    click[5000:5100] = 1
    with pytest.raises(ValueError, match="without the silence at its ends must last"):
        score(click, click)


def test_shortest_signal(music):
    assert score(music[:9600], music[:9600]).score > 0.98


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_integer_samples_are_refused(music, dtype):
    """As `scipy.io.wavfile.read` returns them: taken for floats, they would be far too loud."""
    codes = (100 * np.abs(music) / np.abs(music).max()).astype(dtype)
    name = np.dtype(dtype).name
    with pytest.raises(
        TypeError, match=rf"reference has integer samples \({name}\): convert to fl"
    ):
        score(codes, codes)
    with pytest.raises(TypeError, match=rf"processed has integer samples \({name}\)"):
        score(music, codes)
    with pytest.raises(TypeError, match="processed has integer samples"):
        haaqi_ears(np.stack([music] * 2), np.stack([codes] * 2), listener=LISTENER, **OPTIONS)


def test_time_first_gets_a_hint(music):
    frames = np.stack([music, music], axis=1)
    with pytest.raises(ValueError, match=r"got shape \(14400, 2\): did you mean reference\.T\?"):
        score(frames, music)
    with pytest.raises(ValueError, match=r"got shape \(14400, 2\): did you mean processed\.T\?"):
        haaqi_ears(frames.T, frames, listener=LISTENER, **OPTIONS)
    with pytest.raises(ValueError, match=r"got shape \(14400, 1\): did you mean processed\.T\?"):
        score(music, music[:, None])


def test_two_channels_are_for_both_ears(music):
    message = r"must have one channel, got shape \(2, 14400\): for both ears, use haaqi_ears"
    with pytest.raises(ValueError, match=f"reference {message}"):
        score(np.stack([music, music]), music)
    with pytest.raises(ValueError, match=f"processed {message}"):
        score(music, np.stack([music, music]))


def test_more_channels_are_refused(music):
    with pytest.raises(ValueError, match=r"reference must have one channel, .* \(3, 14400\)$"):
        score(np.stack([music] * 3), music)


def test_one_channel_may_have_an_axis_of_its_own(music):
    processed = np.tanh(10 * music)
    assert score(music[None], processed[None]) == score(music, processed)


@pytest.mark.parametrize("channels", [1, 3])
def test_ears_need_two_channels(music, channels):
    message = rf"reference must have 2 channels, got shape \({channels}, 14400\): for one ear, use"
    with pytest.raises(ValueError, match=message):
        haaqi_ears(np.stack([music] * channels), music, listener=LISTENER, **OPTIONS)


def test_candidates_are_named(music):
    options = OPTIONS | {"audiogram": SLOPING}
    with pytest.raises(ValueError, match=r"processed\[1\] must be finite"):
        haaqi_candidates(music, [music, broken(music, np.nan)], **options)
    with pytest.raises(ValueError, match="processed must hold one signal or more, got none"):
        haaqi_candidates(music, [], **options)
    with pytest.raises(ValueError, match="processed signals must all have the same length"):
        haaqi_candidates(music, [music, music[:-100]], **options)


@pytest.mark.parametrize(
    "name",
    [
        *("sample_rate", "processed_sample_rate", "level_db_spl"),
        *("silence_threshold_db", "cepstral_noise_db", "segment_ms"),
    ],
)
@pytest.mark.parametrize("wrong", ["44100", [44100], True])
def test_numbers_of_the_wrong_type_are_named(music, name, wrong):
    with pytest.raises(TypeError, match=f"{name} must be a number, got"):
        score(music, music, **{name: wrong})


@pytest.mark.parametrize("wrong", [[80], [80, 80, 80]])
def test_levels_of_both_ears_are_two(music, wrong):
    ears = np.stack([music, music])
    with pytest.raises(ValueError, match="level_db_spl must be a number or a pair, got"):
        haaqi_ears(ears, ears, listener=LISTENER, level_db_spl=wrong, **OPTIONS)


def test_ears_need_a_listener(music):
    ears = np.stack([music, music])
    with pytest.raises(TypeError, match="listener must be a Listener, got Audiogram"):
        haaqi_ears(ears, ears, listener=SLOPING, **OPTIONS)


def test_unknown_options_are_refused(music):
    ears = np.stack([music, music])
    with pytest.raises(TypeError, match="unexpected keyword argument 'nois'"):
        haaqi_ears(ears, ears, listener=LISTENER, nois="fast", **OPTIONS)
    with pytest.raises(TypeError, match="unexpected keyword argument 'segments'"):
        haaqi_candidates(music, [music], audiogram=SLOPING, segments=16, **OPTIONS)


@pytest.mark.parametrize("wrong", [["a"] * 14400, np.ones(14400) * 1j, None])
def test_signals_must_be_real_numbers(music, wrong):
    with pytest.raises(TypeError, match="processed must hold real numbers"):
        score(music, wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"equalisation": 1}, r"must be 'nalr' or 'none', got 1 \(mode 1 is called 'nalr' here\)"),
        ({"equalisation": 2}, r"must be 'nalr' or 'none', got 2 \(mode 2 is called 'none' here\)"),
        ({"equalisation": 0}, "equalisation must be 'nalr' or 'none', got 0$"),
        ({"equalisation": "NAL-R"}, "equalisation must be 'nalr' or 'none', got 'NAL-R'"),
        ({"noise": "off"}, "noise must be 'seeded', 'fast' or 'none', got 'off'"),
        ({"sample_rate": 0}, "sample_rate must be positive, got 0"),
        ({"sample_rate": 44.1}, "sample_rate must be at least 8000 Hz, got 44.1"),
        ({"processed_sample_rate": 0}, "processed_sample_rate must be positive, got 0"),
        ({"sample_rate": np.nan}, "sample_rate must be positive, got nan"),
        ({"level_db_spl": np.inf}, "level_db_spl must be finite, got inf"),
        ({"level_db_spl": np.nan}, "level_db_spl must be finite, got nan"),
        ({"silence_threshold_db": np.nan}, "silence_threshold_db must be finite, got nan"),
        ({"cepstral_noise_db": -1}, "cepstral_noise_db must not be negative, got -1"),
        ({"cepstral_noise_db": np.nan}, "cepstral_noise_db must be finite, got nan"),
        ({"cepstral_noise_db": 1, "noise": "none"}, "must be 0 when noise is 'none', got 1"),
        ({"segment_ms": 2.1}, "segment_ms must be between 2.15 and 400, got 2.1"),
        ({"segment_ms": 401}, "segment_ms must be between 2.15 and 400, got 401"),
        ({"segment_ms": np.nan}, "segment_ms must be finite, got nan"),
    ],
)
def test_options_out_of_range(music, options, message):
    with pytest.raises(ValueError, match=message):
        score(music, music, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"audiogram": [10] * 8}, "audiogram must be an Audiogram, got list"),
        ({"rng": None}, "rng must be an integer, a RandomState or a Generator, got None"),
        ({"rng": True}, "rng must be an integer, a RandomState or a Generator, got True"),
        ({"rng": 0.5}, "rng must be an integer, a RandomState or a Generator, got 0.5"),
    ],
)
def test_options_of_the_wrong_type(music, options, message):
    with pytest.raises(TypeError, match=message):
        score(music, music, **options)


@pytest.mark.parametrize("segment_ms", [2.15, 400])
def test_limits_of_the_segment(music, segment_ms):
    assert 0 < score(music, music, segment_ms=segment_ms).vibration_covariance <= 1
