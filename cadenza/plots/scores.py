"""Pictures of many scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.audiogram import SEVERITIES, Severity
from cadenza.plots import _drawing
from cadenza.plots.data import severity_name
from cadenza.statistics import grouped, mean, paired

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 0.3  # of the cloud of points of a group, on either side


def scores_by_severity(
    scores: ArrayLike, severities: Sequence[Severity], *, ax: Axes | None = None
) -> Axes:
    """Draw scores in groups by the severity of the hearing loss, with the mean of each group.

    Parameters
    ----------
    scores : array_like, shape (n,)
        For example of the better ear of each item.
    severities : sequence of str
        ``"NOTHING"``, ``"MILD"``, ``"MODERATE"`` or ``"SEVERE"`` for each score, as
        `Audiogram.severity` gives it.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If there is not a finite number for each severity, or a severity is none of the four.

    Examples
    --------
    >>> ax = scores_by_severity([0.9, 0.7, 0.6], ["MILD", "SEVERE", "SEVERE"])
    >>> [label.get_text().split() for label in ax.get_xticklabels()]
    [['mild', '1', 'score'], ['severe', '2', 'scores']]
    """
    values = _scores("scores", scores)
    if len(severities) != values.size:
        raise ValueError(
            f"severities must hold one for each of {values.size} scores, got {len(severities)}"
        )
    if unknown := sorted({s for s in severities if s not in SEVERITIES}):
        raise ValueError(f"severities must be of {', '.join(SEVERITIES)}, got {unknown[0]!r}")
    by_severity = sorted(
        zip(severities, values.tolist(), strict=True), key=lambda pair: SEVERITIES.index(pair[0])
    )
    groups = {
        name: [score for _, score in pairs]
        for name, pairs in grouped(by_severity, lambda pair: severity_name(pair[0])).items()
    }
    ax = _drawing.new_axes()[0] if ax is None else ax
    for place, group in enumerate(groups.values()):
        spread = np.linspace(-_WIDTH, _WIDTH, len(group) + 2)[1:-1]
        ax.plot(place + spread, group, ".", color=_drawing.BLUE, alpha=0.7)
        centre = mean(group)
        ax.hlines(centre, place - _WIDTH, place + _WIDTH, color=_drawing.ORANGE, linewidth=2)
        ax.annotate(f" {centre:.3f}", (place + _WIDTH, centre), va="center", color=_drawing.ORANGE)
    labels = [
        f"{name}\n{len(group)} score{'s' if len(group) > 1 else ''}"
        for name, group in groups.items()
    ]
    ax.set_xticks(range(len(groups)), labels)
    ax.set_xlim(-0.6, len(groups) - 0.3)
    ax.set_ylim(0, 1)
    ax.set_xlabel("hearing loss")
    ax.set_ylabel("HAAQI (line: mean)")
    return ax


def comparison(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    names: tuple[str, str] = ("A", "B"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the scores of two runs against each other: above the diagonal, the second is better.

    The title counts the items, and gives the mean difference with its 95 % confidence interval (see
    `cadenza.statistics.paired`).

    Parameters
    ----------
    scores_a, scores_b : array_like, shape (n,)
        Scores of the same items in the same order.
    names : pair of str
        What to call the runs.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Default: the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the scores are not finite numbers, or not as many of one run as of the other.

    Examples
    --------
    >>> ax = comparison([0.5, 0.6, 0.7], [0.6, 0.8, 0.6], names=("spectral", "oracle"))
    >>> ax.get_title().splitlines()
    ['oracle better: 2, worse: 1, equal: 0', 'mean difference +0.067 (-0.100 to +0.200)']
    """
    a, b = _scores("scores_a", scores_a), _scores("scores_b", scores_b)
    if a.size != b.size:
        raise ValueError(
            f"scores_a and scores_b must have the same length, got {a.size} and {b.size}"
        )
    ax = _drawing.new_axes(size_inches=(5.0, 5.0))[0] if ax is None else ax
    looks = (
        ("better", b > a, _drawing.GREEN, "^"),
        ("worse", b < a, _drawing.ORANGE, "v"),
        ("equal", b == a, _drawing.BLUE, "o"),
    )
    ax.axline((0, 0), slope=1, color=_drawing.GREY, linewidth=0.8)
    for word, which, colour, marker in looks:
        ax.plot(a[which], b[which], marker, color=colour, alpha=0.8, label=f"{names[1]} {word}")
    found = paired(a, b)
    change = found.difference
    ax.set_title(
        f"{names[1]} better: {found.wins}, worse: {found.losses}, equal: {found.ties}\n"
        f"mean difference {change.mean:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
    )
    ax.set_xlabel(f"HAAQI of {names[0]}")
    ax.set_ylabel(f"HAAQI of {names[1]}")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_aspect("equal")
    ax.grid(alpha=0.3)
    ax.legend()
    return ax


def _scores(name: str, scores: ArrayLike) -> NDArray[np.float64]:
    values = _check.numbers(name, scores, rule="a list of finite numbers")
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"{name} must be a list of at least one number, got shape {values.shape}")
    return values
