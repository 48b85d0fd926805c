"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

REPOSITORY = Path(__file__).resolve().parents[1]

collect_ignore = ["golden/make_golden.py"]  # has no tests and needs pyClarity


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the reference data and results; tests that need it are skipped without it."""
    folder = Path(os.environ.get("CADENZA_SHARED", REPOSITORY.parent / "shared")).resolve()
    if not (folder / "golden").is_dir():
        pytest.skip(f"reference data not found in {folder} (set CADENZA_SHARED)")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2024)


@pytest.fixture
def stereo_wav(tmp_path, rng):
    """One second of 16-bit stereo: the path and its codes, time first."""
    path = tmp_path / "stereo.wav"
    codes = rng.integers(-32768, 32768, size=(44100, 2), dtype=np.int16)
    soundfile.write(path, codes, 44100)
    return path, codes


def tone(n_samples: int, sample_rate: int = 44100) -> np.ndarray:
    """Test signal TONE: two sinusoids at 440 Hz and 3 kHz."""
    n = np.arange(n_samples)
    return 0.5 * np.sin(2 * np.pi * 440 * n / sample_rate) + 0.25 * np.sin(
        2 * np.pi * 3000 * n / sample_rate + 0.5
    )


def lcg(n_samples: int, seed: int = 12345) -> np.ndarray:
    """Test signal LCG: white noise of a linear congruential generator, in [-1, 1)."""
    out = np.empty(n_samples)
    state = seed
    for n in range(n_samples):
        state = (1103515245 * state + 12345) % 2**31
        out[n] = 2 * state / 2**31 - 1
    return out


def step(n_samples: int) -> np.ndarray:
    """Test signal STEP: TONE at three levels (0.1, 1, 0.05), a third of the time each."""
    third = n_samples // 3
    level = np.full(n_samples, 0.05)
    level[:third] = 0.1
    level[third : 2 * third] = 1.0
    return level * tone(n_samples)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C works in the test and its processes, also if the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
