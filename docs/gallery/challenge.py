"""
A whole small challenge, and its report
=======================================

ICASSP 2024 from the data to the scores: generate scenes, render music at the ears,
enhance it for each listener, score it, and look at the result. Everything is small
here. With the data of the challenge, the commands are the same.
"""

# %%
# Data
# ----
#
# A challenge root with two songs of a few seconds, a head and four listeners, all
# generated.

import subprocess
import sys
import tempfile
from pathlib import Path

from cadenza.demo.icassp_2024_root import write_icassp_2024_root

temporary = tempfile.TemporaryDirectory()
work = Path(temporary.name)
write_icassp_2024_root(work / "root", duration_s=5)
for file in sorted((work / "root").rglob("*.json")):
    print(file.relative_to(work))

# %%
# Two scripts of the recipe draw scenes and render the music at the ears. A scene is a
# song, a gain for each of its stems, and a direction for each loudspeaker. ``run`` does
# what you would type, for example ``python -m
# cadenza.recipes.cad_icassp_2024.baseline.enhance path.root=...``


def run(script, *arguments):
    """Run a script of the recipe, and show the last line that it prints."""
    command = [sys.executable, "-m", f"cadenza.recipes.cad_icassp_2024.{script}"]
    command += [f"path.root={work}/root", *arguments]
    done = subprocess.run(
        command, cwd=work, stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout.replace(str(work), "work").splitlines()[-1])


run("generate_dataset.generate_train_scenes", "scene.number_scenes_per_song=2")
run("generate_dataset.generate_at_mic_musdb18")

# %%
# Enhance and evaluate
# --------------------
#
# Each scene has two listeners. Their music is separated, remixed with the gains of the
# scene, and amplified for their hearing loss.

run("baseline.enhance", "separator=spectral", "path.exp_folder=spectral")
run("baseline.evaluate", "path.exp_folder=spectral")

# %%
# The same with the small network that comes with cadenza:

run("baseline.enhance", "separator=convtasnet_vdbo", "path.exp_folder=learned")
run("baseline.evaluate", "path.exp_folder=learned")

# %%
# ``separator=oracle`` takes the true stems. What is lost now is due to clipping, not to
# separation.
#
# The results
# -----------
#
# A row for each scene and listener, with the fraction of samples that were clipped:

import pandas as pd

scores = pd.read_csv(work / "spectral" / "scores.csv")
enhanced = pd.read_csv(work / "spectral" / "enhanced_signals.csv")
scores.merge(enhanced).drop(columns="song").round(3)

# %%
# The scores differ more between scenes than between listeners: the more the gains of a
# scene differ, the more audible are the errors of separation.

import json

scenes = json.loads((work / "root/metadata/scenes.train.json").read_text())
gains = json.loads((work / "root/metadata/gains.json").read_text())
for scene, entry in scenes.items():
    mean = scores[scores["scene"] == scene]["score"].mean()
    print(f"{scene} {mean:.2f} {gains[entry['gain']]}")

# %%
# Item by item
# ------------
#
# Two runs are compared on the same items:

import matplotlib.pyplot as plt

from cadenza import plots

both = scores.merge(
    pd.read_csv(work / "learned" / "scores.csv"), on=["scene", "listener"]
)
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
plots.comparison(both["score_x"], both["score_y"], names=("spectral", "learned"), ax=ax)

# %%
# The report
# ----------
#
# The report shows which listeners and songs score low. Each item has a page with its
# audiogram, its signals to listen to and compare, and a picture of where the score was
# lost. Here only the two worst items have a page. On the command line,
# ``cadenza report spectral learned --to report`` makes this report.

from cadenza.report import build

report = build(
    work / "spectral",
    work / "learned",
    to=work / "report",
    items="worst:2",
    seconds=5,
    jobs=1,
).index.parent
