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
# Singers are mostly in the middle of the stereo image, so what both channels share is
# vocals, and the rest is other. A low-pass filter takes the bass out of the middle
# first, because it is in the middle, too.

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import butter, sosfiltfilt


class MiddleSide:
    """Vocals are in the middle, above the bass.

    Parameters
    ----------
    crossover_hz : float
        Frequency in Hz below which the middle is bass.
    """

    sources = ("vocals", "drums", "bass", "other")

    def __init__(self, *, crossover_hz: float = 200.0) -> None:
        self.crossover_hz = crossover_hz

    def __call__(
        self, mixture: np.ndarray, *, sample_rate: int
    ) -> dict[str, np.ndarray]:
        middle = np.broadcast_to(mixture.mean(axis=0), mixture.shape)
        filter_ = butter(2, self.crossover_hz, fs=sample_rate, output="sos")
        bass = sosfiltfilt(filter_, middle)
        return {
            "vocals": middle - bass,
            "drums": np.zeros_like(mixture),
            "bass": bass,
            "other": mixture - middle,
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
separator = MiddleSide()
prepare(separator, STEMS)  # complains if a stem is missing

true = song_stems(1, 5, duration_s=5, sample_rate=sample_rate)
song = sum(true.values())
stems = separator(song, sample_rate=sample_rate)
Audio(0.9 * resample(stems["vocals"], sample_rate, 24000), rate=24000, normalize=False)

# %%
# What is in it that should not be? Above, the true vocals; in the middle, the estimate;
# below, the difference. The drums are in the middle, too.

from cadenza import plots

figure, axes = plt.subplots(3, figsize=(8, 8), layout="constrained")
_ = plots.spectrogram_pair(true["vocals"][0], stems["vocals"][0], sample_rate, axes)

# %%
# Better than nothing? The improvement of the ratio of signal to distortion over the
# mixture itself, beside that of `Spectral`. The drums show a trap of this measure:
# silence is better than the mixture wherever the stem is softer than the rest.


def improvement_db(true, estimate, mixture):
    """How much less is wrong than in the mixture."""
    return 10 * np.log10(np.sum((true - mixture) ** 2) / np.sum((true - estimate) ** 2))


spectral = Spectral()(song, sample_rate=sample_rate)
for name in STEMS:
    ours, theirs = (
        improvement_db(true[name], found[name], song) for found in (stems, spectral)
    )
    print(f"{name:7} middle and side {ours:+5.1f} dB, spectral {theirs:+5.1f} dB")

# %%
# In a recipe
# -----------
#
# Save the class as ``my_separator.py`` and name it on the command line. Parameters
# follow with a plus:
#
# .. code-block:: bash
#
#    PYTHONPATH=. python -m cadenza.recipes.cad_icassp_2024.baseline.enhance \
#      path.root=/data/cadenza separator=custom \
#      separator._target_=my_separator.MiddleSide +separator.crossover_hz=150
#
# The recipe gives it whole songs, remembers its stems for the next listener of the same
# song, and notices if you change its parameters. :doc:`/plugins` says what else a
# separator may have, and how to write a hearing aid.
