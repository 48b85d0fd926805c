"""Synthetic heads, standard audiograms and compressor settings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cadenza.synthetic.head import HEAD_RADIUS_M, SPEED_OF_SOUND_M_S, head_response
from cadenza.synthetic.listeners import (
    STANDARD_FREQUENCIES_HZ,
    STANDARD_LEVELS_DB_HL,
    fit,
    listener_entry,
    standard_audiogram,
)

FS = 44100

# Head


@pytest.mark.parametrize("azimuth_deg", [0, 22.5, 37.5, 90, 120])
def test_head_is_symmetric(azimuth_deg):
    left = head_response(-azimuth_deg, sample_rate=FS)
    np.testing.assert_allclose(left[::-1], head_response(azimuth_deg, sample_rate=FS), atol=1e-12)


def interaural_delay_s(azimuth_deg, frequency_hz):
    """Group delay at the left ear minus that at the right ear."""
    response = head_response(azimuth_deg, sample_rate=FS)
    n = np.arange(response.shape[1])
    kernel = np.exp(-2j * np.pi * frequency_hz / FS * n)
    delay = ((n * response) @ kernel / (response @ kernel)).real
    return (delay[0] - delay[1]) / FS


@pytest.mark.parametrize("azimuth_deg", [-37.5, 0, 22.5, 30, 37.5])
def test_interaural_time_difference(azimuth_deg):
    """Woodworth's formula within 3 % at high frequencies, Kuhn's within 6 % at low ones."""
    radius_s = HEAD_RADIUS_M / SPEED_OF_SOUND_M_S
    azimuth = math.radians(azimuth_deg)
    woodworth_s = radius_s * (azimuth + math.sin(azimuth))
    kuhn_s = 3 * radius_s * math.sin(azimuth)
    assert interaural_delay_s(azimuth_deg, 12000) == pytest.approx(woodworth_s, rel=0.03, abs=1e-9)
    assert interaural_delay_s(azimuth_deg, 50) == pytest.approx(kuhn_s, rel=0.06, abs=1e-9)


@pytest.mark.parametrize("azimuth_deg", [22.5, 37.5, 60])
def test_head_shadow_follows_the_analogue_filter(azimuth_deg):
    """At 2 kHz, where the bilinear transform hardly bends the frequency axis."""
    response = head_response(azimuth_deg, sample_rate=FS)
    np.testing.assert_allclose(response.sum(axis=1), 1, atol=2e-3)  # unit gain at 0 Hz
    measured = np.abs(response @ np.exp(-2j * np.pi * 2000 / FS * np.arange(response.shape[1])))
    alpha = 1.05 + 0.95 * np.cos(np.radians(np.array([90 + azimuth_deg, 90 - azimuth_deg]) * 1.2))
    jw = 2j * np.pi * 2000 * HEAD_RADIUS_M / (2 * SPEED_OF_SOUND_M_S)
    np.testing.assert_allclose(measured, np.abs((1 + alpha * jw) / (1 + jw)), rtol=0.01)
    assert measured[1] > 1 > measured[0]


def test_larger_heads_delay_more():
    small, large = (
        np.diff(np.abs(head_response(30, sample_rate=FS, radius_m=r)).argmax(axis=1))[0]
        for r in (0.07, 0.11)
    )
    assert large < small < 0


def test_bad_head():
    with pytest.raises(ValueError, match="radius_m must be positive, got -1"):
        head_response(0, sample_rate=FS, radius_m=-1)


# Audiograms


def test_standard_audiograms_slope_down_and_are_ordered_by_loss():
    levels = {name: np.array(row) for name, row in STANDARD_LEVELS_DB_HL.items()}
    assert list(levels) == ["N1", "N2", "N3", "N4", "N5", "N6", "N7", "S1", "S2", "S3"]
    for row in levels.values():
        assert row.shape == (len(STANDARD_FREQUENCIES_HZ),)
        assert (np.diff(row) >= 0).all()
    for kind in ("N", "S"):
        family = [row for name, row in levels.items() if name.startswith(kind)]
        assert (np.diff([row.mean() for row in family]) > 0).all()
    # S: more than 30 dB between 500 Hz and 4 kHz; N: at most that
    drop = {name: row[8] - row[2] for name, row in levels.items()}
    assert all((drop[name] > 30) == name.startswith("S") for name in drop)


def test_listener_entry_has_the_table_at_the_challenge_frequencies():
    entry = listener_entry("A", left="N2", right="S1")
    assert entry["audiogram_levels_l"] == [20, 20, 25, 35, 40, 45, 50, 50]
    assert entry["audiogram_levels_r"] == [10, 10, 10, 15, 30, 55, 70, 70]


def test_unknown_standard_audiogram():
    with pytest.raises(ValueError, match=r"must be one of N1, N2, .* S3, got 'N8'"):
        standard_audiogram("N8")


# Compressor settings


@pytest.mark.parametrize("name", STANDARD_LEVELS_DB_HL)
def test_settings_are_within_the_limits_of_the_challenge(name):
    ratios, gains_db = (np.array(values) for values in fit(standard_audiogram(name)))
    assert ((ratios >= 1) & (ratios <= 6)).all()
    assert ((gains_db >= 0) & (gains_db <= 30)).all()
    # 40 dB more at the input are 40 dB less the gain at the output, unless rounding hides it
    np.testing.assert_allclose(40 / ratios, 40 - gains_db, rtol=0.005)


def test_settings_grow_with_the_loss():
    fits = [fit(standard_audiogram(f"N{n}")) for n in range(1, 8)]
    for setting in zip(*fits, strict=True):
        assert (np.diff(setting, axis=0) >= 0).all()


def test_gain_follows_the_cambridge_formula():
    """0.48 times the threshold, with an intercept: N3 has 35, 40 and 60 dB HL there."""
    _, gains_db = fit(standard_audiogram("N3"))
    assert (gains_db[0], gains_db[2], gains_db[4]) == (6.8, 19.2, 28.8)
