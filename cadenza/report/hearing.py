"""Charts of a listener: audiogram and prescribed gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram, Listener
from cadenza.hearing_aid import nalr_gains_db
from cadenza.report.svg import Axis, Chart

_BANDS_HZ = (250, 500, 1000, 2000, 4000, 8000)  # of the compressor of CAD2
_TICKS_HZ = tuple((hz, f"{hz // 1000}k" if hz >= 1000 else f"{hz}") for hz in _BANDS_HZ)

Curves = Sequence[tuple[str, Sequence[float], Sequence[float]]]
"""For each ear its name, frequencies in Hz and values in dB."""


Ears = Mapping[str, Audiogram]
"""Audiograms by the name of the ear: both ears, or one alone."""


def ears_of(listener: Listener) -> Ears:
    """Both ears of a listener."""
    return {"left ear": listener.left, "right ear": listener.right}


def audiogram_chart(ears: Ears) -> Markup:
    """Thresholds as clinics draw them: hearing loss downwards, X for left, O for right."""
    curves = [
        (name, ear.frequencies_hz.tolist(), ear.levels_db_hl.tolist()) for name, ear in ears.items()
    ]
    levels = [level for _, _, values in curves for level in values]
    axis = Axis(max(120.0, *levels) + 5, min(-10.0, *levels) - 5, "threshold in dB HL")
    return _chart("Audiogram", curves, axis, low_hz=min(200.0, *(f[0] for _, f, _ in curves)))


def gains_chart(curves: Curves) -> Markup:
    """Prescribed gains over frequency."""
    top = max((gain for _, _, gains in curves for gain in gains), default=0.0)
    return _chart("Prescribed gains", curves, Axis(-2, max(20.0, top + 3), "gain in dB"))


def prescribed_gains(ears: Ears, compression: Mapping[str, Any] | None = None) -> Curves:
    """Gains of NAL-R, or those of a multiband compressor below its thresholds."""
    if compression:
        hz = compression.get("frequencies", _BANDS_HZ)
        return [(f"{side} ear", hz, compression[f"gain_{side[0]}"]) for side in ("left", "right")]
    hz = PRESCRIPTION_FREQUENCIES_HZ
    return [(name, hz, nalr_gains_db(ear.at(hz)).tolist()) for name, ear in ears.items()]


def _chart(title: str, curves: Curves, axis: Axis, *, low_hz: float = 200.0) -> Markup:
    chart = Chart(
        title, Axis(low_hz, 10000, "frequency in Hz", _TICKS_HZ, math.log), axis, height=260
    )
    for series, (_, frequencies_hz, values) in enumerate(curves):
        points = list(zip(frequencies_hz, values, strict=True))
        chart.line(points, f"curve c{series}")
        for point in points:
            chart.mark(*point, series=2 + series)  # cross for left, ring for right
    return chart.render()
