"""Charts of many items: how scores are distributed, and what they go with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from markupsafe import Markup

from cadenza.audiogram import SEVERITIES
from cadenza.plots.data import severity_name
from cadenza.report.challenges import part_of
from cadenza.report.results import ItemResult, Run
from cadenza.report.svg import BOTTOM, TOP, Axis, Chart
from cadenza.statistics import grouped, mean

MOST_GROUPS = 24
"""Groups in a chart; of more, the worst are shown."""

_HAAQI = Axis(0, 1, "HAAQI")
_ROW = 30
_LOSSES = [severity_name(severity) for severity in reversed(SEVERITIES)]
_LEAST_CLIPPED = 1e-5


def histogram(scores: Sequence[float]) -> Markup:
    """How many items have which score."""
    counts, edges = np.histogram(scores, bins=20, range=(0, 1))
    top = max(5, int(counts.max(initial=0)))
    chart = Chart("Distribution of the scores", _HAAQI, Axis(0, top, "items"), height=260)
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            chart.bar((float(low), 0), (float(high), count), "bar")
    centre = mean(list(scores))
    chart.line([(centre, 0), (centre, top)], "mean")
    return chart.render()


def strips(
    title: str,
    items: Sequence[tuple[int | None, ItemResult]],
    key: Callable[[ItemResult], str],
    *,
    order: Sequence[str] = (),
) -> Markup:
    """Scores in rows by group, with the mean of each.

    Rows are in the given order, from below; otherwise the group with the lowest mean is at the
    bottom.
    """
    groups = grouped(items, lambda numbered: key(numbered[1]))
    means = {name: mean([item.score for _, item in group]) for name, group in groups.items()}
    by_mean = sorted(groups, key=lambda name: (means[name], name))[:MOST_GROUPS]
    names = [name for name in order if name in groups] or by_mean
    height = TOP + BOTTOM + _ROW * len(names)
    shown = [_short(name) for name in names]
    left = 24 + round(6.6 * max((len(name) for name in shown), default=0))
    labels = list(enumerate(shown))
    rows = Axis(-0.5, len(names) - 0.5, "", labels)
    chart = Chart(title, _HAAQI, rows, height=height, left=left, right=58)
    for row, name in enumerate(names):
        group, centre = groups[name], means[name]
        spread = np.linspace(-0.22, 0.22, len(group)) if len(group) > 1 else [0.0]
        for (index, item), offset in zip(group, spread, strict=True):
            chart.mark(item.score, row + float(offset), item=index)
        if len(group) > 1:  # the mean of one item would hide its mark
            chart.line([(centre, row - 0.38), (centre, row + 0.38)], "mean")
        chart.text(1, row, f"{centre:.3f}", "value")
    return chart.render()


def ears(items: Sequence[tuple[int | None, ItemResult]]) -> Markup:
    """Left against right ear."""
    chart = Chart(
        "Scores of the left ear against the right", Axis(0, 1, "HAAQI, left ear"),
        Axis(0, 1, "HAAQI, right ear"), height=340,
    )  # fmt: skip
    chart.line([(0, 0), (1, 1)], "guide")
    for index, item in items:
        if math.isfinite(item.left) and math.isfinite(item.right):
            chart.mark(item.left, item.right, item=index)
    return chart.render()


def clipping(items: Sequence[tuple[int | None, ItemResult]]) -> Markup | None:
    """Score over the fraction of clipped samples; None if no item's fraction is known."""
    known = [(index, item) for index, item in items if math.isfinite(item.clipped_fraction)]
    if not known:
        return None
    ticks = [(_LEAST_CLIPPED, "0"), *((10.0**p, f"{10.0 ** (p + 2):g} %") for p in range(-4, 1))]
    axis = Axis(_LEAST_CLIPPED / 2, 1, "clipped samples", ticks, math.log)
    chart = Chart("HAAQI against clipped samples", axis, _HAAQI, height=300)
    for index, item in known:
        chart.mark(max(item.clipped_fraction, _LEAST_CLIPPED), item.score, item=index)
    return chart.render()


def by_gain(items: Sequence[tuple[int | None, ItemResult]]) -> dict[str, Markup]:
    """For each stem or instrument, scores over the gain that was asked for."""
    points: dict[str, list[tuple[float, float, int | None]]] = {}
    for index, item in items:
        for name, gain_db in item.gains_db.items():
            points.setdefault(part_of(name), []).append((gain_db, item.score, index))
    charts = {}
    for name, found in points.items():
        gains_db = [gain_db for gain_db, *_ in found]
        low, high = min(gains_db), max(gains_db)
        margin = 0.08 * (high - low) or 1.0
        axis = Axis(low - margin, high + margin, "gain in dB")
        chart = Chart(f"HAAQI against the gain of {name}", axis, _HAAQI, height=220)
        for gain_db, score, index in found:
            chart.mark(gain_db, score, item=index)
        means = {g: mean([s for gain_db, s, _ in found if gain_db == g]) for g in set(gains_db)}
        if len(means) <= 12:
            chart.line([(g, means[g]) for g in sorted(means)], "mean")
        charts[name] = chart.render()
    return charts


def against(pairs: Sequence[tuple[int | None, float, float]], names: tuple[str, str]) -> Markup:
    """Scores of one run over those of another; other shapes where the second is worse."""
    chart = Chart(
        "Scores of both runs", Axis(0, 1, f"HAAQI, {names[0]}"), Axis(0, 1, f"HAAQI, {names[1]}"),
        height=420,
    )  # fmt: skip
    chart.line([(0, 0), (1, 1)], "guide")
    for index, a, b in pairs:
        chart.mark(a, b, 0 if b >= a else 1, item=index)
    return chart.render()


def differences(values: Sequence[float]) -> Markup:
    """How the differences between two runs are distributed."""
    reach = max((abs(value) for value in values), default=0.0) * 1.05 or 0.1
    counts, edges = np.histogram(values, bins=21, range=(-reach, reach))
    top = max(4, int(counts.max(initial=0)))
    axes = Axis(-reach, reach, "difference in HAAQI"), Axis(0, top, "items")
    chart = Chart("Distribution of the differences", *axes, height=420)
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            chart.bar((float(low), 0), (float(high), count), "bar")
    chart.line([(0, 0), (0, top)], "guide")
    chart.line([(mean(list(values)), 0), (mean(list(values)), top)], "mean")
    return chart.render()


def overview(run: Run, numbers: Mapping[str, int]) -> dict[str, Markup | dict[str, Markup] | None]:
    """All charts of a run; `numbers` gives the items that have pages."""
    items = [(numbers.get(item.key), item) for item in run.scored]
    song = {item.key: str(item.labels.get("song", "")) for _, item in items}
    return {
        "histogram": histogram([item.score for _, item in items]),
        "listeners": strips("Scores by listener", items, lambda i: i.listener.name),
        "better": _by_loss("By the better ear", items, better=True),
        "worse": _by_loss("By the worse ear", items, better=False),
        "songs": strips("Scores by song", items, lambda i: song[i.key]),
        "ears": ears(items),
        "clipping": clipping(items),
        "gains": by_gain(items),
    }


def _by_loss(title: str, items: Sequence[tuple[int | None, ItemResult]], *, better: bool) -> Markup:
    return strips(
        title, items, lambda item: severity_name(item.severity(better=better)), order=_LOSSES
    )


def _short(name: str, most: int = 26) -> str:
    """Name without its middle: ends often tell names apart."""
    half = most // 2
    return name if len(name) <= most else f"{name[: half - 1]}…{name[-half:]}"
