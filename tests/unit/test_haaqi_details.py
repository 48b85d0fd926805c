"""The details of a score: enough to compute its features again, and at the right times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.signal

from cadenza.audiogram import Audiogram, Listener
from cadenza.haaqi import haaqi_candidates, haaqi_ears
from tests.unit import haaqi_signals
from tests.unit.haaqi_signals import one_ear

SEVERE = Audiogram([55, 60, 65, 75, 80, 85, 90, 90])


@pytest.fixture
def music(rng):
    return haaqi_signals.noisy_tremolo(rng)


def features(result, threshold_db: float) -> dict[str, float]:
    """The four features from the details, as HAAQI §6 defines them."""
    details = result.details
    cepstral, vibration = details.cepstral, details.vibration

    loudness = 20 * np.log10(np.mean(10 ** (cepstral.envelopes_db_sl[0] / 20), axis=0))
    kept = cepstral.envelopes_db_sl[..., loudness > threshold_db]
    k = np.arange(32)
    correlations = []
    for edges_hz in ([20, 32], [32, 50], [50, 80], [80]):
        taps = scipy.signal.firwin(129, edges_hz, window="hann", pass_zero=False, fs=250)
        for order in range(1, 6):
            cosine = np.cos(np.pi * order * k / 31)
            sequences = np.einsum("k,pks->ps", cosine / np.sqrt(cosine @ cosine), kept)
            sequences -= sequences.mean(axis=-1, keepdims=True)
            x, y = (np.convolve(sequence, taps)[64:-64] for sequence in sequences)
            correlations.append(abs(np.corrcoef(x, y)[0, 1]))

    frames = 20 * np.log10(np.mean(10 ** (vibration.levels_db_sl / 20), axis=0)) > threshold_db
    tiles = frames & (vibration.levels_db_sl > threshold_db)
    synchrony = np.sqrt(3500**10 / (3500**10 + details.centre_hz**10))
    weights = synchrony[:, None] * tiles

    part = 10 ** (details.spectrum.levels_db_sl / 20)
    part /= part.sum(axis=-1, keepdims=True)
    difference = part[0] - part[1]
    return {
        "cepstral_correlation": np.mean(correlations),
        "vibration_covariance": (weights * vibration.covariances).sum() / weights.sum(),
        "loudness_spectrum": np.clip(1 - 32 * np.std(difference) / 2.5, 0, 1),
        "normalised_spectrum": np.clip(1 - 32 * np.std(difference / part.sum(axis=0)) / 25, 0, 1),
    }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"equalisation": "nalr", "noise": "none"},
        {"audiogram": SEVERE, "level_db_spl": 115.0, "silence_threshold_db": 6.0},
        {"sample_rate": 44100, "segment_ms": 10.0, "cepstral_noise_db": 0.5},
    ],
    ids=["plain", "NAL-R without noise", "severe loss", "other options"],
)
def test_features_follow_from_the_details(music, rng, options):
    processed = np.tanh(10 * music) / 10 + 0.005 * rng.standard_normal(music.size)
    music = np.concatenate([music, 0.1 * music])
    processed = np.concatenate([processed, 0.05 * processed])
    result = one_ear(music, processed, details=True, **options)
    for name, value in features(result, options.get("silence_threshold_db", 2.5)).items():
        assert getattr(result, name) == pytest.approx(value, rel=0, abs=1e-12)


def test_details_say_which_frames_count(music):
    gap = np.zeros(7200)
    result = one_ear(*[np.concatenate([music, gap, music])] * 2, details=True)
    cepstral, vibration = result.details.cepstral, result.details.vibration
    for counts, times_s in (
        (cepstral.frames, result.details.cepstral_times_s),
        (vibration.tiles.any(axis=0), result.details.vibration_times_s),
    ):
        in_gap = (times_s > 0.65) & (times_s < 0.85)
        assert in_gap.sum() > 20
        assert not counts[in_gap].any()
        in_music = ((times_s > 0.05) & (times_s < 0.55)) | ((times_s > 0.95) & (times_s < 1.45))
        assert counts[in_music].all()
    assert not vibration.covariances[vibration.levels_db_sl <= 2.5].any()


@pytest.mark.parametrize("equalisation", ["none", "nalr"])
@pytest.mark.parametrize("sample_rate", [24000, 44100])
def test_times_are_those_of_the_reference(rng, equalisation, sample_rate):
    """A louder moment shows where it is, whatever is trimmed, resampled, filtered or aligned."""
    times_s = np.arange(3 * sample_rate) / sample_rate
    music = 0.01 * rng.standard_normal(times_s.size) * (times_s > 0.5)
    music[np.abs(times_s - 2.5) < 0.003] *= 30
    result = one_ear(
        music, np.roll(music, 300), equalisation=equalisation, sample_rate=sample_rate, details=True
    )
    details = result.details
    levels = details.cepstral.envelopes_db_sl.mean(axis=1)
    loudest_s = details.cepstral_times_s[levels.argmax(axis=-1)]
    np.testing.assert_allclose(loudest_s, 2.5, atol=0.006)
    levels = details.vibration.levels_db_sl.mean(axis=0)
    assert details.vibration_times_s[levels.argmax()] == pytest.approx(2.5, abs=0.01)


def test_spectral_differences_are_those_of_the_bands(music):
    duller = scipy.signal.lfilter(*scipy.signal.butter(2, 2000, fs=24000), music)
    details = one_ear(music, duller, level_db_spl=105.0, details=True).details
    spectrum = details.spectrum
    high = details.centre_hz > 4000
    assert (spectrum.levels_db_sl[0, high] > spectrum.levels_db_sl[1, high]).all()
    assert (spectrum.differences[high] > 0).all()
    np.testing.assert_allclose(spectrum.loudness.sum(axis=-1), 1)
    np.testing.assert_array_equal(
        np.sign(spectrum.normalised_differences), np.sign(spectrum.differences)
    )
    assert np.abs(spectrum.normalised_differences).max() <= 1


def test_details_change_no_score_and_are_left_out_unless_asked_for(music):
    processed = 0.01 * music
    plain, detailed = one_ear(music, processed), one_ear(music, processed, details=True)
    assert plain.details is None
    assert detailed == plain
    for room in ("spectrum", "cepstral", "vibration"):
        arrays = vars(getattr(detailed.details, room)).values()
        assert all(isinstance(array, np.ndarray) for array in arrays)


def test_ears_and_candidates_have_details(music):
    options = {"sample_rate": 24000, "equalisation": "none", "level_db_spl": 85.0, "details": True}
    ear = Audiogram([10, 10, 15, 25, 30, 35, 40, 45])
    processed = np.tanh(10 * music)
    one = one_ear(music, processed, details=True)
    _, candidate = haaqi_candidates(music, [music, processed], audiogram=ear, **options)
    left, _ = haaqi_ears(
        np.stack([music] * 2),
        np.stack([processed] * 2),
        listener=Listener("L", ear, ear),
        **options,
    )
    for result in (candidate, left):
        for room in ("spectrum", "cepstral", "vibration"):
            for field in dataclasses.fields(getattr(one.details, room)):
                np.testing.assert_array_equal(
                    getattr(getattr(result.details, room), field.name),
                    getattr(getattr(one.details, room), field.name),
                )


def test_an_inaudible_reference_has_details(music):
    result = one_ear(music, music, level_db_spl=-10.0, details=True)
    assert not result.details.cepstral.audible
    assert not result.details.vibration.audible
    assert not result.details.cepstral.correlations.any()
