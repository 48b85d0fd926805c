"""Hearing aids: linear amplification by prescription, and dynamic range compression.

A frozen dataclass is a prescription or a setting; calling it processes a signal with time last.
"""

from cadenza.hearing_aid.compressor import Compressor
from cadenza.hearing_aid.crossover import Crossover
from cadenza.hearing_aid.limiter import Limiter
from cadenza.hearing_aid.multiband import BandCompressor, MultibandCompressor
from cadenza.hearing_aid.multiband_aid import MultibandAid
from cadenza.hearing_aid.nalr import NALR, nalr_gains_db
from cadenza.hearing_aid.nalr_aid import NALRAid, baseline_aid
from cadenza.hearing_aid.prescriptions import (
    EarCompression,
    ListenerCompression,
    read_compressor_params,
)
from cadenza.hearing_aid.protocol import HearingAid

__all__ = [
    "NALR",
    "BandCompressor",
    "Compressor",
    "Crossover",
    "EarCompression",
    "HearingAid",
    "Limiter",
    "ListenerCompression",
    "MultibandAid",
    "MultibandCompressor",
    "NALRAid",
    "baseline_aid",
    "nalr_gains_db",
    "read_compressor_params",
]
