"""Pictures: what is drawn are the numbers, on the axes that were given."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from cadenza import plots
from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram, Listener
from cadenza.hearing_aid import BandCompressor, Compressor, MultibandCompressor, nalr_gains_db
from cadenza.plots import _drawing
from tests.unit.haaqi_signals import one_ear

LEFT = Audiogram([10, 15, 20, 30, 40, 50, 55, 60])
RIGHT = Audiogram([30, 30, 35, 45, 50, 60, 65, 70])
LISTENER = Listener("L0001", LEFT, RIGHT)
RATE = 44100
NOISE = np.random.default_rng(1).normal(scale=0.1, size=RATE)


def look(line):
    return line.get_color(), line.get_linestyle(), line.get_marker()


@pytest.fixture(scope="module")
def score():
    music = np.random.default_rng(2).normal(scale=0.1, size=24000)
    music[9600:14400] = 0  # frames that do not count
    return one_ear(music, np.clip(music, -0.08, 0.08), details=True)


SINGLE = {
    "audiogram": lambda ax: plots.audiogram(LISTENER, ax),
    "nalr_gains": lambda ax: plots.nalr_gains(LISTENER, ax=ax),
    "compressor_curve": lambda ax: plots.compressor_curve(
        BandCompressor(sample_rate=RATE, threshold_db=-20, ratio=4), ax
    ),
    "waveform": lambda ax: plots.waveform(NOISE, RATE, ax=ax),
    "spectrogram": lambda ax: plots.spectrogram(NOISE, RATE, ax=ax),
    "scores_by_severity": lambda ax: plots.scores_by_severity([0.3, 0.8], ["MILD"] * 2, ax=ax),
    "comparison": lambda ax: plots.comparison([0.3, 0.8], [0.4, 0.7], ax=ax),
}


@pytest.mark.parametrize("name", SINGLE)
def test_pictures_are_drawn_where_they_are_wanted_and_pyplot_knows_nothing_of_them(name, tmp_path):
    ax = Figure().add_subplot()
    assert SINGLE[name](ax) is ax
    assert ax.has_data()
    new = SINGLE[name](None)
    assert new.get_xlabel()
    assert new.get_ylabel()
    new.figure.savefig(tmp_path / "new.svg")
    assert plt.get_fignums() == []


def test_every_function_is_tested_here():
    assert {*SINGLE, "spectrogram_pair", "haaqi_details"} == set(plots.__all__)


def test_pictures_of_several_axes(score):
    for n, draw in (
        (3, lambda axes: plots.spectrogram_pair(NOISE, NOISE, RATE, axes)),
        (4, lambda axes: plots.haaqi_details(score.details, axes)),
    ):
        axes = Figure().subplots(n)
        assert draw(axes) == list(axes)
        assert draw(Figure().subplots(1, n)) != list(axes)
        assert len(draw(None)) == n
        with pytest.raises(ValueError, match=f"axes must hold {n} axes, got 2"):
            draw(Figure().subplots(2))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("colour", [*_drawing.COLOURS, _drawing.GREY])
@pytest.mark.parametrize("background", ["white", "black"])
def test_colours_stand_out_on_light_and_dark(colour, background):
    def luminance(name):
        rgb = np.array(colors.to_rgb(name))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(colour), luminance(background)])
    assert (light + 0.05) / (dark + 0.05) > 3  # WCAG 2.2, success criterion 1.4.11


def test_audiograms_look_as_in_a_clinic():
    ax = plots.audiogram(LISTENER)
    left, right = ax.lines
    for line, ear in ((left, LEFT), (right, RIGHT)):
        np.testing.assert_array_equal(line.get_xdata(), ear.frequencies_hz)
        np.testing.assert_array_equal(line.get_ydata(), ear.levels_db_hl)
    assert (left.get_marker(), right.get_marker()) == ("x", "o")
    assert left.get_linestyle() != right.get_linestyle()
    assert ax.yaxis_inverted()
    assert ax.get_xscale() == "log"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["left ear (moderate)", "right ear (severe)"]
    assert [label.get_text() for label in ax.get_xticklabels()] == (
        ["250", "500", "1k", "2k", "4k", "8k"]
    )


def test_audiograms_outside_the_usual_range_are_seen_whole():
    ax = plots.audiogram(Audiogram([-20, 125], [100, 16000]))
    (low_hz, high_hz), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert low_hz < 100 < 16000 < high_hz
    assert top < -20 < 125 < bottom


@pytest.mark.parametrize("draw", [plots.audiogram, plots.nalr_gains])
def test_only_ears_have_pictures_of_ears(draw):
    with pytest.raises(TypeError, match="expected an Audiogram or a Listener, got list"):
        draw([10] * 8)


def test_gains_are_those_of_the_prescription_and_of_its_filter():
    filter_, prescribed = plots.nalr_gains(RIGHT).lines
    gains_db = nalr_gains_db(RIGHT.at(PRESCRIPTION_FREQUENCIES_HZ))
    np.testing.assert_array_equal(prescribed.get_ydata(), gains_db)
    realised = np.interp([1000, 2000, 4000], filter_.get_xdata(), filter_.get_ydata())
    np.testing.assert_allclose(realised, gains_db[2:5], atol=1)
    with pytest.raises(ValueError, match="sample_rate must be at least 12000"):
        plots.nalr_gains(RIGHT, sample_rate=8000)


def test_curve_of_the_broadband_compressor():
    compressor = Compressor(sample_rate=8000, threshold=0.1, attenuation=0.5, makeup_gain=2)
    input_db, output_db = plots.compressor_curve(compressor).lines[-1].get_data()
    rms = 10 ** (input_db / 20)
    gain = np.where(np.hypot(rms, 1e-4) > 0.1, 0.5 * rms + 0.5 * 0.1, 1)
    np.testing.assert_allclose(output_db, 20 * np.log10(2 * gain * rms), atol=0.01)


def test_curves_of_the_multiband_compressor():
    compressor = MultibandCompressor(
        crossover_frequencies_hz=[250, 500, 1000, 2000, 4000],
        sample_rate=RATE,
        threshold_db=-30,
        ratio=[1, 1.5, 2, 3, 4, 5],
        makeup_gain_db=[0, 1, 2, 3, 4, 5],
    )
    ax = plots.compressor_curve(compressor)
    curves = ax.lines[1:]
    assert curves[0].get_label() == "0 to 250 Hz"
    assert curves[-1].get_label() == "4000 to 22050 Hz"
    assert len({look(line) for line in curves}) == 6
    for line, ratio, gain_db in zip(curves, compressor.ratio, range(6), strict=True):
        input_db, output_db = line.get_data()
        expected = np.where(input_db > -30, -30 + (input_db + 30) / ratio, input_db) + gain_db
        np.testing.assert_allclose(output_db, expected, atol=1e-3)
    one = plots.compressor_curve(
        MultibandCompressor(crossover_frequencies_hz=500, sample_rate=RATE)
    )
    assert len(one.lines) == 3
    with pytest.raises(TypeError, match="compressor must be a Compressor, BandCompressor"):
        plots.compressor_curve(LISTENER)


def clipped_label(ax) -> str:
    return ax.get_legend().get_texts()[-1].get_text()


def test_nothing_short_is_lost_in_a_long_waveform():
    signal = np.zeros(60 * RATE)
    signal[1234567] = -0.7
    ax = plots.waveform(signal, RATE)
    (outline,) = ax.collections[0].get_paths()
    assert outline.vertices[:, 1].min() == -0.7
    at_s = outline.vertices[outline.vertices[:, 1].argmin(), 0]
    assert at_s == pytest.approx(1234567 / RATE, abs=0.1)
    assert len(outline.vertices) < 3000
    assert clipped_label(ax) == "nothing clipped"


def test_clipped_samples_are_marked_and_counted():
    signal = np.full(10000, 0.5)
    signal[2500], signal[7500] = 32767 / 32768, -1.5
    ax = plots.waveform(signal, 1000)
    below, above = ax.lines[0], ax.lines[2]
    np.testing.assert_allclose(above.get_xdata(), [2.5])
    np.testing.assert_allclose(below.get_xdata(), [7.5])
    assert above.get_marker() != below.get_marker()
    assert clipped_label(ax) == "clipped: 0.02 % of the samples"
    assert ax.get_ylim()[0] < -1.5
    assert clipped_label(plots.waveform(signal, 1000, full_scale=2)) == "nothing clipped"
    assert clipped_label(plots.waveform(signal, 1000, full_scale=0.5)).startswith(
        "clipped: 1e+02 %"
    )


def test_signals_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="signal must have one channel"):
        plots.waveform(np.zeros((2, 100)), RATE)
    with pytest.raises(ValueError, match="signal must have at least one sample"):
        plots.waveform(np.zeros(0), RATE)
    with pytest.raises(ValueError, match="full_scale must be positive"):
        plots.waveform(NOISE, RATE, full_scale=0)
    with pytest.raises(ValueError, match="signal must have at least 2048 samples, got 100"):
        plots.spectrogram(np.zeros(100), RATE)
    with pytest.raises(ValueError, match="processed must be finite"):
        plots.spectrogram_pair(NOISE, np.where(NOISE > 0.3, np.nan, NOISE), RATE)
    with pytest.raises(ValueError, match="vmin_db must be less than vmax_db, got 0 and -10"):
        plots.spectrogram(NOISE, RATE, vmin_db=0, vmax_db=-10)


def heat_map(ax) -> np.ma.MaskedArray:
    return ax.collections[0].get_array()


@pytest.mark.parametrize("rate", [8000, 24000, 44100])
def test_a_spectrogram_holds_the_level_of_the_signal_at_its_frequency(rate):
    t = np.arange(rate) / rate
    ax = plots.spectrogram(0.1 * np.sin(2 * np.pi * 2000 * t), rate)
    power = 10 ** (heat_map(ax) / 10)
    np.testing.assert_allclose(10 * np.log10(power.sum(axis=0)), -23.01, atol=0.05)
    edges_hz = ax.collections[0].get_coordinates()[:, 0, 1]
    loudest = power.mean(axis=1).argmax()
    assert edges_hz[loudest] < 2000 < edges_hz[loudest + 1]
    assert edges_hz[0] < 50
    assert edges_hz[-1] <= min(rate / 2, 20000) < edges_hz[-1] * 2 ** (1 / 12)


def test_a_spectrogram_shows_when_it_was_loud():
    signal = 1e-3 * NOISE.repeat(30)[: 30 * RATE]
    signal[20 * RATE :][:RATE] *= 100
    mesh = plots.spectrogram(signal, RATE).collections[0]
    edges_s = mesh.get_coordinates()[0, :, 0]
    loud = mesh.get_array().mean(axis=0) > mesh.get_array().mean() + 20
    assert edges_s[:-1][loud].min() == pytest.approx(20, abs=0.06)
    assert edges_s[1:][loud].max() == pytest.approx(21, abs=0.06)
    assert len(edges_s) <= 1001


def test_spectrograms_of_a_pair_have_one_scale():
    processed = np.concatenate([0.5 * NOISE, NOISE])
    reference, changed, difference = plots.spectrogram_pair(NOISE, processed, RATE)
    assert heat_map(reference).shape == heat_map(changed).shape == heat_map(difference).shape
    np.testing.assert_allclose(heat_map(difference), -20 * np.log10(2))
    highest_db = heat_map(reference).max()
    for ax in (reference, changed):
        assert ax.collections[0].get_clim() == (highest_db - 80, highest_db)
    low, high = difference.collections[0].get_clim()
    assert low == -high


def test_what_is_below_the_scale_makes_no_difference():
    *_, difference = plots.spectrogram_pair(
        1e-4 * NOISE, 1e-5 * NOISE, RATE, vmin_db=-60, vmax_db=0
    )
    assert not heat_map(difference).any()


def test_the_features_of_haaqi_are_those_of_what_is_drawn(score):
    envelopes, modulation, vibration, spectrum = plots.haaqi_details(score.details)
    details = score.details
    weights = details.vibration.synchrony[:, None] * ~np.ma.getmaskarray(heat_map(vibration))
    covariance = (weights * heat_map(vibration).filled(0)).sum() / weights.sum()
    assert covariance == pytest.approx(score.vibration_covariance, rel=0, abs=1e-12)
    assert modulation.images[0].get_array().mean() == pytest.approx(
        score.cepstral_correlation, rel=0, abs=1e-12
    )
    drawn = spectrum.lines[0].get_ydata() / 100
    similarity = 1 - 32 * drawn.std() / 2.5
    assert similarity == pytest.approx(score.loudness_spectrum, rel=0, abs=1e-12)
    shown = ~np.ma.getmaskarray(heat_map(envelopes))
    np.testing.assert_array_equal(shown, np.tile(details.cepstral.frames, (32, 1)))
    reference_db, processed_db = details.cepstral.envelopes_db_sl
    np.testing.assert_array_equal(heat_map(envelopes)[shown], (processed_db - reference_db)[shown])


def test_details_stand_at_their_times_and_frequencies(score):
    axes = plots.haaqi_details(score.details)
    for ax, times_s in (
        (axes[0], score.details.cepstral_times_s),
        (axes[2], score.details.vibration_times_s),
    ):
        coordinates = ax.collections[0].get_coordinates()
        edges_s, edges_hz = coordinates[0, :, 0], coordinates[:, 0, 1]
        assert (edges_s[:-1] < times_s).all()
        assert (times_s < edges_s[1:]).all()
        assert (edges_hz[:-1] < score.details.centre_hz).all()
        assert (score.details.centre_hz < edges_hz[1:]).all()


def test_a_score_without_details_has_no_picture():
    with pytest.raises(TypeError, match="score with details=True"):
        plots.haaqi_details(None)


def test_scores_by_severity():
    scores = [0.9, 0.2, 0.4, 0.8]
    ax = plots.scores_by_severity(scores, ["NOTHING", "SEVERE", "SEVERE", "NOTHING"])
    nothing, severe = ax.lines
    assert nothing.get_ydata().tolist() == [0.9, 0.8]
    assert severe.get_ydata().tolist() == [0.2, 0.4]
    means = [segments.get_segments()[0][0, 1] for segments in ax.collections]
    assert means == pytest.approx([0.85, 0.3])
    assert [text.get_text().strip() for text in ax.texts] == ["0.850", "0.300"]
    for wrong, message in (
        ((scores, ["MILD"] * 3), "severities must hold one for each of 4 scores, got 3"),
        (([0.5], ["mild"]), "severities must be of NOTHING, MILD, MODERATE, SEVERE, got 'mild'"),
        (([], []), "scores must be a list of at least one number"),
        (([np.nan], ["MILD"]), "scores must be a list of finite numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            plots.scores_by_severity(*wrong)


def test_comparison_counts_wins_and_losses():
    ax = plots.comparison([0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.3, 0.1], names=("old", "new"))
    assert ax.get_title() == (
        "new better: 2, worse: 1, equal: 1\nmean difference -0.025 (-0.200 to +0.100)"
    )
    better, worse, equal = ax.lines[1:]
    assert list(zip(*better.get_data(), strict=True)) == [(0.1, 0.2), (0.2, 0.3)]
    assert list(zip(*worse.get_data(), strict=True)) == [(0.4, 0.1)]
    assert list(zip(*equal.get_data(), strict=True)) == [(0.3, 0.3)]
    assert all(a.get_marker() != b.get_marker() for a, b in itertools.pairwise(ax.lines[1:]))
    with pytest.raises(
        ValueError, match="scores_a and scores_b must have the same length, got 1 and 2"
    ):
        plots.comparison([0.1], [0.1, 0.2])
