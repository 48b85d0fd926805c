"""Seconds and bytes of the item pages of a report.

    python benchmarks/report.py
    python benchmarks/report.py --items 5 --jobs 1

Composes a small ICASSP 2024 root, enhances and evaluates it, and builds the report with 20 and
200 items, on one core and on two. Numbers are means per item page. "HAAQI" is the CPU time of
reading the signals and scoring them with details, "audio" that of files, loudness and scripts,
"page" that of pictures and HTML; "wall" is the whole build, with all processes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cadenza.demo.icassp_2024_root import write_icassp_2024_root
from cadenza.report import build
from cadenza.report import item as item_module
from cadenza.report.audio import Album, write_sounds
from cadenza.report.building import page_of
from cadenza.report.results import Run, read_run

RECIPE = "cadenza.recipes.cad_icassp_2024"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--keep", type=Path, help="folder of the run, for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        run = finished_run(folder, max(options.items))
        show_parts(run, folder / "parts")
        print("\n| items | processes | wall s per page | MB per page | kB of HTML and pictures |")
        print("| ---: | ---: | ---: | ---: | ---: |")
        for n_items in options.items:
            for jobs in options.jobs:
                show_build(folder / "exp", folder / "report", n_items, jobs)


def finished_run(folder: Path, n_items: int) -> Run:
    """A run of at least so many items, by the true stems."""
    root, exp = folder / "root", folder / "exp"
    if not (exp / "scores.csv").exists():
        write_icassp_2024_root(root)
        more_listeners(root, n_items)
        where = [f"path.root={root}", f"path.exp_folder={exp}", "separator=oracle"]
        for script, arguments in (
            ("generate_dataset.generate_train_scenes", listeners_per_scene(n_items, where)),
            ("generate_dataset.generate_at_mic_musdb18", where[:1]),
            ("baseline.enhance", where),
            ("baseline.evaluate", where),
        ):
            subprocess.run([sys.executable, "-m", f"{RECIPE}.{script}", *arguments], check=True)
    return read_run(exp)


def listeners_per_scene(n_items: int, where: list[str]) -> list[str]:
    """Arguments that give enough pairs of four scenes for each of two songs."""
    return [
        where[0],
        "scene.number_scenes_per_song=4",
        f"scene_listener.number_listeners_per_scene={-(-n_items // 8)}",
    ]


def more_listeners(root: Path, n: int) -> None:
    """Repeat the listeners under new names."""
    path = root / "metadata" / "listeners.train.json"
    known = json.loads(path.read_text())
    entries = list(known.values())
    for number in range(len(known), n):
        name = f"B{number:04d}"
        known[name] = {**entries[number % len(entries)], "name": name}
    path.write_text(json.dumps(known))


def show_parts(run: Run, folder: Path, repeats: int = 5) -> None:
    """CPU seconds of the parts of a page, on one core."""
    seconds = {"HAAQI": 0.0, "audio": 0.0, "page": 0.0}
    in_sounds: list[float] = []

    def timed_sounds(*arguments: Any) -> Album:  # noqa: ANN401
        start = time.process_time()
        album = write_sounds(*arguments)
        in_sounds.append(time.process_time() - start)
        return album

    for result in run.scored[: repeats + 1]:
        shutil.rmtree(folder, ignore_errors=True)
        start = time.process_time()
        signals = run.challenge.read_signals(result.pair, run.config, workers=1)
        scored = time.process_time()
        with patch.object(item_module, "write_sounds", timed_sounds):
            page = page_of([("run", result, signals, "")])
            item_module.write_item(folder, page, seconds=30, assets="..")
        written = time.process_time()
        if result is not run.scored[0]:  # the first one imports and compiles
            seconds["HAAQI"] += (scored - start) / repeats
            seconds["audio"] += in_sounds[-1] / repeats
            seconds["page"] += (written - scored - in_sounds[-1]) / repeats
    print(f"{signals.reference.duration_s:.0f} s of music, {len(signals.stems)} stems")
    print(", ".join(f"{name} {value:.2f} s" for name, value in seconds.items()), "of CPU per page")


def show_build(exp: Path, to: Path, n_items: int, jobs: int) -> None:
    shutil.rmtree(to, ignore_errors=True)
    start = time.perf_counter()
    built = build(exp, to=to, items=f"worst:{n_items}", jobs=jobs)
    wall_s = (time.perf_counter() - start) / built.made
    sizes = {p: p.stat().st_size for p in (to / "item").rglob("*") if p.is_file()}
    drawn = sum(size for p, size in sizes.items() if p.suffix in (".html", ".png"))
    mega, kilo = sum(sizes.values()) / built.made / 1e6, drawn / built.made / 1e3
    print(f"| {built.made} | {jobs} | {wall_s:.2f} | {mega:.1f} | {kilo:.0f} |")


if __name__ == "__main__":
    main()
