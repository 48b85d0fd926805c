"""Levels in dB, gains, and RMS."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.levels import db_to_gain, gain_to_db, rms
from tests.conftest import tone


def test_6_db_are_a_factor_of_two_and_back():
    assert db_to_gain(6.0) == pytest.approx(2, rel=0.003)
    levels_db = np.array([-120.0, -6.0, 0.0, 20.0])
    assert_allclose(gain_to_db(db_to_gain(levels_db)), levels_db, rtol=0, atol=1e-12)


def test_silence_has_a_level_of_minus_600_db():
    assert gain_to_db(0.0) == pytest.approx(-600)


def test_rms():
    """Dsp §11."""
    assert rms(tone(4410)) == pytest.approx(0.395284707521047, rel=1e-14)
    assert_array_equal(rms([[3.0, -3.0], [0.0, 0.0]], axis=-1), [3, 0])
    assert rms([]) == 0
    assert_array_equal(rms(np.zeros((2, 0)), axis=-1), [0, 0])
