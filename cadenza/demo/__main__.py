"""Run the ICASSP 2024 challenge end to end on music made by the program itself.

Usage: python -m cadenza.demo [FOLDER]     (default: demo)

Makes a small challenge root in FOLDER, then runs the recipe scripts as a user would, once with the
spectral separator and once with the true stems, and prints the scores. Run again, it finds
everything finished and takes seconds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from cadenza.demo.root import write_icassp_2024_root

SEPARATORS = ("spectral", "oracle")


def run(folder: Path) -> None:
    """Run all steps and print the table of scores and the seconds that each step took."""
    root = folder / "icassp_2024"
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    write_icassp_2024_root(root)
    seconds["compose songs, model a head"] = time.perf_counter() - start
    for step in ("generate_train_scenes", "generate_at_mic_musdb18"):
        seconds[step] = _script(f"generate_dataset.{step}", f"path.root={root}")
    scores = []
    for separator in SEPARATORS:
        exp_folder = folder / f"exp_{separator}"
        arguments = (f"path.root={root}", f"path.exp_folder={exp_folder}", f"separator={separator}")
        for step in ("enhance", "evaluate"):
            seconds[f"{step}, {separator}"] = _script(f"baseline.{step}", *arguments)
        scores.append(pd.read_csv(exp_folder / "scores.csv").assign(separator=separator))
    print()
    print(_table(pd.concat(scores)))
    print()
    print(pd.Series(seconds, name="seconds").to_string(float_format="{:.1f}".format))


def _script(name: str, *arguments: str) -> float:
    module = f"cadenza.recipes.cad_icassp_2024.{name}"
    print(f"\n$ python -m {module} {' '.join(arguments)}", flush=True)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return time.perf_counter() - start


def _table(scores: pd.DataFrame) -> str:
    """Mean HAAQI: a row per listener, a column per separator."""
    table = scores.pivot_table(
        index="listener", columns="separator", values="score", margins=True, margins_name="all"
    )
    return "Mean HAAQI\n" + table[list(SEPARATORS)].to_string(float_format="{:.4f}".format)


if __name__ == "__main__":
    if {"-h", "--help"} & set(sys.argv[1:]) or len(sys.argv) > 2:
        sys.exit(__doc__)
    run(Path(sys.argv[1] if len(sys.argv) == 2 else "demo"))
