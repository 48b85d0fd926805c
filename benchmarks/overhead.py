"""Measure what the run loop itself costs: time for each item, memory, and opening a finished run.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --folder /scratch      # on the disk that matters to you

The items do nothing but write a small file, as those of `enhance.py` write a large one. Each row is
a fresh process. "Per item" is the time of the whole run (reading the journal, fingerprints, outputs
and their digests, journal lines, the final table) divided by the number of items; the time to write
the small file is measured apart and taken away. "Opening" is a second run, which finds everything
finished.
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
from pathlib import Path

from cadenza._files import replacing
from cadenza.runner.items import Item
from cadenza.runner.run import run_items

SIZES = (100, 1000, 10_000, 19_200)
COLUMNS = ("scene", "song", "listener", "score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the items write; default: a temporary one")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--items", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.items:
        print(json.dumps(measured(options.folder, options.items, options.jobs)))
        return
    print("| items | processes | per item | memory per item | opening | memory of opening |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for n_items in SIZES:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            command = [sys.executable, __file__, "--items", str(n_items), "--folder", folder]
            command += ["--jobs", str(options.jobs)]
            made, opened = (output_of(command) for _ in range(2))
        per_item_ms = 1000 * (made["seconds"] - made["writing_s"]) / n_items
        print(
            f"| {n_items} | {options.jobs} | {per_item_ms:.2f} ms "
            f"| {1000 * made['growth_mb'] / n_items:.1f} kB | {opened['seconds']:.2f} s "
            f"| {opened['growth_mb']:.0f} MB |",
            flush=True,
        )


def output_of(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(folder: Path, n_items: int, n_jobs: int) -> dict[str, float]:
    """Seconds and memory of a run, and the seconds that its items take by themselves."""
    logging.basicConfig(filename=folder / "run.log", level=logging.DEBUG)
    (folder / "mixture.wav").write_bytes(b"x" * 1000)
    items = [item(folder, number) for number in range(n_items)]
    before_mb, start = peak_mb(), time.perf_counter()
    run_items(
        items,
        process,
        folder=folder,
        name="scores",
        columns=COLUMNS,
        settings={"step": "overhead"},
        jobs=n_jobs,
        show="score",
    )
    seconds = time.perf_counter() - start
    growth_mb = peak_mb() - before_mb
    some = [item(folder / "alone", number) for number in range(200)]
    start = time.perf_counter()
    for each in some:
        process(each)
    writing_s = (time.perf_counter() - start) / len(some) * n_items / n_jobs
    return {"seconds": seconds, "writing_s": writing_s, "growth_mb": growth_mb}


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
