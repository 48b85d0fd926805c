"""
A head and two loudspeakers
===========================

Music from a loudspeaker reaches both ears, one of them later and softer. In ICASSP 2024
a hearing aid hears such music.
"""

# %%
# One loudspeaker, two ears
# -------------------------
#
# The response of a head to a loudspeaker 30 degrees to the left. The right ear is on
# the far side: the sound arrives 0.27 ms later there, and the head attenuates its high
# frequencies. This head is a sphere; those of the challenge were measured.

import matplotlib.pyplot as plt
import numpy as np

from cadenza.synthetic.head import head_response

sample_rate = 44100
response = head_response(-30, sample_rate=sample_rate)

figure, (waves, spectra) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
frequencies_hz = np.fft.rfftfreq(4096, 1 / sample_rate)
for ear, style, taps in zip(
    ("left ear", "right ear"), ("-", "--"), response, strict=True
):
    waves.plot(np.arange(taps.size) / sample_rate * 1000, taps, style, label=ear)
    gain_db = 20 * np.log10(np.abs(np.fft.rfft(taps, 4096)))
    spectra.semilogx(frequencies_hz[1:], gain_db[1:], style, label=ear)
waves.set(xlabel="time in ms", ylabel="amplitude", title="impulse response")
spectra.set(
    xlabel="frequency in Hz",
    ylabel="gain in dB",
    xlim=(100, 20000),
    ylim=(-20, 10),
    title="spectrum",
)
spectra.legend()

# %%
# Direction
# ---------
#
# Two cues tell where a sound comes from: the time difference between the ears and, at
# high frequencies, the level difference.

angles_deg = np.arange(-90, 91, 5)
responses = [head_response(angle, sample_rate=sample_rate) for angle in angles_deg]
oversampled = [np.fft.irfft(np.fft.rfft(r, 512), 512 * 16) for r in responses]
delays_ms = [
    np.diff(np.abs(r).argmax(axis=1))[0] / (16 * sample_rate) * 1000
    for r in oversampled
]
at_5_khz = np.abs(frequencies_hz - 5000).argmin()
levels_db = [
    np.diff(20 * np.log10(np.abs(np.fft.rfft(r, 4096)[:, at_5_khz])))[0]
    for r in responses
]

figure, (time, level) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
time.plot(angles_deg, delays_ms, "o-", markersize=3)
time.set(
    xlabel="direction in degrees", ylabel="right minus left in ms", title="arrival"
)
level.plot(angles_deg, levels_db, "o-", markersize=3)
_ = level.set(
    xlabel="direction in degrees",
    ylabel="right minus left in dB",
    title="level at 5 kHz",
)

# %%
# A song over two loudspeakers
# ----------------------------
#
# `render` plays both channels of a song over two loudspeakers. First the song as it is;
# use headphones:

from IPython.display import Audio

from cadenza.audio import resample
from cadenza.hrtf import HeadResponse, render
from cadenza.loudness import integrated_loudness_lufs, match_loudness
from cadenza.synthetic.dataset import song_stems

stems = song_stems(1, 3, duration_s=5, sample_rate=sample_rate)
song = sum(stems.values())


def player(signal):
    """An audio player; a lower sample rate keeps the page small."""
    return Audio(
        0.5 * resample(signal, sample_rate, 24000), rate=24000, normalize=False
    )


player(song)

# %%
# And at the ears of someone who sits between the loudspeakers. The channels blend, and
# the song moves out of the head.

head = HeadResponse(
    left_speaker=head_response(-30, sample_rate=sample_rate),
    right_speaker=head_response(30, sample_rate=sample_rate),
)
at_ears = match_loudness(render(song, head), song, sample_rate)
player(at_ears)

# %%
# The stems no longer add up
# --------------------------
#
# In the data set of the challenge, each stem is rendered separately and then matched to
# its original loudness. The head amplifies some stems more than others, so the rendered
# stems do not add up to the rendered mixture. So even estimates that add up exactly to
# the mixture are not the true stems here.

rendered = {
    name: match_loudness(render(stem, head), stem, sample_rate)
    for name, stem in stems.items()
}
for name, stem in stems.items():
    before, after = (
        integrated_loudness_lufs(x, sample_rate) for x in (stem, render(stem, head))
    )
    print(f"{name:7} {before:6.1f} LUFS, gain of the head {after - before:4.1f} dB")
rest = at_ears - sum(rendered.values())
rest_db = 20 * np.log10(rest.std() / at_ears.std())
print(f"mixture minus stems: {rest_db:.1f} dB re the mixture")
