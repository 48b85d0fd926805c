"""Compare whole jobs with pyClarity's own scripts: CPU time, wall time, memory and results.

    python benchmarks/jobs.py                                   # some five minutes
    python benchmarks/jobs.py --jobs icassp:generate_at_mic_musdb18 --scale 4
    python benchmarks/jobs.py --pyclarity-python /path/to/python

Each job is a script of a recipe and runs as a user runs it, start-up included, in a process and a
copy of the challenge root of its own. The two implementations take turns. Music, heads and
listeners are those of the demo. The true stems take the place of a separator in both, so that
nothing is downloaded and only what is around it is measured; pyClarity imports torch all the same.

CPU time is user and system time together. It hardly depends on what else the machine does; wall
time does. It includes imports, which are a large part of short jobs; `--scale` makes them longer.

The last column compares the audio (in 16-bit steps), the scores or the scenes. In
`cad2:enhance`, pyClarity gives the two violins of a quartet the mean of their gains, while true
sources keep their own in cadenza, so the audio differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from haaqi import PYCLARITY, cpu_name, pyclarity_python

from cadenza.demo.cad1_task1_root import write_cad1_task1_root
from cadenza.demo.cad2_task2_root import DOWNLOAD, write_cad2_task2_root
from cadenza.demo.icassp_2024_root import write_icassp_2024_root

RECIPES = Path(__file__).parents[1] / "recipes"
WRITERS = {
    "icassp": write_icassp_2024_root,
    "cad1": write_cad1_task1_root,
    "cad2": write_cad2_task2_root,
}
ICASSP, CAD1, CAD2 = "cad_icassp_2024", "cad1.task1", "cad2.task2"
_BETWEEN_LOOKS_S = 0.02
FEW_SCENES = ("scene.number_scenes_per_song=1", "scene_listener.number_listeners_per_scene=1")
SCENES = ("path.scene_metadata_file={root}/metadata/scenes.train.json",)
TRUE_STEMS = ("separator=oracle",)
UNPACKED = (f"path.zenodo_download_path={{root}}/{DOWNLOAD}",)


@dataclass(frozen=True)
class Job:
    """A script of a recipe.

    Parameters
    ----------
    root : {"icassp", "cad1", "cad2"}
        Challenge.
    module : str
        Script below ``recipes``.
    seconds : float
        Length of the songs.
    overrides : tuple of str
        What both are given besides the paths; ``{root}`` is the challenge root.
    ours : tuple of str
        What only cadenza is given.
    before : tuple of Job
        What must have run in the root; cadenza does it.
    """

    root: str
    module: str
    seconds: float
    overrides: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    before: tuple[Job, ...] = ()

    @property
    def name(self) -> str:
        """Challenge and script."""
        return f"{self.root}:{self.module.rsplit('.', 1)[-1]}"


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def all_jobs() -> list[Job]:
    """Every job, in the order of the challenges."""
    few = Job("icassp", f"{ICASSP}.generate_dataset.generate_train_scenes", 5, FEW_SCENES)
    at_mic = Job("icassp", f"{ICASSP}.generate_dataset.generate_at_mic_musdb18", 5, before=(few,))
    remix = Job("icassp", f"{ICASSP}.baseline.enhance", 5, (), TRUE_STEMS, (few, at_mic))
    amplify = Job("cad1", f"{CAD1}.baseline.enhance", 3, (), TRUE_STEMS)
    cut = Job("cad2", f"{CAD2}.process_dataset.process_zenodo_download", 3, UNPACKED)
    compress = Job("cad2", f"{CAD2}.baseline.enhance", 3, (), TRUE_STEMS, (cut,))
    scenes = Job("icassp", few.module, 30)
    return [
        scenes,
        Job("icassp", at_mic.module, 120, before=(scenes,)),
        Job("icassp", remix.module, 30, (), TRUE_STEMS, (few, at_mic)),
        Job("icassp", f"{ICASSP}.baseline.evaluate", 5, before=(few, at_mic, remix)),
        Job("cad1", amplify.module, 30, (), TRUE_STEMS),
        Job("cad1", f"{CAD1}.baseline.evaluate", 3, before=(amplify,)),
        Job("cad2", cut.module, 30, UNPACKED),
        Job("cad2", f"{CAD2}.process_dataset.generate_train_scenes", 3, SCENES, before=(cut,)),
        Job("cad2", compress.module, 10, (), TRUE_STEMS, (cut,)),
        Job("cad2", f"{CAD2}.baseline.evaluate", 3, before=(cut, compress)),
    ]


def main() -> None:
    jobs = {job.name: job for job in all_jobs()}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", nargs="+", choices=list(jobs), default=list(jobs), metavar="JOB")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the songs' lengths")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--pyclarity-python", "--peer", type=Path, help="Python that has pyClarity installed"
    )
    options = parser.parse_args()
    python = options.pyclarity_python or pyclarity_python()
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores; {PYCLARITY}\n")
    columns = ("CPU", "wall", "memory")
    titles = [f"{what}, {whose}" for what in columns for whose in ("cadenza", "pyClarity")]
    print(f"| job | songs of | {' | '.join(titles)} | CPU ratio | difference |")
    print(f"| --- | {' | '.join(['---:'] * 8)} | --- |")
    for name in options.jobs:
        with tempfile.TemporaryDirectory() as folder:
            print(row(jobs[name], Path(folder), python, options.scale, options.repeats), flush=True)


def row(job: Job, folder: Path, python: Path, scale: float, repeats: int) -> str:
    """Line of the table for one job."""
    seconds = scale * job.seconds
    prepared = folder / "prepared"
    WRITERS[job.root](prepared, duration_s=seconds)
    for earlier in job.before:
        run(ours(earlier, prepared), prepared)
    costs: dict[str, list[Cost]] = {"cadenza": [], "pyClarity": []}
    roots = {}
    for _ in range(repeats):
        for whose, command in (("cadenza", ours), ("pyClarity", theirs)):
            root = roots[whose] = folder / whose
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(prepared, root)
            full = command(job, root) if command is ours else command(job, root, python)
            costs[whose].append(run(full, root))
    medians = {
        what: [statistics.median(getattr(cost, what) for cost in costs[whose]) for whose in costs]
        for what in ("cpu_s", "wall_s", "peak_mb")
    }
    cells = [f"{value:.1f} s" for what in ("cpu_s", "wall_s") for value in medians[what]]
    cells += [f"{value:.0f} MB" for value in medians["peak_mb"]]
    our_cpu_s, their_cpu_s = medians["cpu_s"]
    cells += [f"{their_cpu_s / our_cpu_s:.1f}", difference(*roots.values(), prepared)]
    return f"| {job.name} | {seconds:g} s | {' | '.join(cells)} |"


def ours(job: Job, root: Path) -> list[str]:
    """Command of cadenza's script."""
    script = RECIPES / f"{job.module.replace('.', '/')}.py"
    return [sys.executable, str(script), *overrides(job, root), *job.ours]


def theirs(job: Job, root: Path, python: Path) -> list[str]:
    """Command of pyClarity's script, with the true stems instead of a network."""
    stand_in = Path(__file__).with_name("pyclarity_true_stems.py")
    if job.ours == TRUE_STEMS:
        return [str(python), str(stand_in), f"recipes.{job.module}", *overrides(job, root)]
    return [str(python), "-m", f"recipes.{job.module}", *overrides(job, root)]


def overrides(job: Job, root: Path) -> list[str]:
    """What both scripts are given."""
    given = [f"path.root={root}", *(text.format(root=root) for text in job.overrides)]
    return [*given, f"path.exp_folder={root}/exp"] if ".baseline." in job.module else given


def run(command: list[str], folder: Path) -> Cost:
    """Run a command to its end; stops the benchmark if it fails."""
    # Both have a package `recipes`; each finds its own
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        peak_mb, pid = 0.0, 0
        while not pid:
            time.sleep(_BETWEEN_LOOKS_S)
            peak_mb = max(peak_mb, peak_memory_mb(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - start
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            sys.exit(f"{' '.join(command)} failed:\n{text[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, peak_mb)


def peak_memory_mb(pid: int) -> float:
    """Peak so far of the largest of a process and its workers.

    What `wait4` says includes the process that started it.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return 0.0
    found = [int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")]
    return max([0.0, *found, *(peak_memory_mb(int(worker)) for worker in workers)])


def difference(ours_root: Path, theirs_root: Path, prepared: Path) -> str:
    """By how much the new files of two roots differ."""
    found = {"audio": 0.0, "scores": 0.0, "scenes": 0.0}
    n_files = 0
    for path in new_files(theirs_root, prepared):
        other = ours_root / path.relative_to(theirs_root)
        if path.suffix in (".wav", ".flac"):
            first, second = (soundfile.read(p, dtype="int16")[0].astype(int) for p in (path, other))
            found["audio"] = max(found["audio"], float(np.max(np.abs(first - second))))
        elif path.name == "scores.csv":
            scores = [list(read_scores(p)) for p in (path, other)]
            found["scores"] = float(np.max(np.abs(np.subtract(*scores))))
        elif path.suffix == ".json" and "scene" in path.name:
            found["scenes"] += json.loads(path.read_text()) != json.loads(other.read_text())
        else:
            continue
        n_files += 1
    largest = max(found.items(), key=lambda item: item[1])
    if largest[1] == 0:
        return f"none in {n_files} files"
    return f"{largest[0]} {largest[1]:.2g} in {n_files} files"


def new_files(root: Path, prepared: Path) -> Iterator[Path]:
    """Files that a job wrote."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not (prepared / path.relative_to(root)).exists():
            yield path


def read_scores(path: Path) -> Iterator[float]:
    """All numbers of a table of scores, row by row, in the order of their columns' names."""
    with path.open() as file:
        for line in sorted(csv.DictReader(file), key=lambda line: [*line.values()][:3]):
            for name in sorted(line):
                if "score" in name or "haaqi" in name or name.startswith(("left_", "right_")):
                    yield float(line[name])


if __name__ == "__main__":
    main()
