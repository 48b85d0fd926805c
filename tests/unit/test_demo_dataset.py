"""The demo's chamber music and songs by number: composition, hall, levels, splits."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from itertools import combinations

import numpy as np
import pytest

from cadenza.levels import rms
from cadenza.stems import STEMS, instrument_of
from cadenza.synthetic.chamber import ENSEMBLES, compose_chamber, texture
from cadenza.synthetic.concert import Hall, perform_chamber
from cadenza.synthetic.dataset import chamber_sources, chamber_stems, song_stems
from cadenza.synthetic.head import SPEED_OF_SOUND_M_S
from cadenza.synthetic.music import set_level
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.songs import random_style
from tests.unit.demo_helpers import FS

ALL_ENSEMBLES = [sources for family in ENSEMBLES.values() for sources in family]


# Composition


@pytest.mark.parametrize("sources", ALL_ENSEMBLES, ids="-".join)
def test_pieces_keep_to_instruments_key_and_time(sources):
    score = compose_chamber(sources, duration_s=20, rng=np.random.default_rng(8))
    assert tuple(score) == sources
    for source, notes in score.items():
        instrument = ORCHESTRA[instrument_of(source)]
        assert all(instrument.lowest <= note.pitch <= instrument.highest for note in notes)
        assert all(0 < note.velocity <= 1 and note.start_s >= 0 for note in notes)
        assert len({note.pitch for note in notes}) > 3
    everything = [note for notes in score.values() for note in notes]
    assert len({note.pitch % 12 for note in everything}) <= 7
    assert max(note.start_s + note.duration_s for note in everything) > 20


def test_voices_are_ordered_from_high_to_low():
    sources = ENSEMBLES["strings"][0]
    pitches = Counter()
    for seed in range(10):
        score = compose_chamber(sources, duration_s=20, rng=np.random.default_rng(seed))
        pitches.update({source: np.mean([n.pitch for n in score[source]]) for source in score})
    assert [source for source, _ in pitches.most_common()] == list(sources)


def test_every_section_is_homophonic_or_imitates_or_accompanies_a_melody(rng):
    kinds = Counter()
    for _ in range(100):
        rhythms, seeds = zip(*texture(4, 16, rng), strict=True)
        assert {len(rhythm) for rhythm in rhythms} == {64}
        if len(set(seeds)) == 1:
            themes = sorted((rhythm.lstrip("-") for rhythm in rhythms), key=len)
            assert all(themes[-1].startswith(theme) for theme in themes)
            assert len({rhythm.index("m") for rhythm in rhythms}) == 4
            kinds["imitation"] += 1
        elif len(set(rhythms)) == 1:
            kinds["chorale"] += 1
        else:
            assert len(set(rhythms)) <= 3  # melody, accompaniment, bass
            kinds["melody"] += 1
    assert min(kinds.values()) > 15


def test_keys_tempi_and_modes_vary():
    pieces = [
        compose_chamber(("Violin", "Viola"), duration_s=30, rng=np.random.default_rng(seed))
        for seed in range(12)
    ]
    keys = {frozenset(n.pitch % 12 for notes in p.values() for n in notes) for p in pieces}
    assert len(keys) > 4
    notes_per_piece = [len(piece["Violin"]) for piece in pieces]
    assert max(notes_per_piece) > 1.5 * min(notes_per_piece)


# Hall


def hall(reverberation_s=0.8):
    return Hall((10.0, 14.0, 6.0), reverberation_s, spacing_m=0.3)


@pytest.mark.parametrize(("azimuth_deg", "distance_m"), [(-40, 2.0), (0, 3.0), (30, 4.0)])
def test_direct_sound_arrives_on_time_and_louder_on_its_side(azimuth_deg, distance_m, rng):
    response = hall().response(azimuth_deg, distance_m, sample_rate=FS, rng=rng)
    assert response.shape == (2, round(0.8 * FS))
    azimuth = np.radians(azimuth_deg)
    arrival, gain = [], []
    for ear, x in enumerate((-0.15, 0.15)):
        path = distance_m * np.sin(azimuth) - x, distance_m * np.cos(azimuth), 0.6
        first = np.flatnonzero(response[ear])[0]
        assert first == round(np.linalg.norm(path) / SPEED_OF_SOUND_M_S * FS)
        arrival.append(first)
        gain.append(response[ear, first])
    assert np.sign(arrival[0] - arrival[1]) == np.sign(azimuth_deg)
    assert np.sign(round(gain[1] - gain[0], 1)) == np.sign(azimuth_deg)


def test_distance_and_reverberation_blur(rng):
    def direct_share(room, distance_m):
        """Share of the energy in the first 3 ms."""
        response = room.response(0, distance_m, sample_rate=FS, rng=np.random.default_rng(1))
        first = np.flatnonzero(response[0])[0]
        return np.sum(response[:, : first + 132] ** 2) / np.sum(response**2)

    assert direct_share(hall(), 1.5) > 1.2 * direct_share(hall(), 4)
    assert direct_share(hall(0.3), 3) > 1.2 * direct_share(hall(1.2), 3)


def test_players_stay_in_the_hall(rng):
    with pytest.raises(ValueError, match=r"distance_m must end in the hall of .*, got 12"):
        hall().response(0, 12, sample_rate=FS, rng=rng)
    for _ in range(50):
        room = Hall.random(rng)
        room.response(48, min(4, room.size_m[0] / 2), sample_rate=FS, rng=rng)


# Pieces by number


@pytest.fixture(scope="module", params=[(chamber_stems, 2), (chamber_stems, 7), (song_stems, 3)])
def piece(request):
    make, index = request.param
    return make, index, make(11, index, duration_s=4, sample_rate=FS)


def test_a_piece_is_known_by_its_numbers(piece):
    make, index, stems = piece
    again = make(11, index, duration_s=4, sample_rate=FS)
    others = [
        make(*numbers, duration_s=4, sample_rate=FS) for numbers in ((12, index), (11, index + 2))
    ]
    for name, stem in stems.items():
        np.testing.assert_array_equal(stem, again[name])
        assert not any(np.array_equal(stem, other.get(name)) for other in others)


def test_stems_are_audible_and_never_clip(piece):
    _, _, stems = piece
    mixture = reduce(np.add, stems.values())
    for signal in (*stems.values(), mixture):
        assert signal.shape == (2, 4 * FS)
        assert signal.dtype == np.float64
        assert np.abs(signal).max() <= 10 ** (-1 / 20) + 1e-9
    levels_db = [20 * np.log10(rms(stem) / rms(mixture)) for stem in stems.values()]
    assert -30 < min(levels_db) <= max(levels_db) < 1
    assert -35 < 20 * np.log10(rms(mixture)) < -13.9


def test_stems_are_stereo_and_differ(piece):
    _, _, stems = piece
    for stem in stems.values():
        assert not np.array_equal(stem[0], stem[1])
    for one, other in combinations(stems.values(), 2):
        assert abs(np.corrcoef(one.mean(axis=0), other.mean(axis=0))[0, 1]) < 0.3


def test_sources_of_a_piece_are_known_without_playing_it(piece):
    make, index, stems = piece
    assert tuple(stems) == (chamber_sources(11, index) if make is chamber_stems else STEMS)


def test_ensembles_are_balanced():
    pieces = [chamber_sources(1, index) for index in range(400)]
    assert set(pieces) == set(ALL_ENSEMBLES)
    assert all(sources in ENSEMBLES["strings"] for sources in pieces[::2])
    assert all(sources in ENSEMBLES["woodwind"] for sources in pieces[1::2])
    assert 150 < sum(len(sources) == 4 for sources in pieces) < 250
    appearances = Counter(name for p in pieces for name in {instrument_of(s) for s in p})
    assert set(appearances) == set(ORCHESTRA)
    assert min(appearances.values()) > 90


def test_levels_of_pieces_vary():
    levels = [
        rms(reduce(np.add, chamber_stems(5, i, duration_s=2, sample_rate=FS).values()))
        for i in range(10)
    ]
    assert max(levels) > 2 * min(levels)


def test_level_is_set_unless_a_peak_would_clip(rng):
    stems = {"one": rng.normal(size=(2, 1000)), "two": rng.normal(size=(2, 1000))}
    quiet = set_level(stems, -30)
    assert rms(quiet["one"] + quiet["two"]) == pytest.approx(10 ** (-30 / 20))
    assert quiet["one"] / stems["one"] == pytest.approx(quiet["two"][0, 0] / stems["two"][0, 0])
    loud = set_level(stems, 0)
    peak = max(np.abs(x).max() for x in (*loud.values(), loud["one"] + loud["two"]))
    assert peak == pytest.approx(10 ** (-1 / 20))
    assert not set_level({"silence": np.zeros((2, 10))}, -20)["silence"].any()


@pytest.mark.parametrize("make", [chamber_stems, song_stems])
def test_the_lowest_sample_rate_will_do(make):
    for index in range(6):
        stems = make(3, index, duration_s=1, sample_rate=22050)
        assert {stem.shape for stem in stems.values()} == {(2, 22050)}


@pytest.mark.parametrize("sources", [("Violin",), ("Violin", "Tuba")])
def test_unknown_or_lonely_sources(sources, rng):
    with pytest.raises(ValueError, match=r"sources must be two or more of \['Bassoon', .*, got"):
        perform_chamber(sources, duration_s=1, sample_rate=FS, rng=rng)


# Styles


def test_styles_are_complete_and_various():
    styles = [random_style(np.random.default_rng(seed)) for seed in range(30)]
    for style in styles:
        assert {line.stem for line in style.lines} == set(STEMS)
        lengths = {len(pattern) for line in style.lines for pattern in line.patterns}
        assert lengths == {4 * style.beats_per_bar}
        assert set("".join(p for line in style.lines for p in line.patterns)) <= set("xo.-cm1358 0")
        assert all(abs(line.pan) <= 1 for line in style.lines)
    assert {style.beats_per_bar for style in styles} == {3, 4}
    assert len({style.tonic % 12 for style in styles}) > 8
    assert len({style.scale for style in styles}) == 2
    tempi = [style.tempo_bpm for style in styles]
    assert max(tempi) > 1.8 * min(tempi)
