"""Stems that add up: adjust the estimates of a separator to the mixture that they come from.

Most networks estimate each stem for itself, and the sum of their stems is not the mixture. A remix
adds the stems up again, so what is missing from the sum is missing from the remix. Two remedies:

- `share_residual` adds the difference to the stems, an equal part to each [1]_.
- `wiener` keeps only the magnitudes of the estimates. At each point of a short-time spectrum, the
  mixture is divided among the stems in the ratio of their magnitudes [2]_. Each stem gets the
  phase of the mixture, and nothing that is not in the mixture.

`cadenza.separation.refine_torch` has the same operations on tensors, for training.

References
----------
.. [1] Wisdom et al. (2019), Differentiable consistency constraints for improved deep speech
   enhancement, ICASSP 2019, 900-904.
.. [2] Liutkus & Badeau (2015), Generalized Wiener filtering with fractional power spectrograms,
   ICASSP 2015, 266-270.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.errors import InputError

if TYPE_CHECKING:
    from scipy.signal import ShortTimeFFT

Refinement = Literal["none", "residual", "wiener"]
"""How stems are adjusted to their mixture; ``none`` leaves them as the separator estimates them."""

REFINEMENTS: tuple[Refinement, ...] = get_args(Refinement)

N_FFT = 4096
"""Default length of a window in samples."""

POWER = 1.0
"""Default exponent of the magnitudes that are compared. The Wiener filter's exponent is 2; softer
masks score higher when the estimates are uncertain."""

FLOOR = 1e-5
"""Magnitude of a spectrum below which the stems share the mixture equally: -132 dB re full scale
for white noise in windows of 4096 samples."""

OVERLAP = 4
"""A window is this many hops long."""

WINDOW_GAIN = 1.5
"""Sum of the squares of a Hann window's shifts by a hop."""

_CHUNK = 2**17  # samples that are transformed at a time


def check_refinement(name: object) -> None:
    """Raise an `InputError` unless this is the name of a `Refinement`."""
    if name not in REFINEMENTS:
        raise InputError(f"refine must be one of {', '.join(REFINEMENTS)}, got {name!r}")


def refined(
    stems: dict[str, NDArray[np.float64]], mixture: ArrayLike, refinement: Refinement
) -> dict[str, NDArray[np.float64]]:
    """Adjust stems to their mixture in the way that a separator's option `refine` names.

    Parameters
    ----------
    stems : dict of str to ndarray, shape (channels, T)
        Estimates of all stems.
    mixture : array_like, shape (channels, T)
        What they were estimated from.
    refinement : {"none", "residual", "wiener"}
        ``"residual"``: `share_residual`. ``"wiener"``: `wiener` with its defaults.

    Returns
    -------
    dict of str to ndarray, shape (channels, T)

    Raises
    ------
    ValueError
        If the refinement is unknown, or as the functions do.

    Examples
    --------
    >>> stems = {"vocals": np.array([0.1, 0.2]), "other": np.array([0.1, 0.2])}
    >>> refined(stems, [0.4, 0.4], "residual")
    {'vocals': array([0.2, 0.2]), 'other': array([0.2, 0.2])}
    """
    check_refinement(refinement)
    if refinement == "none":
        return stems
    adjust = share_residual if refinement == "residual" else wiener
    return dict(zip(stems, adjust(list(stems.values()), mixture), strict=True))


def share_residual(
    stems: ArrayLike | Sequence[ArrayLike], mixture: ArrayLike
) -> NDArray[np.float64]:
    """Add to each stem an equal part of what is missing from their sum.

    Parameters
    ----------
    stems : array_like, shape (n_stems, ..., T)
        Estimates of all stems.
    mixture : array_like, shape (..., T)
        What they were estimated from.

    Returns
    -------
    ndarray, shape (n_stems, ..., T)
        Stems whose sum is the mixture.

    Raises
    ------
    ValueError
        If there is no stem, a shape differs from the mixture's, or a sample is not finite.

    Examples
    --------
    >>> share_residual([[0.5, 0.0], [0.3, 0.0]], [1.0, 0.2])
    array([[0.6, 0.1],
           [0.4, 0.1]])
    """
    estimates, whole = _checked(stems, mixture)
    residual = whole.copy()
    for estimate in estimates:
        residual -= estimate
    residual /= len(estimates)
    return np.stack([estimate + residual for estimate in estimates])


def wiener(
    stems: ArrayLike | Sequence[ArrayLike],
    mixture: ArrayLike,
    *,
    n_fft: int = N_FFT,
    power: float = POWER,
) -> NDArray[np.float64]:
    """Divide the mixture among the stems in the ratio of their spectra, point by point.

    The masks are ``|S_k| ** power / sum_j |S_j| ** power`` in Hann windows with an overlap of three
    quarters, for each channel by itself. Where all stems are silent they share the mixture equally.
    A long signal is transformed in parts, with the result of the whole.

    Parameters
    ----------
    stems : array_like, shape (n_stems, ..., T)
        Estimates of all stems. Their phases do not matter.
    mixture : array_like, shape (..., T)
        What they were estimated from.
    n_fft : int
        Length of a window in samples, a multiple of 4. The default is 93 ms at 44.1 kHz.
    power : float
        Exponent of the magnitudes, positive. 1 compares magnitudes; 2 compares powers, as the
        Wiener filter does. A larger one gives more to the strongest stem.

    Returns
    -------
    ndarray, shape (n_stems, ..., T)
        Stems whose sum is the mixture.

    Raises
    ------
    TypeError, ValueError
        If there is no stem, a shape differs from the mixture's, a sample is not finite, or an
        option is of the wrong type or out of its range.

    Examples
    --------
    >>> low, high = np.sin(0.1 * np.arange(4096)), np.sin(2.0 * np.arange(4096))
    >>> low_estimate, high_estimate = wiener([0.1 * low, 0.1 * high], low + high)
    >>> bool(np.allclose(low_estimate[1024:3072], low[1024:3072], atol=1e-3))
    True
    """
    from scipy.signal import ShortTimeFFT  # late: importing it takes more than half a second
    from scipy.signal.windows import hann

    estimates, whole = _checked(stems, mixture)
    if _check.whole("n_fft", n_fft) % OVERLAP:
        raise ValueError(f"n_fft must be a multiple of {OVERLAP}, got {n_fft!r}")
    _check.positive("power", power)
    window = hann(n_fft, sym=False)
    transform = ShortTimeFFT(
        window, n_fft // OVERLAP, 1.0, dual_win=window / WINDOW_GAIN, phase_shift=None
    )
    result = np.empty((len(estimates), *whole.shape))
    length = max(1, _CHUNK // n_fft) * n_fft  # whole hops, so that all parts have the same windows
    for start in range(0, whole.shape[-1], length):
        # A window that reaches into a part reaches at most its own length beyond it
        wider = slice(max(0, start - n_fft), start + length + n_fft)
        part = _masked(
            np.stack([estimate[..., wider] for estimate in estimates]),
            whole[..., wider],
            transform,
            power,
        )
        result[..., start : start + length] = part[..., start - wider.start :][..., :length]
    return result


def _masked(
    stems: NDArray[np.float64],
    mixture: NDArray[np.float64],
    transform: ShortTimeFFT,
    power: float,
) -> NDArray[np.float64]:
    """Ratio masks of the stems on the mixture, all in one transform."""
    # The transform refuses signals that are shorter than half a window
    n_samples = max(mixture.shape[-1], transform.m_num)
    padding = [(0, 0)] * (mixture.ndim - 1) + [(0, n_samples - mixture.shape[-1])]
    levels = np.abs(transform.stft(np.pad(stems, [(0, 0), *padding]))) ** power
    floor = FLOOR**power
    levels += floor / len(stems)
    levels /= levels.sum(axis=0)
    spectrum = transform.stft(np.pad(mixture, padding))
    signals = transform.istft(levels * spectrum, k1=n_samples)
    return cast("NDArray[np.float64]", signals)[..., : mixture.shape[-1]]


def _checked(
    stems: ArrayLike | Sequence[ArrayLike], mixture: ArrayLike
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Stems and mixture as arrays of one shape."""
    whole = _check.signal("mixture", mixture, ndim=None)
    estimates = [
        _check.signal(f"stem {number}", stem, ndim=None)
        for number, stem in enumerate(stems)  # type: ignore[arg-type]
    ]
    if not estimates:
        raise ValueError("stems must hold at least one stem, got none")
    for number, estimate in enumerate(estimates):
        if estimate.shape != whole.shape:
            raise ValueError(
                f"stem {number} must have the shape {whole.shape} of the mixture, "
                f"got {estimate.shape}"
            )
    return estimates, whole
