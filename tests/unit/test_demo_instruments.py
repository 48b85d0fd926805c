"""The demo's orchestra, singers and drums: what they sound like."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.challenges.cad2_task2.ensembles import INSTRUMENTS
from cadenza.synthetic.band import random_bass, random_other
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.percussion import random_cymbal, random_kick, random_snare, random_tom
from cadenza.synthetic.score import frequency_hz
from cadenza.synthetic.singer import Singer
from cadenza.synthetic.synthesis import oscillate, resonate, wave_tables
from tests.unit.demo_helpers import FS, power_spectrum

D4 = 62  # in the range of all eight


def play(name, pitch=D4, velocity=0.7, duration_s=1.0, seed=1):
    rng = np.random.default_rng(seed)
    return ORCHESTRA[name](pitch, duration_s, velocity, sample_rate=FS, rng=rng)


def harmonics_db(sound, pitch=D4, n=12):
    """Power of the first harmonics, within a quarter tone."""
    frequency, power = power_spectrum(sound)
    order = frequency / frequency_hz(pitch)
    return 10 * np.log10([power[abs(order / k - 1) < 0.03].sum() for k in range(1, n + 1)])


def share_above(frequency_hz, sounds):
    """Mean share of the power above a frequency."""
    spectra = [power_spectrum(sound) for sound in sounds]
    return np.mean([power[f > frequency_hz].sum() / power.sum() for f, power in spectra])


def centroid_hz(sound):
    frequency, power = power_spectrum(sound)
    return np.average(frequency, weights=power)


# Building blocks


def test_oscillator_is_the_sum_of_its_harmonics(rng):
    amplitudes = rng.uniform(0.1, 1, (2, 20))
    frequency = 300 * (1 + 0.02 * np.sin(np.arange(4000) / 500))
    phase = 2 * np.pi * np.cumsum(frequency) / FS
    plain = amplitudes @ np.sin(np.outer(np.arange(1, 21), phase))
    plain /= np.sqrt(np.sum(amplitudes**2, axis=1, keepdims=True) / 2)
    result = oscillate(wave_tables(amplitudes), frequency, sample_rate=FS)
    np.testing.assert_allclose(result, plain, atol=2e-3)  # linear interpolation


def test_resonances_have_their_gain_at_their_frequency_and_none_far_away():
    impulse = np.zeros(FS)
    impulse[0] = 1
    response = resonate(impulse, ((500, 12, 4), (4000, -6, 4)), sample_rate=FS)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(response)))  # one bin a hertz
    np.testing.assert_allclose(gain_db[[50, 500, 4000, 20000]], [0, 12, -6, 0], atol=0.15)
    assert resonate(impulse, (), sample_rate=FS) is impulse


# The orchestra


def test_orchestra_has_the_instruments_of_the_challenge():
    assert tuple(sorted(ORCHESTRA)) == INSTRUMENTS


@pytest.mark.parametrize("name", ORCHESTRA)
def test_pitch_is_right_all_over_the_range(name):
    instrument = ORCHESTRA[name]
    for pitch in np.linspace(instrument.lowest, instrument.highest, 4).round():
        frequency, power = power_spectrum(play(name, pitch))
        order = frequency / frequency_hz(pitch)
        near = (order > 0.5) & (abs(order - order.round()) < np.maximum(0.06, 0.02 * order))
        assert power[near].sum() > 0.9 * power.sum()


@pytest.mark.parametrize("name", ORCHESTRA)
def test_instruments_are_deterministic_bounded_and_end_in_silence(name):
    sound = play(name, duration_s=0.3)
    np.testing.assert_array_equal(sound, play(name, duration_s=0.3))
    assert not np.array_equal(sound, play(name, duration_s=0.3, seed=2))
    assert 0.1 < np.abs(sound).max() < 10
    assert np.abs(sound[-5:]).max() < 0.01 * np.abs(sound).max()


@pytest.mark.parametrize("name", ORCHESTRA)
def test_strong_tones_are_louder_and_brighter(name):
    soft, loud = (play(name, velocity=velocity) for velocity in (0.3, 0.9))
    assert loud.std() > 2 * soft.std()
    assert share_above(1000, [loud]) > 1.1 * share_above(1000, [soft])


def test_only_the_clarinet_lacks_even_harmonics():
    def odd_over_even_db(name):
        level = harmonics_db(play(name), n=6)
        return level[::2].mean() - level[1::2].mean()

    contrast = {name: odd_over_even_db(name) for name in ORCHESTRA}
    assert contrast.pop("Clarinet") > 9 + max(contrast.values())


def test_brightness_orders_each_family_at_the_same_pitches():
    def bright(name):
        return share_above(1700, [play(name, pitch) for pitch in range(60, 68)])

    assert 1.5 * bright("Cello") < bright("Viola") < 0.5 * bright("Violin")
    assert 2 * bright("Flute") < bright("Sax") < 0.5 * bright("Oboe")
    assert 2 * bright("Bassoon") < bright("Oboe")


@pytest.mark.parametrize(("name", "formant_hz"), [("Bassoon", 480), ("Oboe", 1080)])
@pytest.mark.parametrize("pitch", [60, 65])
def test_the_strongest_harmonic_of_a_double_reed_is_at_its_formant(name, formant_hz, pitch):
    strongest = 1 + harmonics_db(play(name, pitch), pitch).argmax()
    assert abs(strongest * frequency_hz(pitch) - formant_hz) < 0.75 * frequency_hz(pitch)


def test_flutes_have_the_fewest_harmonics_and_the_most_breath():
    def harmonics_within_30_db(name):
        level = harmonics_db(play(name))
        return np.count_nonzero(level > level.max() - 30)

    def breath_db(name):
        """Power in the middle between harmonics."""
        frequency, power = power_spectrum(play(name))
        order = frequency / frequency_hz(D4)
        between = (abs(order - order.round()) > 0.3) & (order > 3)
        return 10 * np.log10(power[between].sum() / power.sum())

    winds = ("Bassoon", "Clarinet", "Oboe", "Sax")
    assert harmonics_within_30_db("Flute") < min(map(harmonics_within_30_db, winds))
    assert breath_db("Flute") > 2 + max(map(breath_db, winds))


def test_reeds_speak_faster_than_bows():
    def rise_s(name):
        """Time until the level in frames of 5 ms reaches half of its highest value."""
        frames = play(name)[: 200 * 220].reshape(200, 220).std(axis=1)
        return 0.005 * np.argmax(frames > 0.5 * frames.max())

    assert max(map(rise_s, ("Oboe", "Clarinet"))) < min(map(rise_s, ("Cello", "Viola", "Violin")))


def test_individuals_differ_but_keep_their_range(rng):
    violin = ORCHESTRA["Violin"]
    one, two = violin.varied(rng), violin.varied(rng)
    assert one != two != violin
    assert (one.lowest, one.highest, one.even) == (violin.lowest, violin.highest, violin.even)
    same = violin.varied(np.random.default_rng(3)), violin.varied(np.random.default_rng(3))
    assert same[0] == same[1]


# The band


def random_singer(rng):
    return Singer.random(rng, low=bool(rng.integers(2)))


def random_hat(rng):
    return random_cymbal(rng, ring_s=(0.02, 0.1))


MAKERS = [
    random_kick,
    random_snare,
    random_tom,
    random_hat,
    random_bass,
    random_other,
    random_singer,
]


@pytest.mark.parametrize("make", MAKERS)
def test_band_is_deterministic_varied_and_finite(make):
    instruments = [make(np.random.default_rng(seed)) for seed in range(10)]
    assert len(set(instruments)) == 10
    assert instruments[0] == make(np.random.default_rng(0))
    for instrument in instruments:
        first, again = (
            instrument(55, 0.2, 0.8, sample_rate=FS, rng=np.random.default_rng(4)) for _ in "12"
        )
        np.testing.assert_array_equal(first, again)
        assert 0.005 < np.abs(first).max() < 100
        assert np.abs(first[-5:]).max() < 0.02 * np.abs(first).max()


def test_drums_sweep_down(rng):
    kick = random_kick(rng)
    sound = kick(30, 0.0, 1.0, sample_rate=FS, rng=rng)
    early, late = sound[: FS // 50], sound[FS // 20 : FS // 5]
    assert centroid_hz(early) > 1.5 * centroid_hz(late)


def test_larger_singers_have_lower_formants():
    def centroid_of(tract):
        singer = Singer(
            tract, ("aah",), 1.0, breath_db=-40, consonants=0, vibrato_hz=5, vibrato_cents=0
        )
        return centroid_hz(singer(48, 0.5, 0.7, sample_rate=FS, rng=np.random.default_rng(5)))

    assert 1.15 * centroid_of(0.85) < centroid_of(1.15)


def test_consonants_come_before_the_vowel():
    singer = Singer(
        1.0, ("aah",), 1.0, breath_db=-60, consonants=0.5, vibrato_hz=5, vibrato_cents=0
    )
    sounds = [
        singer(57, 0.5, 0.7, sample_rate=FS, rng=np.random.default_rng(seed)) for seed in range(20)
    ]
    noisy = [centroid_hz(sound[: FS // 25]) > 2000 for sound in sounds]
    assert 3 < sum(noisy) < 17
    assert all(centroid_hz(sound[FS // 5 : FS // 2]) < 1500 for sound in sounds)
