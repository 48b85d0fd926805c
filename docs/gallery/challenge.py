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
# The recipe's scripts draw scenes, each a song, gains for its stems and a place of the
# loudspeakers, and render the music at the ears. ``run`` does what you would type:
# ``python -m cadenza.recipes.cad_icassp_2024.generate_dataset.generate_train_scenes
# ...``


def run(script, *arguments):
    """Run a script of the recipe, and show the last lines of what it says."""
    command = [sys.executable, "-m", f"cadenza.recipes.cad_icassp_2024.{script}"]
    command += [f"path.root={work}/root", *arguments]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    output = (done.stdout + done.stderr).replace(str(work), "work")
    print("\n".join(output.splitlines()[-4:]))
    done.check_returncode()


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
# The same with the true stems. Nobody has these in a challenge, but they tell what is
# lost by separation, and what by everything else.

run("baseline.enhance", "separator=oracle", "path.exp_folder=oracle")
run("baseline.evaluate", "path.exp_folder=oracle")

# %%
# The results
# -----------
#
# A row for each scene and listener:

import pandas as pd

scores = {
    name: pd.read_csv(work / name / "scores.csv") for name in ("spectral", "oracle")
}
scores["spectral"][["scene", "listener", "left_score", "right_score", "score"]].round(3)

# %%
# Even with the true stems the scores are below 1: the gain of the hearing aid clips the
# loudest parts, the reference is not clipped. The table of ``enhance.py`` has the
# fraction of clipped samples.

clipped = pd.read_csv(work / "oracle" / "enhanced_signals.csv")
scores["oracle"].merge(clipped, on=["scene", "listener"])[
    ["scene", "listener", "score", "clipped_fraction"]
].round(4)

# %%
# Item by item
# ------------

import matplotlib.pyplot as plt

from cadenza import plots

figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
both = scores["spectral"].merge(scores["oracle"], on=["scene", "listener"])
plots.comparison(both["score_x"], both["score_y"], names=("spectral", "oracle"), ax=ax)

# %%
# The report
# ----------
#
# The report of a run has a page for each item, with its audiogram, its signals to
# listen to and compare, and where the score was lost:
#
# .. code-block:: bash
#
#    cadenza report spectral oracle --to report
