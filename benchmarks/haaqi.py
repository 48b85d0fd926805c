"""Time, memory and scores of cadenza's HAAQI beside those of the reference implementation.

    python benchmarks/haaqi.py                            # 2, 10 and 30 s clips
    python benchmarks/haaqi.py --seconds 10 --repeats 5
    python benchmarks/haaqi.py --peer-python /path/to/python

The peer, pyClarity 0.9.0, is installed into an environment of its own, `benchmarks/.venv-peer`, at
the first run; `--peer-python` uses an environment that has it. Every measurement is a fresh
process on one core with one thread, and the two implementations take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PEER = "pyclarity==0.9.0"
PEER_ENVIRONMENT = Path(__file__).parent / ".venv-peer"
SAMPLE_RATE = 24000
FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 6000)
LEVELS_DB_HL = (20, 25, 30, 40, 50, 55)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[2, 10, 30])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-python", type=Path, help="Python that has pyClarity installed")
    parser.add_argument("--worker", choices=["ours", "peer"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.worker, options.seconds[0])))
        return
    pythons = {"ours": Path(sys.executable), "peer": options.peer_python or peer_python()}
    print(f"{cpu_name()}, one core; Python {platform.python_version()}; peer: {PEER}")
    print(f"One ear at 24 kHz, CPU time, median of {options.repeats}\n")
    print("| clip | ours | peer | peer / ours | memory ours | peer | score ours | difference |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for seconds in options.seconds:
        runs: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
        for _ in range(options.repeats):
            for name, python in pythons.items():
                runs[name].append(in_fresh_process(name, python, seconds))
        print(row(seconds, runs), flush=True)


def row(seconds: float, runs: dict[str, list[dict[str, float]]]) -> str:
    """One line of the table."""
    ours, peer = (
        {key: statistics.median(run[key] for run in runs[name]) for key in ("cpu_s", "mb", "score")}
        for name in ("ours", "peer")
    )
    return (
        f"| {seconds:g} s | {ours['cpu_s']:.2f} s | {peer['cpu_s']:.2f} s "
        f"| {peer['cpu_s'] / ours['cpu_s']:.1f} | {ours['mb']:.0f} MB | {peer['mb']:.0f} MB "
        f"| {ours['score']:.6f} | {ours['score'] - peer['score']:.0e} |"
    )


def in_fresh_process(name: str, python: Path, seconds: float) -> dict[str, float]:
    """Measure in a process of its own, with one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    threads |= {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, __file__, "--worker", name, "--seconds", str(seconds)],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"measuring {name} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(name: str, seconds: float) -> dict[str, float]:
    """CPU time, peak memory (with everything imported) and score of one evaluation."""
    import resource

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    score = {"ours": our_score, "peer": peer_score}[name]
    score(*clip(1))  # imports and compilation do not count
    reference, processed = clip(seconds)
    start = time.process_time()
    value = score(reference, processed)
    cpu_s = time.process_time() - start
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": cpu_s, "mb": peak_kb / 1024, "score": value}


def clip(seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Three tremolo tones and noise, and a late, saturated version of them."""
    import numpy as np

    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    music = 0.01 * np.random.RandomState(7).standard_normal(t.size)
    for frequency_hz, rate_hz in ((220, 3), (1318.5, 11), (3136, 27)):
        tremolo = 1 + 0.8 * np.sin(2 * np.pi * rate_hz * t)
        music += 0.05 * tremolo * np.sin(2 * np.pi * frequency_hz * t)
    late = np.concatenate([np.zeros(37), music[:-37]])
    return music, 0.1 * np.tanh(late / 0.1)


def our_score(reference: NDArray[np.float64], processed: NDArray[np.float64]) -> float:
    from cadenza.audiogram import Audiogram
    from cadenza.haaqi import haaqi

    return haaqi(
        reference,
        processed,
        sample_rate=SAMPLE_RATE,
        audiogram=Audiogram(LEVELS_DB_HL, FREQUENCIES_HZ),
        equalisation="none",
        level_db_spl=85,
        rng=0,
    ).score


def peer_score(reference: NDArray[np.float64], processed: NDArray[np.float64]) -> float:
    import numpy as np
    from clarity.evaluator.haaqi.haaqi import haaqi_v1
    from clarity.utils.audiogram import Audiogram

    np.random.seed(0)  # the peer draws its noise from the global generator
    score, *_ = haaqi_v1(
        reference,
        SAMPLE_RATE,
        processed,
        SAMPLE_RATE,
        Audiogram(levels=np.array(LEVELS_DB_HL), frequencies=np.array(FREQUENCIES_HZ)),
        equalisation=2,
        level1=85,
    )
    return float(score)


def peer_python() -> Path:
    """Python of the peer's environment, which is made if it does not exist."""
    python = PEER_ENVIRONMENT / "bin" / "python"
    if not (PEER_ENVIRONMENT / "installed").exists():
        print(f"Installing {PEER} into {PEER_ENVIRONMENT} ...", file=sys.stderr)
        venv.create(PEER_ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        (PEER_ENVIRONMENT / "installed").touch()
    return python


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
