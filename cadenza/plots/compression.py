"""Pictures of what a compressor does to levels."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cadenza.hearing_aid import BandCompressor, Compressor, MultibandCompressor
from cadenza.levels import db_to_gain, gain_to_db
from cadenza.plots import _drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INPUT_DB = np.linspace(-80, 10, 181)
_SETTLED = 15  # time constants after which the gain moves no more


def compressor_curve(
    compressor: Compressor | BandCompressor | MultibandCompressor, ax: Axes | None = None
) -> Axes:
    """Draw the output level of a compressor over the level of its input.

    The levels are measured: the compressor processes signals of constant magnitude until its gain
    has settled. They are in dB re full scale.

    Parameters
    ----------
    compressor : Compressor, BandCompressor or MultibandCompressor
        A multiband compressor has a curve for each band.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If it is another kind of compressor.

    Examples
    --------
    >>> ax = compressor_curve(BandCompressor(sample_rate=44100, threshold_db=-20, ratio=4))
    >>> input_db, output_db = ax.lines[-1].get_data()
    >>> [round(float(output), 1) for output in np.interp([-40, 0], input_db, output_db)]
    [-40.0, -15.0]
    """
    curves = _curves(compressor)
    ax = _drawing.new_axes(size_inches=(5.0, 4.6))[0] if ax is None else ax
    ax.axline((0, 0), slope=1, color=_drawing.GREY, linewidth=0.8, label="unchanged")
    looks = zip(cycle(_drawing.COLOURS), cycle(_drawing.LINE_STYLES), strict=True)
    for (label, output_db), (colour, line_style) in zip(curves.items(), looks, strict=False):
        ax.plot(_INPUT_DB, output_db, color=colour, linestyle=line_style, label=label)
    ax.set_xlim(_INPUT_DB[0], _INPUT_DB[-1])
    ax.set_xlabel("input in dB re full scale")
    ax.set_ylabel("output in dB re full scale")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def _curves(
    compressor: Compressor | BandCompressor | MultibandCompressor,
) -> dict[str, NDArray[np.float64]]:
    """Output levels in dB of each band, by what the legend calls it."""
    if isinstance(compressor, MultibandCompressor):
        edges_hz = np.atleast_1d(compressor.crossover_frequencies_hz).tolist()
        lows, highs = [0, *edges_hz], [*edges_hz, compressor.sample_rate / 2]
        return {
            f"{low:.0f} to {high:.0f} Hz": _settled_levels_db(band)
            for low, high, band in zip(lows, highs, compressor.compressors, strict=True)
        }
    if isinstance(compressor, Compressor | BandCompressor):
        return {"compressor": _settled_levels_db(compressor)}
    raise TypeError(
        "compressor must be a Compressor, BandCompressor or MultibandCompressor, "
        f"got {type(compressor).__name__}"
    )


def _settled_levels_db(compressor: Compressor | BandCompressor) -> NDArray[np.float64]:
    """Output levels in dB once the gain has settled."""
    settled_s = _SETTLED * compressor.attack_ms / 1000
    if isinstance(compressor, Compressor):
        settled_s += compressor.rms_buffer_size_s
    n_samples = math.ceil(settled_s * compressor.sample_rate) + 1
    outputs = [compressor(np.full(n_samples, x))[-1] for x in db_to_gain(_INPUT_DB)]
    return np.asarray(gain_to_db(outputs))
