"""The result of HAAQI in torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from cadenza.haaqi.score import Flag, regression


@dataclass(frozen=True, eq=False)
class HaaqiTensors:
    """HAAQI scores of a batch and what they are made of, each of shape (batch,).

    Attributes
    ----------
    score, nonlinear, linear : Tensor of float64
        The index and its two terms, as in `HaaqiScore`.
    cepstral_correlation, vibration_covariance : Tensor of float64
        Features of the nonlinear term, 0 to 1.
    loudness_spectrum, normalised_spectrum : Tensor of float64
        Features of the linear term, 0 to 1.
    delay_samples : Tensor of int
        By how many samples at 24 kHz each processed signal was late.
    flags : tuple of tuple of str
        Reasons to doubt each score, as in `HaaqiScore`.
    """

    score: Tensor = field(init=False)
    nonlinear: Tensor = field(init=False)
    linear: Tensor = field(init=False)
    cepstral_correlation: Tensor
    vibration_covariance: Tensor
    loudness_spectrum: Tensor
    normalised_spectrum: Tensor
    delay_samples: Tensor
    flags: tuple[tuple[Flag, ...], ...]

    def __post_init__(self) -> None:
        values = regression(
            self.cepstral_correlation,
            self.vibration_covariance,
            self.loudness_spectrum,
            self.normalised_spectrum,
        )
        for name, value in zip(("score", "nonlinear", "linear"), values, strict=True):
            object.__setattr__(self, name, value)
