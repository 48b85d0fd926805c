"""Compare time, memory and scores of cadenza's HAAQI with pyClarity's.

    python benchmarks/haaqi.py                            # 2, 10 and 30 s clips
    python benchmarks/haaqi.py --seconds 10 --repeats 5
    python benchmarks/haaqi.py --long                     # also 240 s: pyClarity takes 11 GB
    python benchmarks/haaqi.py --pyclarity-python /path/to/python

At the first run, pyClarity 0.9.0 is installed into an environment of its own,
`benchmarks/.venv-pyclarity`; `--pyclarity-python` names a Python that has it already. Every
measurement is a new process, and the implementations alternate. Imports, compilation and the clip
itself count neither for time nor for memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
import venv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PYCLARITY = "pyclarity==0.9.0"
PYCLARITY_ENVIRONMENT = Path(__file__).parent / ".venv-pyclarity"
SAMPLE_RATE = 24000
FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 6000)
LEVELS_DB_HL = (20, 25, 30, 40, 50, 55)


@dataclass(frozen=True)
class Case:
    """What is measured; pyClarity has one thread and one kind of noise."""

    seconds: float
    ears: int
    name: str = "ours"
    noise: str = "seeded"
    threads: int = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[2, 10, 30])
    parser.add_argument("--long", action="store_true", help="also a clip of 240 s")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pyclarity-python", type=Path, help="Python that has pyClarity installed")
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(Case(**options.case))))
        return
    pythons = {
        "ours": Path(sys.executable),
        "pyclarity": options.pyclarity_python or pyclarity_python(),
    }
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores; ", end="")
    print(f"Python {platform.python_version()}; {PYCLARITY}")
    print(f"Wall time, median of {options.repeats}; memory above that before the call\n")
    print(
        "| clip | ears | noise | threads "
        "| ours | pyClarity | pyClarity / ours | ours | pyClarity | difference |"
    )
    print("| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for seconds in [*options.seconds, *([240] if options.long else [])]:
        for line in rows(seconds, 1 if seconds >= 240 else options.repeats, pythons):
            print(line, flush=True)


def rows(seconds: float, repeats: int, pythons: dict[str, Path]) -> list[str]:
    """Lines of the table for one length."""
    pyclaritys = {ears: Case(seconds, ears, "pyclarity") for ears in (1, 2)}
    ours = [
        Case(seconds, ears, noise=noise, threads=threads)
        for ears in (1, 2)
        for noise in ("seeded", "fast")
        for threads in (1, 2)
    ]
    runs: dict[Case, list[dict[str, float]]] = {case: [] for case in (*pyclaritys.values(), *ours)}
    for _ in range(repeats):
        for case, results in runs.items():
            results.append(in_fresh_process(case, pythons[case.name]))
    median = {
        case: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for case, results in runs.items()
    }
    return [row(case, median[case], median[pyclaritys[case.ears]]) for case in ours]


def row(case: Case, ours: dict[str, float], pyclarity: dict[str, float]) -> str:
    """One line of the table."""
    return (
        f"| {case.seconds:g} s | {case.ears} | {case.noise} | {case.threads} "
        f"| {ours['wall_s']:.2f} s | {pyclarity['wall_s']:.2f} s "
        f"| {pyclarity['wall_s'] / ours['wall_s']:.1f} "
        f"| {ours['mb']:.0f} MB | {pyclarity['mb']:.0f} MB "
        f"| {ours['score'] - pyclarity['score']:.0e} |"
    )


def in_fresh_process(case: Case, python: Path) -> dict[str, float]:
    """Measure in a process of its own."""
    arguments = ["--case", json.dumps(asdict(case))]
    return result_of([python, __file__, *arguments], threads=case.threads)


def result_of(command: list[Path | str], *, threads: int) -> dict[str, float]:
    """Run a command with so many threads; its last line is a JSON object."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = dict.fromkeys(names, "1") | {"NUMBA_NUM_THREADS": str(threads)}
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"measuring {' '.join(map(str, command[2:]))} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(case: Case) -> dict[str, float]:
    """Wall and CPU time, peak of memory above that before, and mean score of one evaluation."""
    score = {"ours": our_score, "pyclarity": pyclarity_score}[case.name]
    score(*clip(1), case)  # imports and compilation do not count
    reference, processed = clip(case.seconds)
    with Memory() as memory:
        wall, cpu = time.perf_counter(), time.process_time()
        value = score(reference, processed, case)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_s": wall, "cpu_s": cpu, "mb": memory.growth_mb, "score": value}


class Memory:
    """By how much the memory of this process grows inside, sampled every ten milliseconds."""

    def __enter__(self) -> Memory:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.growth_mb, self._before_mb = 0.0, resident_mb()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.growth_mb = max(self.growth_mb, resident_mb() - self._before_mb)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


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


def our_score(reference: NDArray[np.float64], processed: NDArray[np.float64], case: Case) -> float:
    """Mean score of the ears, which hear the same here."""
    import numpy as np

    from cadenza.audiogram import Audiogram, Listener
    from cadenza.haaqi import haaqi, haaqi_ears

    ear = Audiogram(LEVELS_DB_HL, FREQUENCIES_HZ)
    options = {
        "sample_rate": SAMPLE_RATE,
        "equalisation": "none",
        "level_db_spl": 85,
        "noise": case.noise,
        "rng": 0,
    }
    if case.ears == 1:
        return haaqi(reference, processed, audiogram=ear, **options).score
    both = [np.broadcast_to(signal, (2, signal.size)) for signal in (reference, processed)]
    left, right = haaqi_ears(*both, listener=Listener("L1", ear, ear), **options)
    return (left.score + right.score) / 2


def pyclarity_score(
    reference: NDArray[np.float64], processed: NDArray[np.float64], case: Case
) -> float:
    import numpy as np
    from clarity.evaluator.haaqi.haaqi import haaqi_v1
    from clarity.utils.audiogram import Audiogram

    np.random.seed(0)  # pyClarity draws its noise from the global generator
    ear = Audiogram(levels=np.array(LEVELS_DB_HL), frequencies=np.array(FREQUENCIES_HZ))
    scores = [
        haaqi_v1(reference, SAMPLE_RATE, processed, SAMPLE_RATE, ear, equalisation=2, level1=85)[0]
        for _ in range(case.ears)
    ]
    return float(np.mean(scores))


def pyclarity_python() -> Path:
    """Python of pyClarity's environment, which is made if it does not exist."""
    python = PYCLARITY_ENVIRONMENT / "bin" / "python"
    if not (PYCLARITY_ENVIRONMENT / "installed").exists():
        print(f"Installing {PYCLARITY} into {PYCLARITY_ENVIRONMENT} ...", file=sys.stderr)
        venv.create(PYCLARITY_ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run(  # CAD2 needs the hub
            [python, "-m", "pip", "install", "--quiet", PYCLARITY, "huggingface_hub"],
            check=True,
        )
        (PYCLARITY_ENVIRONMENT / "installed").touch()
    return python


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
