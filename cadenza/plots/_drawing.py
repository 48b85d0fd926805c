"""What all pictures share: axes, colours and the axis of frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cadenza.plots.data import LEVELS, OCTAVES_HZ, hz_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#b5629a"
"""Told apart by people who are colour-blind, and readable on white as well as on black."""

COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
LINE_STYLES = ("-", "--", ":")  # not as many as colours, so that twelve lines differ

GREY = "#808080"
"""For guiding lines, and for what does not count in a heat map."""

MAX_COLUMNS = 1000
"""Columns of a picture over time: more than a screen shows in the width of an axes."""


def new_axes(n: int = 1, *, size_inches: tuple[float, float] = (6.4, 4.0)) -> list[Axes]:
    """Make axes above one another, in a figure that pyplot does not know."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, layout="constrained")
    axes: list[Axes] = np.atleast_1d(figure.subplots(n)).tolist()
    return axes


def given_or_new(
    axes: Sequence[Axes] | NDArray[Any] | None, n: int, *, size_inches: tuple[float, float]
) -> list[Axes]:
    """Return `n` axes as a list: those that were given, or new ones."""
    if axes is None:
        return new_axes(n, size_inches=size_inches)
    given: list[Axes] = np.asarray(axes, dtype=object).reshape(-1).tolist()
    if len(given) != n:
        raise ValueError(f"axes must hold {n} axes, got {len(given)}")
    return given


def log_frequency_axis(ax: Axes, *, low_hz: float, high_hz: float, along: str = "x") -> None:
    """Make an axis logarithmic from `low_hz` to `high_hz`, with labels such as 500 and 2k."""
    from matplotlib.ticker import NullLocator

    axis = ax.xaxis if along == "x" else ax.yaxis
    (ax.set_xscale if along == "x" else ax.set_yscale)("log")
    ticks_hz = [hz for hz in OCTAVES_HZ if low_hz <= hz <= high_hz]
    axis.set_ticks(ticks_hz, [hz_name(hz) for hz in ticks_hz])
    axis.set_minor_locator(NullLocator())
    (ax.set_xlim if along == "x" else ax.set_ylim)(low_hz, high_hz)
    axis.set_label_text("frequency in Hz")


def heat_map(
    ax: Axes,
    times_s: NDArray[np.float64],
    edges_hz: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    label: str,
    limits: tuple[float, float],
    colours: str = LEVELS,
) -> QuadMesh:
    """Draw values of bands over time, with a colour bar; NaN shows the grey background.

    Parameters
    ----------
    times_s : ndarray, shape (S + 1,)
        Edges of the columns in seconds.
    edges_hz : ndarray, shape (B + 1,)
        Edges of the bands in Hz.
    values : ndarray, shape (B, S)
        What to show.
    """
    ax.set_facecolor(GREY)
    mesh = ax.pcolormesh(
        times_s,
        edges_hz,
        values,
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        rasterized=True,  # one image in an SVG, not a path for each tile
    )
    log_frequency_axis(ax, low_hz=float(edges_hz[0]), high_hz=float(edges_hz[-1]), along="y")
    ax.set_xlabel("time in s")
    ax.get_figure(root=True).colorbar(mesh, ax=ax, label=label)  # type: ignore[union-attr]
    return mesh
