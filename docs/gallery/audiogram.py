"""
An audiogram, and what NAL-R does with it
=========================================

An audiogram says how much louder a tone must be to be heard than for a healthy ear.
NAL-R is a rule that prescribes the gain of a hearing aid for it.
"""

# %%
# Thresholds
# ----------
#
# Thresholds are in dB HL: 0 is normal hearing, positive numbers are a loss. Without
# frequencies, the eight thresholds are those at 250, 500, 1000, 2000, 3000, 4000, 6000
# and 8000 Hz, as for the listeners of the Cadenza challenges. A listener has two ears.

import matplotlib.pyplot as plt

from cadenza import plots
from cadenza.audiogram import Audiogram, Listener

listener = Listener(
    "L0001",
    left=Audiogram([15, 20, 25, 35, 45, 55, 60, 65]),
    right=Audiogram([25, 30, 40, 55, 60, 65, 70, 75]),
)
listener

# %%
# An audiogram is drawn with the loss downwards, crosses for the left ear and circles
# for the right. This loss increases with frequency, as is typical of old age. Speech
# and music lose their brilliance first.

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
plots.audiogram(listener, ax)

# %%
# Prescribed gains
# ----------------
#
# The gain of NAL-R is about a third of the loss, plus a term for the mean loss at 500,
# 1000 and 2000 Hz. It is lower at low frequencies, where amplified noise would mask
# everything else. Nothing is attenuated.

from cadenza.hearing_aid import NALR, nalr_gains_db

nalr_gains_db(listener.left.at([250, 500, 1000, 2000, 4000, 6000])).round(1)

# %%
# `NALR` is a filter with these gains. The curve shows its actual gain. At 250 Hz it is
# higher than prescribed, because 221 taps are too few to follow the curve there. It is
# the same in the baselines of the challenges, so it is kept.

sample_rate = 44100
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
plots.nalr_gains(listener, sample_rate=sample_rate, ax=ax)

# %%
# How it sounds
# -------------
#
# Six seconds of a generated song:

from IPython.display import Audio

from cadenza.audio import resample
from cadenza.loudness import match_loudness
from cadenza.synthetic.dataset import song_stems

stems = song_stems(1, 3, duration_s=6, sample_rate=sample_rate)
song = sum(stems.values())


def player(signal):
    """An audio player; a lower sample rate keeps the page small."""
    return Audio(
        0.5 * resample(signal, sample_rate, 24000), rate=24000, normalize=False
    )


player(song)

# %%
# The same song with the gain for the left ear on both channels. Here it is matched to
# the loudness of the original, so that you hear only the change of the spectrum. For
# someone with this hearing loss, the gain compensates for the loss. For a healthy ear
# it sounds thin and sharp.

aid = NALR(listener.left, sample_rate=sample_rate)
amplified = aid(song)[
    :, aid.nfir // 2 : aid.nfir // 2 + song.shape[1]
]  # without the delay of the filter
player(match_loudness(amplified, song, sample_rate))

# %%
# Does it help? HAAQI compares three signals with the amplified reference: without gain,
# with gain for half of the loss, and with full gain. Close to 1 is good.

from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.haaqi import haaqi_candidates

reference = aid(song[0])
off, half, on = haaqi_candidates(
    reference,
    [
        NALR(Audiogram(loss), sample_rate=sample_rate)(song[0])
        for loss in (
            [0] * 8,
            listener.left.levels_db_hl / 2,
            listener.left.levels_db_hl,
        )
    ],
    sample_rate=sample_rate,
    audiogram=listener.left,
    equalisation="none",
    level_db_spl=presentation_level_db_spl(song[0]),
)
print(f"no gain {off:.2f}, gain for half the loss {half:.2f}, full gain {on:.2f}")
