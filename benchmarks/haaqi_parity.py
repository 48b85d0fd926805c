"""Scores of cadenza's HAAQI beside those of the reference implementation, on many kinds of signals.

    python benchmarks/haaqi_parity.py
    python benchmarks/haaqi_parity.py --pyclarity-python /path/to/python

The reference has the same environment as in `haaqi.py`. All use the same noise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from haaqi import FREQUENCIES_HZ, PYCLARITY, pyclarity_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

KINDS = (
    "same", "clipped", "noisy", "dull", "late", "gaps", "near silence", "inverted", "other noise",
)  # fmt: skip
LEVELS_DB_HL = (
    (0, 0, 0, 0, 0, 0),
    (10, 10, 15, 25, 35, 40),
    (20, 25, 30, 40, 50, 55),
    (55, 60, 65, 75, 85, 90),
    (-10, 0, 30, 10, 60, 70),
    (90, 95, 100, 105, 110, 115),
)
SAMPLE_RATES = (24000, 32000, 44100, 48000)
SECONDS = (0.6, 1, 2, 3, 5, 8)
LONG = [("clipped", 24000, LEVELS_DB_HL[1], 2, 30), ("noisy", 44100, LEVELS_DB_HL[2], 1, 30)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyclarity-python", type=Path, help="Python that has pyClarity installed")
    parser.add_argument("--worker", choices=["ours", "pyclarity"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        score = {"ours": our_score, "pyclarity": pyclarity_score}[options.worker]
        print(json.dumps([score(*case) for case in cases()]))
        return
    pythons = {
        "ours": Path(sys.executable),
        "pyclarity": options.pyclarity_python or pyclarity_python(),
    }
    ours, pyclarity = (scores(name, python) for name, python in pythons.items())
    differences = sorted(abs(a - b) for a, b in zip(ours, pyclarity, strict=True))
    print(f"{len(ours)} cases; pyclarity: {PYCLARITY}")
    print(f"largest difference of a score {differences[-1]:.0e}, ", end="")
    print(f"median {differences[len(differences) // 2]:.0e}")


def scores(name: str, python: Path) -> list[float]:
    done = subprocess.run(
        [python, __file__, "--worker", name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-2000:]}")
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def cases() -> Iterator[tuple[Array, Array, int, tuple[int, ...], int, float]]:
    """Yield reference, processed, sample rate, hearing thresholds, mode and level."""
    grid = itertools.product(enumerate(KINDS), enumerate(LEVELS_DB_HL))
    plan = [
        (kind, SAMPLE_RATES[(i + j) % 4], levels, 1 + (i * 5 + j) % 2, SECONDS[(i + 2 * j) % 6])
        for (i, kind), (j, levels) in grid
    ] + [
        (kind, rate, LEVELS_DB_HL[k % 3], 1 + k % 2, 1.5)
        for k, (kind, rate) in enumerate(zip(KINDS * 2, SAMPLE_RATES * 2, strict=False))
    ]
    for seed, (kind, rate, levels, mode, seconds) in enumerate(plan + LONG):
        reference = music(seconds, rate, seed)
        processed = degraded(reference, kind, rate, seed)
        level = 65 - 20 * math.log10(reference.std())
        yield reference, processed, rate, levels, mode, level


def music(seconds: float, rate: int, seed: int) -> Array:
    """Notes that fade, over a bed of noise, with silence at both ends."""
    import numpy as np

    rng = np.random.RandomState(seed)
    t = np.arange(round(rate * seconds)) / rate
    signal = 0.01 * rng.standard_normal(t.size)
    for start in np.arange(0, seconds, 0.15):
        note_hz = 110 * 2 ** (rng.randint(36) / 12)
        fade = np.exp(-np.maximum(t - start, 0) / 0.2) * (t >= start)
        for harmonic in range(1, 6):
            signal += 0.1 / harmonic * fade * np.sin(2 * np.pi * harmonic * note_hz * t)
    return signal * (t > 0.02) * (t < seconds - 0.02)


def degraded(signal: Array, kind: str, rate: int, seed: int) -> Array:
    import numpy as np
    import scipy.signal

    noise = signal.std() * np.random.RandomState(1000 + seed).standard_normal(signal.size)
    late = np.concatenate([np.zeros(100), signal[:-100]])
    return {
        "same": signal,
        "clipped": np.clip(signal, -2 * signal.std(), 2 * signal.std()),
        "noisy": signal + 0.1 * noise,
        "dull": scipy.signal.lfilter(*scipy.signal.butter(4, [0.02, 0.3], "band"), signal),
        "late": np.tanh(5 * late) / 5,
        "gaps": np.where(np.arange(signal.size) % rate < rate / 2, signal, 0),
        "near silence": 1e-3 * signal,
        "inverted": -signal,
        "other noise": noise,
    }[kind]


def our_score(
    reference: Array, processed: Array, rate: int, levels: tuple[int, ...], mode: int, level: float
) -> float:
    from cadenza.audiogram import Audiogram
    from cadenza.haaqi import haaqi

    return haaqi(
        reference,
        processed,
        sample_rate=rate,
        audiogram=Audiogram(levels, FREQUENCIES_HZ),
        equalisation="nalr" if mode == 1 else "none",
        level_db_spl=level,
        rng=0,
    ).score


def pyclarity_score(
    reference: Array, processed: Array, rate: int, levels: tuple[int, ...], mode: int, level: float
) -> float:
    import numpy as np
    from clarity.evaluator.haaqi.haaqi import haaqi_v1
    from clarity.utils.audiogram import Audiogram

    np.random.seed(0)  # the reference draws its noise from the global generator
    ear = Audiogram(levels=np.array(levels), frequencies=np.array(FREQUENCIES_HZ))
    score, *_ = haaqi_v1(reference, rate, processed, rate, ear, equalisation=mode, level1=level)
    return float(score)


if __name__ == "__main__":
    main()
