"""The demo's music, head, audiograms and challenge root."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cadenza import audio, levels
from cadenza.audiogram import read_listeners
from cadenza.demo.icassp_root import write_icassp_2024_root
from cadenza.errors import InputError
from cadenza.hrtf import read_head_response
from cadenza.stems import STEMS
from cadenza.synthetic.audiograms import (
    STANDARD_FREQUENCIES_HZ,
    STANDARD_LEVELS_DB_HL,
    listener_entry,
    standard_audiogram,
)
from cadenza.synthetic.composition import STYLES, compose
from cadenza.synthetic.head import HEAD_RADIUS_M, SPEED_OF_SOUND_M_S, head_response
from cadenza.synthetic.instruments import (
    BASS_GUITAR,
    GUITAR,
    PAD,
    STRINGS,
    Voice,
    electric_piano,
    hi_hat,
    kick,
    snare,
)
from cadenza.synthetic.music import perform
from cadenza.synthetic.score import frequency_hz
from cadenza.synthetic.synthesis import modes
from tests.unit.demo_helpers import FS, contents, power_spectrum

PITCHED = [BASS_GUITAR, GUITAR, PAD, STRINGS, Voice("aah"), Voice("ooh"), electric_piano]


# Instruments


def test_modes_are_the_plain_sum_of_decaying_sines(rng):
    frequency, amplitude, phase = rng.uniform(20, 20000, (3, 7))
    decay_s = rng.uniform(0.01, 1, 7)
    t = np.arange(1000)[:, np.newaxis] / FS
    expected = amplitude * np.exp(-t / decay_s) * np.sin(2 * np.pi * frequency * t + phase)
    result = modes(frequency, amplitude, decay_s, 1000, sample_rate=FS, phases=phase)
    np.testing.assert_allclose(result, expected.sum(axis=1), rtol=1e-9, atol=1e-6)


def test_modes_do_not_alias():
    assert not modes([FS / 2, 30000], 1, 1, 100, sample_rate=FS).any()


@pytest.mark.parametrize("instrument", PITCHED, ids=str)
@pytest.mark.parametrize("pitch", [45, 64])
def test_pitched_instruments_play_the_harmonics_of_their_pitch(instrument, pitch, rng):
    sound = instrument(pitch, 1.0, 0.7, sample_rate=FS, rng=rng)
    frequency, power = power_spectrum(sound)
    harmonic = frequency / frequency_hz(pitch)
    # the vibrato of the voice reaches 0.3 semitones, 1.7 %
    near = np.abs(harmonic - harmonic.round()) < np.maximum(0.06, 0.02 * harmonic)
    assert power[near & (harmonic > 0.5)].sum() > 0.9 * power.sum()


@pytest.mark.parametrize("instrument", [*PITCHED, kick, snare, hi_hat], ids=str)
def test_instruments_are_deterministic_and_end_in_silence(instrument):
    first, again, other = (
        instrument(60, 0.3, 0.8, sample_rate=FS, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first[-5:]).max() < 0.01 * np.abs(first).max()


def test_vowels_differ_by_their_formants(rng):
    def share_around_1_khz(vowel):
        frequency, power = power_spectrum(Voice(vowel)(57, 1.0, 0.7, sample_rate=FS, rng=rng))
        return power[(frequency > 700) & (frequency < 1400)].sum() / power.sum()

    assert share_around_1_khz("aah") > 10 * share_around_1_khz("ooh")


def test_strong_plucks_are_brighter(rng):
    def centroid_hz(velocity):
        frequency, power = power_spectrum(GUITAR(50, 1.0, velocity, sample_rate=FS, rng=rng))
        return np.average(frequency, weights=power)

    assert centroid_hz(1.0) > 1.05 * centroid_hz(0.2)


# Composition


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.title)
def test_notes_keep_to_the_scale_and_the_melody_to_the_chords(style, rng):
    parts = compose(style, n_bars=40, rng=rng)
    assert {part.stem for part in parts} == set(STEMS)
    key = {(style.tonic + step) % 12 for step in style.scale}
    for part in parts:
        if part.stem != "drums":
            assert {note.pitch % 12 for note in part.notes} <= key
        if part.stem == "vocals":
            beats = [note.start_s / style.bar_s * style.beats_per_bar for note in part.notes]
            for note, beat in zip(part.notes, beats, strict=True):
                if abs(beat - round(beat)) < 0.1:
                    bar = round(beat) // style.beats_per_bar
                    root = style.progression[bar % len(style.progression)]
                    chord = {(style.tonic + style.scale[(root + i) % 7]) % 12 for i in (0, 2, 4)}
                    assert note.pitch % 12 in chord


# Songs


@pytest.fixture(scope="module", params=STYLES, ids=lambda style: style.title)
def song(request):
    return perform(request.param, duration_s=8, sample_rate=FS, rng=np.random.default_rng(7))


def test_song_peaks_below_full_scale(song):
    peaks = [np.abs(x).max() for x in (*song.values(), sum(song.values()))]
    assert max(peaks) == pytest.approx(10 ** (-2 / 20))
    assert all(stem.shape == (2, 8 * FS) for stem in song.values())


def test_stems_are_of_similar_level(song):
    levels_db = [20 * np.log10(levels.rms(stem)) for stem in song.values()]
    assert max(levels_db) - min(levels_db) < 8


def test_stems_differ_in_spectrum(song):
    share = {}
    for name, stem in song.items():
        frequency, power = power_spectrum(stem.mean(axis=0))
        bands = [(20, 250), (250, 4000), (4000, 20000)]
        share[name] = [
            power[(frequency >= low) & (frequency < high)].sum() / power.sum()
            for low, high in bands
        ]
    assert share["bass"][0] > 0.8
    assert share["vocals"][1] > 0.9
    assert share["other"][1] > 0.4
    assert share["drums"][2] == max(bands[2] for bands in share.values())


def test_only_drums_are_percussive(song):
    def contrast(stem):
        """Mean over median of the power in frames of 20 ms: high where strokes stand alone."""
        frames = stem.mean(axis=0)[: 400 * 882].reshape(400, 882)
        power = np.mean(frames**2, axis=1)
        return power.mean() / np.median(power)

    assert contrast(song["drums"]) > 2 * max(
        contrast(song[name]) for name in ("vocals", "bass", "other")
    )


def test_other_is_wider_than_the_rest(song):
    correlation = {name: np.corrcoef(stem)[0, 1] for name, stem in song.items()}
    assert correlation.pop("other") < 0.9
    assert min(correlation.values()) > 0.9


def test_song_depends_on_the_generator_only():
    def play(seed):
        rng = np.random.default_rng(seed)
        return perform(STYLES[0], duration_s=1, sample_rate=FS, rng=rng)["vocals"]

    np.testing.assert_array_equal(play(1), play(1))
    assert not np.allclose(play(1), play(2))


def test_a_part_that_enters_after_the_end_is_silent(rng):
    song = perform(STYLES[1], duration_s=0.1, sample_rate=FS, rng=rng)
    assert all(np.isfinite(stem).all() for stem in song.values())


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"duration_s": 0}, "duration_s must be positive"),
        ({"sample_rate": 16000}, "sample_rate must be at least 22050 Hz, got 16000"),
    ],
)
def test_bad_arguments_of_a_performance(argument, message, rng):
    with pytest.raises(ValueError, match=message):
        perform(STYLES[0], **{"duration_s": 1, "sample_rate": FS, "rng": rng} | argument)


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


# Root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "root"
    write_icassp_2024_root(folder, duration_s=0.5)
    return folder


def test_root_references_resolve(root):
    metadata = {
        path.name: json.loads(path.read_text()) for path in (root / "metadata").glob("*.json")
    }
    assert set(metadata) == {
        "gains.json",
        "head_loudspeaker_positions.json",
        "listeners.train.json",
        "listeners.valid.json",
        "musdb18.train.json",
    }
    assert len(metadata["gains.json"]) == 1105
    positions = metadata["head_loudspeaker_positions.json"]
    assert list(positions) == [f"hlp_{n:04d}" for n in range(1, 10)]
    assert (positions["hlp_0002"]["left_angle"], positions["hlp_0002"]["right_angle"]) == (
        -37.5,
        30.0,
    )
    for position in positions.values():
        head = read_head_response(
            root / "audio" / "hrtf",
            microphone=position["mic"],
            subject=position["subject"],
            left_angle_deg=position["left_angle"],
            right_angle_deg=position["right_angle"],
            sample_rate=FS,
        )
        near, far = np.abs(head.left_speaker).max(axis=1)
        assert 1 > near > far
    for song in metadata["musdb18.train.json"]:
        assert song["Path"] == f"{song['Split']}/{song['Track Name']}"
        assert (root / "audio" / "music" / song["Path"]).is_dir()
    assert len(read_listeners(root / "metadata" / "listeners.train.json")) == 4
    assert not set(metadata["listeners.train.json"]) & set(metadata["listeners.valid.json"])


def test_root_mixtures_are_the_exact_sum_of_their_stems(root):
    for folder in (root / "audio" / "music" / "train").iterdir():
        files = {path.stem: audio.read(path, channels=2)[0] for path in folder.iterdir()}
        mixture = files.pop("mixture")
        assert set(files) == set(STEMS)
        assert mixture.shape == (2, FS // 2)
        np.testing.assert_array_equal(mixture, sum(files.values()))
        assert 0.5 < np.abs(mixture).max() < 1


def test_root_that_is_complete_is_not_touched(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert write_icassp_2024_root(root, duration_s=0.5) == []
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_root_is_completed_with_the_same_bytes(root, tmp_path):
    written = write_icassp_2024_root(tmp_path, duration_s=0.5)
    lost = [path for path in written if path.stem in ("drums", "mixture", "gains")]
    for path in lost:
        path.unlink()
    assert sorted(write_icassp_2024_root(tmp_path, duration_s=0.5)) == sorted(lost)
    assert contents(tmp_path) == contents(root)


@pytest.mark.parametrize("argument", [{"duration_s": 0.6}, {"duration_s": 0.5, "seed": 1}])
def test_root_of_another_demo_is_refused(argument, root):
    with pytest.raises(InputError, match="holds another demo"):
        write_icassp_2024_root(root, **argument)


def test_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "metadata").mkdir()
    with pytest.raises(InputError, match="expected a new or empty folder"):
        write_icassp_2024_root(tmp_path)
    assert not (tmp_path / "demo.json").exists()
