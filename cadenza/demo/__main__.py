"""Run the challenges end to end on synthesised music.

Usage: python -m cadenza.demo [FOLDER]     (default: demo)

Writes small challenge roots to FOLDER, then runs the recipe scripts as a user would, and prints
the scores. The separators need no download: signal processing, small networks that come with
cadenza, both together (ensemble), and the true stems as an upper bound. At the end, a report
compares them, with players and charts: open FOLDER/report/index.html. A second run takes seconds:
everything is finished.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from cadenza.demo.cad1_task1_root import write_cad1_task1_root
from cadenza.demo.cad2_task2_root import DOWNLOAD, write_cad2_task2_root
from cadenza.demo.icassp_2024_root import write_icassp_2024_root
from cadenza.demo.roots import SAMPLE_RATE
from cadenza.hearing_aid import MultibandCompressor
from cadenza.report import build, write_contents

SHOWN = "changed:6"
"""Items that have pages in the report: those between which the separators differ most."""

SECONDS_SHOWN = 10.0
"""Longest part of the music on a page of the report."""


class Demo:
    """Runs steps, keeps their times and the scores.

    Parameters
    ----------
    folder : Path
        Where all roots and results go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}
        self.scores: dict[str, dict[str, pd.Series[float]]] = {}
        self.reports: dict[str, str] = {}

    def compile(self) -> None:
        """Compile HAAQI and the multiband compressor, so that no script warns that it has to."""
        logging.getLogger("cadenza").setLevel(logging.ERROR)
        with self._timed("compile"):
            compress = MultibandCompressor(crossover_frequencies_hz=1000, sample_rate=SAMPLE_RATE)
            compress(np.zeros(1))
            subprocess.run([sys.executable, "-m", "cadenza.haaqi"], check=True)

    def compose(self, name: str, write_root: Callable[[Path], object]) -> str:
        """Write a challenge root; returns the argument that names it."""
        root = self.folder / name
        with self._timed(f"{name}: compose"):
            write_root(root)
        return f"path.root={root}"

    def run(self, challenge: str, script: str, *arguments: str, note: str = "") -> None:
        """Run a script and show the command; the demo ends if it fails."""
        module = f"cadenza.recipes.{challenge}.{script}"
        print(f"\n$ python -m {module} {' '.join(arguments)}", flush=True)
        with self._timed(f"{challenge}: {script.rpartition('.')[2]}{note}"):
            done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if done.returncode:
            sys.exit(done.returncode)

    def enhance_and_evaluate(
        self, challenge: str, root: str, separator: str, *options: str, score: str = "score"
    ) -> str:
        """Run the baseline with a separator; returns the argument that names its results."""
        exp_folder = self.folder / f"exp_{challenge}_{separator}"
        where = f"path.exp_folder={exp_folder}"
        for step in ("enhance", "evaluate"):
            arguments = (root, where, f"separator={separator}", *options)
            self.run(challenge, f"baseline.{step}", *arguments, note=f", {separator}")
        scores = pd.read_csv(exp_folder / "scores.csv")
        table = scores.groupby("listener")[score].mean()
        table["all"] = scores[score].mean()
        self.scores.setdefault(challenge, {})[separator] = table
        return where

    def compare(self, challenge: str, first: str, second: str) -> None:
        """Build the report that compares the results of two separators."""
        runs = [self.folder / f"exp_{challenge}_{separator}" for separator in (first, second)]
        to = self.folder / "report" / challenge
        print(f"\n$ cadenza report {runs[0]} {runs[1]} --to {to} --items {SHOWN}", flush=True)
        with self._timed(f"{challenge}: report"):
            build(*runs, to=to, items=SHOWN, seconds=SECONDS_SHOWN)
        self.reports[f"{challenge}: {first} against {second}"] = f"{challenge}/index.html"

    def finish(self) -> None:
        """Write the first page of the reports, and print times, scores and where the page is."""
        self._print_results()
        index = self.folder / "report" / "index.html"
        write_contents(index, "Demo", self.reports)
        print(f"\nReport: open {index}")

    def _print_results(self) -> None:
        """Print the seconds of every step and the mean scores of every listener."""
        print("\nSeconds")
        print(pd.Series(self.seconds).to_string(float_format="{:.1f}".format))
        for challenge, columns in self.scores.items():
            print(f"\nMean HAAQI, {challenge}")
            print(pd.DataFrame(columns).to_string(float_format="{:.4f}".format))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - start


def icassp_2024(demo: Demo) -> None:
    """Music at the hearing-aid microphones."""
    challenge = "cad_icassp_2024"
    root = demo.compose(challenge, write_icassp_2024_root)
    demo.run(challenge, "generate_dataset.generate_train_scenes", root)
    demo.run(challenge, "generate_dataset.generate_at_mic_musdb18", root)
    for separator in ("spectral", "convtasnet_vdbo", "ensemble", "oracle"):
        demo.enhance_and_evaluate(challenge, root, separator)
    demo.compare(challenge, "ensemble", "oracle")


def cad1_task1(demo: Demo) -> None:
    """Music over headphones, to the submission."""
    challenge = "cad1.task1"
    root = demo.compose(challenge, write_cad1_task1_root)
    for separator in ("ensemble", "oracle"):
        where = demo.enhance_and_evaluate(challenge, root, separator)
    demo.compare(challenge, "ensemble", "oracle")
    demo.run(challenge, "baseline.test", root, where, "split=test", "separator=oracle")
    demo.run(challenge, "baseline.pack_submission", root, where, "split=test")


def cad2_task2(demo: Demo) -> None:
    """Classical ensembles."""
    challenge = "cad2.task2"
    root = demo.compose(challenge, write_cad2_task2_root)
    download = f"path.zenodo_download_path={demo.folder / challenge / DOWNLOAD}"
    demo.run(challenge, "process_dataset.process_zenodo_download", root, download)
    demo.run(challenge, "process_dataset.generate_train_scenes", root)
    networks = ("convtasnet", "separator.models_dir=included")
    for separator in (networks, ("oracle",)):
        demo.enhance_and_evaluate(challenge, root, *separator, score="avg_haaqi")
    demo.compare(challenge, "convtasnet", "oracle")


def main(arguments: list[str]) -> None:
    """Run the demo in the folder that the arguments name."""
    if {"-h", "--help"} & set(arguments) or len(arguments) > 1:
        sys.exit(__doc__)
    demo = Demo(Path(arguments[0] if arguments else "demo"))
    demo.compile()
    for challenge in (icassp_2024, cad1_task1, cad2_task2):
        challenge(demo)
    demo.finish()


if __name__ == "__main__":
    main(sys.argv[1:])
