"""Responses at, near and between measured directions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza._delay import delayed
from cadenza.errors import InputError
from cadenza.hrtf import MeasuredHead
from cadenza.hrtf.interpolation import blended, weights
from cadenza.synthetic.head import head_response

RATE = 44100


def sphere(azimuths_deg, leave_out=()):
    """The head of the demo, measured at ear height."""
    kept = [a for a in azimuths_deg if a not in leave_out]
    responses = [head_response(a, sample_rate=RATE) for a in kept]
    return MeasuredHead(responses, kept, np.zeros(len(kept)), RATE)


@pytest.fixture(scope="module")
def head():
    return sphere(range(-180, 180, 10))


def error_db(response, truth):
    return 10 * np.log10(np.sum((response - truth) ** 2) / np.sum(truth**2))


@pytest.mark.parametrize("interpolate", [False, True])
def test_measured_directions_are_reproduced_exactly(head, interpolate):
    for azimuth_deg in (-180, -30, 0, 90):
        found = head.response(azimuth_deg, interpolate=interpolate)
        assert_array_equal(found, head_response(azimuth_deg, sample_rate=RATE))
    assert_array_equal(head.response(350, interpolate=interpolate), head.response(-10))


@pytest.mark.parametrize("azimuth_deg", [-150, -60, -20, 0, 20, 60])
def test_interpolation_is_nearer_to_the_truth_than_the_nearest(azimuth_deg):
    """Not at 90 degrees, where the delays of the sphere have a kink."""
    head = sphere(range(-180, 180, 10), leave_out=[azimuth_deg])
    truth = head_response(azimuth_deg, sample_rate=RATE)
    nearest, between = (
        head.response(azimuth_deg, interpolate=i, max_angle_deg=20) for i in (False, True)
    )
    assert error_db(between, truth) < error_db(nearest, truth) - 6


def test_interpolation_keeps_the_mirror(head):
    """Left and right are treated alike, whatever the order of the measurements."""
    left = head.response(-33, interpolate=True)
    right = head.response(33, interpolate=True)
    assert_allclose(left, right[::-1], atol=1e-12)


def test_equally_near_measurements_are_chosen_alike_on_both_sides(head):
    assert_array_equal(head.response(-25), head.response(-20))
    assert_array_equal(head.response(25), head.response(20))


def test_interpolation_is_continuous(head):
    """Also where one neighbour is exchanged for another."""
    azimuths_deg = np.arange(20, 40, 0.25)
    responses = [head.response(a, interpolate=True) for a in azimuths_deg]
    steps_db = [error_db(a, b) for a, b in pairwise(responses)]
    assert max(steps_db) < -18  # a head that is measured in steps of 0.25 degrees has -22
    assert error_db(responses[0], responses[-1]) > 0


def test_around_a_pole_all_neighbours_count_alike():
    found = weights(np.full(6, 20.0), 4)
    assert_allclose(list(found.values()), 1 / 6)


def test_weights_add_up_and_fall_with_the_distance():
    found = weights(np.array([5.0, 1.0, 9.0, 2.0, 3.0]), 3)
    assert list(found) == [1, 3, 4]
    assert sum(found.values()) == pytest.approx(1)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert list(weights(np.array([5.0, 2.0]), 4)) == [1, 0]


def test_delays_between_the_ears_are_interpolated():
    pulses = [np.stack([delayed(np.eye(80)[0], d, 80) for d in (40, 40 + d)]) for d in (2, 8)]
    middle = blended(pulses, [0.5, 0.5])
    assert_array_equal(middle.argmax(axis=1), [40, 45])
    assert_allclose(middle.max(axis=1), 1, atol=1e-12)


def test_silent_responses_stay_silent():
    assert_array_equal(blended([np.zeros((2, 50))] * 3, [0.2, 0.3, 0.5]), np.zeros((2, 50)))


def test_delayed_tones_have_the_wanted_phase():
    time = np.arange(600)
    window = np.hanning(600)
    tone, late = (window * np.sin(0.9 * time), np.interp(time - 0.375, time, window))
    expected = late * np.sin(0.9 * (time - 0.375))
    assert_allclose(delayed(tone, 0.375, 600), expected, atol=1e-3)
    assert_array_equal(delayed(tone, -3, 10), tone[3:13])
    assert_array_equal(delayed(tone, 1000, 10), np.zeros(10))


def test_directions_that_are_too_far_are_refused(head):
    message = (
        r"no response within 5 degrees of azimuth 0, elevation 45 \(right and up are positive\); "
        r"the nearest is 45\.0 degrees away, at azimuth 0, elevation 0: choose another direction"
    )
    for interpolate in (False, True):
        with pytest.raises(InputError, match=message):
            head.response(0, 45, interpolate=interpolate)
    assert_array_equal(head.response(0, 45, max_angle_deg=45), head.response(0))


def test_different_responses_of_one_direction_are_refused():
    ears = np.ones((2, 4))
    near_and_far = MeasuredHead([ears, 2 * ears, ears], [30, 390, 0], [0, 0, 0], RATE, name="two")
    with pytest.raises(InputError, match="two: 2 different responses from azimuth 30, elevation 0"):
        near_and_far.response(29)
    assert_array_equal(near_and_far.response(-1), ears)
    repeated = MeasuredHead([ears, ears], [30, 30], [0, 0], RATE)
    assert_array_equal(repeated.response(29, interpolate=True), ears)


def test_different_responses_of_a_neighbour_are_refused():
    """Of every measurement that interpolation uses, not of the nearest alone."""
    ears = np.ones((2, 4))
    head = MeasuredHead([ears, 2 * ears, ears], [30, 30, 20], [0, 0, 0], RATE, name="two")
    with pytest.raises(InputError, match="two: 2 different responses from azimuth 30, elevation 0"):
        head.response(21, interpolate=True)
    assert_array_equal(head.response(21), ears)
    assert_array_equal(head.response(20, interpolate=True), ears)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"responses": np.ones((3, 2))}, r"responses must have shape \(M, 2, K\), got \(3, 2\)"),
        ({"responses": np.ones((3, 1, 4))}, r"responses must have shape \(M, 2, K\)"),
        ({"azimuth_deg": [0, 1]}, r"azimuth_deg must have shape \(3,\), got \(2,\)"),
        ({"elevation_deg": [0, 1, np.nan]}, "elevation_deg must be finite"),
        ({"delays": [1, 2, 3]}, r"delays must have shape \(3, 2\), got \(3,\)"),
        ({"delays": -np.ones((3, 2))}, r"delays must be from 0 to 1 s .*, got -1 to -1 samples"),
        ({"sample_rate": 0}, "sample_rate must be positive"),
    ],
)
def test_arguments_are_checked(change, message):
    arguments = {
        "responses": np.ones((3, 2, 4)),
        "azimuth_deg": [0, 1, 2],
        "elevation_deg": [0, 0, 0],
        "sample_rate": RATE,
    }
    with pytest.raises(ValueError, match=message):
        MeasuredHead(**(arguments | change))


def test_wanted_directions_are_checked(head):
    with pytest.raises(ValueError, match="elevation_deg must be from -90 to 90"):
        head.response(0, 91)
    with pytest.raises(ValueError, match="azimuth_deg must be finite"):
        head.nearest(np.nan)
    with pytest.raises(ValueError, match="max_angle_deg must be from 0 to 180"):
        head.response(0, max_angle_deg=-1)
