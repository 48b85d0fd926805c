"""
A separator of your own
=======================

Any object that takes a mixture and returns its stems by name is a separator. This page
writes one in ten lines, tries it, and plugs it into a recipe.
"""

# %%
# The idea
# --------
#
# Singers are mostly in the centre of the stereo image. So the mid signal, which both
# channels share, becomes the vocals, and the side signal becomes other. The bass is in
# the centre, too, so a low-pass filter separates it first.

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import butter, sosfiltfilt


class MidSide:
    """Vocals are in the mid signal, above the bass.

    Parameters
    ----------
    crossover_hz : float
        Frequency in Hz below which the mid signal is bass.
    """

    sources = ("vocals", "drums", "bass", "other")

    def __init__(self, *, crossover_hz: float = 200.0) -> None:
        self.crossover_hz = crossover_hz

    def __call__(
        self, mixture: np.ndarray, *, sample_rate: int
    ) -> dict[str, np.ndarray]:
        mid = np.broadcast_to(mixture.mean(axis=0), mixture.shape)
        filter_ = butter(2, self.crossover_hz, fs=sample_rate, output="sos")
        bass = sosfiltfilt(filter_, mid)
        return {
            "vocals": mid - bass,
            "drums": np.zeros_like(mixture),
            "bass": bass,
            "other": mixture - mid,
        }


# %%
# Try it
# ------

from IPython.display import Audio

from cadenza.audio import resample
from cadenza.separation import prepare
from cadenza.separation.spectral import Spectral
from cadenza.stems import STEMS
from cadenza.synthetic.dataset import song_stems

sample_rate = 44100
separator = MidSide()
prepare(separator, STEMS)  # complains if a stem is missing

true = song_stems(1, 5, duration_s=5, sample_rate=sample_rate)
song = sum(true.values())
stems = separator(song, sample_rate=sample_rate)
Audio(0.9 * resample(stems["vocals"], sample_rate, 24000), rate=24000, normalize=False)

# %%
# What has leaked into the vocals? Above, the true vocals; in the middle, the estimate;
# below, the difference. The drums are in the centre of the stereo image, too.

from cadenza import plots

figure, axes = plt.subplots(3, figsize=(8, 8), layout="constrained")
_ = plots.spectrogram_pair(true["vocals"][0], stems["vocals"][0], sample_rate, axes)

# %%
# Is this better than nothing? The table shows the improvement of the
# signal-to-distortion ratio (SDR) over the mixture itself, and that of `Spectral`. The
# drums show a weakness of this measure: silence is better than the mixture if the stem
# is softer than the rest.


def improvement_db(true, estimate, mixture):
    """How much less is wrong than in the mixture."""
    return 10 * np.log10(np.sum((true - mixture) ** 2) / np.sum((true - estimate) ** 2))


spectral = Spectral()(song, sample_rate=sample_rate)
for name in STEMS:
    ours, theirs = (
        improvement_db(true[name], found[name], song) for found in (stems, spectral)
    )
    print(f"{name:7} mid and side {ours:+5.1f} dB, spectral {theirs:+5.1f} dB")

# %%
# In a recipe
# -----------
#
# Save the class as ``my_separator.py`` and name it on the command line. Parameters
# start with a plus sign:
#
# .. code-block:: bash
#
#    PYTHONPATH=. python -m cadenza.recipes.cad_icassp_2024.baseline.enhance \
#      path.root=/data/cadenza separator=custom \
#      separator._target_=my_separator.MidSide +separator.crossover_hz=150
#
# The recipe passes it whole songs, keeps the stems for the next listener of the same
# song, and notices if you change a parameter. :doc:`/plugins` says what else a
# separator can have, and how to write a hearing aid.
