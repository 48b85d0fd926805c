"""Measure what the run loop itself costs: time for each item, memory, and opening a finished run.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --folder /scratch      # on the disk that matters to you

The items do nothing but write a small file, as those of `enhance.py` write a large one. Each row is
a fresh process. "Per item" is the time of the whole run (reading the journal, fingerprints, outputs
and their digests, journal lines, the final table) divided by the number of items; the time to write
the small file is measured apart and taken away. "Opening" is a second run, which finds everything
finished. On a machine that is busy with other work, look at the CPU time.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cadenza._files import replacing
from cadenza.runner.items import Item
from cadenza.runner.run import run_items

SIZES = (100, 1000, 10_000, 19_200)
COLUMNS = ("scene", "song", "listener", "score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder", type=Path, help="where the items write; default: a temporary one"
    )
    parser.add_argument("--items", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.items:
        print(json.dumps(measured(options.folder, options.items)))
        return
    print("| items | per item | CPU per item | memory | opening | CPU | memory |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n_items in SIZES:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            command = [sys.executable, __file__, "--items", str(n_items), "--folder", folder]
            made, opened = (output_of(command) for _ in range(2))
        per_item_ms = 1000 * (made["wall_s"] - made["writing_wall_s"]) / n_items
        cpu_ms = 1000 * (made["cpu_s"] - made["writing_cpu_s"]) / n_items
        print(
            f"| {n_items} | {per_item_ms:.2f} ms | {cpu_ms:.2f} ms | {made['growth_mb']:.0f} MB "
            f"| {opened['wall_s']:.2f} s | {opened['cpu_s']:.2f} s "
            f"| {opened['growth_mb']:.0f} MB |",
            flush=True,
        )


def output_of(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(folder: Path, n_items: int) -> dict[str, float]:
    """Seconds and memory of a run, and the seconds that its items take by themselves."""
    logging.basicConfig(filename=folder / "run.log", level=logging.DEBUG)
    (folder / "mixture.wav").write_bytes(b"x" * 1000)
    items = [item(folder, number) for number in range(n_items)]
    before_mb = peak_mb()
    run = partial(
        run_items, folder=folder, name="scores", columns=COLUMNS, settings={"step": "overhead"}
    )
    wall_s, cpu_s = seconds_of(lambda: run(items, process, show="score"))
    growth_mb = peak_mb() - before_mb
    some = [item(folder / "alone", number) for number in range(1000)]
    writing = seconds_of(lambda: [process(each) for each in some])
    writing_wall_s, writing_cpu_s = (n_items / len(some) * seconds for seconds in writing)
    return {
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "writing_wall_s": writing_wall_s,
        "writing_cpu_s": writing_cpu_s,
        "growth_mb": growth_mb,
    }


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def item(folder: Path, number: int) -> Item[int]:
    """As those of the ICASSP 2024 enhancement: one input that items share, one output."""
    labels = {"scene": f"S{number // 2:05d}", "song": "Band - Song", "listener": f"L{number:05d}"}
    output = folder / "enhanced_signals" / f"{labels['scene']}_{labels['listener']}_remix.flac"
    key = f"{labels['scene']}_{labels['listener']}"
    return Item(key, labels, number, {"gains": [0, 3, 6, -3]}, (folder / "mixture.wav",), (output,))


def process(work: Item[int]) -> dict[str, float]:
    with replacing(work.outputs[0]) as temporary:
        temporary.write_bytes(b"x" * 1000)
    return {"score": 1 / (1 + work.data)}


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
