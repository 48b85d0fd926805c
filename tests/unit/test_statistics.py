import math

import numpy as np
import pytest

from cadenza.statistics import bootstrap, grouped, mean, paired


def test_an_interval_holds_the_mean_and_lies_within_the_values(rng):
    values = rng.uniform(0.2, 0.9, size=60)
    interval = bootstrap(values)
    assert interval.mean == pytest.approx(values.mean(), abs=1e-12)
    assert values.min() < interval.low < interval.mean < interval.high < values.max()
    assert interval.n == 60


def test_equal_values_have_no_width():
    interval = bootstrap([0.5] * 7)
    assert (interval.low, interval.mean, interval.high) == (0.5, 0.5, 0.5)


def test_the_width_agrees_with_the_standard_error(rng):
    values = rng.normal(size=400)
    interval = bootstrap(values)
    expected = 2 * 1.96 * values.std() / math.sqrt(400)
    assert interval.high - interval.low == pytest.approx(expected, rel=0.1)


def test_an_interval_covers_the_truth_about_as_often_as_it_says(rng):
    hits = 0
    for _ in range(200):
        interval = bootstrap(rng.normal(size=50))
        hits += interval.low <= 0 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_more_confidence_is_wider_and_more_values_are_narrower(rng):
    values = rng.normal(size=100)

    def width(interval):
        return interval.high - interval.low

    assert width(bootstrap(values, confidence=0.99)) > width(bootstrap(values, confidence=0.8))
    assert width(bootstrap(np.tile(values, 9))) < 0.5 * width(bootstrap(values))


def test_an_interval_is_the_same_every_time(rng):
    values = rng.normal(size=1500)  # more than are resampled at once
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_no_values_give_nan():
    interval = bootstrap([])
    assert math.isnan(interval.mean)
    assert interval.n == 0
    assert math.isnan(mean([]))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_fraction(confidence):
    with pytest.raises(ValueError, match="confidence must be between 0 and 1"):
        bootstrap([0.5], confidence=confidence)


def test_pairs_count_wins_and_change_sign_with_their_order(rng):
    a, b = rng.uniform(size=(2, 30))
    b[:3] = a[:3]
    forth, back = paired(a, b), paired(b, a)
    assert forth.ties == 3
    assert forth.wins + forth.losses + forth.ties == 30
    assert (forth.wins, forth.losses) == (back.losses, back.wins)
    assert forth.difference.mean == pytest.approx(-back.difference.mean)
    assert forth.difference.mean == pytest.approx(b.mean() - a.mean())


def test_pairing_removes_what_both_have_in_common(rng):
    difficulty = rng.uniform(0.2, 0.7, size=50)
    result = paired(difficulty, difficulty + 0.01 + 0.002 * rng.normal(size=50))
    assert result.difference.low > 0, "a small gain on all items is sure"


def test_pairs_are_as_many():
    with pytest.raises(ValueError, match="as many, got 2 and 1"):
        paired([0.1, 0.2], [0.3])


def test_groups_keep_all_items_in_order():
    assert grouped([3, 1, 4, 1, 5], lambda n: "odd" if n % 2 else "even") == {
        "odd": [3, 1, 1, 5],
        "even": [4],
    }
