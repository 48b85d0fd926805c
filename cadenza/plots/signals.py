"""Pictures of signals over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.plots import _drawing
from cadenza.plots.data import Columns, columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def waveform(
    signal: ArrayLike, sample_rate: float, *, full_scale: float = 1.0, ax: Axes | None = None
) -> Axes:
    """Draw a signal over time, and mark where it is clipped.

    Clipped samples are those at or beyond full scale, within one step of 16 bits. The legend says
    which fraction of all samples they are.

    Parameters
    ----------
    signal : array_like, shape (T,)
        One channel. Minutes of music take a moment: the range of each pixel is drawn.
    sample_rate : float
        In Hz.
    full_scale : float
        Amplitude at which samples count as clipped.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the signal is not one channel of finite floating-point samples, or a number is not
        positive.

    Examples
    --------
    >>> music = np.clip(1.2 * np.sin(np.arange(44100) / 50), -1, 1)
    >>> ax = waveform(music, 44100)
    >>> ax.get_legend().get_texts()[-1].get_text()
    'clipped: 37 % of the samples'
    """
    x = _check.mono("signal", signal)
    _check.positive("sample_rate", sample_rate)
    _check.positive("full_scale", full_scale)
    if x.size == 0:
        raise ValueError("signal must have at least one sample, got none")
    ax = _drawing.new_axes(size_inches=(6.4, 2.4))[0] if ax is None else ax
    shown = columns(x, _drawing.MAX_COLUMNS, full_scale=full_scale)
    times_s = shown.starts / sample_rate
    ax.fill_between(
        times_s, shown.low, shown.high, color=_drawing.BLUE, linewidth=0.7, label="signal"
    )
    _mark_clipping(ax, shown, times_s, full_scale)
    ax.set_xlim(0, x.size / sample_rate)
    reach = 1.15 * max(full_scale, shown.high.max(), -shown.low.min())
    ax.set_ylim(-reach, reach)
    ax.set_xlabel("time in s")
    ax.set_ylabel("amplitude")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return ax


def _mark_clipping(
    ax: Axes, shown: Columns, times_s: NDArray[np.float64], full_scale: float
) -> None:
    """Mark the columns in which samples are clipped, above or below the signal."""
    for side, clipped in ((-1, shown.clipped_below), (1, shown.clipped_above)):
        where = times_s[clipped]
        ax.plot(
            where,
            np.full(where.size, side * 1.08 * full_scale),
            linestyle="none",
            marker="v" if side > 0 else "^",
            markersize=4,
            color=_drawing.ORANGE,
            label=_clipping_label(shown.clipped_fraction) if side > 0 else None,
        )
        ax.axhline(side * full_scale, color=_drawing.GREY, linewidth=0.8, linestyle=":")


def _clipping_label(fraction: float) -> str:
    return f"clipped: {100 * fraction:.2g} % of the samples" if fraction else "nothing clipped"
