"""Reading audio files, resampling, clipping and 16-bit conversion."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from cadenza import audio
from cadenza.errors import InputError
from tests.conftest import tone

RATE = 44100


# Reading


def test_read_turns_codes_into_channels_first_floats(stereo_wav):
    path, codes = stereo_wav
    signal, sample_rate = audio.read(path)
    assert sample_rate == RATE
    assert signal.dtype == np.float64
    assert_array_equal(signal, codes.T / 32768)
    assert audio.info(path) == audio.AudioInfo(RATE, 2, RATE, "PCM_16")


@pytest.mark.parametrize(
    ("suffix", "subtype", "full_scale"),
    [
        ("wav", "PCM_U8", 2**7),
        ("wav", "PCM_24", 2**23),
        ("wav", "PCM_32", 2**31),
        ("wav", "FLOAT", 2**23),
        ("wav", "DOUBLE", 2**31),
        ("flac", "PCM_S8", 2**7),
        ("flac", "PCM_24", 2**23),
    ],
)
def test_any_sample_format_is_read_at_its_own_scale(tmp_path, suffix, subtype, full_scale):
    """B12, T17."""
    path = tmp_path / f"signal.{suffix}"
    expected = np.array([-full_scale, -1, 0, 1, full_scale - 1]) / full_scale
    soundfile.write(path, expected, RATE, subtype=subtype)
    assert_array_equal(audio.read(path)[0], [expected])


def test_float_files_keep_levels_above_full_scale(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([2.5, -3.0]), RATE, subtype="FLOAT")
    assert_array_equal(audio.read(path)[0], [[2.5, -3.0]])


@pytest.mark.parametrize(
    ("start_s", "duration_s", "frames"),
    [
        (0, None, slice(0, RATE)),
        (0.25, 0.5, slice(11025, 33075)),
        (0.5 / RATE, 1.5 / RATE, slice(0, 2)),  # halves to the even sample
        (1.5 / RATE, 0.1, slice(2, 4412)),
        (0, 1.0, slice(0, RATE)),
    ],
)
def test_a_part_of_a_file_is_read_to_the_nearest_sample(stereo_wav, start_s, duration_s, frames):
    """Dsp §12.5."""
    path, codes = stereo_wav
    signal, _ = audio.read(path, start_s=start_s, duration_s=duration_s)
    assert_array_equal(signal, codes[frames].T / 32768)


@pytest.mark.parametrize(
    ("start_s", "duration_s", "message"),
    [
        (0.5, 0.6, "expected 0.6 s of audio from 0.5 s on, found 1 s in all"),
        (1.0, None, "expected audio from 1.0 s on, found 1 s in all"),
        (-0.5, None, "expected audio from -0.5 s on"),
        (0, 0, "expected 0 s of audio from 0 s on"),
    ],
)
def test_part_outside_the_file_is_an_error(stereo_wav, start_s, duration_s, message):
    path, _ = stereo_wav
    with pytest.raises(InputError, match=f"stereo.wav: {message}"):
        audio.read(path, start_s=start_s, duration_s=duration_s)


def test_mono_is_used_for_both_channels_with_a_warning(tmp_path, caplog):
    """B9, T17."""
    path = tmp_path / "mono.wav"
    soundfile.write(path, tone(100), RATE)
    assert audio.read(path)[0].shape == (1, 100)
    assert not caplog.messages
    signal, _ = audio.read(path, channels=2)
    assert signal.shape == (2, 100)
    assert_array_equal(signal[0], signal[1])
    assert caplog.messages == [f"{path}: mono, used for both channels"]


def test_other_numbers_of_channels_are_an_error(stereo_wav):
    with pytest.raises(InputError, match=r"stereo.wav: expected 1 channel\(s\), found 2"):
        audio.read(stereo_wav[0], channels=1)


def test_other_sample_rates_are_resampled_in_time_with_a_warning(stereo_wav, caplog):
    """B7."""
    path, codes = stereo_wav
    signal, sample_rate = audio.read(path, sample_rate=32000)
    assert sample_rate == 32000
    assert_array_equal(signal, audio.resample(codes.T / 32768, RATE, 32000))
    assert caplog.messages == [f"{path}: resampled from 44100 to 32000 Hz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "file not found"),
        (b"", r"expected an audio file, found an empty file \(0 bytes\)"),
        (b"text", "expected an audio file such as WAV or FLAC: "),
    ],
)
def test_files_that_are_not_audio_are_named(tmp_path, content, message):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    for function in (audio.info, audio.read):
        with pytest.raises(InputError, match=f"x.wav: {message}"):
            function(path)


def test_a_folder_is_no_audio_file(tmp_path):
    for function in (audio.info, audio.read):
        with pytest.raises(InputError, match="expected an audio file, found a folder"):
            function(tmp_path)


def test_a_file_that_may_not_be_read_is_named(stereo_wav, monkeypatch):
    def refuse(path, *_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"stereo\.wav: cannot read: permission denied$"):
        audio.info(stereo_wav[0])


def test_truncated_flac_is_an_error(tmp_path, rng):
    path = tmp_path / "cut.flac"
    audio.write_flac(path, 0.1 * rng.standard_normal((2, RATE)), RATE)
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(InputError, match=r"cut\.flac: damaged audio file"):
        audio.read(path)


def test_files_with_nan_or_without_samples_are_errors(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"x.wav: expected finite samples, found NaN"):
        audio.read(path)
    soundfile.write(path, np.zeros(0), RATE)
    with pytest.raises(InputError, match=r"x.wav: expected audio .* found 0 s in all"):
        audio.read(path)


# Resampling


@pytest.mark.parametrize(
    ("n_in", "from_rate", "to_rate", "n_out"),
    [
        (441000, 44100, 32000, 320000),
        (441220, 44100, 32000, 320160),
        (441220, 44100, 24000, 240120),
        (1000, 44100, 24000, 544),
        (1001, 44100, 24000, 545),
        (1003, 44100, 24000, 546),
        (3, 44100, 22050, 2),
        (5, 44100, 22050, 3),
        (7, 44100, 22050, 4),
        (1, 44100, 24000, 1),
    ],
)
def test_length_after_resampling(n_in, from_rate, to_rate, n_out):
    """Dsp §10."""
    assert audio.resample(np.zeros((2, n_in)), from_rate, to_rate).shape == (2, n_out)
    assert audio.resample(np.zeros(n_in), from_rate, to_rate).shape == (n_out,)


@pytest.mark.parametrize(
    ("to_rate", "probe", "expected", "energy"),
    [
        (
            24000,
            [0, 1, 100, 1200, 2399],
            [
                0.108603209257126,
                0.303134739398956,
                -0.552869141101837,
                0.119856253266335,
                -0.117138341069221,
            ],
            374.998698177758,
        ),
        (
            32000,
            [0, 1, 100, 1600, 3199],
            [
                0.108172506093979,
                0.269290387630463,
                0.423938453197479,
                0.119856342673302,
                -0.0589867234230042,
            ],
            499.998775144219,
        ),
    ],
)
def test_resampled_tone_equals_the_reference(to_rate, probe, expected, energy):
    """Dsp §10."""
    resampled = audio.resample(tone(4410), RATE, to_rate)
    assert_allclose(resampled[probe], expected, rtol=0, atol=1e-8)
    assert np.sum(resampled**2) == pytest.approx(energy, rel=1e-8)


def test_channels_are_resampled_alone(rng):
    signal = rng.standard_normal((2, 1000))
    before = signal.copy()
    both = audio.resample(signal, 44100, 24000)
    for channel, resampled in zip(signal, both, strict=True):
        assert_array_equal(resampled, audio.resample(channel, 44100, 24000))
    assert_array_equal(signal, before)


def test_equal_rates_change_nothing(rng):
    signal = rng.standard_normal((2, 100))
    assert_array_equal(audio.resample(signal, 44100, 44100), signal)


def test_resample_rejects_bad_rates():
    with pytest.raises(ValueError, match="to_rate must be positive, got 0"):
        audio.resample([0.0], 44100, 0)


# Samples


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        (0.5, 16384),
        (1.0, 32767),
        (-1.0, -32768),
        (0.99999, 32767),
        (1e-5, 0),
        (3.1e-5, 1),
        (-3.1e-5, -1),
        (4.6e-5, 1),
        (-4.6e-5, -1),
        (2.0, 32767),
        (-2.0, -32768),
    ],
)
def test_16_bit_codes_are_truncated_towards_zero(sample, code):
    """Dsp §12.2."""
    assert audio.to_int16([sample]) == code
    assert audio.to_int16([sample]).dtype == np.int16


def test_to_int16_refuses_nan():
    with pytest.raises(ValueError, match="signal must be finite"):
        audio.to_int16([np.nan])


def test_hard_and_soft_clipping():
    """Dsp §12.1."""
    signal = np.array([0.5, 1.5, -2.0, 1.0])
    hard, hard_count = audio.clip(signal)
    soft, soft_count = audio.clip(signal, soft=True)
    assert_array_equal(hard, [0.5, 1, -1, 1])
    assert_allclose(soft[:3], [0.46211715726001, 0.905148253644867, -0.964027580075817], rtol=1e-14)
    assert (hard_count, soft_count) == (2, 2)
    assert_array_equal(signal, [0.5, 1.5, -2.0, 1.0])
