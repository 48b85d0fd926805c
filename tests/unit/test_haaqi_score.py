"""The result of HAAQI: regression, comparison, formatting."""

from __future__ import annotations

import dataclasses
from typing import Required, get_origin, get_type_hints

import numpy as np
import pytest

from cadenza.haaqi import HaaqiOptions, HaaqiScore
from cadenza.haaqi.options import OptionArguments
from cadenza.haaqi.score import regression


def result(feature: float, *, flags=()) -> HaaqiScore:
    """A result whose four features are the same."""
    return HaaqiScore(feature, feature, feature, feature, delay_samples=0, flags=flags)


def test_score_is_the_published_regression():
    perfect = result(1)
    assert (perfect.nonlinear, perfect.linear) == (1, 1)
    assert float(perfect) == perfect.score == pytest.approx(0.999)
    mixed = HaaqiScore(0.5, 0.25, 0.75, 0.125, delay_samples=0, flags=())
    nonlinear = 0.754 * 0.5**3 + 0.246 * 0.25
    linear = 0.329 * 0.75 + 0.671 * 0.125
    score = 0.336 * nonlinear + 0.001 * linear + 0.501 * nonlinear**2 + 0.161 * linear**2
    assert (mixed.nonlinear, mixed.linear) == (nonlinear, linear)
    assert mixed.score == pytest.approx(score, rel=1e-15)


def test_regression_of_arrays_is_that_of_their_numbers(rng):
    features = rng.random((4, 5))
    together = np.array(regression(*features))
    np.testing.assert_array_equal(together, np.transpose([regression(*f) for f in features.T]))


def test_result_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        result(1).score = 1.0


def test_results_are_ordered_by_score():
    poor, fair, good = result(0.2), result(0.5), result(0.9)
    assert sorted([fair, good, poor]) == [poor, fair, good]
    assert max(fair, good, poor) is good
    assert poor < fair <= good
    assert good > fair >= poor
    assert not fair < fair
    assert fair <= fair >= fair


def test_results_compare_with_numbers():
    fair = result(0.5)
    assert fair < 0.5 < result(0.9)
    assert fair <= fair.score <= fair
    assert fair > 0
    assert fair < np.float64(0.9)
    assert sorted([0.9, fair, 0.0])[1] is fair
    with pytest.raises(TypeError, match="not supported between"):
        assert fair < "0.9"


def test_results_are_equal_only_in_all_parts():
    assert result(0.5) == result(0.5)
    assert result(0.5) != result(0.5, flags=("lengths differ",))
    assert result(0.5) != result(0.5).score
    assert len({result(0.5), result(0.5), result(0.6)}) == 2


def test_results_format_and_round_as_their_score():
    fair = result(0.5)
    assert f"{fair:.3f}" == f"{fair.score:.3f}"
    assert f"{fair:8.2%}" == f"{fair.score:8.2%}"
    assert f"{fair}" == str(fair)
    assert str(fair).startswith("HaaqiScore(score=0.1")
    assert round(fair, 3) == round(fair.score, 3)
    assert round(result(1)) == 1


def test_options_and_their_arguments_have_the_same_types():
    fields = dataclasses.fields(HaaqiOptions)
    options, arguments = get_type_hints(HaaqiOptions), get_type_hints(OptionArguments)
    assert {field.name: options[field.name] for field in fields} == arguments
    hints = get_type_hints(OptionArguments, include_extras=True)
    required = {field.name for field in fields if field.default is dataclasses.MISSING}
    assert required == {name for name, hint in hints.items() if get_origin(hint) is Required}
