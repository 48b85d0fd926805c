"""Pictures of a hearing loss and of the gains that are prescribed for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import freqz

from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram, Listener
from cadenza.hearing_aid import NALR, nalr_gains_db
from cadenza.levels import gain_to_db
from cadenza.plots import _drawing
from cadenza.plots.data import audiogram_limits, severity_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOW_HZ, _HIGH_HZ = 200, 10000


class _Ear(NamedTuple):
    """An ear and how it is drawn."""

    name: str
    audiogram: Audiogram
    marker: str
    colour: str
    line_style: str


def audiogram(audiogram_or_listener: Audiogram | Listener, ax: Axes | None = None) -> Axes:
    """Draw hearing thresholds as clinics do: hearing loss downwards, X for left, O for right.

    Parameters
    ----------
    audiogram_or_listener : Audiogram or Listener
        One ear, or both ears of a listener.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If there is neither an audiogram nor a listener.

    Examples
    --------
    >>> left, right = Audiogram([10, 15, 20, 30, 40, 50, 55, 60]), Audiogram([20] * 8)
    >>> ax = audiogram(Listener("L0001", left, right))
    >>> ax.get_title(), bool(ax.yaxis_inverted())
    ('L0001', True)
    """
    ears = list(_ears(audiogram_or_listener))
    ax = _drawing.new_axes()[0] if ax is None else ax
    for ear in ears:
        ax.plot(
            ear.audiogram.frequencies_hz,
            ear.audiogram.levels_db_hl,
            marker=ear.marker,
            markersize=9,
            markerfacecolor="none",
            markeredgewidth=1.8,
            color=ear.colour,
            linestyle=ear.line_style,
            label=f"{ear.name} ({severity_name(ear.audiogram.severity)})",
        )
    limits = audiogram_limits(ear.audiogram for ear in ears)
    _drawing.log_frequency_axis(ax, low_hz=limits.low_hz, high_hz=limits.high_hz)
    ax.set_ylim(limits.bottom_db_hl, limits.top_db_hl)
    ax.set_ylabel("hearing threshold in dB HL")
    return _finish(ax, audiogram_or_listener)


def nalr_gains(
    audiogram_or_listener: Audiogram | Listener,
    *,
    sample_rate: float = 44100,
    ax: Axes | None = None,
) -> Axes:
    """Draw the gains that NAL-R prescribes (markers), and those of its filter (lines).

    Parameters
    ----------
    audiogram_or_listener : Audiogram or Listener
        One ear, or both ears of a listener.
    sample_rate : float
        Sample rate in Hz at which the filter works, at least 12 kHz.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If there is neither an audiogram nor a listener.
    ValueError
        If the sample rate is too low.

    Examples
    --------
    >>> ax = nalr_gains(Audiogram([45, 45, 35, 45, 60, 65, 70, 65]))
    >>> ax.get_ylabel()
    'gain in dB'
    """
    ears = list(_ears(audiogram_or_listener))
    filters = [NALR(ear.audiogram, sample_rate=sample_rate) for ear in ears]
    ax = _drawing.new_axes()[0] if ax is None else ax
    high_hz = min(_HIGH_HZ, sample_rate / 2)
    frequencies_hz = np.geomspace(_LOW_HZ, high_hz, 200)
    for ear, filter_ in zip(ears, filters, strict=True):
        _, response = freqz(filter_.taps, worN=frequencies_hz, fs=sample_rate)
        ax.plot(
            frequencies_hz,
            gain_to_db(np.abs(response)),
            color=ear.colour,
            linestyle=ear.line_style,
            label=f"{ear.name}, filter",
        )
        ax.plot(
            PRESCRIPTION_FREQUENCIES_HZ,
            nalr_gains_db(ear.audiogram.at(PRESCRIPTION_FREQUENCIES_HZ)),
            marker=ear.marker,
            markersize=9,
            markerfacecolor="none",
            markeredgewidth=1.8,
            color=ear.colour,
            linestyle="none",
            label=f"{ear.name}, prescribed",
        )
    _drawing.log_frequency_axis(ax, low_hz=_LOW_HZ, high_hz=high_hz)
    ax.set_ylabel("gain in dB")
    return _finish(ax, audiogram_or_listener)


def _ears(who: Audiogram | Listener) -> Iterator[_Ear]:
    if isinstance(who, Audiogram):
        yield _Ear("one ear", who, "s", _drawing.GREEN, "-")
    elif isinstance(who, Listener):
        yield _Ear("left ear", who.left, "x", _drawing.BLUE, "-")
        yield _Ear("right ear", who.right, "o", _drawing.ORANGE, "--")
    else:
        raise TypeError(f"expected an Audiogram or a Listener, got {type(who).__name__}")


def _finish(ax: Axes, who: Audiogram | Listener) -> Axes:
    if isinstance(who, Listener):
        ax.set_title(who.name)
    ax.grid(alpha=0.3)
    ax.legend()
    return ax
