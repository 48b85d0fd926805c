"""Synthetic music: composition, rooms, mixing, and pieces by number."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from itertools import combinations

import numpy as np
import pytest

from cadenza.levels import db_to_gain, gain_to_db, rms
from cadenza.stems import STEMS, instrument_of
from cadenza.synthetic.chamber import ENSEMBLES, compose_chamber, perform_chamber, texture
from cadenza.synthetic.dataset import chamber_sources, chamber_stems, song_stems
from cadenza.synthetic.head import SPEED_OF_SOUND_M_S
from cadenza.synthetic.mixing import loud_master, set_level
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.room import Room
from cadenza.synthetic.score import TRIAD
from cadenza.synthetic.songs import perform_song, random_song

from .test_synthetic_instruments import FS, power_spectrum

ALL_ENSEMBLES = [sources for family in ENSEMBLES.values() for sources in family]


def mixture_of(stems):
    return reduce(np.add, stems.values())


# Chamber music


@pytest.mark.parametrize("sources", ALL_ENSEMBLES, ids="-".join)
def test_pieces_keep_to_compass_key_and_time(sources):
    score = compose_chamber(sources, duration_s=20, rng=np.random.default_rng(8))
    assert tuple(score) == sources
    for source, notes in score.items():
        lowest, highest = ORCHESTRA[instrument_of(source)].compass
        assert all(lowest <= note.pitch <= highest for note in notes)
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


def test_keys_and_tempi_vary():
    pieces = [
        compose_chamber(("Violin", "Viola"), duration_s=30, rng=np.random.default_rng(seed))
        for seed in range(12)
    ]
    keys = {frozenset(n.pitch % 12 for notes in p.values() for n in notes) for p in pieces}
    assert len(keys) > 4
    notes_per_piece = [len(piece["Violin"]) for piece in pieces]
    assert max(notes_per_piece) > 1.5 * min(notes_per_piece)


@pytest.mark.parametrize("sources", [("Violin",), ("Violin", "Tuba")])
def test_unknown_or_lonely_sources(sources, rng):
    with pytest.raises(ValueError, match=r"sources must be two or more of \['Bassoon', .*, got"):
        perform_chamber(sources, duration_s=1, sample_rate=FS, rng=rng)


# Songs


def test_songs_are_complete_and_various():
    songs = [random_song(np.random.default_rng(seed)) for seed in range(30)]
    for song in songs:
        assert {line.stem for line in song.lines} == set(STEMS)
        lengths = {len(pattern) for line in song.lines for pattern in line.patterns}
        assert lengths == {4 * song.beats_per_bar}
        assert set("".join(p for line in song.lines for p in line.patterns)) <= set("xo.-cm1358 0")
    assert {song.beats_per_bar for song in songs} == {3, 4}
    assert len({song.key.tonic % 12 for song in songs}) > 8
    assert len({song.key.scale for song in songs}) == 4
    tempi = [song.tempo_bpm for song in songs]
    assert max(tempi) > 1.8 * min(tempi)


def test_notes_keep_to_the_scale_and_the_melody_to_the_chords():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        song = random_song(rng)
        scale = {song.key.pitch(degree) % 12 for degree in range(7)}
        for line in song.lines:
            notes = list(song.notes(line, duration_s=30, rng=rng))
            assert notes
            if line.stem != "drums":
                assert {note.pitch % 12 for note in notes} <= scale
        for note in song.notes(song.lines[0], duration_s=30, rng=rng):
            beat = note.start_s / song.bar_s * song.beats_per_bar
            if abs(beat - round(beat)) < 0.1:
                bar = round(beat) // song.beats_per_bar
                root = song.progression[bar % len(song.progression)]
                assert note.pitch % 12 in {song.key.pitch(root + tone) % 12 for tone in TRIAD}


@pytest.fixture(scope="module")
def song():
    rng = np.random.default_rng([2024, 0])
    return perform_song(random_song(rng), duration_s=8, sample_rate=FS, rng=rng)


def test_stems_are_of_similar_level(song):
    levels_db = [gain_to_db(rms(stem)) for stem in song.values()]
    assert max(levels_db) - min(levels_db) < 12


def test_stems_differ_in_spectrum(song):
    share = {}
    for name, stem in song.items():
        frequency, power = power_spectrum(stem.mean(axis=0))
        bands = [(20, 250), (250, 4000), (4000, 20000)]
        share[name] = [
            power[(frequency >= low) & (frequency < high)].sum() / power.sum()
            for low, high in bands
        ]
    assert share["bass"][0] > 0.7
    assert share["vocals"][1] > 0.6
    assert share["drums"][2] == max(bands[2] for bands in share.values())


def test_only_drums_are_percussive(song):
    def contrast(stem):
        """Mean over median of the power in frames of 20 ms: high where strokes stand alone."""
        power = rms(stem.mean(axis=0)[: 400 * 882].reshape(400, 882), axis=1) ** 2
        return power.mean() / np.median(power)

    others = ("vocals", "bass", "other")
    assert contrast(song["drums"]) > 1.5 * max(contrast(song[name]) for name in others)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"duration_s": 0}, "duration_s must be positive"),
        ({"sample_rate": 16000}, "sample_rate must be at least 22050 Hz, got 16000"),
    ],
)
def test_bad_arguments_of_a_performance(argument, message, rng):
    with pytest.raises(ValueError, match=message):
        perform_song(
            random_song(rng), **{"duration_s": 1, "sample_rate": FS, "rng": rng} | argument
        )


# Rooms


def room(reverberation_s=0.8):
    return Room((10.0, 14.0, 6.0), reverberation_s, spacing_m=0.3)


@pytest.mark.parametrize(("azimuth_deg", "distance_m"), [(-40, 2.0), (0, 3.0), (30, 4.0)])
def test_direct_sound_arrives_on_time_and_louder_on_its_side(azimuth_deg, distance_m, rng):
    response = room().response(azimuth_deg, distance_m, sample_rate=FS, rng=rng)
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


def test_distance_and_reverberation_blur():
    def direct_share(room, distance_m):
        """Share of the energy in the first 3 ms."""
        response = room.response(0, distance_m, sample_rate=FS, rng=np.random.default_rng(1))
        first = np.flatnonzero(response[0])[0]
        return np.sum(response[:, : first + 132] ** 2) / np.sum(response**2)

    assert direct_share(room(), 1.5) > 1.2 * direct_share(room(), 4)
    assert direct_share(room(0.3), 3) > 1.2 * direct_share(room(1.2), 3)


def test_players_stay_in_the_room(rng):
    with pytest.raises(ValueError, match=r"distance_m must end in the room of .* m, got 12 at 0"):
        room().response(0, 12, sample_rate=FS, rng=rng)
    for _ in range(50):
        any_room = Room.random(rng)
        distance_m = min(4, any_room.size_m[0] / 2)
        any_room.response(48, distance_m, sample_rate=FS, rng=rng)


# Mixing


def test_level_is_set_unless_a_peak_would_clip(rng):
    stems = {"one": rng.normal(size=(2, 1000)), "two": rng.normal(size=(2, 1000))}
    quiet = set_level(stems, -30)
    assert rms(mixture_of(quiet)) == pytest.approx(db_to_gain(-30))
    assert quiet["one"] / stems["one"] == pytest.approx(quiet["two"][0, 0] / stems["two"][0, 0])
    loud = set_level(stems, 0)
    peak = max(np.abs(x).max() for x in (*loud.values(), mixture_of(loud)))
    assert peak == pytest.approx(db_to_gain(-1))
    assert not set_level({"silence": np.zeros((2, 10))}, -20)["silence"].any()


def test_a_loud_master_has_less_dynamics_and_stems_that_share_one_gain(song):
    plain = set_level(song, -12)
    loud = loud_master(song, -12, ratio=3, sample_rate=FS)
    crest_db = [gain_to_db(np.abs(mixture_of(x)).max() / rms(mixture_of(x))) for x in (plain, loud)]
    assert crest_db[1] < crest_db[0] - 3
    peak = max(np.abs(x).max() for x in (*loud.values(), mixture_of(loud)))
    assert peak == pytest.approx(db_to_gain(-1))
    audible = np.abs(song["bass"]) > 1e-6
    gain = loud["bass"][audible] / song["bass"][audible]
    np.testing.assert_allclose(loud["vocals"][audible], gain * song["vocals"][audible], atol=1e-9)
    silence = loud_master({"silence": np.zeros((2, 10))}, -12, ratio=2, sample_rate=FS)
    assert not silence["silence"].any()


# Pieces by number


@pytest.fixture(scope="module", params=[(chamber_stems, 2), (chamber_stems, 7), (song_stems, 3)])
def piece(request):
    make, index = request.param
    return make, index, make(11, index, duration_s=4, sample_rate=FS)


@pytest.mark.parametrize(("make", "index"), [(chamber_stems, 2), (song_stems, 3)])
def test_a_piece_is_known_by_its_numbers(make, index):
    def mixture(seed, index):
        return mixture_of(make(seed, index, duration_s=1, sample_rate=22050))

    np.testing.assert_array_equal(mixture(11, index), mixture(11, index))
    for seed, other in ((12, index), (11, index + 2)):
        assert not np.allclose(mixture(11, index), mixture(seed, other))


def test_stems_are_audible_and_never_clip(piece):
    _, _, stems = piece
    mixture = mixture_of(stems)
    for signal in (*stems.values(), mixture):
        assert signal.shape == (2, 4 * FS)
        assert signal.dtype == np.float64
        assert np.abs(signal).max() <= db_to_gain(-1) + 1e-9
    levels_db = [gain_to_db(rms(stem) / rms(mixture)) for stem in stems.values()]
    assert -30 < min(levels_db) <= max(levels_db) < 1
    assert -35 < gain_to_db(rms(mixture)) < -8


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


@pytest.mark.parametrize("make", [chamber_stems, song_stems])
def test_levels_vary_and_the_lowest_sample_rate_will_do(make):
    pieces = [make(3, index, duration_s=1, sample_rate=22050) for index in range(6)]
    assert {stem.shape for stems in pieces for stem in stems.values()} == {(2, 22050)}
    levels = [rms(mixture_of(stems)) for stems in pieces]
    assert max(levels) > 1.5 * min(levels) > 0
