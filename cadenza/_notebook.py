"""How audiograms show themselves in a notebook: a table and a small drawing, without matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cadenza.audiogram import Audiogram

_WIDTH, _HEIGHT, _MARGIN = 260, 170, 30
_COLOURS = {"left": "#0072b2", "right": "#d55e00", "": "#009e73"}
_DASHES = {"left": "", "right": "5 3", "": ""}
_TICKS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)


def audiogram_html(ears: Mapping[str, Audiogram], title: str = "") -> str:
    """Drawing and table of one ear, called ``""``, or of ``"left"`` and ``"right"``."""
    return f"<div>{_drawing(ears, title)}{_table(ears, title)}</div>"


def _table(ears: Mapping[str, Audiogram], title: str) -> str:
    frequencies = sorted({hz for ear in ears.values() for hz in ear.frequencies_hz.tolist()})
    heads = "".join(f"<th>{hz:g}</th>" for hz in frequencies)
    rows = ""
    for name, ear in ears.items():
        levels = dict(zip(ear.frequencies_hz.tolist(), ear.levels_db_hl.tolist(), strict=True))
        cells = "".join(
            f"<td>{levels[hz]:g}</td>" if hz in levels else "<td></td>" for hz in frequencies
        )
        rows += f"<tr><th>{f'{name} ear' if name else 'ear'}, dB HL</th>{cells}"
        rows += f"<td>{ear.severity.lower()}</td></tr>"
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f"<table>{caption}<tr><th>Hz</th>{heads}<th>loss</th></tr>{rows}</table>"


def _drawing(ears: Mapping[str, Audiogram], title: str) -> str:
    """An SVG in the colours of the page, with dB HL downwards."""
    frequencies: list[float] = [hz for ear in ears.values() for hz in ear.frequencies_hz.tolist()]
    levels: list[float] = [level for ear in ears.values() for level in ear.levels_db_hl.tolist()]
    low_hz, high_hz = min(200, *frequencies) / 1.1, max(9000, *frequencies) * 1.1
    top, bottom = min(-10, *levels), max(100, *levels)

    def x(hz: float) -> float:
        return _MARGIN + (_WIDTH - _MARGIN - 10) * math.log(hz / low_hz) / math.log(
            high_hz / low_hz
        )

    def y(level: float) -> float:
        return 5 + (_HEIGHT - _MARGIN) * (level - top) / (bottom - top)

    grid = ""
    for hz in _TICKS_HZ:
        if low_hz < hz < high_hz:
            grid += f'<path d="M{x(hz):.1f} {y(top):.1f}V{y(bottom):.1f}" stroke-opacity=".2"/>'
            label = f"{hz // 1000}k" if hz >= 1000 else f"{hz}"
            grid += _text(x(hz), y(bottom) + 14, label, "middle")
    for level in range(0, int(bottom) + 1, 20):
        grid += f'<path d="M{_MARGIN} {y(level):.1f}H{_WIDTH - 10}" stroke-opacity=".2"/>'
        grid += _text(_MARGIN - 4, y(level) + 4, f"{level}", "end")
    curves = ""
    for name, ear in ears.items():
        places = [
            (x(hz), y(level))
            for hz, level in zip(
                ear.frequencies_hz.tolist(), ear.levels_db_hl.tolist(), strict=True
            )
        ]
        line = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        curves += f'<g stroke="{_COLOURS[name]}" stroke-width="1.5">'
        curves += f'<path d="M{line}" stroke-dasharray="{_DASHES[name]}"/>'
        curves += f"{''.join(_mark(name, a, b) for a, b in places)}</g>"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" fill="none" stroke="currentColor">'
        f"<title>audiogram{f' of {escape(title)}' if title else ''}</title>{grid}{curves}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="10" '
        f'fill="currentColor" stroke="none">{text}</text>'
    )


def _mark(ear: str, x: float, y: float) -> str:
    """X for the left ear, O for the right ear, as in clinics; a square for an ear of no side."""
    if ear == "left":
        return f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>'
    if ear == "right":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
