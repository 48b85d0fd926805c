"""Compiling HAAQI ahead of the first score."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import numpy as np
from cadenza.haaqi import warm_up
from cadenza.haaqi.alignment import best_lag
from cadenza.haaqi.kernels import correlation
warm_up()
before = len(correlation.stretches.signatures)
best_lag(*np.zeros((2, 5000), np.float32))  # silence, as in the stems of many songs
print(len(correlation.stretches.signatures) - before)
"""


def test_nothing_is_left_to_compile_for_bands_whose_lag_is_in_doubt():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
