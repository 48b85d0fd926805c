"""Synthetic instruments: what they sound like."""

from __future__ import annotations

import numpy as np
import pytest

from cadenza.levels import gain_to_db
from cadenza.stems import INSTRUMENTS
from cadenza.synthetic import band
from cadenza.synthetic.orchestra import ORCHESTRA
from cadenza.synthetic.percussive import Modal
from cadenza.synthetic.score import Note
from cadenza.synthetic.singer import Singer
from cadenza.synthetic.sustained import Sustained, Unison
from cadenza.synthetic.synthesis import hold, modes, oscillate, resonate, wave_tables

FS = 44100
D4 = 62  # in the compass of all eight instruments of the orchestra

VOICE = Sustained((), 1.0, 5000, -60, 0.05, 0.1, vibrato_hz=5, vibrato_cents=0)
GUITAR = Modal(tuple(range(1, 41)), 0.9, 0.15, rolloff=1.0, cutoff_hz=2500, contact=0.06)
PITCHED = ORCHESTRA | {
    "pad": Unison(VOICE, 3, detune_cents=6),
    "guitar": GUITAR,
    "singer": Singer(VOICE, tract=1.0, vowels=("aah", "ee"), consonants=0),
}
RANDOM = {
    "drum": band.random_drum,
    "snare": band.random_snare,
    "hi-hat": lambda rng: band.random_cymbal(rng, ring_s=(0.02, 0.1)),
    "bass": band.random_bass,
    "other": band.random_other,
    "singer": lambda rng: band.random_singer(rng, low=bool(rng.integers(2))),
}


def play(instrument, pitch=D4, velocity=0.7, duration_s=1.0, seed=1):
    note = Note(0, duration_s, pitch, velocity)
    return instrument(note, sample_rate=FS, rng=np.random.default_rng(seed))


def power_spectrum(signal):
    """Frequencies in Hz and power."""
    power = np.abs(np.fft.rfft(signal * np.hanning(signal.size))) ** 2
    return np.fft.rfftfreq(signal.size, 1 / FS), power


def spectrum_by_harmonic(sound, pitch=D4):
    """Frequencies relative to the pitch, and power."""
    frequency, power = power_spectrum(sound)
    return frequency / Note(0, 1, pitch, 1).frequency_hz, power


def harmonics_db(sound, pitch=D4, n=12):
    """Power of the first harmonics, within a quarter tone."""
    order, power = spectrum_by_harmonic(sound, pitch)
    return 10 * np.log10([power[abs(order / k - 1) < 0.03].sum() for k in range(1, n + 1)])


def share_above(frequency_hz, sounds):
    """Mean share of the power above a frequency."""
    spectra = [power_spectrum(sound) for sound in sounds]
    return np.mean([power[f > frequency_hz].sum() / power.sum() for f, power in spectra])


def centroid_hz(sound):
    frequency, power = power_spectrum(sound)
    return np.average(frequency, weights=power)


# Building blocks


def test_modes_are_the_plain_sum_of_decaying_sines(rng):
    frequency, amplitude, phase = rng.uniform(20, 20000, (3, 7))
    decay_s = rng.uniform(0.01, 1, 7)
    t = np.arange(1000)[:, np.newaxis] / FS
    expected = amplitude * np.exp(-t / decay_s) * np.sin(2 * np.pi * frequency * t + phase)
    result = modes(frequency, amplitude, decay_s, 1000, sample_rate=FS, phases=phase)
    np.testing.assert_allclose(result, expected.sum(axis=1), rtol=1e-9, atol=1e-6)


def test_modes_do_not_alias():
    assert not modes([FS / 2, 30000], 1, 1, 100, sample_rate=FS).any()


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
    gain_db = gain_to_db(np.abs(np.fft.rfft(response)))  # one bin a hertz
    np.testing.assert_allclose(gain_db[[50, 500, 4000, 20000]], [0, 12, -6, 0], atol=0.15)
    assert resonate(impulse, (), sample_rate=FS) is impulse


def test_envelope_holds_a_note_that_is_shorter_than_its_attack():
    envelope = hold(0.01, attack_s=0.05, release_s=0.1, sample_rate=1000)
    assert envelope.size == 150
    assert envelope.argmax() == 50
    assert envelope[0] == 0
    assert envelope[-1] < 1e-3


# Every instrument


@pytest.mark.parametrize("name", PITCHED)
def test_pitch_is_right(name):
    lowest, highest = getattr(PITCHED[name], "compass", (45, 76))
    for pitch in np.linspace(lowest, highest, 4).round():
        order, power = spectrum_by_harmonic(play(PITCHED[name], pitch), pitch)
        near = (order > 0.5) & (abs(order - order.round()) < np.maximum(0.06, 0.02 * order))
        assert power[near].sum() > 0.9 * power.sum()


@pytest.mark.parametrize("name", PITCHED)
def test_strong_tones_are_louder_and_brighter(name):
    soft, loud = (play(PITCHED[name], velocity=velocity) for velocity in (0.3, 0.9))
    assert loud.std() > 2 * soft.std()
    assert share_above(1000, [loud]) > 1.04 * share_above(1000, [soft])


@pytest.mark.parametrize("kind", RANDOM)
def test_random_instruments_are_varied_deterministic_and_end_in_silence(kind):
    instruments = [RANDOM[kind](np.random.default_rng(seed)) for seed in range(10)]
    assert len(set(instruments)) == 10
    assert instruments[0] == RANDOM[kind](np.random.default_rng(0))
    for instrument in instruments:
        sound = play(instrument, 55, 0.8, duration_s=0.2)
        np.testing.assert_array_equal(sound, play(instrument, 55, 0.8, duration_s=0.2))
        assert not np.array_equal(sound, play(instrument, 55, 0.8, duration_s=0.2, seed=2))
        assert 0.005 < np.abs(sound).max() < 100
        assert np.abs(sound[-5:]).max() < 0.02 * np.abs(sound).max()


# The orchestra


def test_orchestra_has_the_instruments_of_the_challenge():
    assert tuple(ORCHESTRA) == INSTRUMENTS


def test_only_the_clarinet_lacks_even_harmonics():
    def odd_over_even_db(instrument):
        level = harmonics_db(play(instrument), n=6)
        return level[::2].mean() - level[1::2].mean()

    contrast = {name: odd_over_even_db(instrument) for name, instrument in ORCHESTRA.items()}
    assert contrast.pop("Clarinet") > 9 + max(contrast.values())


def test_brightness_orders_each_family_at_the_same_pitches():
    def bright(name):
        return share_above(1700, [play(ORCHESTRA[name], pitch) for pitch in range(60, 68)])

    assert 1.5 * bright("Cello") < bright("Viola") < 0.5 * bright("Violin")
    assert 2 * bright("Flute") < bright("Sax") < 0.5 * bright("Oboe")
    assert 2 * bright("Bassoon") < bright("Oboe")


@pytest.mark.parametrize(("name", "formant_hz"), [("Bassoon", 480), ("Oboe", 1080)])
@pytest.mark.parametrize("pitch", [60, 65])
def test_the_strongest_harmonic_of_a_double_reed_is_at_its_formant(name, formant_hz, pitch):
    strongest = 1 + harmonics_db(play(ORCHESTRA[name], pitch), pitch).argmax()
    pitch_hz = Note(0, 1, pitch, 1).frequency_hz
    assert abs(strongest * pitch_hz - formant_hz) < 0.75 * pitch_hz


def test_flutes_have_the_fewest_harmonics_and_the_most_breath():
    def harmonics_within_30_db(name):
        level = harmonics_db(play(ORCHESTRA[name]))
        return np.count_nonzero(level > level.max() - 30)

    def breath_db(name):
        """Power in the middle between harmonics."""
        order, power = spectrum_by_harmonic(play(ORCHESTRA[name]))
        between = (abs(order - order.round()) > 0.3) & (order > 3)
        return 10 * np.log10(power[between].sum() / power.sum())

    winds = ("Bassoon", "Clarinet", "Oboe", "Sax")
    assert harmonics_within_30_db("Flute") < min(map(harmonics_within_30_db, winds))
    assert breath_db("Flute") > 2 + max(map(breath_db, winds))


def test_reeds_speak_faster_than_bows():
    def rise_s(name):
        """Time until the level in frames of 5 ms reaches half of its highest value."""
        frames = play(ORCHESTRA[name])[: 200 * 220].reshape(200, 220).std(axis=1)
        return 0.005 * np.argmax(frames > 0.5 * frames.max())

    assert max(map(rise_s, ("Oboe", "Clarinet"))) < min(map(rise_s, ("Cello", "Viola", "Violin")))


def test_individuals_differ_but_keep_their_compass(rng):
    violin = ORCHESTRA["Violin"]
    one, two = violin.varied(rng), violin.varied(rng)
    assert one != two != violin
    assert (one.compass, one.even) == (violin.compass, violin.even)


# The band


def test_drums_sweep_down(rng):
    sound = play(band.random_drum(rng), 30, 1.0)
    early, late = sound[: FS // 50], sound[FS // 20 : FS // 5]
    assert centroid_hz(early) > 1.5 * centroid_hz(late)


def test_larger_singers_have_lower_formants():
    large, small = (
        centroid_hz(play(Singer(VOICE, tract, ("aah",), consonants=0), 48))
        for tract in (0.85, 1.15)
    )
    assert 1.15 * large < small


def test_vowels_differ_by_their_formants():
    def share_around_1_khz(vowel):
        frequency, power = power_spectrum(play(Singer(VOICE, 1.0, (vowel,), consonants=0), 57))
        return power[(frequency > 700) & (frequency < 1400)].sum() / power.sum()

    assert share_around_1_khz("aah") > 10 * share_around_1_khz("ooh")


def test_consonants_come_before_the_vowel():
    singer = Singer(VOICE, 1.0, ("aah",), consonants=0.5)
    sounds = [play(singer, 57, duration_s=0.5, seed=seed) for seed in range(20)]
    noisy = [centroid_hz(sound[: FS // 25]) > 2000 for sound in sounds]
    assert 3 < sum(noisy) < 17
    assert all(centroid_hz(sound[FS // 5 : FS // 2]) < 1500 for sound in sounds)
