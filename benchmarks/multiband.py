"""Compare time, memory and output of cadenza's multiband compressor with pyClarity's.

    python benchmarks/multiband.py                            # 10 and 60 s of stereo music
    python benchmarks/multiband.py --seconds 10 --repeats 9
    python benchmarks/multiband.py --pyclarity-python /path/to/python

pyClarity 0.9.0 runs in the same environment as in `haaqi.py`. Every measurement is a new process on
one core with one thread, and the two implementations alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from haaqi import PYCLARITY, cpu_name, pyclarity_python, result_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 44100
CROSSOVER_FREQUENCIES_HZ = [353.55, 707.11, 1414.21, 2828.43, 5656.85]
ATTACK_MS = [11, 11, 14, 13, 11, 11]
RELEASE_MS = [80, 80, 80, 80, 100, 100]
THRESHOLD_DB = [-30] * 6
RATIO = [2.1, 1.5, 1.3, 1.5, 2.4, 3.7]
MAKEUP_GAIN_DB = [9.6, 11.9, 12.9, 16.4, 19.0, 28.0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[10, 60])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pyclarity-python", type=Path, help="Python that has pyClarity installed")
    parser.add_argument("--worker", choices=["cadenza", "pyClarity"], help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.worker, options.seconds[0], options.output)))
        return
    pythons = {
        "cadenza": Path(sys.executable),
        "pyClarity": options.pyclarity_python or pyclarity_python(),
    }
    print(f"{cpu_name()}, one core; Python {platform.python_version()}; {PYCLARITY}")
    print(f"Stereo at 44.1 kHz, six bands, CPU time, median of {options.repeats}\n")
    print("| clip | cadenza | pyClarity | ratio | memory cadenza | pyClarity | difference |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for seconds in options.seconds:
        print(row(seconds, options.repeats, pythons), flush=True)


def row(seconds: float, repeats: int, pythons: dict[str, Path]) -> str:
    """One line of the table; the difference is relative to the largest sample."""
    import numpy as np

    runs: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.npy" for name in pythons}
        for _ in range(repeats):
            for name, python in pythons.items():
                runs[name].append(in_fresh_process(name, python, seconds, files[name]))
        output, reference = (np.load(files[name]) for name in pythons)
    ours, theirs = (
        {key: statistics.median(run[key] for run in runs[name]) for key in ("cpu_s", "mb")}
        for name in pythons
    )
    difference = np.abs(output - reference).max() / np.abs(reference).max()
    return (
        f"| {seconds:g} s | {ours['cpu_s']:.3f} s | {theirs['cpu_s']:.3f} s "
        f"| {theirs['cpu_s'] / ours['cpu_s']:.1f} | {ours['mb']:.0f} MB | {theirs['mb']:.0f} MB "
        f"| {difference:.0e} |"
    )


def in_fresh_process(name: str, python: Path, seconds: float, output: Path) -> dict[str, float]:
    """Measure in a process of its own, with one thread."""
    arguments = ["--worker", name, "--seconds", str(seconds), "--output", output]
    return result_of([python, __file__, *arguments], threads=1)


def measure(name: str, seconds: float, output: Path) -> dict[str, float]:
    """CPU time and peak memory (with everything imported) of one call."""
    import resource

    import numpy as np

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    compressor = {"cadenza": cadenza_compressor, "pyClarity": pyclarity_compressor}[name]()
    compressor(music(1))  # imports and compilation are not measured
    signal = music(seconds)
    start = time.process_time()
    compressed = compressor(signal)
    cpu_s = time.process_time() - start
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    np.save(output, compressed)
    return {"cpu_s": cpu_s, "mb": peak_kb / 1024}


def music(seconds: float) -> NDArray[np.float64]:
    """Three tremolo tones and noise, different at the ears."""
    import numpy as np

    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    ears = 0.03 * np.random.RandomState(7).standard_normal((2, t.size))
    for frequency_hz, rate_hz in ((220, 3), (1318.5, 11), (3136, 27)):
        tremolo = 1 + 0.8 * np.sin(2 * np.pi * rate_hz * t + np.array([[0], [1]]))
        ears += 0.15 * tremolo * np.sin(2 * np.pi * frequency_hz * t)
    return ears


def cadenza_compressor() -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    from cadenza.hearing_aid import MultibandCompressor

    return MultibandCompressor(
        crossover_frequencies_hz=CROSSOVER_FREQUENCIES_HZ,
        sample_rate=SAMPLE_RATE,
        threshold_db=THRESHOLD_DB,
        ratio=RATIO,
        attack_ms=ATTACK_MS,
        release_ms=RELEASE_MS,
        makeup_gain_db=MAKEUP_GAIN_DB,
    )


def pyclarity_compressor() -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    from clarity.enhancer.multiband_compressor import MultibandCompressor

    return MultibandCompressor(
        crossover_frequencies=CROSSOVER_FREQUENCIES_HZ,
        sample_rate=SAMPLE_RATE,
        compressors_params={
            "threshold": THRESHOLD_DB,
            "ratio": RATIO,
            "attack": ATTACK_MS,
            "release": RELEASE_MS,
            "makeup_gain": MAKEUP_GAIN_DB,
        },
    )


if __name__ == "__main__":
    main()
