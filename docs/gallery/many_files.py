"""
Scoring many files
==================

You have a folder of songs, and what three systems made of them. Which system is best,
for whom, and is the difference real?
"""

# %%
# Some files
# ----------
#
# Four generated songs stand for your music. The three systems clip the song, leave out
# the treble, and add noise.

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import butter, sosfilt

from cadenza import audio
from cadenza.synthetic.dataset import song_stems

sample_rate = 24000
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
rng = np.random.default_rng(1)
dull = butter(4, 5000, fs=sample_rate, output="sos")
for number in range(4):
    song = sum(song_stems(1, number, duration_s=4, sample_rate=44100).values())
    song = audio.resample(song, 44100, sample_rate)
    noise = rng.normal(scale=0.03 * song.std(), size=song.shape)
    systems = {
        "reference": song,
        "loud": np.tanh(4 * song),
        "dull": sosfilt(dull, song),
        "noisy": song + noise,
    }
    for system, signal in systems.items():
        (folder / system).mkdir(exist_ok=True)
        audio.write_flac(folder / system / f"song{number}.flac", signal, sample_rate)
sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.flac"))[:4]

# %%
# On the command line
# -------------------
#
# For a few files no code is needed. Several processed files are compared with one
# reference:
#
# .. code-block:: bash
#
#    cadenza score reference/song0.flac {loud,dull,noisy}/song0.flac \
#      --audiogram 20,20,25,30,35,40,45,50 --json > song0.json
#
# In Python
# ---------
#
# `haaqi_ears` scores both ears of a listener. One call uses all cores, so a plain loop
# is fast. Give each item its own seed, for example from its name. Then you can
# reproduce each score, whatever else was scored before.

from cadenza.audiogram import Audiogram, Listener
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.challenges.seeds import random_state
from cadenza.haaqi import haaqi_ears

mild = Audiogram([10, 10, 15, 20, 25, 30, 35, 40])
steep = Audiogram([10, 15, 25, 45, 60, 65, 70, 75])
listeners = [Listener("mild", mild, mild), Listener("steep", steep, steep)]

rows = []
for reference_file in sorted((folder / "reference").glob("*.flac")):
    reference, _ = audio.read(reference_file)
    levels_db_spl = [presentation_level_db_spl(channel) for channel in reference]
    for system in ("loud", "dull", "noisy"):
        processed, _ = audio.read(folder / system / reference_file.name)
        for listener in listeners:
            left, right = haaqi_ears(
                reference,
                processed,
                sample_rate=sample_rate,
                listener=listener,
                equalisation="nalr",
                level_db_spl=levels_db_spl,
                rng=random_state(reference_file.stem),
            )
            rows.append(
                {
                    "song": reference_file.stem,
                    "system": system,
                    "listener": listener.name,
                    "score": (left.score + right.score) / 2,
                    "linear": left.linear,
                    "nonlinear": left.nonlinear,
                    "flags": ", ".join(left.flags + right.flags),
                }
            )
scores = pd.DataFrame(rows)
scores.round(3).head(6)

# %%
# First check whether there is a reason to doubt any score:

scores[scores["flags"] != ""]

# %%
# The means
# ---------

scores.pivot_table(values="score", index="system", columns="listener").round(3)

# %%
# These processed files have no hearing-aid gain, and ``equalisation="nalr"`` applies it
# to the reference only. A listener with a steep loss hears less of everything in the
# processed files, so these scores are low. The linear term shows that gain is missing.

scores.pivot_table(values="linear", index="system", columns="listener").round(3)

# %%
# Is the difference real?
# -----------------------
#
# There is a line for each song and listener. Parallel lines of one colour rank the
# systems in the same way. Here the listener matters: with a mild loss, missing treble
# is worse than noise; with a steep loss, neither is heard well.

import matplotlib.pyplot as plt

table = scores.pivot_table(values="score", index=["song", "listener"], columns="system")
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for listener, style in (("mild", "C0o-"), ("steep", "C1s--")):
    ax.plot(table.columns, table.xs(listener, level="listener").T, style)
    ax.plot([], [], style, label=f"{listener} loss")
ax.set(ylabel="HAAQI", ylim=(0, 1))
ax.legend()

# %%
# So compare the systems song by song and for each listener: the mean of the
# differences, and a bootstrap confidence interval (the songs are drawn repeatedly with
# replacement).

from cadenza.statistics import paired

for listener in ("mild", "steep"):
    rows = table.xs(listener, level="listener")
    change = paired(rows["dull"], rows["noisy"]).difference
    print(
        f"{listener}: noisy minus dull {change.mean:+.3f} "
        f"(95 %: {change.low:+.3f} to {change.high:+.3f})"
    )

# %%
# `cadenza report` does this for runs of the challenges.
