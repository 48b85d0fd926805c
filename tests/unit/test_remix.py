"""Gain table, stem gains and remixing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.loudness import integrated_loudness_lufs, match_loudness
from cadenza.remix import GAIN_STEPS_DB, apply_gains, remix, remix_to_mixture, stem_gain_table
from tests.conftest import lcg, tone

RATE = 44100


def test_gain_table_lists_each_rebalancing_once_dsp_9_1():
    table = stem_gain_table()
    assert list(table) == [f"gain_{n:04d}" for n in range(1, 1106)]
    assert len({tuple(gains.values()) for gains in table.values()}) == 1105
    for gains in table.values():
        assert list(gains) == ["vocals", "drums", "bass", "other"]
        assert {0} <= set(gains.values()) <= {0, *GAIN_STEPS_DB}


@pytest.mark.parametrize(
    ("gain_id", "changed"),
    [
        ("gain_0001", {}),
        ("gain_0002", {"vocals": -10}),
        ("gain_0007", {"vocals": 10}),
        ("gain_0008", {"drums": -10}),
        ("gain_0014", {"bass": -10}),
        ("gain_0020", {"other": -10}),
        ("gain_0026", {"vocals": -10, "drums": -10}),
        ("gain_0062", {"vocals": -10, "bass": -10}),
        ("gain_0098", {"vocals": -10, "other": -10}),
        ("gain_0134", {"drums": -10, "bass": -10}),
        ("gain_0138", {"drums": -10, "bass": 6}),
        ("gain_0170", {"drums": -10, "other": -10}),
        ("gain_0206", {"bass": -10, "other": -10}),
        ("gain_0242", {"vocals": -10, "drums": -10, "bass": -10}),
        ("gain_0381", {"vocals": 3, "drums": 10, "bass": -6}),
        ("gain_0458", {"vocals": -10, "drums": -10, "other": -10}),
        ("gain_0674", {"vocals": -10, "bass": -10, "other": -10}),
        ("gain_0890", {"drums": -10, "bass": -10, "other": -10}),
        ("gain_1105", {"drums": 10, "bass": 10, "other": 10}),
    ],
)
def test_gain_table_order_dsp_9_1(gain_id, changed):
    unchanged = {"vocals": 0, "drums": 0, "bass": 0, "other": 0}
    assert stem_gain_table()[gain_id] == unchanged | changed


def _stems():
    bass = 0.4 * np.sin(2 * np.pi * 80 * np.arange(RATE) / RATE)
    return {
        "vocals": np.stack([tone(RATE), 0.8 * tone(RATE)]),
        "drums": 0.3 * np.stack([lcg(RATE), lcg(RATE, seed=999)]),
        "bass": np.stack([bass, bass]),
        "other": np.zeros((2, RATE)),
    }


GAINS_DB = {"vocals": 10, "drums": -6, "bass": 3, "other": 0}


@pytest.mark.parametrize("shape", [(100,), (2, 100)])
def test_gains_multiply_any_number_of_sources(rng, shape):
    sources = {f"source_{n}": rng.standard_normal(shape) for n in range(1, 6)}
    before = {name: source.copy() for name, source in sources.items()}
    gains_db = {"source_5": 0.0, "source_1": 20, "source_2": -20, "source_3": 6, "source_4": 1}
    gained = apply_gains(sources, gains_db)
    for name, source in sources.items():
        assert_allclose(gained[name], source * 10 ** (gains_db[name] / 20), rtol=1e-15)
        assert_array_equal(source, before[name])
    assert_allclose(remix(sources, gains_db), sum(gained.values()), atol=1e-13)


def test_b11_gains_need_no_loudness():
    """Clips shorter than 0.4 s and silent stems work like any other."""
    gained = apply_gains({"vocals": [0.5], "other": [0.0]}, {"vocals": -20, "other": 10})
    assert_allclose(gained["vocals"], [0.05])
    assert_array_equal(gained["other"], [0.0])


@pytest.mark.parametrize(
    ("stems", "gains_db", "message"),
    [
        ({"a": [1.0]}, {"a": 0, "b": 3}, r"exactly the stems \['a'\], got \['a', 'b'\]"),
        ({"a": [1.0], "b": [1.0]}, {"a": 0}, r"exactly the stems \['a', 'b'\], got \['a'\]"),
        ({}, {}, r"exactly the stems \[\], got \[\]"),
        ({"a": [1.0], "b": [1.0, 2.0]}, {"a": 0, "b": 0}, r"one shape, got .*\(1,\).*\(2,\)"),
        ({"a": [np.nan]}, {"a": 0}, "stem a must be finite"),
        ({"a": [1.0]}, {"a": np.nan}, "gains_db must be finite"),
    ],
)
def test_stems_and_gains_must_fit(stems, gains_db, message):
    with pytest.raises(ValueError, match=message):
        remix(stems, gains_db)


def test_remix_to_mixture_dsp_8_3():
    stems = _stems()
    mixture = sum(stems.values())
    gained = apply_gains(stems, GAINS_DB)
    assert gained["vocals"][0, 7] / stems["vocals"][0, 7] == pytest.approx(3.16227766016838)
    assert integrated_loudness_lufs(mixture, RATE) == pytest.approx(-3.12093555200113, abs=1e-12)
    loudness = integrated_loudness_lufs(remix(stems, GAINS_DB), RATE)
    assert loudness == pytest.approx(4.74694745267701, abs=1e-12)
    remixed = remix_to_mixture(stems, GAINS_DB, mixture, RATE)
    expected = [
        (0.17206198046262, 0.104386987364334),
        (0.017172659211231, 0.0303331353966643),
        (-0.208915749041261, -0.136269621034185),
        (-0.0491287856089032, 0.0273846794238451),
    ]
    assert_allclose(remixed[:, [0, 100, 20000, 44099]].T, expected, rtol=0, atol=1e-13)
    matched = match_loudness(mixture, np.zeros_like(mixture), RATE)
    assert mixture[0, 100] == pytest.approx(0.356346449265963, abs=1e-14)
    assert_allclose(matched[:, 100], (5.10410045589297e-05, 3.36351105604239e-05), rtol=1e-12)


def test_order_of_the_stems_does_not_matter():
    stems = _stems()
    other_order = {name: stems[name] for name in ("drums", "bass", "other", "vocals")}
    assert_array_equal(remix(stems, GAINS_DB), remix(other_order, GAINS_DB))


def test_mixture_must_fit_the_stems():
    with pytest.raises(ValueError, match=r"the shape \(2, 44100\) of the stems, got \(2, 100\)"):
        remix_to_mixture(_stems(), GAINS_DB, np.zeros((2, 100)), RATE)
