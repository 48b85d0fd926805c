"""BS-RoFormer in plain NumPy, written from its paper (Lu et al. 2024) for parity tests."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

HEADS, HEAD = 2, 8  # number of heads, and their width


def bs_roformer(state, music, *, bands, n_stems, n_fft=2048, hop=441):
    """Estimates of a network with one time and one frequency transformer, (n_stems, 2, T)."""
    p = {name: value.numpy().astype(float) for name, value in state.items()}
    spectrum = _stft(music, n_fft, hop)  # (channels, frequencies, frames)
    frames = spectrum.transpose(2, 1, 0)
    edges = np.cumsum(bands)[:-1]
    parts = [_reals(part) for part in np.split(frames, edges, axis=1)]
    x = np.stack([_embedded(p, k, part) for k, part in enumerate(parts)])  # (bands, frames, dim)
    x = _transformer(p, "layers.0.0", x)
    x = _transformer(p, "layers.0.1", x.swapaxes(0, 1))  # (frames, bands, dim)
    x = _norm(p, "final_norm", x)
    stems = []
    for n in range(n_stems):
        masks = [_mask(p, f"mask_estimators.{n}.to_freqs.{k}", x[:, k]) for k in range(len(bands))]
        mask = np.concatenate(masks, axis=1).reshape(*frames.shape, 2)
        masked = frames * (mask[..., 0] + 1j * mask[..., 1])
        stems.append(_istft(masked.transpose(2, 1, 0), n_fft, hop))
    return np.stack(stems)


def _embedded(p, k, part):
    """Features of a band."""
    normalised = _norm(p, f"band_split.to_features.{k}.0", part)
    return _linear(p, f"band_split.to_features.{k}.1", normalised)


def _transformer(p, name, x):
    """One layer of attention along the second last axis, and one that works on each vector."""
    first = f"{name}.layers.0.0"
    y = _norm(p, f"{first}.norm", x)
    projected = y @ p[f"{first}.to_qkv.weight"].T
    q, k, v = np.moveaxis(projected.reshape(*y.shape[:2], 3, HEADS, HEAD), (2, 3), (0, 2))
    freqs = p[f"{first}.rotary_embed.freqs"]
    scores = _rotated(q, freqs) @ _rotated(k, freqs).swapaxes(-1, -2) / np.sqrt(HEAD)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    heard = exponentials / exponentials.sum(axis=-1, keepdims=True) @ v
    gates = _sigmoid(_linear(p, f"{first}.to_gates", y))  # one for each head
    heard = (heard.swapaxes(1, 2) * gates[..., np.newaxis]).reshape(*y.shape[:2], -1)
    x = x + heard @ p[f"{first}.to_out.0.weight"].T
    second = f"{name}.layers.0.1.net"
    hidden = _linear(p, f"{second}.1", _norm(p, f"{second}.0", x))
    return x + _linear(p, f"{second}.4", hidden * (1 + erf(hidden / np.sqrt(2))) / 2)


def _rotated(x, freqs):
    """Neighbouring values are a complex number, which is turned in proportion to its position."""
    turns = np.exp(1j * np.arange(x.shape[-2])[:, np.newaxis] * freqs)
    return _reals((x[..., ::2] + 1j * x[..., 1::2]) * turns, n_axes=1)


def _mask(p, name, x):
    """Two layers, of which the second has a gate for each value."""
    hidden = np.tanh(_linear(p, f"{name}.0.0", x))
    values, gates = np.split(_linear(p, f"{name}.0.2", hidden), 2, axis=-1)
    return values * _sigmoid(gates)


def _norm(p, name, x):
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.maximum(length, 1e-12) * np.sqrt(x.shape[-1]) * p[f"{name}.gamma"]


def _linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _reals(x, n_axes=2):
    """Real and imaginary parts side by side; the last axes become one."""
    pairs = np.stack([x.real, x.imag], axis=-1)
    return pairs.reshape(*x.shape[:-n_axes], -1)


def _stft(x, n_fft, hop):
    padded = np.pad(x, [(0, 0), (n_fft // 2, n_fft // 2)], mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=-1)[:, ::hop]
    return np.fft.rfft(frames * _hann(n_fft)).swapaxes(1, 2)


def _istft(spectrum, n_fft, hop):
    frames = np.fft.irfft(spectrum.swapaxes(1, 2)) * _hann(n_fft)
    n_frames = frames.shape[1]
    total = np.zeros((len(frames), n_fft + hop * (n_frames - 1)))
    weight = np.zeros(total.shape[1])
    for k in range(n_frames):
        total[:, k * hop : k * hop + n_fft] += frames[:, k]
        weight[k * hop : k * hop + n_fft] += _hann(n_fft) ** 2
    inside = slice(n_fft // 2, -(n_fft // 2))
    return total[:, inside] / weight[inside]


def _hann(n):
    return np.hanning(n + 1)[:-1]
