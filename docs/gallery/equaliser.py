"""
An equaliser fitted by gradient
===============================

`cadenza.haaqi.loss` is HAAQI in torch, with gradients. Anything made of torch
operations can be optimised for a listener: a network, a hearing aid, or, on this page,
the six gains of an equaliser. The second half shows why a score that was optimised
needs a second measure beside it.
"""

# %%
# Two listeners and a song
# ------------------------
#
# One listener hears low frequencies well and high ones badly, a ski-slope loss. The
# other has a severe loss everywhere. Both hear a generated song at 65 dB SPL.

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Audio

from cadenza import plots
from cadenza.audio import resample
from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Audiogram
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.haaqi import haaqi
from cadenza.haaqi.loss import HAAQILoss
from cadenza.hearing_aid import NALR, nalr_gains_db
from cadenza.levels import db_to_gain
from cadenza.loudness import match_loudness
from cadenza.synthetic.dataset import song_stems

torch.set_num_threads(1)
sample_rate = 24000
stems = song_stems(1, 5, duration_s=5, sample_rate=44100)
song = resample(sum(stems.values())[0], 44100, sample_rate)
song = 0.5 * song / np.abs(song).max()
level_db_spl = presentation_level_db_spl(song)

listeners = {
    "ski slope": Audiogram([10, 10, 15, 30, 55, 70, 75, 80]),
    "severe": Audiogram([50, 55, 60, 70, 75, 80, 85, 90]),
}

# %%
# An equaliser in torch
# ---------------------
#
# It has a gain at each of the six frequencies that NAL-R prescribes for, and
# interpolates between them. It changes no phases and adds no delay.


def equalise(signal, gains_db):
    """Filter a signal of shape (T,) with gains of shape (..., 6)."""
    frequencies_hz = np.fft.rfftfreq(signal.shape[-1], 1 / sample_rate)
    bands = np.log(PRESCRIPTION_FREQUENCIES_HZ)
    places = np.log(np.maximum(frequencies_hz, 1))
    weights = np.stack([np.interp(places, bands, row) for row in np.eye(6)])
    curve_db = gains_db @ torch.tensor(weights, dtype=torch.float32)
    spectrum = torch.fft.rfft(signal) * 10 ** (curve_db / 20)
    return torch.fft.irfft(spectrum, signal.shape[-1])


# %%
# The fit
# -------
#
# With ``equalisation="nalr"`` the reference is the music amplified by NAL-R.
# `HAAQILoss` then asks how far the equalised music is from what NAL-R would give this
# listener. So the best gains should be close to those of NAL-R, and the fit is a test
# of the loss: it must find them from the gradient of the score alone.
#
# The reference stays the same, so it is prepared once, for both ears. To save time, the
# fit uses a short excerpt. ``reduction="none"`` keeps the two listeners' losses apart.

excerpt = torch.tensor(song[sample_rate : 5 * sample_rate // 2], dtype=torch.float32)
loss = HAAQILoss(
    sample_rate=sample_rate,
    equalisation="nalr",
    reduction="none",
    checkpointed=False,
)
reference = loss.prepare(
    excerpt.expand(2, -1),
    audiograms=list(listeners.values()),
    level_db_spl=level_db_spl,
)

# %%
# Where to start? At 0 dB, the listener with the severe loss hears nothing of the
# treble, so a little more or less of it changes nothing. The gradient says so:

gains_db = torch.zeros(2, 6, requires_grad=True)
loss(reference, equalise(excerpt, gains_db)).sum().backward()
print("gradient per dB at", *PRESCRIPTION_FREQUENCIES_HZ, "Hz")
for name, row in zip(listeners, gains_db.grad.numpy(), strict=True):
    print(f"{name:10}", " ".join(f"{value:8.5f}" for value in row))

# %%
# From there, a fit would leave the treble as it is. So the fit starts from an old rule
# of thumb, half of the loss as gain, which makes everything audible. Then Adam changes
# each gain by up to 3 dB in a step, and by less towards the end.

half_db = [a.at(PRESCRIPTION_FREQUENCIES_HZ) / 2 for a in listeners.values()]
gains_db = torch.tensor(np.stack(half_db), dtype=torch.float32, requires_grad=True)
n_steps = 15
adam = torch.optim.Adam([gains_db], lr=3, betas=(0.7, 0.9))
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, n_steps, eta_min=0.3)
curves = []
for _ in range(n_steps):
    adam.zero_grad()
    losses = loss(reference, equalise(excerpt, gains_db))
    losses.sum().backward()
    adam.step()
    schedule.step()
    curves.append(1 - losses.detach().numpy())

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, curve, marker in zip(listeners, np.transpose(curves), "os", strict=True):
    ax.plot(curve, marker + "-", label=name)
ax.set(xlabel="step", ylabel="HAAQI", ylim=(0, 1))
_ = ax.legend()

# %%
# The gains that were found, and those of NAL-R
# ---------------------------------------------

found_db = gains_db.detach()
figure, axes = plt.subplots(1, 2, sharey=True, figsize=(9, 3.2), layout="constrained")
for ax, (name, audiogram), start, found in zip(
    axes, listeners.items(), half_db, found_db, strict=True
):
    hz = PRESCRIPTION_FREQUENCIES_HZ
    ax.semilogx(hz, start, ":", color="0.5", label="start")
    ax.semilogx(hz, nalr_gains_db(audiogram.at(hz)), "x--", label="NAL-R")
    ax.semilogx(hz, found, "o-", label="fitted")
    ax.set_xticks(hz, [f"{f / 1000:g}" for f in hz])
    ax.minorticks_off()
    ax.set(title=name, xlabel="frequency in kHz")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("gain in dB")
_ = axes[0].legend()

# %%
# Scores of all five seconds, most of which were not used for the fit, from the compiled
# engine:


def score(audiogram, processed):
    """HAAQI of the song for a listener."""
    return haaqi(
        song,
        processed,
        sample_rate=sample_rate,
        audiogram=audiogram,
        equalisation="nalr",
        level_db_spl=level_db_spl,
    ).score


whole = torch.tensor(song, dtype=torch.float32)
fitted = equalise(whole, found_db).double().numpy()
print("listener   unprocessed  fitted  NAL-R")
for (name, audiogram), signal in zip(listeners.items(), fitted, strict=True):
    prescribed = NALR(audiogram, sample_rate=sample_rate)(song)
    scores = [score(audiogram, x) for x in (song, signal, prescribed)]
    print("{:10} {:11.2f} {:7.2f} {:6.2f}".format(name, *scores))

# %%
# How it sounds: the song, and the song with the gains found for the ski-slope loss, at
# the same loudness.


def player(signal):
    """An audio player; every signal gets the loudness of the song."""
    matched = match_loudness(np.atleast_2d(signal), song[None], sample_rate)
    return Audio(0.5 * matched, rate=sample_rate, normalize=False)


player(song)

# %%

player(fitted[0])

# %%
# How the index can be gamed
# --------------------------
#
# Six gains cannot do much harm. A network has far more freedom. The extreme is to
# optimise the samples themselves. The song is clipped 12 dB below its peak, and Adam
# may change every sample, to raise the HAAQI of a listener with a mild loss. The ratio
# of signal to distortion (SDR) is only watched.

mild = Audiogram([20, 20, 25, 30, 35, 40, 45, 50])
original = excerpt.double().numpy()
limit = db_to_gain(-12) * np.abs(original).max()
clipped = np.clip(original, -limit, limit)


def sdr_db(signal, low_hz=0, high_hz=sample_rate / 2):
    """Energy of the original over that of the error, within a band."""
    hz = np.fft.rfftfreq(original.size, 1 / sample_rate)
    inside = (hz >= low_hz) & (hz <= high_hz)
    music, error = np.abs(np.fft.rfft([original, original - signal]))[:, inside] ** 2
    return 10 * np.log10(music.sum() / error.sum())


loss = HAAQILoss(sample_rate=sample_rate, equalisation="none", checkpointed=False)
reference = loss.prepare(excerpt[None], audiograms=mild, level_db_spl=level_db_spl)
samples = torch.tensor(clipped, dtype=torch.float32, requires_grad=True)
adam = torch.optim.Adam([samples], lr=0.003)
n_steps = 14
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, n_steps, eta_min=0.0003)
index, ratio_db = [], []
for _ in range(n_steps):
    adam.zero_grad()
    one_minus_haaqi = loss(reference, samples[None])
    one_minus_haaqi.backward()
    index.append(1 - one_minus_haaqi.item())
    ratio_db.append(sdr_db(samples.detach().numpy()))
    adam.step()
    schedule.step()
gamed = samples.detach().double().numpy()

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
axes[0].plot(index, "o-")
axes[0].set(xlabel="step", ylabel="HAAQI", ylim=(0, 1))
axes[1].plot(ratio_db, "o-")
axes[1].set(xlabel="step", ylabel="SDR in dB", ylim=(0, 20))

# %%
# HAAQI rises steeply. The SDR hardly moves, and no octave of the music comes much
# closer to the original:

print("        Hz     clipped  optimised")
for low_hz, high_hz in [
    (0, sample_rate / 2),
    *((hz, 2 * hz) for hz in (125, 250, 500, 1000, 2000, 4000)),
]:
    ratios = [sdr_db(signal, low_hz, high_hz) for signal in (clipped, gamed)]
    print("{:5g}-{:5g} {:8.1f} dB {:6.1f} dB".format(low_hz, high_hz, *ratios))

# %%
# Around the loudest moment, the peaks are still missing:

peak = int(np.abs(original).argmax())
shown = slice(max(peak - 60, 0), peak + 60)
times_ms = 1000 * np.arange(original.size)[shown] / sample_rate
figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
ax.plot(times_ms, original[shown], color="0.7", label="original")
ax.plot(times_ms, clipped[shown], "--", label="clipped")
ax.plot(times_ms, gamed[shown], label="optimised")
ax.set(xlabel="time in ms", ylabel="amplitude")
_ = ax.legend()

# %%
# The spectrograms show what has changed: on the left the clipped signal, on the right
# the optimised one, below their differences from the original. What clipping took from
# the loud moments is still missing. Around 2 kHz, in soft passages, clipping had added
# some sound, and the optimiser has added more. According to the index the signal has
# become better, but its spectrogram has become worse.

figure, axes = plt.subplots(3, 2, figsize=(10, 8), layout="constrained")
for column, name, signal in zip(
    axes.T, ("clipped", "optimised"), (clipped, gamed), strict=True
):
    plots.spectrogram_pair(original, signal, sample_rate, column)
    column[0].set_title("original")
    column[1].set_title(name)
    column[2].set_title(f"{name} minus original")

# %%
# Listen: the original, then the clipped and the optimised signal, all at their own
# levels. The sequence plays twice.

pause = np.zeros(sample_rate // 4)
Audio(
    np.concatenate([*(original, pause, clipped, pause, gamed, pause) * 2]),
    rate=sample_rate,
    normalize=False,
)

# %%
# Once an index has been optimised, it is no longer proof of quality. So train with an
# L1 or SDR term beside HAAQI (``l1_weight`` and ``si_sdr_weight`` of `HAAQILoss`), give
# the model no more freedom than it needs, report the SDR beside HAAQI, and listen.
