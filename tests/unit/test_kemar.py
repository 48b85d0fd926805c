"""A real head in a SOFA file: KEMAR, as measured by Gardner & Martin (1995)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cadenza.hrtf import MeasuredHead, read_sofa
from cadenza.levels import gain_to_db
from tests.real_recordings import KEMAR, NO_KEMAR

pytest.importorskip("sofar", reason="SOFA files need the package sofar")
pytestmark = pytest.mark.skipif(not KEMAR.exists(), reason=NO_KEMAR)
RATE = 44100


@pytest.fixture(scope="module")
def kemar():
    return read_sofa(KEMAR)


def without(head, index):
    kept = np.arange(len(head.responses)) != index
    return MeasuredHead(
        head.responses[kept], head.azimuth_deg[kept], head.elevation_deg[kept], head.sample_rate
    )


def time_difference_ms(response):
    """By how much the right ear hears later than the left one, below 1.5 kHz."""
    n_fft = 8192
    spectra = np.fft.rfft(response, n_fft)
    low = np.fft.rfftfreq(n_fft, 1 / RATE) < 1500
    cross = np.fft.irfft(np.where(low, spectra[1] * spectra[0].conj(), 0), 8 * n_fft)
    step = int(cross.argmax())
    return 1000 * (step if step < len(cross) // 2 else step - len(cross)) / (8 * RATE)


def level_difference_db(response):
    """By how much the left ear hears louder than the right one."""
    return float(np.diff(-gain_to_db(np.sqrt(np.sum(response**2, axis=1))))[0])


def error_db(response, truth):
    return 10 * np.log10(np.sum((response - truth) ** 2) / np.sum(truth**2))


def distance_db(response, truth):
    """Root mean square difference of the spectra from 200 Hz to 16 kHz."""
    levels = [gain_to_db(np.abs(np.fft.rfft(ears, 512))) for ears in (response, truth)]
    frequency_hz = np.fft.rfftfreq(512, 1 / RATE)
    heard = (frequency_hz > 200) & (frequency_hz < 16000)
    return np.sqrt(np.mean((levels[0] - levels[1])[:, heard] ** 2))


def test_directions_and_rate(kemar):
    assert kemar.sample_rate == RATE
    assert kemar.responses.shape == (710, 2, 512)
    assert kemar.nearest(-30) == (kemar.nearest(330)[0], 0.0)
    assert kemar.nearest(32.5)[1] == 2.5
    assert kemar.nearest(0, 90)[1] == 0.0


@pytest.mark.parametrize("azimuth_deg", [22.5, 30.0, 37.5, 90.0])
@pytest.mark.parametrize("interpolate", [False, True])
def test_the_ear_on_the_side_of_the_loudspeaker_hears_first_and_louder(
    kemar, azimuth_deg, interpolate
):
    """Woodworth & Schlosberg (1954): the way around the head is r (angle + sin(angle)) longer."""
    left, right = (kemar.response(a, interpolate=interpolate) for a in (-azimuth_deg, azimuth_deg))
    angle = np.radians(azimuth_deg)
    expected_ms = 1000 * 0.0875 / 343 * (angle + np.sin(angle))
    for response, sign in ((left, 1), (right, -1)):
        assert sign * time_difference_ms(response) == pytest.approx(expected_ms, rel=0.2)
        assert 4 < sign * level_difference_db(response) < 15
    assert time_difference_ms(left) == pytest.approx(-time_difference_ms(right), abs=0.03)


def test_ahead_both_ears_hear_alike(kemar):
    ahead = kemar.response(0)
    assert time_difference_ms(ahead) == pytest.approx(0, abs=0.01)
    assert level_difference_db(ahead) == pytest.approx(0, abs=0.1)


def test_measured_directions_are_reproduced_exactly(kemar):
    for index in (0, 266, 400, 709):
        direction = kemar.azimuth_deg[index], kemar.elevation_deg[index]
        for interpolate in (False, True):
            found = kemar.response(*direction, interpolate=interpolate)
            assert_array_equal(found, kemar.responses[index])


def test_held_out_directions_are_nearer_to_the_truth_than_the_nearest(kemar):
    directions = [(-30, 0), (-20, 0), (0, 0), (40, 0), (90, 0), (180, 0), (-35, 30), (60, -20)]
    distances_db = []
    for direction in directions:
        index, _ = kemar.nearest(*direction)
        truth, rest = kemar.responses[index], without(kemar, index)
        held_out = kemar.azimuth_deg[index], kemar.elevation_deg[index]
        nearest, between = (
            rest.response(*held_out, interpolate=i, max_angle_deg=15) for i in (False, True)
        )
        assert error_db(between, truth) < min(error_db(nearest, truth) - 3, -15)
        distances_db.append([distance_db(response, truth) for response in (nearest, between)])
    nearest_db, between_db = np.mean(distances_db, axis=0)
    assert between_db < nearest_db - 0.25


def test_loudspeakers_at_another_rate(kemar):
    native = kemar.loudspeakers(-30, 30, sample_rate=RATE)
    resampled = kemar.loudspeakers(-30, 30, sample_rate=32000)
    for name in ("left_speaker", "right_speaker"):
        before, after = getattr(native, name), getattr(resampled, name)
        assert after.shape == (2, 372)
        for frequency_hz in (300, 2000, 8000):
            gains = [
                np.abs(x @ np.exp(-2j * np.pi * frequency_hz * np.arange(x.shape[1]) / rate))
                for x, rate in ((before, RATE), (after, 32000))
            ]
            assert gain_to_db(gains[1] / gains[0]) == pytest.approx([0, 0], abs=0.05)
