"""Pictures over time, which share the time axis of the player: waveforms and heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from cadenza.haaqi import HaaqiDetails
from cadenza.plots.data import (
    DIFFERENCE_DB,
    DIFFERENCES,
    LEVELS,
    columns,
    envelope_differences_db,
    hz_name,
    level_differences_db,
    level_limits_db,
    vibration_covariances,
)
from cadenza.plots.spectra import band_levels
from cadenza.report.pages import percent
from cadenza.report.png import gradient, heat_map_png

MOST_COLUMNS = 800
_TICKS_HZ = (100, 300, 1000, 3000, 10000)
_SHORTEST_S = 0.1  # of a spectrogram


@dataclass(frozen=True)
class Span:
    """The part of the music that is shown and heard, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Its duration."""
        return self.end_s - self.start_s

    def part(self, time_s: float) -> float:
        """Where a moment is: 0 at the start, 100 at the end."""
        return 100 * (time_s - self.start_s) / self.duration_s


@dataclass(frozen=True)
class Track:
    """A picture over time.

    Parameters
    ----------
    title : str
        What it shows.
    ticks : sequence of (float, str)
        Labels of the vertical axis, at percent of its height from below.
    svg : Markup
        The drawing of a waveform; empty for a heat map.
    png : bytes
        The picture of a heat map.
    left, width : float
        Where the picture is, in percent of the time that is shown.
    scale : tuple of str
        Colours as stops of a gradient, and what its ends mean.
    """

    title: str
    ticks: Sequence[tuple[float, str]]
    svg: Markup | str = ""
    png: bytes = b""
    left: float = 0.0
    width: float = 100.0
    scale: tuple[str, str, str] = ("", "", "")


def waveform(
    title: str,
    signal: NDArray[np.float64],
    *,
    reach: float,
    part: float = 1.0,
    beyond: str = "clipped",
) -> Track:
    """Range of the samples over time, with those at full scale marked above and below.

    Parameters
    ----------
    signal : ndarray, shape (T,)
        The part that is shown.
    reach : float
        Amplitude at the top of the picture.
    part : float
        Part of the shown time that the signal takes, from the start; at most 1.
    beyond : str
        What samples at or beyond full scale are called.
    """
    shown = columns(signal, MOST_COLUMNS)
    x = np.round(1000 * shown.starts / signal.size, 1)
    y_low, y_high = (np.round(50 - 48 * edge / reach, 1) for edge in (shown.low, shown.high))
    upper = "L".join(f"{a:g} {b:g}" for a, b in zip(x, y_high, strict=True))
    lower = "L".join(f"{a:g} {b:g}" for a, b in zip(x[::-1], y_low[::-1], strict=True))
    marks = "".join(f"M{a:g} 0v8" for a in x[shown.clipped_above])
    marks += "".join(f"M{a:g} 100v-8" for a in x[shown.clipped_below])
    full = [50 - 48 / reach, 50 + 48 / reach] if reach >= 1 else []
    total = round(1000 / part)
    lines = "".join(f"M0 {y:.1f}H{total}" for y in full)
    fraction = shown.clipped_fraction
    said = f"{percent(fraction)} of the samples {beyond}" if fraction else f"nothing {beyond}"
    svg = Markup(
        f'<svg viewBox="0 0 {total} 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="wave" d="M{upper}L{lower}Z"/><path class="full" d="{lines}"/>'
        f'<path class="clip" d="{marks}"/></svg>'
    )
    ticks = [(98 - 48 + 48 / reach, "1"), (50.0, "0"), (50 - 48 / reach, "−1")] if reach >= 1 else [
        (98.0, f"{reach:.2g}"), (50.0, "0")
    ]  # fmt: skip
    return Track(f"{title}: {said}", ticks, svg=svg)


def spectrograms(
    reference: NDArray[np.float64],
    enhanced: Sequence[tuple[str, NDArray[np.float64]]],
    sample_rate: int,
    shown_s: float,
) -> list[Track]:
    """Levels of the reference and of enhanced signals on one scale, and the differences in dB.

    Parameters
    ----------
    reference : ndarray, shape (T,)
        The part that is shown.
    enhanced : sequence of (str, ndarray)
        What each is called, and its samples.
    sample_rate : int
        Of all, in Hz.
    shown_s : float
        The time that is shown, in seconds; signals may be shorter.
    """
    n_samples = min(reference.size, *(signal.size for _, signal in enhanced))
    if n_samples < _SHORTEST_S * sample_rate:
        return []
    times_s, edges_hz, levels_db = band_levels(reference[:n_samples], sample_rate, "reference")
    others = [
        (name, band_levels(signal[:n_samples], sample_rate, name)[2]) for name, signal in enhanced
    ]
    floor_db, top_db = level_limits_db([levels_db, *(found for _, found in others)])
    ticks = _frequency_ticks(np.sqrt(edges_hz[1:] * edges_hz[:-1]))
    place = (100 * times_s[0] / shown_s, 100 * (times_s[-1] - times_s[0]) / shown_s)
    low, high = (f"{db:.0f}".replace("-", "−") for db in (floor_db, top_db))
    scale = (gradient(LEVELS), low, f"{high} dB")

    def levels(title: str, found: NDArray[np.float64]) -> Track:
        png = heat_map_png(_thinned(found), limits=(floor_db, top_db), colours=LEVELS)
        return Track(title, ticks, png=png, left=place[0], width=place[1], scale=scale)

    tracks = [levels("spectrogram: reference", levels_db)]
    for name, found in others:
        difference_db = level_differences_db(levels_db, found, floor_db)
        png = heat_map_png(
            _thinned(difference_db), limits=(-DIFFERENCE_DB, DIFFERENCE_DB), colours=DIFFERENCES
        )
        title = f"spectrogram: {name} minus reference"
        tracks += [
            levels(f"spectrogram: {name}", found),
            Track(title, ticks, png=png, left=place[0], width=place[1], scale=_differences()),
        ]
    return tracks


def haaqi_tracks(name: str, details: HaaqiDetails, span: Span) -> list[Track]:
    """Where in frequency and time HAAQI found the signals to differ."""
    ticks = _frequency_ticks(details.centre_hz)
    tracks = []
    for title, values, times_s, limits, colours, scale in (
        (
            f"{name}: envelopes, enhanced minus reference",
            envelope_differences_db(details),
            details.cepstral_times_s,
            (-DIFFERENCE_DB, DIFFERENCE_DB),
            DIFFERENCES,
            _differences(),
        ),
        (
            f"{name}: vibration covariance",
            vibration_covariances(details),
            details.vibration_times_s,
            (0, 1),
            LEVELS,
            (gradient(LEVELS), "0: lost", "1: kept"),
        ),
    ):
        inside = (times_s >= span.start_s) & (times_s <= span.end_s)
        if inside.sum() < 2:
            continue
        shown_s, step_s = times_s[inside], float(times_s[1] - times_s[0])
        left = span.part(float(shown_s[0]) - step_s / 2)
        width = span.part(float(shown_s[-1]) + step_s / 2) - left
        png = heat_map_png(_thinned(values[:, inside]), limits=limits, colours=colours)
        tracks.append(Track(title, ticks, png=png, left=left, width=width, scale=scale))
    return tracks


def losses(details: HaaqiDetails) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of the vibration was lost over time.

    Returns
    -------
    times_s, losses : ndarray, shape (S,)
        Times in seconds, and the mean of 1 minus the covariance over the bands that count.
    """
    vibration = details.vibration
    weights = vibration.synchrony[:, None] * vibration.tiles
    lost = (weights * (1 - vibration.covariances)).sum(axis=0)
    return details.vibration_times_s, lost / max(float(vibration.synchrony.sum()), 1e-12)


def worst_span(details: Sequence[HaaqiDetails], duration_s: float, wanted_s: float) -> Span:
    """Part of `wanted_s` seconds in which most was lost; everything, if it is not longer."""
    if duration_s <= wanted_s:
        return Span(0.0, duration_s)
    starts_s = np.arange(0, duration_s - wanted_s + 0.5, 0.5)
    starts_s = np.minimum(starts_s, duration_s - wanted_s)
    lost = np.zeros(starts_s.size)
    for found in details:
        times_s, values = losses(found)
        total = np.concatenate([[0.0], np.cumsum(values)])
        first, last = (np.searchsorted(times_s, starts_s + edge) for edge in (0, wanted_s))
        lost += total[last] - total[first]
    start_s = float(starts_s[int(lost.argmax())])
    return Span(start_s, start_s + wanted_s)


def _differences() -> tuple[str, str, str]:
    return gradient(DIFFERENCES), f"−{DIFFERENCE_DB}", f"+{DIFFERENCE_DB} dB"


def _frequency_ticks(centres_hz: NDArray[np.float64]) -> list[tuple[float, str]]:
    """Where round frequencies are among bands that have the same height, in percent."""
    rows = np.arange(centres_hz.size) + 0.5
    inside = [hz for hz in _TICKS_HZ if centres_hz[0] <= hz <= centres_hz[-1]]
    places = np.interp(np.log(inside), np.log(centres_hz), rows) / centres_hz.size * 100
    texts = [hz_name(hz) for hz in inside]
    texts[:1] = [f"{text} Hz" for text in texts[:1]]
    return [(round(float(place), 1), text) for place, text in zip(places, texts, strict=True)]


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `MOST_COLUMNS` columns: means of neighbours, of those that count."""
    n_columns = values.shape[1]
    if n_columns <= MOST_COLUMNS:
        return values
    starts = np.linspace(0, n_columns, MOST_COLUMNS, endpoint=False, dtype=int)
    counted = ~np.isnan(values)
    sums = np.add.reduceat(np.where(counted, values, 0.0), starts, axis=1)
    counts = np.add.reduceat(counted, starts, axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
