"""Hearing aids: linear amplification by prescription, and dynamic range compression."""

from cadenza.hearing_aid.aid import HearingAid, NALRAid, baseline_aid
from cadenza.hearing_aid.compressor import Compressor
from cadenza.hearing_aid.nalr import NALR, nalr_gains_db

__all__ = ["NALR", "Compressor", "HearingAid", "NALRAid", "baseline_aid", "nalr_gains_db"]
