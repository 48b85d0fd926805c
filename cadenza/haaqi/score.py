"""The regression that makes a score of the four features, and the result of HAAQI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from operator import ge, gt, le, lt
from typing import Any, Literal, Protocol, TypeVar

from cadenza.haaqi._notebook import score_html
from cadenza.haaqi.constants import (
    CEPSTRAL_WEIGHT,
    LOUDNESS_WEIGHT,
    NORMALISED_WEIGHT,
    TERM_WEIGHTS,
    VIBRATION_WEIGHT,
)
from cadenza.haaqi.details import HaaqiDetails

Flag = Literal[
    "lengths differ", "sample rates drift apart", "silent processed", "inaudible reference"
]


class _Arithmetic(Protocol):
    """A number, or an array or tensor of them."""

    def __rmul__(self, other: Any, /) -> Any: ...  # noqa: ANN401
    def __pow__(self, other: Any, /) -> Any: ...  # noqa: ANN401


Value = TypeVar("Value", bound=_Arithmetic)


def regression(
    cepstral_correlation: Value,
    vibration_covariance: Value,
    loudness_spectrum: Value,
    normalised_spectrum: Value,
) -> tuple[Value, Value, Value]:
    """Score of four features, which may be numbers, arrays or tensors.

    Returns
    -------
    score, nonlinear, linear
        The index and its two terms.

    Examples
    --------
    >>> score, nonlinear, linear = regression(1.0, 1.0, 1.0, 1.0)
    >>> round(score, 6), nonlinear, linear
    (0.999, 1.0, 1.0)
    """
    nonlinear: Value = (
        CEPSTRAL_WEIGHT * cepstral_correlation**3 + VIBRATION_WEIGHT * vibration_covariance
    )
    linear: Value = LOUDNESS_WEIGHT * loudness_spectrum + NORMALISED_WEIGHT * normalised_spectrum
    w = TERM_WEIGHTS
    score: Value = w[0] * nonlinear + w[1] * linear + w[2] * nonlinear**2 + w[3] * linear**2
    return score, nonlinear, linear


@dataclass(frozen=True)
class HaaqiScore:
    """A HAAQI score and what it is made of.

    It can stand for its number: ``float(result)`` gives the score alone, ``f"{result:.3f}"`` and
    ``round(result, 3)`` work on it, and ``<``, ``<=``, ``>``, ``>=`` and ``sorted`` compare it with
    other scores and with numbers. Two results are equal (``==``) only if all their parts are,
    apart from the details; to ask for equal scores, compare ``a.score == b.score``.

    Attributes
    ----------
    score : float
        The index: near 0 for ruined or inaudible music, 0.999 for a perfect match.
    nonlinear, linear : float
        Its terms: the first drops with noise and distortion, the second with coloration.
    cepstral_correlation, vibration_covariance : float
        Features of the nonlinear term, 0 to 1: how much is left of the modulation of the spectrum
        at 20 to 125 Hz, and of the temporal fine structure.
    loudness_spectrum, normalised_spectrum : float
        Features of the linear term, 0 to 1: how much of the long-term spectrum is left, by
        loudness and relative to the loudness of each band.
    delay_samples : int
        By how many samples at 24 kHz the processed signal was late.
    flags : tuple of str
        Reasons to doubt the score: ``"lengths differ"`` (by more than 20 ms),
        ``"sample rates drift apart"``, ``"silent processed"``, ``"inaudible reference"`` (features
        of the nonlinear term are 0, because there is nothing to compare).
    details : HaaqiDetails, optional
        What the features were computed from, if it was asked for.

    Examples
    --------
    >>> good, poor = (HaaqiScore(x, x, x, x, delay_samples=0, flags=()) for x in (0.9, 0.5))
    >>> f"{good:.2f}", round(poor, 2), max(poor, good) is good, poor < 0.5
    ('0.69', 0.14, True, True)
    """

    score: float = field(init=False)
    nonlinear: float = field(init=False)
    linear: float = field(init=False)
    cepstral_correlation: float
    vibration_covariance: float
    loudness_spectrum: float
    normalised_spectrum: float
    delay_samples: int
    flags: tuple[Flag, ...]
    details: HaaqiDetails | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        values = regression(
            self.cepstral_correlation,
            self.vibration_covariance,
            self.loudness_spectrum,
            self.normalised_spectrum,
        )
        for name, value in zip(("score", "nonlinear", "linear"), values, strict=True):
            object.__setattr__(self, name, value)

    def __float__(self) -> float:
        return self.score

    def __format__(self, spec: str) -> str:
        return format(self.score, spec) if spec else str(self)

    def _repr_html_(self) -> str:
        return score_html(self)

    def __round__(self, ndigits: int | None = None) -> float:
        return round(self.score, ndigits)

    def __lt__(self, other: HaaqiScore | float) -> bool:
        return self._compare(lt, other)

    def __le__(self, other: HaaqiScore | float) -> bool:
        return self._compare(le, other)

    def __gt__(self, other: HaaqiScore | float) -> bool:
        return self._compare(gt, other)

    def __ge__(self, other: HaaqiScore | float) -> bool:
        return self._compare(ge, other)

    def _compare(self, holds: Callable[[float, float], bool], other: object) -> bool:
        if not isinstance(other, HaaqiScore | Real):
            return NotImplemented  # type: ignore[no-any-return]
        return holds(self.score, float(other))
