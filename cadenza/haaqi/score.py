"""The result of HAAQI."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Flag = Literal[
    "lengths differ", "sample rates drift apart", "silent processed", "inaudible reference"
]


@dataclass(frozen=True)
class HaaqiScore:
    """A HAAQI score and what it is made of; ``float(...)`` gives the score alone.

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
        of the nonlinear term are 0 for want of anything to compare).
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

    def __post_init__(self) -> None:
        nonlinear = 0.754 * self.cepstral_correlation**3 + 0.246 * self.vibration_covariance
        linear = 0.329 * self.loudness_spectrum + 0.671 * self.normalised_spectrum
        score = 0.336 * nonlinear + 0.001 * linear + 0.501 * nonlinear**2 + 0.161 * linear**2
        for name, value in (("score", score), ("nonlinear", nonlinear), ("linear", linear)):
            object.__setattr__(self, name, value)

    def __float__(self) -> float:
        return self.score
