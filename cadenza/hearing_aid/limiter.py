"""Look-ahead limiter: loud music stays below full scale and is hardly clipped."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio
from cadenza.levels import db_to_gain

_OVERSAMPLING = 4  # as for the true peak of ITU-R BS.1770
_LOWEST_CEILING_DB = -60.0
_QUICK_ATTACK_MS, _QUICK_RELEASE_MS = 1.0, 5.0


@dataclass(frozen=True)
class Limiter:
    """Turn the gain down before each loud passage, and up again after it.

    The gain falls in a straight line that begins `attack_ms` before a peak and ends at it, stays
    for `hold_ms`, and recovers exponentially. It leaves up to `overshoot_db` of a peak above the
    ceiling: this top is cut off. Music keeps its dynamics better like this than with a gain that
    falls for every drum beat, or without any. Cutting makes new peaks between the samples, so a
    second, quick gain (1 ms, 5 ms) brings what is left down to the ceiling.

    The output has the length of the input and no delay. Peaks are true peaks: those between the
    samples count, too.

    The defaults were chosen by HAAQI after NAL-R on loud generated songs; near them, the exact
    values matter little (`benchmarks/limiter.py`).

    Parameters
    ----------
    sample_rate : float
        In Hz.
    output_sample_rate : float, optional
        Rate in Hz to which the output will be resampled. The peaks are those of the signal at this
        rate. Default: `sample_rate`.
    ceiling_db : float
        Highest peak of the output in dB re full scale, -60 to 0. The default leaves room for what
        resampling and a changing gain add to a peak.
    overshoot_db : float
        Height in dB above the ceiling up to which peaks are cut off; what is higher turns the gain
        down. 0 or more; with 0 nothing is cut off.
    attack_ms : float
        Time in milliseconds in which the gain falls, 0 or more. If it is shorter than 2 ms and
        nothing is cut off, the gain may change so fast that resampling lifts a few peaks above
        full scale again.
    hold_ms : float
        Time in milliseconds for which it stays, 0 or more.
    release_ms : float
        Time constant in milliseconds in which it recovers, positive.
    stereo_link : bool
        Whether all channels get the gain that the loudest needs, so that no source moves. Without
        it, each ear is turned down as little as it needs.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type or out of its range.

    Examples
    --------
    >>> limiter = Limiter(sample_rate=44100, ceiling_db=-6)
    >>> loud = np.sin(0.1 * np.arange(44100))
    >>> round(float(np.abs(limiter(loud)).max()), 2)
    0.5
    """

    _: KW_ONLY
    sample_rate: float
    output_sample_rate: float | None = None
    ceiling_db: float = -0.1
    overshoot_db: float = 4.0
    attack_ms: float = 5.0
    hold_ms: float = 0.0
    release_ms: float = 200.0
    stereo_link: bool = False

    def __post_init__(self) -> None:
        _check.positive("sample_rate", self.sample_rate)
        if self.output_sample_rate is not None:
            _check.positive("output_sample_rate", self.output_sample_rate)
        _check.within("ceiling_db", self.ceiling_db, _LOWEST_CEILING_DB, 0)
        for name in ("overshoot_db", "attack_ms", "hold_ms"):
            _check.within(name, getattr(self, name), 0)
        _check.positive("release_ms", self.release_ms)
        if not isinstance(self.stereo_link, bool):
            raise TypeError(f"stereo_link must be true or false, got {self.stereo_link!r}")

    def __call__(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Limit a signal.

        Parameters
        ----------
        signal : array_like, shape (T,) or (channels, T)
            Signal at `sample_rate`.

        Returns
        -------
        ndarray, shape of `signal`
        """
        x = _check.signal("signal", signal)
        turned_down = self.gain(x) * x
        if self.overshoot_db == 0:
            return turned_down
        ceiling = db_to_gain(self.ceiling_db)
        cut = np.clip(turned_down, -ceiling, ceiling)
        quick = self._gain(cut, self.ceiling_db, _QUICK_ATTACK_MS, 0.0, _QUICK_RELEASE_MS)
        return quick * cut

    def gain(self, signal: ArrayLike) -> NDArray[np.float64]:
        """Return the linear gain at every sample of `signal`, before peaks are cut off.

        Examples
        --------
        >>> click = np.zeros(1000)
        >>> click[500] = 2.0
        >>> limiter = Limiter(sample_rate=44100, overshoot_db=0, attack_ms=1, release_ms=1)
        >>> limiter.gain(click)[[0, 478, 500, 999]].round(2)
        array([1.  , 0.73, 0.49, 1.  ])
        """
        x = _check.signal("signal", signal)
        highest_db = self.ceiling_db + self.overshoot_db
        return self._gain(x, highest_db, self.attack_ms, self.hold_ms, self.release_ms)

    def _gain(
        self,
        x: NDArray[np.float64],
        highest_db: float,
        attack_ms: float,
        hold_ms: float,
        release_ms: float,
    ) -> NDArray[np.float64]:
        """Gain that keeps all peaks below a level."""
        from cadenza._compiled import announced  # late: importing numba takes a third of a second
        from cadenza.hearing_aid.limiter_kernel import limiting_gain

        samples_per_ms = self.sample_rate / 1000
        channels = np.atleast_2d(x)
        with announced("the limiter"):
            peaks = np.stack([self._peaks(channel) for channel in channels])
            if self.stereo_link:
                peaks = peaks.max(axis=0, keepdims=True)
            gains = [
                limiting_gain(
                    channel,
                    db_to_gain(highest_db),
                    round(attack_ms * samples_per_ms),
                    round(hold_ms * samples_per_ms),
                    math.exp(-1 / (release_ms * samples_per_ms)),
                )
                for channel in peaks
            ]
        return np.broadcast_to(gains, channels.shape).reshape(x.shape)

    def _peaks(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Highest peak of the output around every sample: one of its samples, or between them."""
        from cadenza.hearing_aid.limiter_kernel import peaks_between

        rate = self.output_sample_rate or self.sample_rate
        output = audio.resample(x, self.sample_rate, rate)
        # Its filter also takes away the highest frequencies, so the samples count for themselves
        between = audio.resample(output, rate, _OVERSAMPLING * rate)
        return np.maximum(peaks_between(output, x.size), peaks_between(between, x.size))
