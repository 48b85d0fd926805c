"""
HAAQI opened up
===============

Why is a score 0.6? HAAQI compares four features of what an ear hears. Different kinds
of damage show in different features, and ``details=True`` says in which bands and when.
"""

# %%
# Five kinds of damage
# --------------------
#
# A generated song, presented at 65 dB SPL to an ear with a mild loss, is damaged in
# five ways.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Audio
from scipy.signal import butter, sosfilt

from cadenza import plots
from cadenza.audio import resample
from cadenza.audiogram import Audiogram
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.haaqi import haaqi
from cadenza.hearing_aid import NALR
from cadenza.levels import db_to_gain, rms
from cadenza.synthetic.dataset import song_stems

sample_rate = 24000
stems = song_stems(1, 5, duration_s=5, sample_rate=44100)
song = resample(sum(stems.values())[0], 44100, sample_rate)
song = song / np.abs(song).max()

noise = np.random.default_rng(1).standard_normal(song.size) * rms(song)
versions = {
    "unchanged": song,
    "clipped at -12 dB": np.clip(song, -db_to_gain(-12), db_to_gain(-12)),
    "noise, 20 dB below": song + db_to_gain(-20) * noise,
    "low-pass at 3 kHz": sosfilt(butter(8, 3000, fs=sample_rate, output="sos"), song),
    "20 dB softer": db_to_gain(-20) * song,
}

# %%
# Reference and processed signal get the gain of NAL-R for this ear, so
# ``equalisation="none"``.

audiogram = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
aid = NALR(audiogram, sample_rate=sample_rate)
results = {
    name: haaqi(
        aid(song),
        aid(signal),
        sample_rate=sample_rate,
        audiogram=audiogram,
        equalisation="none",
        level_db_spl=presentation_level_db_spl(song),
        details=True,
    )
    for name, signal in versions.items()
}
parts = [
    "score",
    "cepstral_correlation",
    "vibration_covariance",
    "loudness_spectrum",
    "normalised_spectrum",
]
pd.DataFrame(
    {part: [getattr(r, part) for r in results.values()] for part in parts},
    index=list(results),
).round(2)

# %%
# Read the table by columns. Clipping and noise lower the first two features, which form
# the nonlinear term. The low-pass filter changes the spectrum and little else. A softer
# signal loses what falls below the threshold of this ear.
#
# Clipping
# --------
#
# Clipping adds harmonics and intermodulation products in all bands, and cuts off the
# peaks that make music lively.


def player(signal):
    """An audio player; all signals on this page have the same scale."""
    return Audio(0.5 * signal, rate=sample_rate, normalize=False)


def show(result):
    """Draw what HAAQI heard."""
    with plt.rc_context({"axes.titlesize": 9}):
        _, axes = plt.subplots(2, 2, figsize=(11, 7), layout="constrained")
        plots.haaqi_details(result.details, axes.ravel())


player(versions["clipped at -12 dB"])

# %%
# The pictures on the left show bands over time. Above: how much louder or softer each
# band has become. Below: how much of the fine structure is left; dark is damaged. On
# the right: the correlations that form the cepstral correlation, and the change of the
# long-term spectrum. The thin lines are loud moments that have become softer. The bass
# keeps its shape, but its harmonics damage the bands above.

show(results["clipped at -12 dB"])

# %%
# Noise
# -----
#
# Noise does most damage where the music is soft: in pauses and in the treble. It fills
# the valleys of the envelope.

player(versions["noise, 20 dB below"])

# %%

show(results["noise, 20 dB below"])

# %%
# Low-pass
# --------
#
# Nothing is distorted, but the treble is gone. The spectral difference says so at once.

player(versions["low-pass at 3 kHz"])

# %%

show(results["low-pass at 3 kHz"])

# %%
# Level
# -----
#
# HAAQI ignores level itself: 20 dB less is only a turn of the volume control. But this
# ear no longer hears the softest parts.

show(results["20 dB softer"])

# %%
# The presentation level is different, because it makes the reference softer, too. At a
# low level the noise falls below the threshold of this ear, and the noisy version
# scores better. Clipping has also made the music softer, so at a low level more of the
# clipped version is inaudible.

for presented_db_spl in (35, 45, 55, 65, 75):
    level_db_spl = presentation_level_db_spl(song, presented_db_spl=presented_db_spl)
    scores = [
        haaqi(
            aid(song),
            aid(versions[name]),
            sample_rate=sample_rate,
            audiogram=audiogram,
            equalisation="none",
            level_db_spl=level_db_spl,
        )
        for name in ("clipped at -12 dB", "noise, 20 dB below")
    ]
    print(f"{presented_db_spl} dB SPL: clipped {scores[0]:.2f}, noisy {scores[1]:.2f}")

# %%
# More damage, lower score
# ------------------------
#
# How fast does the score fall? Each curve is one kind of damage, from mild to severe.

limits_db = [0, -3, -6, -9, -12, -15, -18]
ratios_db = [50, 40, 30, 20, 10, 0]
cutoffs_hz = [11000, 8000, 6000, 4000, 2000, 1000, 500]


def scores(signals):
    """Scores of several versions of the song."""
    return [
        haaqi(
            aid(song),
            aid(signal),
            sample_rate=sample_rate,
            audiogram=audiogram,
            equalisation="none",
            level_db_spl=presentation_level_db_spl(song),
        ).score
        for signal in signals
    ]


clipped = scores(
    np.clip(song, -db_to_gain(limit), db_to_gain(limit)) for limit in limits_db
)
noisy = scores(song + db_to_gain(-ratio) * noise for ratio in ratios_db)
dull = scores(
    sosfilt(butter(8, cutoff, fs=sample_rate, output="sos"), song)
    for cutoff in cutoffs_hz
)

figure, axes = plt.subplots(1, 3, sharey=True, figsize=(9, 3), layout="constrained")
axes[0].plot(limits_db, clipped, "o-")
axes[0].set(xlabel="clipped at, dB re peak", ylabel="HAAQI", ylim=(0, 1))
axes[0].invert_xaxis()
axes[1].plot(ratios_db, noisy, "o-")
axes[1].set(xlabel="signal to noise, dB")
axes[1].invert_xaxis()
axes[2].semilogx(cutoffs_hz, dull, "o-")
axes[2].set(xlabel="low-pass at, Hz")
axes[2].invert_xaxis()
