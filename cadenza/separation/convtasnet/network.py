"""Conv-TasNet for stereo music [1]_: the network of the CAD2 separators.

An encoder turns frames of the mixture into non-negative weights, a stack of dilated convolutions
estimates a mask for each source, and a decoder turns the masked weights into sound. The names of
the modules are those in the published weights.

References
----------
.. [1] Luo & Mesgarani (2019), Conv-TasNet: surpassing ideal time-frequency magnitude masking for
   speech separation, IEEE/ACM Trans. Audio, Speech, Language Process. 27(8), 1256-1266.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

_EPSILON = 1e-8  # added to variances


@dataclass(frozen=True)
class ConvTasNetConfig:
    """Size and kind of a network, with the names of the published ``config.json``.

    Parameters
    ----------
    N : int
        Encoder filters.
    L : int
        Length of an encoder filter in samples, an even number; the hop of the frames is ``L / 2``.
    B, H : int
        Channels between the blocks and inside them.
    P : int
        Kernel of the dilated convolutions in frames, an odd number.
    X, R : int
        Blocks in a repeat, with dilations from 1 to ``2**(X - 1)`` frames, and repeats.
    C : int
        Sources that the network estimates.
    audio_channels : int
        Channels of the mixture and of every source.
    samplerate : int
        Sample rate of the music that the network was trained on in Hz.
    norm_type : {"gLN", "cLN", "BN", "id"}
        Normalisation inside the blocks: over channels and time, over the channels of each frame,
        over a batch, or none.
    causal : bool
        Whether the blocks use only past frames. With ``norm_type="cLN"`` so does the whole network.
    mask_nonlinear : {"relu", "softmax"}
        Masks of any size, or masks that add up to one over the sources.
    """

    N: int = 256
    L: int = 20
    B: int = 256
    H: int = 512
    P: int = 3
    X: int = 8
    R: int = 4
    C: int = 4
    audio_channels: int = 1
    samplerate: int = 44100
    norm_type: Literal["gLN", "cLN", "BN", "id"] = "gLN"
    causal: bool = False
    mask_nonlinear: Literal["relu", "softmax"] = "relu"

    def __post_init__(self) -> None:
        for name in ("N", "L", "B", "H", "P", "X", "R", "C", "audio_channels", "samplerate"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a positive integer, got {value!r}")
        if self.L % 2:
            raise ValueError(f"L must be even, got {self.L}")
        if not self.P % 2:
            raise ValueError(f"P must be odd, got {self.P}")
        if self.norm_type not in ("gLN", "cLN", "BN", "id"):
            raise ValueError(f"norm_type must be gLN, cLN, BN or id, got {self.norm_type!r}")
        if self.mask_nonlinear not in ("relu", "softmax"):
            raise ValueError(f"mask_nonlinear must be relu or softmax, got {self.mask_nonlinear!r}")


class ConvTasNet(nn.Module):
    """The network, ``(M, channels, T) -> (M, C, channels, T)``.

    If the last part of the signal is shorter than the hop of the frames, it comes back as zeros.

    Parameters
    ----------
    config : ConvTasNetConfig
        Size and kind.

    Examples
    --------
    >>> network = ConvTasNet(ConvTasNetConfig(N=8, L=4, B=4, H=6, X=2, R=1, C=2, audio_channels=2))
    >>> tuple(network(torch.zeros(1, 2, 100)).shape)
    (1, 2, 2, 100)
    """

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = _Encoder(config)
        self.separator = _MaskNetwork(config)
        self.decoder = _Decoder(config)

    def forward(self, mixture: Tensor) -> Tensor:
        """Estimates of the sources; `mixture` must be at least ``L`` samples long."""
        # With mixed precision only the masks are computed in low precision, not the signals
        with torch.autocast(mixture.device.type, enabled=False):
            frames = self.encoder(mixture)
        masks = self.separator(frames).to(frames.dtype)
        with torch.autocast(mixture.device.type, enabled=False):
            sources: Tensor = self.decoder(frames[:, None] * masks)
        return functional.pad(sources, (0, mixture.shape[-1] - sources.shape[-1]))


class _Encoder(nn.Module):
    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.conv1d_U = nn.Conv1d(
            config.audio_channels, config.N, config.L, stride=config.L // 2, bias=False
        )

    def forward(self, mixture: Tensor) -> Tensor:
        return functional.relu(self.conv1d_U(mixture))


class _Decoder(nn.Module):
    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.channels = config.audio_channels
        self.basis_signals = nn.Linear(config.N, config.audio_channels * config.L, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Overlap-add of the signals of all frames: (M, C, N, K) -> (M, C, channels, T)."""
        signals = self.basis_signals(frames.transpose(-1, -2))
        halves = signals.unflatten(-1, (self.channels, 2, -1))  # (M, C, K, channels, 2, L / 2)
        first, second = (half.movedim(-3, -2).flatten(-2) for half in halves.unbind(-2))
        hop = halves.shape[-1]
        return functional.pad(first, (0, hop)) + functional.pad(second, (hop, 0))


class _MaskNetwork(nn.Module):
    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.shape = (config.C, config.N)
        self.softmax = config.mask_nonlinear == "softmax"
        self.network = nn.Sequential(
            _ChannelNorm(config.N),
            nn.Conv1d(config.N, config.B, 1, bias=False),
            nn.Sequential(
                *(
                    nn.Sequential(*(_Block(config, dilation=2**x) for x in range(config.X)))
                    for _ in range(config.R)
                )
            ),
            nn.Conv1d(config.B, config.C * config.N, 1, bias=False),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Masks: (M, N, K) -> (M, C, N, K)."""
        scores = self.network(frames).unflatten(1, self.shape)
        return scores.softmax(dim=1) if self.softmax else functional.relu(scores)


class _Block(nn.Module):
    def __init__(self, config: ConvTasNetConfig, *, dilation: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(config.B, config.H, 1, bias=False),
            nn.PReLU(),
            _norm(config),
            _DepthwiseSeparable(config, dilation=dilation),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return x + y


class _DepthwiseSeparable(nn.Module):
    def __init__(self, config: ConvTasNetConfig, *, dilation: int) -> None:
        super().__init__()
        reach = (config.P - 1) * dilation  # frames
        depthwise = nn.Conv1d(
            config.H,
            config.H,
            config.P,
            padding=reach if config.causal else reach // 2,
            dilation=dilation,
            groups=config.H,
            bias=False,
        )
        self.net = nn.Sequential(
            depthwise,
            *([_DropEnd(reach)] if config.causal else []),
            nn.PReLU(),
            _norm(config),
            nn.Conv1d(config.H, config.B, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.net(x)
        return y


class _DropEnd(nn.Module):
    """Drops the frames that a convolution with padding on both sides adds at the end."""

    def __init__(self, n_frames: int) -> None:
        super().__init__()
        self.n_frames = n_frames

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : x.shape[-1] - self.n_frames]


def _norm(config: ConvTasNetConfig) -> nn.Module:
    if config.norm_type == "gLN":
        return _GlobalNorm(config.H)
    if config.norm_type == "cLN":
        return _ChannelNorm(config.H)
    return nn.BatchNorm1d(config.H) if config.norm_type == "BN" else nn.Identity()


class _Norm(nn.Module):
    """Scale and offset of each channel after normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, channels, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1))


class _GlobalNorm(_Norm):
    """gLN: mean 0 and variance 1 over all channels and frames of an example."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, 1, self.gamma.flatten(), self.beta.flatten(), _EPSILON)


class _ChannelNorm(_Norm):
    """cLN: mean 0 and variance 1 over the channels of each frame."""

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gamma.flatten(), self.beta.flatten()
        frames = x.transpose(1, 2)
        normed = functional.layer_norm(frames, frames.shape[-1:], *weights, _EPSILON)
        return normed.transpose(1, 2).contiguous()  # convolutions are faster with this layout


def initialise(network: ConvTasNet, *, seed: int, xavier_norms: bool = False) -> None:
    """Give a network the random weights with which training starts.

    Parameters
    ----------
    network : ConvTasNet
        Filled in place: weights from Xavier's normal distribution; in the normalisations, scales 1
        and offsets 0; slopes remain 0.25.
    seed : int
        Seed of the random numbers.
    xavier_norms : bool
        Draw scales and offsets, too, from Xavier's distribution, close to zero. The training of the
        published models started like this.
    """
    rng = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        if name.endswith((".gamma", ".beta")) and not xavier_norms:
            nn.init.constant_(parameter, float(name.endswith(".gamma")))
        elif parameter.dim() > 1:
            nn.init.xavier_normal_(parameter, generator=rng)
