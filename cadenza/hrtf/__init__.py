"""Music from two loudspeakers as it arrives at a listener's ears.

Each loudspeaker reaches both ears, so a head is described by four impulse responses. They come from
WAV files, one for each direction, or from a SOFA file with many directions.
"""

from cadenza.hrtf.measured import MeasuredHead
from cadenza.hrtf.rendering import Renderer, render
from cadenza.hrtf.response import HeadResponse, read_head_response, response_files
from cadenza.hrtf.sofa import read_sofa

__all__ = [
    "HeadResponse",
    "MeasuredHead",
    "Renderer",
    "read_head_response",
    "read_sofa",
    "render",
    "response_files",
]
