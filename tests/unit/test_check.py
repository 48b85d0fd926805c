"""Checks of arguments: what is refused, and in which words."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cadenza import _check
from cadenza.audio import clip, resample, to_int16
from cadenza.audiogram import Audiogram
from cadenza.hearing_aid import NALR, BandCompressor, Compressor, Crossover, MultibandCompressor
from cadenza.hrtf import HeadResponse, render
from cadenza.loudness import integrated_loudness_lufs, match_loudness
from cadenza.remix import apply_gains
from cadenza.separation.spectral import Spectral

RATE = 44100
HEAD = HeadResponse(left_speaker=[[1.0], [0.5]], right_speaker=[[0.5], [1.0]])
PROCESSES = {
    "NALR": NALR(Audiogram([40] * 8), sample_rate=RATE),
    "Compressor": Compressor(sample_rate=RATE),
    "BandCompressor": BandCompressor(sample_rate=RATE),
    "MultibandCompressor": MultibandCompressor(crossover_frequencies_hz=1000, sample_rate=RATE),
    "Crossover": Crossover(1000, sample_rate=RATE),
    "render": lambda x: render(x, HEAD),
    "loudness": lambda x: integrated_loudness_lufs(x, RATE),
    "match_loudness": lambda x: match_loudness(x, x, RATE),
    "apply_gains": lambda x: apply_gains({"vocals": x}, {"vocals": 6.0}),
    "resample": lambda x: resample(x, RATE, 32000),
    "clip": clip,
    "to_int16": to_int16,
    "Spectral": lambda x: Spectral()(x, sample_rate=RATE),
}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_integer_samples_are_refused_everywhere(process):
    codes = np.ones((2, RATE), dtype=np.int16)
    with pytest.raises(TypeError, match=r" has integer samples \(int16\): convert to float with"):
        process(codes)
    process(codes / 32768)


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_time_must_be_the_last_axis_everywhere(process):
    with pytest.raises(ValueError, match=r" must have time on the last axis, got shape \(100, 2\)"):
        process(np.zeros((100, 2)))


@pytest.mark.parametrize(
    ("dtype", "example"),
    [("int16", "x / 32768"), ("int32", "x / 2147483648"), ("uint8", "x / 128 - 1")],
)
def test_the_message_shows_how_to_scale_each_kind_of_integers(dtype, example):
    info = np.iinfo(dtype)
    x = np.array([info.min, info.max], dtype=dtype)
    with pytest.raises(TypeError, match=f"full scale 1, for example {example}$"):
        _check.signal("music", x)
    scaled = eval(example)
    assert scaled[0] == -1
    assert 0.99 < scaled[1] <= 1


@pytest.mark.parametrize(
    ("name", "hint"), [("music", r"did you mean music\.T\?"), ("stem a", r"did you mean its trans")]
)
def test_swapped_axes_are_noticed(name, hint):
    for shape in ((3, 2), (44100, 2), (4, 100, 2)):
        with pytest.raises(ValueError, match=hint):
            _check.signal(name, np.zeros(shape), ndim=None)


@pytest.mark.parametrize("shape", [(2, 0), (2, 1), (1, 0), (2, 2), (5, 5), (100, 2, 3)])
def test_short_signals_with_few_channels_are_plausible(shape):
    assert _check.signal("music", np.zeros(shape), ndim=None).shape == shape


@pytest.mark.parametrize("value", [[0.0, np.nan], [0.0, -np.inf]])
def test_samples_must_be_finite(value):
    with pytest.raises(ValueError, match="music must be finite, got NaN or infinite samples"):
        _check.signal("music", value)


@pytest.mark.parametrize("value", [[True], ["a"], [1j], [None]])
def test_samples_must_be_real_numbers(value):
    with pytest.raises(TypeError, match="music must hold real numbers, got dtype"):
        _check.signal("music", value)


def test_mono_has_one_or_two_axes():
    assert_array_equal(_check.mono("music", [0.5, 0.25]), [0.5, 0.25])
    assert_array_equal(_check.mono("music", [[0.5, 0.25]]), [0.5, 0.25])
    with pytest.raises(ValueError, match=r"music must have one channel, got shape \(2, 3\)"):
        _check.mono("music", np.zeros((2, 3)))


def test_stereo_has_two_channels_and_samples():
    for shape in ((4,), (1, 4), (3, 4), (2, 0)):
        with pytest.raises(ValueError, match=r"music must have shape \(2, T\), got"):
            _check.stereo("music", np.zeros(shape))


def test_mono_is_used_for_both_channels_where_both_are_allowed():
    for mono in ([0.5, 0.25], [[0.5, 0.25]]):
        assert_array_equal(_check.mono_or_stereo("music", mono), [[0.5, 0.25]] * 2)
    with pytest.raises(ValueError, match=r"music must have 1 or 2 channels, got shape \(3, 4\)"):
        _check.mono_or_stereo("music", np.zeros((3, 4)))


@pytest.mark.parametrize("value", ["1", None, True, [1.0]])
def test_numbers_of_the_wrong_type_are_named(value):
    for check in (
        _check.number,
        _check.positive,
        _check.whole,
        lambda name, given: _check.within(name, given, 0, 1),
    ):
        with pytest.raises(TypeError, match="rate must be a number, got "):
            check("rate", value)


def test_ranges_of_numbers():
    assert _check.number("x", np.float32(-1)) == -1
    assert _check.positive("x", np.int64(3)) == 3
    assert _check.whole("x", 3.0) == 3
    assert _check.within("x", 1, 0, 1) == 1
    for value, check, message in (
        (np.inf, _check.number, "x must be finite, got inf"),
        (0, _check.positive, "x must be positive, got 0"),
        (2.5, _check.whole, "x must be a positive whole number, got 2.5"),
        (2, lambda n, v: _check.within(n, v, 0, 1), "x must be from 0 to 1, got 2"),
        (-1, lambda n, v: _check.within(n, v, 0), "x must be 0 or more, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            check("x", value)
