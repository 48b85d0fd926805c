"""
Separating a song, and what goes wrong
======================================

To make the vocals louder for a listener, they must first be found in the mixture. Two
separators come with cadenza. `Spectral` uses what a spectrogram shows of each stem;
`ConvTasNetVDBO` is a small network trained on generated songs. Larger networks,
`HybridDemucs` and `OpenUnmix`, download their weights.
"""

# %%
# The song
# --------
#
# We know the true stems of a generated song, so we can measure and hear what separation
# does to them.

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio

from cadenza import plots
from cadenza.audio import resample
from cadenza.synthetic.dataset import song_stems

sample_rate = 44100
stems = song_stems(1, 5, duration_s=6, sample_rate=sample_rate)
song = sum(stems.values())


def player(signal):
    """An audio player; a lower sample rate keeps the page small."""
    return Audio(
        0.9 * resample(signal, sample_rate, 24000), rate=24000, normalize=False
    )


player(song)

# %%
# By signal processing
# --------------------
#
# `Spectral` makes four masks for the spectrogram. Drums are what is short and broadband
# (vertical lines), bass is what is low, vocals are what is sustained and in the centre
# of the stereo image, and the rest is other.

from cadenza.separation.spectral import Spectral

spectral = Spectral()(song, sample_rate=sample_rate)
player(spectral["vocals"])

# %%
# By a network
# ------------
#
# The network was trained on generated songs. Its outputs become masks that divide the
# spectrum of the song among the stems. It was trained together with these masks.

from cadenza.separation.convtasnet_vdbo import ConvTasNetVDBO

learned = ConvTasNetVDBO(device="cpu")(song, sample_rate=sample_rate)
player(learned["vocals"])

# %%
# The true vocals, for comparison:

player(stems["vocals"])

# %%
# How good?
# ---------
#
# The signal-to-distortion ratio (SDR) in dB: at 0 dB, the error is as strong as the
# stem. The SDR of the mixture itself shows how difficult a stem is.


def sdr_db(true, estimate):
    """Energy of the true stem over that of the error."""
    return 10 * np.log10(np.sum(true**2) / np.sum((true - estimate) ** 2))


for name, stem in stems.items():
    ratios = [
        sdr_db(stem, estimate) for estimate in (song, spectral[name], learned[name])
    ]
    print(
        "{:7} mixture {:5.1f} dB, spectral {:4.1f} dB, learned {:4.1f} dB".format(
            name, *ratios
        )
    )

# %%
# What goes wrong
# ---------------
#
# The spectrograms of the true and the estimated vocals, and their difference. Where it
# is positive, something leaked in from other instruments; where it is negative,
# something was lost. Drum hits go through all bands, so that a part of each is in every
# stem.

figure, axes = plt.subplots(3, figsize=(8, 8), layout="constrained")
_ = plots.spectrogram_pair(stems["vocals"][0], spectral["vocals"][0], sample_rate, axes)

# %%
# The same for the network:

figure, axes = plt.subplots(3, figsize=(8, 8), layout="constrained")
_ = plots.spectrogram_pair(stems["vocals"][0], learned["vocals"][0], sample_rate, axes)

# %%
# What does the listener notice?
# ------------------------------
#
# A listener asks for more vocals and less drums. If the estimates add up to the
# mixture, their errors cancel as long as all gains are equal. The more the gains
# differ, the more audible are the errors. Estimates that do not add up to the mixture
# lower the score even if all gains are 0 dB.

from cadenza.audiogram import Audiogram
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.haaqi import haaqi_candidates
from cadenza.hearing_aid import NALR
from cadenza.remix import remix_to_mixture

audiogram = Audiogram([15, 20, 25, 35, 45, 55, 60, 65])
aid = NALR(audiogram, sample_rate=sample_rate)
print("vocals  drums   spectral  learned")
for gain_db in (0, 3, 6, 10):
    gains_db = {"vocals": gain_db, "drums": -gain_db, "bass": 0, "other": 0}
    true, *estimates = (
        remix_to_mixture(parts, gains_db, song, sample_rate)[0]
        for parts in (stems, spectral, learned)
    )
    scores = haaqi_candidates(
        aid(true),
        [aid(estimate) for estimate in estimates],
        sample_rate=sample_rate,
        audiogram=audiogram,
        equalisation="none",
        level_db_spl=presentation_level_db_spl(true),
    )
    print(f"{gain_db:3} dB {-gain_db:4} dB {scores[0]:9.2f} {scores[1]:8.2f}")

# %%
# The remix with 10 dB more vocals and 10 dB less drums, from the stems of `Spectral`:

player(remix_to_mixture(spectral, gains_db, song, sample_rate))

# %%
# Both together
# -------------
#
# The errors of the two are different. The mean of their stems is often better than
# both, and rarely much worse than the better one:

from cadenza.separation.ensemble import Ensemble
from cadenza.separation.spectral import Spectral

both = Ensemble({"learned": ConvTasNetVDBO(device="cpu"), "spectral": Spectral()})
together = both(song, sample_rate=sample_rate)
for name, stem in stems.items():
    print(f"{name:7} {sdr_db(stem, together[name]):5.1f} dB")

# %%
# Estimates that add up
# ---------------------
#
# Many networks estimate each stem independently, so the sum of their stems is not the
# song. Here the vocals are 6 dB too soft, which is wrong even without gains. `refined`
# repairs such estimates: ``"residual"`` adds an equal part of what is missing to each
# stem, ``"wiener"`` divides the spectrum of the song in the ratio of their magnitudes.

from cadenza.separation.refine import refined

flawed = spectral | {"vocals": 0.5 * spectral["vocals"]}
no_gains = dict.fromkeys(stems, 0.0)
true = remix_to_mixture(stems, no_gains, song, sample_rate)[0]
for refinement in ("none", "residual", "wiener"):
    estimates = refined(flawed, song, refinement)
    remixed = remix_to_mixture(estimates, no_gains, song, sample_rate)[0]
    (score,) = haaqi_candidates(
        aid(true),
        [aid(remixed)],
        sample_rate=sample_rate,
        audiogram=audiogram,
        equalisation="none",
        level_db_spl=presentation_level_db_spl(true),
    )
    print(f"{refinement:8} {score:.2f}")
