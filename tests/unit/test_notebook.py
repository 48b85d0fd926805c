"""What audiograms, listeners and scores show in a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from cadenza.audiogram import CHALLENGE_FREQUENCIES_HZ, Audiogram, Listener
from cadenza.haaqi import HaaqiScore
from cadenza.haaqi.parts import FLAG_MEANINGS, PARTS

LEFT = Audiogram([10, 15, 20, 30, 40, 50, 55, 60])
RIGHT = Audiogram([-20, 35.5, 125], [500, 2000, 16000])


def parsed(thing) -> ET.Element:
    """The HTML as a tree, which also shows that all elements are closed."""
    return ET.fromstring(f"<page>{thing._repr_html_()}</page>")


def cells(row) -> list[str]:
    return [cell.text or "" for cell in row]


def test_an_audiogram_is_a_table_and_a_drawing():
    page = parsed(LEFT)
    head, ear = page.iter("tr")
    assert cells(head) == ["Hz", *map(str, CHALLENGE_FREQUENCIES_HZ), "loss"]
    assert cells(ear) == ["ear, dB HL", *map("{:g}".format, LEFT.levels_db_hl), "moderate"]
    assert len(list(page.iter("rect"))) == 8


def test_a_listener_has_both_ears_and_their_frequencies():
    page = parsed(Listener("<L&1>", LEFT, RIGHT))
    assert page.find(".//caption").text == "<L&1>"
    head, left, right = page.iter("tr")
    assert cells(head)[-2:] == ["16000", "loss"]
    assert cells(left)[-2:] == ["", "moderate"]
    assert cells(right) == [
        "right ear, dB HL",
        "",
        "-20",
        "",
        "35.5",
        "",
        "",
        "",
        "",
        "125",
        "moderate",
    ]
    assert len(list(page.iter("circle"))) == 3


def test_the_drawing_has_hearing_loss_downwards_and_stays_inside():
    svg = parsed(Listener("L", LEFT, RIGHT)).find(".//svg")
    circles = [[float(circle.get(key)) for key in ("cx", "cy")] for circle in svg.iter("circle")]
    assert circles == sorted(circles)
    assert [y for _, y in circles] == sorted(y for _, y in circles)
    numbers = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", ET.tostring(svg, "unicode"))
    places = [(float(x), float(y)) for x, y in numbers]
    width, height = float(svg.get("width")), float(svg.get("height"))
    assert all(5 <= x <= width - 5 and 5 <= y <= height - 5 for x, y in [*places, *circles])


@pytest.mark.parametrize("flags", [(), ("silent processed", "inaudible reference")])
def test_a_score_says_how_to_read_it(flags):
    score = HaaqiScore(0.9, 0.8, 0.7, 0.6, delay_samples=0, flags=flags)
    page = parsed(score)
    assert page.find(".//caption").text == f"HAAQI {score.score:.3f}"
    for row, part in zip(page.iter("tr"), PARTS, strict=True):
        assert cells(row) == [part.title, f"{getattr(score, part.name):.4f}", part.meaning]
    found = [item.text for item in page.iter("li")]
    assert found == [f"{flag}: {FLAG_MEANINGS[flag]}" for flag in flags]


def test_showing_needs_no_matplotlib():
    program = (
        "import sys; from cadenza.audiogram import Audiogram; Audiogram([20] * 8)._repr_html_(); "
        "print('matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
