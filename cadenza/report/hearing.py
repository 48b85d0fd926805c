"""Charts of a listener: audiogram and prescribed gains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram, Listener
from cadenza.hearing_aid import nalr_gains_db
from cadenza.plots.data import OCTAVES_HZ, audiogram_limits, hz_name
from cadenza.report.svg import Axis, Chart

_BANDS_HZ = (250, 500, 1000, 2000, 4000, 8000)  # of the compressor of CAD2
_TICKS_HZ = tuple((hz, hz_name(hz)) for hz in OCTAVES_HZ)

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
    limits = audiogram_limits(ears.values())
    axis = Axis(limits.bottom_db_hl, limits.top_db_hl, "threshold in dB HL")
    return _chart("Audiogram", curves, axis, (limits.low_hz, limits.high_hz))


def gains_chart(curves: Curves) -> Markup:
    """Prescribed gains over frequency."""
    top = max((gain for _, _, gains in curves for gain in gains), default=0.0)
    axis = Axis(-2, max(20.0, top + 3), "gain in dB")
    return _chart("Prescribed gains", curves, axis, (200.0, 10000.0))


def prescribed_gains(ears: Ears, compression: Mapping[str, Any] | None = None) -> Curves:
    """Gains of NAL-R, or those of a multiband compressor below its thresholds."""
    if compression:
        hz = compression.get("frequencies", _BANDS_HZ)
        return [(f"{side} ear", hz, compression[f"gain_{side[0]}"]) for side in ("left", "right")]
    hz = PRESCRIPTION_FREQUENCIES_HZ
    return [(name, hz, nalr_gains_db(ear.at(hz)).tolist()) for name, ear in ears.items()]


def _chart(title: str, curves: Curves, axis: Axis, limits_hz: tuple[float, float]) -> Markup:
    ticks = [(hz, name) for hz, name in _TICKS_HZ if limits_hz[0] <= hz <= limits_hz[1]]
    frequencies = Axis(*limits_hz, "frequency in Hz", ticks, math.log)
    chart = Chart(title, frequencies, axis, height=260)
    for series, (_, frequencies_hz, values) in enumerate(curves):
        points = list(zip(frequencies_hz, values, strict=True))
        chart.line(points, f"curve c{series}")
        for point in points:
            chart.mark(*point, series=2 + series)  # cross for left, ring for right
    return chart.render()
