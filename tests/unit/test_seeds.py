"""Seeds by name (recipes §0.3)."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.challenges.seeds import random_state, seed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A Classic Education - NightOwl", 26968175),
        ("icassp2024", 54278357),
        ("Cadenza2-scene", 5110041),
        ("Cad2Task2_2024", 51282506),
    ],
)
def test_published_seeds(name, expected):
    assert seed(name) == expected


def test_published_draws():
    assert random_state("my favorite song").randint(100) == 83
    assert random_state("another song").randint(100) == 3
    first = random_state("A Classic Education - NightOwl").random_sample()
    assert first == pytest.approx(0.767892513985641, abs=1e-15)


def test_the_global_generator_is_left_alone():
    """Recipes T31."""
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    random_state("a song").standard_normal(10)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
