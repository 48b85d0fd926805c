"""Heads that can be right are not refused, and the same heads with swapped ears are."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza import audio
from cadenza.hrtf import MeasuredHead, read_sofa
from cadenza.hrtf.plausibility import problem_of
from cadenza.synthetic.head import head_response
from tests.real_recordings import KEMAR, NO_KEMAR

RATE = 44100
SIDES = {"left": slice(0, 3), "right": slice(3, 6), "both": slice(None)}


def at_ear_height(responses, azimuths_deg):
    return MeasuredHead(responses, azimuths_deg, np.zeros(len(azimuths_deg)), RATE)


def assert_right(head):
    """The ears are told apart by level and time, by far."""
    assert problem_of(head) == ""
    swapped = MeasuredHead(
        head.responses[:, ::-1], head.azimuth_deg, head.elevation_deg, head.sample_rate
    )
    assert "hear it louder and earlier, found it " in problem_of(swapped)
    assert " dB softer and 0." in problem_of(swapped)
    assert " ms later than the other ear" in problem_of(swapped)


@pytest.mark.skipif(not KEMAR.exists(), reason=NO_KEMAR)
def test_kemar():
    pytest.importorskip("sofar", reason="SOFA files need the package sofar")
    assert_right(read_sofa(KEMAR))


@pytest.mark.parametrize("side", SIDES)
def test_recorded_heads(shared, side):
    """Of which only a few directions are known."""
    folder = shared / "data" / "icassp_2024" / "audio" / "hrtf"
    files = sorted(folder.glob("BTE_fr-VP_N6-*.wav"))
    responses = np.stack([audio.read(file)[0] for file in files])
    azimuths_deg = [(-1 if "-n" in file.name else 1) * float(file.stem[-4:]) for file in files]
    assert azimuths_deg == [-22.5, -30, -37.5, 22.5, 30, 37.5]
    assert_right(at_ear_height(responses[SIDES[side]], azimuths_deg[SIDES[side]]))


def test_synthetic_heads():
    azimuths_deg = list(range(-180, 180, 30))
    assert_right(
        at_ear_height([head_response(a, sample_rate=RATE) for a in azimuths_deg], azimuths_deg)
    )


def test_sources_near_the_middle_say_nothing_about_the_ears():
    azimuths_deg = [-15, 0, 15, 170]
    responses = np.stack([head_response(a, sample_rate=RATE) for a in azimuths_deg])
    assert problem_of(at_ear_height(responses[:, ::-1], azimuths_deg)) == ""
