"""Pictures of many scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.audiogram import Severity
from cadenza.plots import _drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
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
    if unknown := sorted({s for s in severities if s not in _SEVERITIES}):
        raise ValueError(f"severities must be of {', '.join(_SEVERITIES)}, got {unknown[0]!r}")
    groups = {
        severity: values[np.array([s == severity for s in severities], dtype=bool)]
        for severity in _SEVERITIES
        if severity in severities
    }
    ax = _drawing.new_axes()[0] if ax is None else ax
    for place, group in enumerate(groups.values()):
        spread = np.linspace(-_WIDTH, _WIDTH, group.size + 2)[1:-1]
        ax.plot(place + spread, group, ".", color=_drawing.BLUE, alpha=0.7)
        mean = group.mean()
        ax.hlines(mean, place - _WIDTH, place + _WIDTH, color=_drawing.ORANGE, linewidth=2)
        ax.annotate(f" {mean:.3f}", (place + _WIDTH, mean), va="center", color=_drawing.ORANGE)
    labels = [
        f"{severity.lower()}\n{group.size} score{'s' if group.size > 1 else ''}"
        for severity, group in groups.items()
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
    ['oracle better: 2, worse: 1, equal: 0', 'mean difference +0.067']
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
    counts = ", ".join(f"{word}: {np.count_nonzero(which)}" for word, which, *_ in looks)
    ax.set_title(f"{names[1]} {counts}\nmean difference {np.mean(b - a):+.3f}")
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
