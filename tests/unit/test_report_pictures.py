"""Charts, heat maps and tracks of the report show the numbers that they are given."""

import io
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from cadenza.audiogram import Audiogram
from cadenza.haaqi import haaqi
from cadenza.report.charts import differences, histogram
from cadenza.report.hearing import audiogram_chart, prescribed_gains
from cadenza.report.pages import decibels, percent, score
from cadenza.report.png import colour_table, heat_map_png
from cadenza.report.results import slug_of
from cadenza.report.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axis, Chart, round_ticks
from cadenza.report.tracks import haaqi_tracks, losses, spectrograms, waveform, worst_span
from tests.conftest import tone


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_a_heat_map_has_the_colours_of_its_values_and_the_first_row_at_the_bottom():
    values = np.array([[0.0, 1.0], [np.nan, 5.0]])
    table = np.frombuffer(colour_table("viridis"), np.uint8).reshape(-1, 3)
    shown = pixels(heat_map_png(values, limits=(0, 1), colours="viridis"))
    assert shown[1, 0].tolist() == [*table[0], 255]
    assert shown[1, 1].tolist() == [*table[254], 255]
    assert shown[0, 1].tolist() == [*table[254], 255], "beyond the scale: its end"
    assert shown[0, 0, 3] == 0, "nothing is transparent"


def test_equal_values_give_equal_bytes(rng):
    values = rng.normal(size=(32, 100))
    first, second = (heat_map_png(values.copy(), limits=(-1, 1), colours="PuOr") for _ in range(2))
    assert first == second


def test_a_chart_is_sound_xml_that_holds_any_text():
    chart = Chart("<b> & 'title'", Axis(0, 1, "<x>"), Axis(1, 0, '"y" & z'))
    chart.mark(0.5, 0.25, item=3)
    chart.text(0.1, 0.1, "</svg><script>")
    root = ET.fromstring(chart.render())
    texts = [node.text for node in root.iter("text")]
    assert "<x>" in texts
    assert "</svg><script>" in texts
    mark = next(root.iter("use"))
    x, y = chart.at(0.5, 0.25)
    assert (float(mark.get("x")), float(mark.get("y"))) == pytest.approx((x, y), abs=0.06)
    assert mark.get("data-i") == "3"


def test_places_follow_the_axes():
    chart = Chart("", Axis(100, 10000, "", scale=math.log), Axis(120, -10, "dB HL"))
    left, right = chart.at(100, 0)[0], chart.at(10000, 0)[0]
    assert chart.at(1000, 0)[0] == pytest.approx((left + right) / 2)
    assert chart.at(100, 100)[1] > chart.at(100, 0)[1], "hearing loss downwards"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-23, 17), (1e-4, 3e-4), (0, 1e6), (4, 3)])
def test_ticks_are_few_and_within_limits(low, high):
    ticks = [value for value, _ in round_ticks(low, high)]
    assert 3 <= len(ticks) <= 8
    span = abs(high - low)
    assert min(low, high) - 1e-9 * span <= min(ticks)
    assert max(ticks) <= max(low, high) + 1e-9 * span


def test_many_marks_are_drawn_lighter():
    for n, is_dense in ((200, False), (201, True)):
        chart = Chart("Scores", Axis(0, 1, "x"), Axis(0, 1, "y"))
        for i in range(n):
            chart.mark(i / n, 0.5, item=i)
        assert ('class="chart dense"' in chart.render()) == is_dense


def bars(svg: str, chart_top: int) -> list[float]:
    return [float(node.get("height")) for node in ET.fromstring(svg).iter("rect")]


def test_a_histogram_counts_every_score():
    heights = bars(histogram([0.01, 0.02, 0.03, 0.99, 1.0]), 5)
    assert heights[0] / heights[1] == pytest.approx(3 / 2, rel=0.02)
    assert len(bars(differences([-0.2, 0.2]), 4)) == 2


def test_an_audiogram_has_a_mark_for_each_threshold():
    ears = {
        "left ear": Audiogram([10, 20, 30, 40, 50, 60, 70, 80]),
        "right ear": Audiogram([5] * 8),
    }
    marks = list(ET.fromstring(audiogram_chart(ears)).iter("use"))
    assert [mark.get("href") for mark in marks] == ["#cross"] * 8 + ["#ring"] * 8
    assert float(marks[0].get("y")) < float(marks[7].get("y"))


def test_prescribed_gains_of_a_compressor_are_its_own():
    ears = {"left ear": Audiogram([30] * 8), "right ear": Audiogram([30] * 8)}
    found = prescribed_gains(ears, {"gain_l": [1, 2, 3, 4, 5, 6], "gain_r": [0] * 6})
    assert [(name, list(gains)) for name, _, gains in found] == [
        ("left ear", [1, 2, 3, 4, 5, 6]),
        ("right ear", [0] * 6),
    ]


def test_an_audiogram_shows_thresholds_outside_the_usual_range():
    ear = Audiogram([20, 30, 130], [125, 1000, 14000])
    marks = re.findall(
        r'<use href="#cross" x="([\d.]+)" y="([\d.]+)"', audiogram_chart({"left": ear})
    )
    assert len(marks) == 3
    assert all(LEFT < float(x) < WIDTH - RIGHT and TOP < float(y) < 260 - BOTTOM for x, y in marks)


def test_a_waveform_says_how_much_is_clipped():
    signal = 0.5 * tone(44100)
    assert waveform("enhanced", signal, reach=1).title == "enhanced: nothing clipped"
    signal[:441] = 1.0
    track = waveform("enhanced", signal, reach=1)
    assert track.title == "enhanced: 1.0 % of the samples clipped"
    assert 'class="clip"' in track.svg
    assert 'viewBox="0 0 1000 100"' in track.svg
    assert re.search(r'class="clip" d="(M[\d.]+ 0v8)+"', track.svg), "above only"
    half = waveform("enhanced", signal, reach=1, part=0.5)
    assert 'viewBox="0 0 2000 100"' in half.svg, "it fills the first half of the picture"


def test_spectrograms_share_a_scale_and_show_the_difference():
    signal = tone(44100)
    tracks = spectrograms(signal, [("enhanced", 0.5 * signal)], 44100, signal.size / 44100)
    assert [track.title for track in tracks] == [
        "spectrogram: reference",
        "spectrogram: enhanced",
        "spectrogram: enhanced minus reference",
    ]
    assert tracks[0].scale == tracks[1].scale
    table = np.frombuffer(colour_table("PuOr"), np.uint8).reshape(-1, 3)
    at_minus_6_db = table[round((20 - 6.02) / 40 * 254)]
    shown = pixels(tracks[2].png)[..., :3].reshape(-1, 3)
    assert (np.abs(shown.astype(int) - at_minus_6_db).max(axis=1) <= 2).any()
    assert spectrograms(signal[:100], [("enhanced", signal[:100])], 44100, 1.0) == []


@pytest.fixture(scope="module")
def score_with_a_bad_middle():
    rng = np.random.default_rng(5)
    reference = rng.normal(scale=0.1, size=6 * 24000)
    processed = reference.copy()
    bad = slice(int(3.0 * 24000), int(4.0 * 24000))
    processed[bad] = rng.normal(scale=0.1, size=24000)
    return haaqi(
        reference, processed, sample_rate=24000, audiogram=Audiogram([20] * 8),
        equalisation="none", level_db_spl=85, details=True,
    )  # fmt: skip


def test_the_excerpt_is_where_most_was_lost(score_with_a_bad_middle):
    details = score_with_a_bad_middle.details
    span = worst_span([details], 6.0, 1.0)
    assert span.start_s == pytest.approx(3.0, abs=0.01)
    assert span.duration_s == 1.0
    times_s, lost = losses(details)
    inside = (times_s > 3.1) & (times_s < 3.9)
    assert lost[inside].min() > 5 * lost[times_s < 2.9].max()
    whole = worst_span([details], 6.0, 30.0)
    assert (whole.start_s, whole.end_s) == (0.0, 6.0)


def test_frequencies_have_their_unit(score_with_a_bad_middle):
    details = score_with_a_bad_middle.details
    span = worst_span([details], 1.0, 30.0)
    for track in haaqi_tracks("left", details, span):
        assert [text for _, text in track.ticks] == ["100 Hz", "300", "1k", "3k"]


def test_pictures_of_haaqi_lie_where_their_time_is(score_with_a_bad_middle):
    span = worst_span([score_with_a_bad_middle.details], 6.0, 2.0)
    for track in haaqi_tracks("left ear", score_with_a_bad_middle.details, span):
        assert track.left == pytest.approx(0, abs=1)
        assert track.left + track.width == pytest.approx(100, abs=1)
        assert pixels(track.png).shape[0] == 32


@pytest.mark.parametrize(
    ("key", "is_same"),
    [("scene_1_L0001", True), ("L1_AC/DC", False), ("L1_é<b>", False), ("..", False)],
)
def test_names_of_files_are_safe(key, is_same):
    slug = slug_of(key)
    assert (slug == key) == is_same
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert slug_of("a/b") != slug_of("a_b") != slug_of("a b")


def test_numbers_are_shown_for_people():
    shown = [percent(fraction) for fraction in (0, 1, 0.5, 0.0000123)]
    assert shown == ["0 %", "100 %", "50 %", "0.0012 %"]
    assert score(math.nan) == percent(math.nan) == "–"
    assert decibels(0.04) == "0 dB"
