"""Audiograms, listeners and the listener file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.audiogram import CHALLENGE_FREQUENCIES_HZ, Audiogram, Listener, read_listeners
from cadenza.errors import InputError

FULL_SET_HZ = [125, 250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000]
FULL_SET_HZ += [10000, 12000, 14000, 16000]
ENTRY = {
    "name": "L9001",
    "audiogram_cfs": [250, 500, 1000, 2000, 3000, 4000, 6000, 8000],
    "audiogram_levels_l": [15, 20, 25, 35, 45, 50, 60, 65],
    "audiogram_levels_r": [10, 15, 25, 40, 45, 55, 60, 70],
    "some_other_key": "ignored",
}


def test_given_points_are_returned_and_ends_are_held():
    audiogram = Audiogram([10, 20, 40], [500, 1000, 4000])
    for scale in ("log", "linear"):
        got = audiogram.at([[1, 500, 1000], [4000, 5000, 1e6]], scale=scale)
        assert_array_equal(got, [[10, 10, 20], [40, 40, 40]])


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (
            "log",
            [45, 45, 39.1503749927884, 40.8496250072116, 53.2550956981981, 67.7516985660661, 65],
        ),
        ("linear", [45, 45, 40, 40, 52.5, 67.5, 65]),
    ],
)
def test_interpolated_levels_equal_the_reference(scale, expected):
    """Dsp §1.2."""
    audiogram = Audiogram([45, 45, 35, 45, 60, 65, 70, 65])
    got = audiogram.at([125, 375, 750, 1500, 2500, 5000, 12000], scale=scale)
    assert_allclose(got, expected, rtol=1e-14)


def test_unknown_interpolation_is_rejected():
    with pytest.raises(ValueError, match="scale must be 'log' or 'linear', got 'mel'"):
        Audiogram([0] * 8).at([100], scale="mel")


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (15, "NOTHING"),
        (15.01, "MILD"),
        (35, "MILD"),
        (35.1, "MODERATE"),
        (56, "MODERATE"),
        (56.1, "SEVERE"),
    ],
)
def test_severity_changes_just_above_its_limits(level, severity):
    """Dsp §1.3."""
    assert Audiogram([level] * 8).severity == severity


@pytest.mark.parametrize(
    ("levels", "severity"),
    [
        ([0] * 15, "NOTHING"),
        ([5, 10, 15, 18, 19, 22, 25, 28, 31, 35, 38, 40, 40, 45, 50], "MILD"),
        ([15, 20, 20, 22.5, 25, 30, 35, 40, 45, 50, 55, 55, 60, 65, 65], "MODERATE"),
        ([19, 19, 28, 35, 40, 47, 52, 56, 58, 58, 63, 70, 75, 80, 80], "SEVERE"),
    ],
)
def test_severity_of_reference_audiograms(levels, severity):
    assert Audiogram(levels, FULL_SET_HZ).severity == severity


def test_severity_counts_only_2_to_8_khz():
    assert Audiogram([90, 20, 20, 90], [1999, 2000, 8000, 8001]).severity == "MILD"
    assert Audiogram([90, 90], [500, 1000]).severity == "NOTHING"


def test_arrays_are_copied_and_read_only():
    levels = np.full(8, 30.0)
    audiogram = Audiogram(levels)
    levels[0] = 99
    assert audiogram.levels_db_hl[0] == 30
    assert_array_equal(audiogram.frequencies_hz, CHALLENGE_FREQUENCIES_HZ)
    with pytest.raises(ValueError, match="read-only"):
        audiogram.levels_db_hl[0] = 0


@pytest.mark.parametrize(
    ("levels", "frequencies", "message"),
    [
        ([10, 20], [500], r"one level per frequency, got 2 levels for 1 frequencies: \[500\] Hz"),
        ([10] * 7, CHALLENGE_FREQUENCIES_HZ, "got 7 levels for 8 frequencies"),
        ([], [], "one level per frequency"),
        (40, 500, "one level per frequency"),
        ([[10]], [[500]], "levels must be a list of finite numbers"),
        ([[10, 20], [30]], [500, 1000], "levels must be a list of finite numbers"),
        ([10, np.nan], [500, 1000], "levels must be a list of finite numbers"),
        ([10, 20], [500, np.inf], "frequencies must be a list of finite numbers"),
        ([10, 20], [0, 500], r"frequencies must be positive, got \[0, 500\]"),
        ([10, 20], [0.5, 1], r"frequencies must be in Hz, got \[0.5, 1\]: are these kHz?"),
        ([10, 20], [500, 500], "strictly ascending"),
        ([10, 20], [1000, 500], "strictly ascending"),
    ],
)
def test_malformed_audiograms_are_rejected(levels, frequencies, message):
    with pytest.raises(ValueError, match=message):
        Audiogram(levels, frequencies)


@pytest.mark.parametrize("levels", [[10, None], [10, "20"], "loud", [True, False]])
def test_levels_must_be_numbers(levels):
    with pytest.raises(TypeError, match="audiogram levels must hold real numbers, got"):
        Audiogram(levels, [500, 1000])


@pytest.mark.parametrize("frequency_hz", [0, -1, np.nan])
def test_levels_at_impossible_frequencies_are_rejected(frequency_hz):
    with pytest.raises(ValueError, match="frequencies_hz must be finite and positive"):
        Audiogram([10] * 8).at([500, frequency_hz])


def test_audiograms_with_equal_values_are_equal():
    audiogram = Audiogram([10, 20], [500, 1000])
    same = Audiogram(np.array([10.0, 20.0]), (500, 1000))
    assert audiogram == same
    assert len({audiogram, same}) == 1
    assert audiogram != Audiogram([10, 21], [500, 1000])
    assert audiogram != Audiogram([10, 20], [500, 2000])
    assert audiogram != "audiogram"


def test_listeners_with_equal_ears_and_names_are_equal():
    ears = Audiogram([10] * 8), Audiogram([20] * 8)
    listener = Listener("L1", *ears)
    assert listener == Listener("L1", Audiogram([10] * 8), Audiogram([20] * 8))
    assert len({listener, Listener("L1", *ears), Listener("L2", *ears)}) == 2
    assert listener != Listener("L1", *ears[::-1])


@pytest.mark.parametrize(
    "audiogram", [Audiogram([10, 12.5, *[20] * 6]), Audiogram([1.5, 20], [500, 1000])]
)
def test_the_text_of_an_audiogram_makes_it_again(audiogram):
    assert eval(repr(audiogram)) == audiogram
    listener = Listener("L1", left=audiogram, right=audiogram)
    assert eval(repr(listener)) == listener
    assert "500.0" not in repr(audiogram)


def test_listeners_need_a_name_and_two_audiograms():
    audiogram = Audiogram([10] * 8)
    with pytest.raises(TypeError, match=r"left must be an Audiogram, got \[10, 20\]"):
        Listener("L1", [10, 20], audiogram)
    with pytest.raises(TypeError, match="right must be an Audiogram, got None"):
        Listener("L1", audiogram, None)
    with pytest.raises(TypeError, match="name must be a text such as 'L0001', got 1"):
        Listener(1, audiogram, audiogram)


@pytest.mark.parametrize("level", [-21, 131])
def test_implausible_levels_warn(level):
    with pytest.warns(UserWarning, match=r"outside -20 \.\.\. 130 dB HL"):
        Audiogram([0] * 7 + [level])


def _write(folder, entries):
    path = folder / "listeners.train.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries), encoding="utf-8")
    return path


def test_read_listeners_keeps_order_and_ears_apart(tmp_path):
    entries = {name: ENTRY | {"name": name} for name in ("L9001", "L0007")}
    listeners = read_listeners(_write(tmp_path, entries))
    assert list(listeners) == ["L9001", "L0007"]
    listener = listeners["L0007"]
    assert listener.name == "L0007"
    assert_array_equal(listener.left.levels_db_hl, ENTRY["audiogram_levels_l"])
    assert_array_equal(listener.right.levels_db_hl, ENTRY["audiogram_levels_r"])
    assert_array_equal(listener.right.frequencies_hz, ENTRY["audiogram_cfs"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "L1"}, "its name is 'L1', expected the same as its id"),
        (
            {"audiogram_levels_r": [10, 15, None, 40, 45, 55, 60, 70]},
            "right ear, level 2: expected a number, got None",
        ),
        ({"audiogram_levels_l": [10, 20]}, "left ear: an audiogram must have one level per"),
        ({"audiogram_levels_l": None}, "left ear: expected a list of numbers, got None"),
        ({"audiogram_cfs": [0, *ENTRY["audiogram_cfs"][1:]]}, "left ear: .* must be positive"),
    ],
)
def test_bad_listener_entries_are_named(tmp_path, change, message):
    """B25, T30."""
    path = _write(tmp_path, {"L9001": ENTRY | change})
    with pytest.raises(InputError, match=f"listener L9001: {message}"):
        read_listeners(path)


def test_implausible_levels_in_a_file_are_named(tmp_path, caplog):
    entry = {"name": "L1", "audiogram_cfs": [500, 1000]}
    entry |= {"audiogram_levels_l": [10, 20], "audiogram_levels_r": [10, 200]}
    path = _write(tmp_path, {"L1": entry})
    assert list(read_listeners(path)) == ["L1"]
    expected = f"{path}: listener L1: right ear: audiogram levels are outside -20 ... 130 dB HL"
    assert [message.partition(": [")[0] for message in caplog.messages] == [expected]


def test_all_bad_listeners_are_listed(tmp_path):
    incomplete = {"name": "L9002", "audiogram_cfs": []}
    path = _write(tmp_path, {"L9001": ENTRY, "L9002": incomplete, "L9003": [1]})
    with pytest.raises(InputError) as raised:
        read_listeners(path)
    assert raised.value.problems == [
        f"{path}: listener L9002: missing audiogram_levels_l, audiogram_levels_r",
        f"{path}: listener L9003: expected an object, got [1]",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "cannot read"), ("[1]", "expected a JSON object")],
)
def test_files_that_hold_no_listeners_are_rejected(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_listeners(_write(tmp_path, text))


def test_missing_listener_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"listeners\.json: cannot read"):
        read_listeners(tmp_path / "listeners.json")
