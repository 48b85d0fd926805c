"""The parts of a HAAQI score, and how to read each of them."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A number that a `HaaqiScore` has.

    Parameters
    ----------
    name : str
        Its attribute.
    title : str
        What tables call it.
    depth : int
        0 for the score, 1 for its terms, 2 for the features of a term.
    meaning : str
        How to read it, in one phrase.
    """

    name: str
    title: str
    depth: int
    meaning: str


PARTS = (
    Part("score", "score", 0, "near 0: ruined or inaudible; 0.999: perfect match"),
    Part("nonlinear", "nonlinear part", 1, "drops with noise and distortion"),
    Part(
        "cepstral_correlation",
        "cepstral correlation",
        2,
        "how well fast changes of the spectrum are kept, 0 to 1",
    ),
    Part(
        "vibration_covariance",
        "vibration covariance",
        2,
        "how well the temporal fine structure is kept, 0 to 1",
    ),
    Part("linear", "linear part", 1, "drops with changes of timbre"),
    Part(
        "loudness_spectrum",
        "loudness spectrum",
        2,
        "how well the long-term spectrum is kept, loud bands count most, 0 to 1",
    ),
    Part(
        "normalised_spectrum",
        "normalised spectrum",
        2,
        "the same with each band relative to its loudness, 0 to 1",
    ),
)

FLAG_MEANINGS = {
    "lengths differ": "the signals differ by more than 20 ms in length; the longer one was cut",
    "sample rates drift apart": "rates that are not whole kHz: the signals do not stay in time",
    "silent processed": "the processed signal is silent where the reference sounds",
    "inaudible reference": "this listener hears nothing of the reference at this level",
}
"""What each flag of a score says."""
