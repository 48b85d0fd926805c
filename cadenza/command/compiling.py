"""Compiling everything that is compiled."""

from __future__ import annotations

import time

import numpy as np

from cadenza.haaqi import warm_up
from cadenza.hearing_aid import BandCompressor, Compressor


def compile_kernels() -> float:
    """Compile HAAQI and the compressors; returns the seconds that it took."""
    start = time.perf_counter()
    warm_up()
    silence = np.zeros(100)
    Compressor(sample_rate=8000)(silence)
    BandCompressor(sample_rate=8000)(silence)
    return time.perf_counter() - start
