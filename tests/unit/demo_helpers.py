"""What several tests of the demo need."""

from __future__ import annotations

import numpy as np

FS = 44100


def power_spectrum(signal):
    """Frequencies in Hz and power."""
    power = np.abs(np.fft.rfft(signal * np.hanning(signal.size))) ** 2
    return np.fft.rfftfreq(signal.size, 1 / FS), power


def contents(folder):
    """Bytes of all files by path."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
