"""Compiling everything that is compiled."""

from __future__ import annotations

import time

import numpy as np

from cadenza.haaqi import warm_up
from cadenza.hearing_aid import BandCompressor, Compressor
from cadenza.hrtf import HeadResponse, render
from cadenza.loudness import integrated_loudness_lufs


def compile_kernels() -> float:
    """Compile everything that is compiled; returns the seconds that it took."""
    start = time.perf_counter()
    warm_up()
    silence = np.zeros(100)
    Compressor(sample_rate=8000)(silence)
    BandCompressor(sample_rate=8000)(silence)
    ears = render(np.zeros((2, 8000)), HeadResponse(np.eye(2), np.eye(2)))
    for order in (ears, np.asfortranarray(ears)):
        integrated_loudness_lufs(order, 8000)
    return time.perf_counter() - start
