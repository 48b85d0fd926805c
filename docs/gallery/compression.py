"""
What compression does
=====================

A damaged ear does not hear soft sounds at all, but hears loud ones as loud as before. A
compressor amplifies the soft parts and leaves the loud ones as they are.
"""

# %%
# The input and the output
# ------------------------
#
# The compressor of CAD2 works in bands. In each band, above a threshold, the output
# grows by 1 dB when the input grows by ``ratio`` dB. Then a make-up gain is applied.

import matplotlib.pyplot as plt
import numpy as np

from cadenza import plots
from cadenza.hearing_aid import BandCompressor, Compressor, MultibandCompressor

sample_rate = 44100
band = BandCompressor(
    sample_rate=sample_rate, threshold_db=-30, ratio=3, makeup_gain_db=10
)
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
plots.compressor_curve(band, ax)

# %%
# The gain does not change at once. It falls within the attack time when a loud sound
# begins, and rises within the release time after its end. So the start of a loud sound
# gets too much gain.

from cadenza.levels import gain_to_db

time_s = np.arange(sample_rate) / sample_rate
burst = np.where((time_s > 0.3) & (time_s < 0.6), 1.0, 0.03)
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(time_s, gain_to_db(burst), "--", label="input")
axes.plot(time_s, gain_to_db(np.abs(band(burst))), label="output")
axes.set(xlabel="time in s", ylabel="level in dB re full scale", ylim=(-40, 15))
axes.legend()

# %%
# On music
# --------
#
# Six bands, with the ratios and gains of a listener whose loss increases with
# frequency, from little at 250 Hz to much at 8 kHz.

from IPython.display import Audio

from cadenza.audio import resample
from cadenza.loudness import match_loudness
from cadenza.synthetic.dataset import chamber_sources, chamber_stems

stems = chamber_stems(1, 2, duration_s=6, sample_rate=sample_rate)
music = sum(stems.values())
music = 0.9 * music / np.abs(music).max()
print(", ".join(chamber_sources(1, 2)))


def player(signal):
    """An audio player; a lower sample rate keeps the page small."""
    return Audio(
        0.5 * resample(signal, sample_rate, 24000), rate=24000, normalize=False
    )


player(music)

# %%

compressor = MultibandCompressor(
    crossover_frequencies_hz=[353.55, 707.11, 1414.21, 2828.43, 5656.85],
    sample_rate=sample_rate,
    threshold_db=-30,
    ratio=[1.1, 1.2, 1.5, 2.0, 2.7, 3.3],
    attack_ms=[11, 11, 14, 13, 11, 11],
    release_ms=[80, 80, 80, 80, 100, 100],
    makeup_gain_db=[3, 6, 10, 15, 20, 24],
)
compressed = compressor(music)
player(match_loudness(compressed, music, sample_rate))

# %%
# The difference of the spectrograms shows the gain: it is highest at high frequencies,
# and lower there where the music is loud.

figure, axes = plt.subplots(3, figsize=(8, 8), layout="constrained")
_ = plots.spectrogram_pair(music[0], compressed[0], sample_rate, axes)

# %%
# The price
# ---------
#
# With this gain, loud music exceeds full scale and is clipped when it is written to a
# file. Look at the fraction of clipped samples before anything else. The tables of the
# recipes have it for each file.

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
plots.waveform(compressed[0], sample_rate, ax=ax)

# %%
# The broadband compressor of the first challenges
# ------------------------------------------------
#
# It is off by default, and works differently. Above the threshold the gain moves
# towards a value close to the threshold itself. So all levels above it are turned down
# by about the same amount, and the gain changes slowly.

broadband = Compressor(
    sample_rate=sample_rate,
    threshold=0.35,
    attenuation=0.1,
    attack_ms=50,
    release_ms=1000,
    rms_buffer_size_s=0.064,
)
figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
plots.compressor_curve(broadband, ax)
