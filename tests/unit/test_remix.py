"""Gain table, stem gains and remixing."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cadenza.loudness import integrated_loudness_lufs, match_loudness
from cadenza.remix import (
    GAIN_STEPS_DB,
    apply_gains,
    instrument_of,
    level_compensation_db,
    remix,
    remix_to_mixture,
    repeated_instrument_gains,
    source_gain_table,
    stem_gain_table,
)
from tests.conftest import lcg, tone

RATE = 44100


def test_gain_table_lists_each_rebalancing_once():
    """Dsp §9.1."""
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
def test_order_of_the_gain_table(gain_id, changed):
    """Dsp §9.1."""
    unchanged = {"vocals": 0, "drums": 0, "bass": 0, "other": 0}
    assert stem_gain_table()[gain_id] == unchanged | changed


def test_source_gain_table_is_numbered_across_all_numbers_of_sources():
    """Dsp §9.2."""
    table = source_gain_table()
    ids = [gain_id for gains in table.values() for gain_id in gains]
    assert ids == [f"gain_{n:04d}" for n in range(1, 10273)]
    for n_sources, gains in table.items():
        assert len(gains) == 7**n_sources - 6**n_sources - 1
        assert len({tuple(entry.values()) for entry in gains.values()}) == len(gains)
        for entry in gains.values():
            assert list(entry) == [f"source_{n}" for n in range(1, n_sources + 1)]
            assert set(entry.values()) <= {0, *GAIN_STEPS_DB}
            assert 0 in entry.values()
            assert any(entry.values())


@pytest.mark.parametrize(
    ("gain_id", "gains_db"),
    [
        ("gain_0001", (-10, 0)),
        ("gain_0002", (-6, 0)),
        ("gain_0003", (-3, 0)),
        ("gain_0012", (0, 10)),
        ("gain_0013", (-10, 0, 0)),
        ("gain_0138", (0, 10, 10)),
        ("gain_0139", (-10, 0, 0, 0)),
        ("gain_1242", (0, 10, 10, 10)),
        ("gain_1243", (-10, 0, 0, 0, 0)),
        ("gain_10272", (0, 10, 10, 10, 10)),
    ],
)
def test_order_of_the_source_gain_table(gain_id, gains_db):
    """Dsp §9.2."""
    assert tuple(source_gain_table()[len(gains_db)][gain_id].values()) == gains_db


def test_source_gain_table_is_the_published_one(shared):
    path = shared / "data/cad2_task2/zenodo_download/metadata/gains_meta.json"
    published = json.loads(path.read_text())
    assert {str(n): gains for n, gains in source_gain_table().items()} == published


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


def test_gains_need_no_loudness():
    """B11: clips shorter than 0.4 s and silent stems work like any other."""
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


def test_remix_to_mixture_equals_the_reference():
    """Dsp §8.3."""
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


def _sources(*values):
    return {f"source_{n}": value for n, value in enumerate(values, start=1)}


@pytest.mark.parametrize(
    ("gains_db", "compensation_db"),
    [
        ((-10, 0), 2.59637310505756),
        ((0, 0, 0), 0),
        ((10, -6, 3, 0), -5.20039544622924),
        ((10,), -10),
    ],
)
def test_level_compensation_equals_the_reference(gains_db, compensation_db):
    """Dsp §9.3."""
    level = level_compensation_db(_sources(*gains_db))
    assert level == pytest.approx(compensation_db, abs=1e-13)


def test_level_compensation_keeps_the_power_of_independent_sources(rng):
    sources = _sources(*rng.standard_normal((4, 200_000)))
    gains_db = _sources(10, -6, 3, 0)
    remixed = remix(sources, gains_db) * 10 ** (level_compensation_db(gains_db) / 20)
    assert np.var(remixed) == pytest.approx(np.var(sum(sources.values())), rel=0.02)


@pytest.mark.parametrize("gains_db", [{}, {"source_1": np.nan}, {"source_1": np.inf}])
def test_level_compensation_needs_finite_gains(gains_db):
    with pytest.raises(ValueError, match="gains_db must be one or more finite numbers"):
        level_compensation_db(gains_db)


@pytest.mark.parametrize(
    ("gains_db", "instruments", "published", "fixed"),
    [
        (
            (10, -6, 3, 0),
            ("Cello", "Viola", "Violin_1", "Violin_2"),
            (10, -6, 1.5, 1.5),
            (10, -6, 1.5, 1.5),
        ),
        (
            (10, -6, 3, 0),
            ("Viola_1", "Viola_2", "Violin_1", "Violin_2"),
            (1.75, 1.75, 1.75, 1.75),
            (2, 2, 1.5, 1.5),
        ),
        (
            (3, 10, -10, 0, 6),
            ("Sax", "Flute", "Oboe", "Sax", "Flute"),
            (4.75, 4.75, -10, 4.75, 4.75),
            (1.5, 8, -10, 1.5, 8),
        ),
        ((10, -6), ("Flute", "Oboe"), (10, -6), (10, -6)),
    ],
)
def test_voices_of_an_instrument_share_its_own_mean_gain(gains_db, instruments, published, fixed):
    """B5."""
    asked, played = _sources(*gains_db), _sources(*instruments)
    assert repeated_instrument_gains(asked, played) == _sources(*fixed)
    shared_by_all = repeated_instrument_gains(asked, played, mean_over="all_repeated")
    assert shared_by_all == _sources(*published)


def test_instruments_must_fit_the_gains():
    with pytest.raises(ValueError, match=r"exactly the sources \['source_1'\], got \['Cello'\]"):
        repeated_instrument_gains({"source_1": 3}, {"Cello": "Cello"})
    with pytest.raises(ValueError, match="mean_over must be 'instrument' or 'all_repeated'"):
        repeated_instrument_gains(_sources(3), _sources("Cello"), mean_over="published")


@pytest.mark.parametrize(
    ("voice", "instrument"), [("Violin_1", "Violin"), ("Cello", "Cello"), ("Sax_Alto_2", "Sax")]
)
def test_instrument_is_named_before_the_first_underscore(voice, instrument):
    assert instrument_of(voice) == instrument
