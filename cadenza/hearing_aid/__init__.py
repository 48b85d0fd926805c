"""Hearing aids: linear amplification by prescription, and dynamic range compression."""

from cadenza.hearing_aid.aid import HearingAid, NALRAid, baseline_aid
from cadenza.hearing_aid.compressor import Compressor
from cadenza.hearing_aid.crossover import Crossover
from cadenza.hearing_aid.multiband import BandCompressor, MultibandCompressor
from cadenza.hearing_aid.multiband_aid import (
    EarCompression,
    ListenerCompression,
    MultibandAid,
    read_compressor_params,
)
from cadenza.hearing_aid.nalr import NALR, nalr_gains_db

__all__ = [
    "NALR",
    "BandCompressor",
    "Compressor",
    "Crossover",
    "EarCompression",
    "HearingAid",
    "ListenerCompression",
    "MultibandAid",
    "MultibandCompressor",
    "NALRAid",
    "baseline_aid",
    "nalr_gains_db",
    "read_compressor_params",
]
