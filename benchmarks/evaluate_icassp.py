"""Compare the time of the whole ICASSP 2024 evaluation with that of pyClarity's recipe.

    python benchmarks/evaluate_icassp.py --shared ../shared
    python benchmarks/evaluate_icassp.py --shared ../shared --pairs 20 --noise fast

Both recipes score the same enhanced signals (10 s, both ears): they read the music and the
enhanced signals, remix, amplify and resample them, and compute HAAQI. Every measurement is a fresh
process with all cores, start-up included, and the two alternate. `--shared` names the folder with
`data/icassp_2024` (a challenge root) and `golden/icassp_2024/enhanced_signals`. pyClarity runs in
the same environment as in `haaqi.py`.

A second table shows how long each stage of a pair takes. In the recipe, a pair is prepared while
the previous one is scored.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cadenza.recipes.cad_icassp_2024.baseline import evaluate
from haaqi import PYCLARITY, cpu_name, pyclarity_python
from omegaconf import OmegaConf

from cadenza.challenges.icassp_2024 import read_scene_pairs
from cadenza.haaqi import warm_up

RECIPES = Path(__file__).parents[1] / "recipes" / "cad_icassp_2024"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--noise", choices=["seeded", "fast"], default="seeded")
    parser.add_argument("--pyclarity-python", type=Path, help="Python that has pyClarity installed")
    options = parser.parse_args()
    python = options.pyclarity_python or pyclarity_python()
    with tempfile.TemporaryDirectory() as folder:
        root = prepared_root(options.shared, Path(folder), options.pairs)
        ours = [sys.executable, RECIPES / "baseline" / "evaluate.py"]
        ours += [f"evaluate.noise={options.noise}", "hydra.job_logging.root.level=WARNING"]
        pyclarity = [python, "-m", "recipes.cad_icassp_2024.baseline.evaluate"]
        runs: dict[str, list[float]] = {"ours": [], "pyclarity": []}
        scores: dict[str, list[float]] = {}
        for repeat, (name, command) in itertools.product(
            range(options.repeats), (("ours", ours), ("pyclarity", pyclarity))
        ):
            exp = Path(folder) / f"{name}_{repeat}"
            shutil.copytree(root / "enhanced_signals", exp / "enhanced_signals")
            seconds = timed([*command, f"path.root={root}", f"path.exp_folder={exp}"], folder)
            runs[name].append(seconds)
            scores[name] = read_scores(exp)
        stages = budget(root, Path(folder) / "ours_0", options.noise)
    wall = {name: statistics.median(values) for name, values in runs.items()}
    difference = max(abs(a - b) for a, b in zip(scores["ours"], scores["pyclarity"], strict=True))
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores; {PYCLARITY}\n")
    print(
        "| pairs of 10 s | noise | ours | pyClarity | pyClarity / ours "
        "| largest difference of a score |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    print(
        f"| {options.pairs} | {options.noise} | {wall['ours']:.1f} s | {wall['pyclarity']:.1f} s "
        f"| {wall['pyclarity'] / wall['ours']:.1f} | {difference:.0e} |\n"
    )
    print("| stage | time per pair |\n| --- | ---: |")
    for stage, seconds in stages.items():
        print(f"| {stage} | {1000 * statistics.median(seconds):.0f} ms |")


def prepared_root(shared: Path, folder: Path, n_pairs: int) -> Path:
    """A challenge root with music at the microphones, and a few pairs to evaluate."""
    root = folder / "root"
    shutil.copytree(shared / "data" / "icassp_2024", root, copy_function=shutil.copyfile)
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755)
    for script in ("generate_train_scenes", "generate_at_mic_musdb18"):
        timed([sys.executable, RECIPES / "generate_dataset" / f"{script}.py", f"path.root={root}"])
    listeners = root / "metadata" / "scene_listeners.train.json"
    pairs = [
        (scene, listener)
        for scene, names in json.loads(listeners.read_text()).items()
        for listener in names
    ][:n_pairs]
    chosen: dict[str, list[str]] = {}
    for scene, listener in pairs:
        chosen.setdefault(scene, []).append(listener)
        name = f"{scene}_{listener}_remix.flac"
        source = shared / "golden" / "icassp_2024" / "enhanced_signals" / name
        (root / "enhanced_signals").mkdir(exist_ok=True)
        shutil.copyfile(source, root / "enhanced_signals" / name)
    listeners.write_text(json.dumps(chosen))
    return root


def budget(root: Path, exp: Path, noise: str) -> dict[str, list[float]]:
    """Wall times of the stages of our pairs in seconds."""
    config = OmegaConf.load(RECIPES / "baseline" / "config.yaml")
    config.merge_with({"path": {"root": str(root), "exp_folder": str(exp)}})
    config.evaluate.noise = noise
    evaluator = evaluate.Evaluator(config)
    scenes: set[str] = set()
    stages: dict[str, list[float]] = {
        "preparation, first listener of a scene": [],
        "preparation, other listeners": [],
        "HAAQI, both ears": [],
    }
    first, others, haaqi = stages.values()
    warm_up()
    for pair in read_scene_pairs(config.path):
        item = evaluate.make_item(config, pair)
        start = time.perf_counter()
        signals = evaluator.prepare(item)
        ready = time.perf_counter()
        evaluator.score(item, signals)
        (others if pair.scene in scenes else first).append(ready - start)
        haaqi.append(time.perf_counter() - ready)
        scenes.add(pair.scene)
    return stages


def timed(command: list[str | Path], folder: str | None = None) -> float:
    """Wall time of a command in seconds."""
    # Both have a package `recipes`; each finds its own
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def read_scores(folder: Path) -> list[float]:
    with (folder / "scores.csv").open() as file:
        return [
            float(row[ear]) for row in csv.DictReader(file) for ear in ("left_score", "right_score")
        ]


if __name__ == "__main__":
    main()
