"""HAAQI opened up: where in frequency and time a score was lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cadenza.haaqi import CepstralDetails, HaaqiDetails
from cadenza.haaqi.constants import N_CEPSTRA
from cadenza.plots import _drawing
from cadenza.plots.data import (
    DIFFERENCE_DB,
    DIFFERENCES,
    LEVELS,
    envelope_differences_db,
    loudness_differences_percent,
    modulation_band_names,
    vibration_covariances,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREY = "grey: reference inaudible"


def haaqi_details(
    details: HaaqiDetails, axes: Sequence[Axes] | NDArray[Any] | None = None
) -> list[Axes]:
    """Draw what HAAQI computed its features from.

    Four pictures, which hold the numbers of the index itself:

    1. Levels of the processed signal minus those of the reference, in bands over time. The cepstral
       correlation drops where the difference changes fast; a constant difference costs nothing.
    2. The cepstral correlation of each modulation band of each cepstral coefficient. Their mean is
       the feature `cepstral_correlation`.
    3. The vibration covariance in bands over time. Its mean over the tiles that count, with less
       weight for high bands, is the feature `vibration_covariance`.
    4. The part of the loudness that each band has in the processed signal minus that in the
       reference. The more it varies over bands, the lower are `loudness_spectrum` and
       `normalised_spectrum`.

    Frames and tiles in which the reference is inaudible do not count and are grey.

    Parameters
    ----------
    details : HaaqiDetails
        Of a score that was asked for with ``details=True``.
    axes : sequence of four matplotlib.axes.Axes, optional
        Default: those of a new figure.

    Returns
    -------
    list of matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If there are no details, as in a score that was asked for without them.
    ValueError
        If there are not four axes.

    Examples
    --------
    >>> from cadenza.audiogram import Audiogram
    >>> from cadenza.haaqi import haaqi
    >>> music = np.random.default_rng(1).normal(scale=0.1, size=24000)
    >>> score = haaqi(
    ...     music, np.clip(music, -0.1, 0.1), sample_rate=24000, audiogram=Audiogram([20] * 8),
    ...     equalisation="none", level_db_spl=85, details=True,
    ... )
    >>> axes = haaqi_details(score.details)
    >>> shown = axes[1].images[0].get_array()
    >>> float(shown.mean()) == score.cepstral_correlation
    True
    """
    if not isinstance(details, HaaqiDetails):
        raise TypeError(
            f"details must be HaaqiDetails, got {type(details).__name__}: "
            "score with details=True and hand over .details"
        )
    axes = _drawing.given_or_new(axes, 4, size_inches=(6.4, 11.0))
    edges_hz = _between(details.centre_hz, logarithmic=True)
    _drawing.heat_map(
        axes[0],
        _between(details.cepstral_times_s),
        edges_hz,
        envelope_differences_db(details),
        label="difference in dB",
        limits=(-DIFFERENCE_DB, DIFFERENCE_DB),
        colours=DIFFERENCES,
    )
    axes[0].set_title(f"envelopes: processed minus reference ({_GREY})")
    _modulation(axes[1], details.cepstral)
    _drawing.heat_map(
        axes[2],
        _between(details.vibration_times_s),
        edges_hz,
        vibration_covariances(details),
        label="covariance",
        limits=(0, 1),
    )
    mean = details.vibration.mean_covariance
    axes[2].set_title(f"vibration covariance, mean {mean:.3f} ({_GREY})")
    _spectrum(axes[3], details)
    return axes


def _modulation(ax: Axes, cepstral: CepstralDetails) -> None:
    """Correlations as a table in colours."""
    correlations = cepstral.correlations
    ax.imshow(correlations, vmin=0, vmax=1, cmap=LEVELS, aspect="auto")
    for (row, column), value in np.ndenumerate(correlations):
        ink = "black" if value > 0.6 else "white"  # as dark or as light as the colour allows
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)
    ax.set_xticks(range(N_CEPSTRA), [f"{order}" for order in range(1, N_CEPSTRA + 1)])
    names = modulation_band_names()
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("cepstral coefficient")
    ax.set_title(f"cepstral correlation, mean {cepstral.mean_correlation:.3f}")


def _spectrum(ax: Axes, details: HaaqiDetails) -> None:
    """How the loudness of the bands differs, in percent of that of all bands."""
    spectrum, centre_hz = details.spectrum, details.centre_hz
    ax.plot(
        centre_hz,
        loudness_differences_percent(details),
        color=_drawing.BLUE,
        marker="o",
        markersize=4,
        label="processed minus reference",
    )
    ax.axhline(0, color=_drawing.GREY, linewidth=0.8)
    low_hz, high_hz = _between(centre_hz, logarithmic=True)[[0, -1]]
    _drawing.log_frequency_axis(ax, low_hz=low_hz, high_hz=high_hz)
    ax.set_ylabel("difference in % of the loudness")
    ax.set_title(
        f"spectrum: similarity {spectrum.loudness_similarity:.3f} by loudness, "
        f"{spectrum.normalised_similarity:.3f} by band"
    )
    ax.grid(alpha=0.3)


def _between(centres: NDArray[np.float64], *, logarithmic: bool = False) -> NDArray[np.float64]:
    """Edges of tiles around their centres."""
    if logarithmic:
        edges: NDArray[np.float64] = np.exp(_between(np.log(centres)))
        return edges
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
