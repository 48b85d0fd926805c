"""Spectrograms: the level of bands of a twelfth of an octave over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.levels import gain_to_db
from cadenza.plots import _drawing
from cadenza.plots.data import DIFFERENCE_DB, DIFFERENCES, level_differences_db, level_limits_db

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BANDS_PER_OCTAVE = 12
_LOWEST_BAND = -52  # the band around 1 kHz is number 0; this one begins at 48 Hz
_HIGHEST_HZ = 20000
_WINDOW_S = 0.046
_FRAMES_AT_ONCE = 512  # bounds the memory for minutes of music


def spectrogram(
    signal: ArrayLike,
    sample_rate: float,
    *,
    ax: Axes | None = None,
    vmin_db: float | None = None,
    vmax_db: float | None = None,
) -> Axes:
    """Draw the level of bands of a twelfth of an octave over time, in dB re an RMS of 1.

    Parameters
    ----------
    signal : array_like, shape (T,)
        One channel, at least 46 ms.
    sample_rate : float
        In Hz.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.
    vmin_db, vmax_db : float, optional
        Ends of the colour scale. Default: the highest level, and 80 dB less.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the signal is not one channel of finite floating-point samples, is too short, or the
        rate is not positive.

    Examples
    --------
    >>> tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    >>> ax = spectrogram(tone, 44100)
    >>> round(float(ax.collections[0].get_array().max()))
    -23
    """
    times_s, edges_hz, levels_db = band_levels(signal, sample_rate, "signal")
    ax = _drawing.new_axes()[0] if ax is None else ax
    limits = level_limits_db([levels_db], vmin_db, vmax_db)
    _drawing.heat_map(ax, times_s, edges_hz, levels_db, label="level in dB", limits=limits)
    return ax


def spectrogram_pair(
    reference: ArrayLike,
    processed: ArrayLike,
    sample_rate: float,
    axes: Sequence[Axes] | NDArray[Any] | None = None,
    *,
    vmin_db: float | None = None,
    vmax_db: float | None = None,
) -> list[Axes]:
    """Draw the spectrograms of two signals on one scale, and their difference in dB.

    The longer signal is cut. Levels below the scale count as its lower end in the difference, so
    what nobody sees makes no difference.

    Parameters
    ----------
    reference, processed : array_like, shape (T,) and (T',)
        One channel each.
    sample_rate : float
        Of both, in Hz.
    axes : sequence of three matplotlib.axes.Axes, optional
        For the reference, the processed signal, and the processed signal minus the reference.
        Default: those of a new figure.
    vmin_db, vmax_db : float, optional
        Ends of the scale of levels, as for `spectrogram`.

    Returns
    -------
    list of matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        As by `spectrogram`; also if there are not three axes.

    Examples
    --------
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=44100)
    >>> axes = spectrogram_pair(music, 0.5 * music, 44100)
    >>> [ax.get_title() for ax in axes]
    ['reference', 'processed', 'processed minus reference']
    """
    a, b = _check.mono("reference", reference), _check.mono("processed", processed)
    n_samples = min(a.size, b.size)
    times_s, edges_hz, reference_db = band_levels(a[:n_samples], sample_rate, "reference")
    _, _, processed_db = band_levels(b[:n_samples], sample_rate, "processed")
    top, middle, bottom = _drawing.given_or_new(axes, 3, size_inches=(6.4, 8.0))
    limits = level_limits_db([reference_db, processed_db], vmin_db, vmax_db)
    for ax, title, levels_db in (
        (top, "reference", reference_db),
        (middle, "processed", processed_db),
    ):
        _drawing.heat_map(ax, times_s, edges_hz, levels_db, label="level in dB", limits=limits)
        ax.set_title(title)
    _drawing.heat_map(
        bottom,
        times_s,
        edges_hz,
        level_differences_db(reference_db, processed_db, limits[0]),
        label="difference in dB",
        limits=(-DIFFERENCE_DB, DIFFERENCE_DB),
        colours=DIFFERENCES,
    )
    bottom.set_title("processed minus reference")
    return [top, middle, bottom]


def band_levels(
    signal: ArrayLike, sample_rate: float, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Measure the level of bands of a twelfth of an octave over time.

    Parameters
    ----------
    signal : array_like, shape (T,)
        One channel, at least 46 ms.
    sample_rate : float
        In Hz.
    name : str
        What messages call the signal.

    Returns
    -------
    times_s : ndarray, shape (columns + 1,)
        Edges of the columns in seconds.
    edges_hz : ndarray, shape (bands + 1,)
        Edges of the bands in Hz.
    levels_db : ndarray, shape (bands, columns)
        In dB re an RMS of 1.
    """
    x = _check.mono(name, signal)
    rate = _check.positive("sample_rate", sample_rate)
    size = 2 ** round(np.log2(_WINDOW_S * rate))
    if x.size < size:
        raise ValueError(f"{name} must have at least {size} samples, got {x.size}")
    frames = sliding_window_view(x, size)[:: size // 4]
    edges_hz = _band_edges_hz(rate)
    parts = _parts_of_bins(edges_hz, rate, size)
    window = np.hanning(size + 1)[:-1]
    scale = 2 / (size * np.sum(window**2))
    power = np.concatenate(
        [
            parts @ (scale * np.abs(np.fft.rfft(frames[i : i + _FRAMES_AT_ONCE] * window)) ** 2).T
            for i in range(0, len(frames), _FRAMES_AT_ONCE)
        ],
        axis=1,
    )
    n_columns = min(len(frames), _drawing.MAX_COLUMNS)
    starts = np.linspace(0, len(frames), n_columns, endpoint=False, dtype=int)
    counts = np.diff([*starts, len(frames)])
    levels_db = gain_to_db(np.sqrt(np.add.reduceat(power, starts, axis=1) / counts))
    first_s = (size / 2 - size / 8) / rate  # a column reaches to the middle between two frames
    times_s = first_s + np.array([*starts, len(frames)]) * (size // 4) / rate
    return times_s, edges_hz, levels_db


def _band_edges_hz(sample_rate: float) -> NDArray[np.float64]:
    octaves = np.log2(min(_HIGHEST_HZ, sample_rate / 2) / 1000)
    bands = np.arange(_LOWEST_BAND, np.floor(octaves * _BANDS_PER_OCTAVE - 0.5) + 2)
    edges_hz: NDArray[np.float64] = 1000 * 2 ** ((bands - 0.5) / _BANDS_PER_OCTAVE)
    return edges_hz


def _parts_of_bins(
    edges_hz: NDArray[np.float64], sample_rate: float, size: int
) -> NDArray[np.float64]:
    """Which part of each bin's power is in each band, shape (bands, bins)."""
    width_hz = sample_rate / size
    bin_edges = (np.arange(size // 2 + 2) - 0.5) * width_hz
    below = np.clip((edges_hz[:, None] - bin_edges[:-1]) / width_hz, 0, 1)
    return np.diff(below, axis=0)
