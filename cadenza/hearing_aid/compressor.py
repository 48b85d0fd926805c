"""Broadband dynamic range compressor of the first Cadenza baselines."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check

_POWER_FLOOR = 1e-8


@dataclass(frozen=True)
class Compressor:
    """Turn the gain down while the trailing RMS level is above a threshold.

    Above the threshold the gain moves towards ``attenuation * rms + (1 - attenuation) *
    threshold``; below it, back towards 1. At each sample it moves by a fixed fraction of the
    distance. Note that the target is an amplitude close to the threshold: any signal above the
    threshold pulls the gain towards the threshold (0.35: -9 dB), and a louder signal gets a
    slightly *higher* gain. The published Cadenza baselines work like this.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    threshold : float
        RMS amplitude, linear and positive; 1.0 is digital full scale.
    attenuation : float
        Slope of the target gain over the RMS level, 0 to 1.
    attack_ms, release_ms : float
        Time constants in milliseconds of falling and rising gain, at least one sample.
    rms_buffer_size_s : float
        Length in seconds of the window in which the RMS level is measured, at least one sample.
    makeup_gain : float
        Linear factor on the output, positive.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a number or out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> compressor = Compressor(sample_rate=44100, threshold=0.35, attenuation=0.1)
    >>> loud = np.ones(44100)
    >>> round(float(compressor(loud)[-1]), 3)
    0.415
    """

    _: KW_ONLY
    sample_rate: float
    threshold: float = 1.0
    attenuation: float = 0.0001
    attack_ms: float = 5.0
    release_ms: float = 20.0
    rms_buffer_size_s: float = 0.2
    makeup_gain: float = 1.0

    def __post_init__(self) -> None:
        for name in ("sample_rate", "threshold", "makeup_gain"):
            _check.positive(name, getattr(self, name))
        _check.within("attenuation", self.attenuation, 0, 1)
        per_second = {"attack_ms": 1000, "release_ms": 1000, "rms_buffer_size_s": 1}
        for name, scale in per_second.items():
            if _check.number(name, getattr(self, name)) * self.sample_rate / scale < 1:
                raise ValueError(
                    f"{name} must be at least one sample long, got {getattr(self, name)!r}"
                )

    def __call__(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Compress a signal; channels are independent and start from gain 1.

        Parameters
        ----------
        signal : array_like, shape (..., T)
            Signal at `sample_rate`.

        Returns
        -------
        ndarray, shape (..., T)
        """
        x = _check.signal("signal", signal, ndim=None)
        return self.makeup_gain * self.gain(x) * x

    def gain(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Return the linear gain at every sample of `signal`, without the make-up gain.

        Examples
        --------
        >>> import numpy as np
        >>> compressor = Compressor(sample_rate=44100, threshold=0.5)
        >>> quiet, loud = np.full(44100, 0.4), np.ones(44100)
        >>> compressor.gain([quiet, loud])[:, -1].round(3)
        array([1. , 0.5])
        """
        from cadenza._compiled import announced  # late: importing numba takes a third of a second

        x = _check.signal("signal", signal, ndim=None)
        with announced("the compressor"):
            return np.apply_along_axis(self._channel_gain, -1, x)

    def _channel_gain(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        from cadenza.hearing_aid.compressor_kernel import smooth_gain, trailing_mean_square

        window = math.floor(self.rms_buffer_size_s * self.sample_rate)
        rms = np.sqrt(trailing_mean_square(np.ascontiguousarray(x), window) + _POWER_FLOOR)
        # Fractions per sample of a first-order Euler step, not of an exponential
        attack = 1000 / (self.attack_ms * self.sample_rate)
        release = 1000 / (self.release_ms * self.sample_rate)
        return smooth_gain(rms, self.threshold, self.attenuation, attack, release)
