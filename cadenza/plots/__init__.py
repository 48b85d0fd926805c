"""Pictures: hearing losses, hearing aids, signals, and what HAAQI heard of them.

Each function takes the axes to draw on, or makes a figure that pyplot does not know, and returns
the axes: ``audiogram(listener).figure.savefig("listener.svg")``. Colours suit colour-blind readers
and light as well as dark pages, and markers or line styles tell the same. Text and background
follow matplotlib's settings, for example ``matplotlib.style.context("dark_background")``.
"""

from cadenza.plots.compression import compressor_curve
from cadenza.plots.hearing import audiogram, nalr_gains
from cadenza.plots.index import haaqi_details
from cadenza.plots.scores import comparison, scores_by_severity
from cadenza.plots.signals import waveform
from cadenza.plots.spectra import spectrogram, spectrogram_pair

__all__ = [
    "audiogram",
    "comparison",
    "compressor_curve",
    "haaqi_details",
    "nalr_gains",
    "scores_by_severity",
    "spectrogram",
    "spectrogram_pair",
    "waveform",
]
