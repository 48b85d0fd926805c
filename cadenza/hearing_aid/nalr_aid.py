"""The hearing aid of the first Cadenza baselines: NAL-R, and what may follow it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.audiogram import Audiogram, Listener
from cadenza.hearing_aid.compressor import Compressor
from cadenza.hearing_aid.limiter import Limiter
from cadenza.hearing_aid.nalr import NALR, check_design


@dataclass(frozen=True)
class NALRAid:
    """NAL-R amplification of each ear, optionally followed by compression and limiting.

    The filter of an ear is designed once and kept for other signals.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    nfir : int
        Order of the NAL-R filters, see `NALR`.
    compressor : Compressor, optional
        Applied to each ear after amplification, at the same sample rate.
    limiter : Limiter, optional
        Applied to both ears at the end, at the same sample rate.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong type, the filters cannot be designed, or the sample rate of
        the compressor or the limiter differs.

    Examples
    --------
    >>> import numpy as np
    >>> moderate = Audiogram([15, 20, 30, 45, 50, 55, 60, 65])
    >>> aid = NALRAid(sample_rate=44100)
    >>> aid(np.ones((2, 1000)), Listener("L0001", left=moderate, right=moderate)).shape
    (2, 1220)
    """

    _: KW_ONLY
    sample_rate: float
    nfir: int = 220
    compressor: Compressor | None = None
    limiter: Limiter | None = None
    _filters: dict[Audiogram, NALR] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        check_design(self.sample_rate, self.nfir)
        for name, stage in (("compressor", self.compressor), ("limiter", self.limiter)):
            if stage is not None and stage.sample_rate != self.sample_rate:
                raise ValueError(
                    f"{name} must run at the aid's sample rate {self.sample_rate} Hz, "
                    f"got {stage.sample_rate} Hz"
                )

    def __call__(self, signal: ArrayLike, listener: Listener) -> NDArray[np.float64]:
        """Process music for a listener.

        Parameters
        ----------
        signal : array_like, shape (2, T)
            Music at the left and the right ear, at `sample_rate`.
        listener : Listener
            The person who will hear it.

        Returns
        -------
        ndarray, shape (2, T + nfir)
            Delayed by ``nfir / 2`` samples.
        """
        x = _check.stereo("signal", signal)
        ears = (listener.left, listener.right)
        amplified = np.stack([self._filter(ear)(row) for ear, row in zip(ears, x, strict=True)])
        for stage in (self.compressor, self.limiter):
            if stage is not None:
                amplified = stage(amplified)
        return amplified

    def _filter(self, ear: Audiogram) -> NALR:
        if ear not in self._filters:
            self._filters[ear] = NALR(ear, sample_rate=self.sample_rate, nfir=self.nfir)
        return self._filters[ear]


def baseline_aid(
    *,
    sample_rate: float,
    nfir: int,
    apply_compressor: bool,
    threshold: float,
    attenuation: float,
    attack_ms: float,
    release_ms: float,
    rms_buffer_size_s: float,
) -> NALRAid:
    """Build the hearing aid of the CAD1 and ICASSP 2024 baselines from their configuration.

    Parameters
    ----------
    sample_rate, nfir
        As in `NALRAid`.
    apply_compressor : bool
        Whether there is a compressor after NAL-R; the parameters that follow are its own.
    threshold, attenuation, attack_ms, release_ms, rms_buffer_size_s
        As in `Compressor`; checked even if there is none.

    Examples
    --------
    >>> aid = baseline_aid(
    ...     sample_rate=44100, nfir=220, apply_compressor=False, threshold=0.35, attenuation=0.1,
    ...     attack_ms=50, release_ms=1000, rms_buffer_size_s=0.064,
    ... )
    >>> aid.compressor is None
    True
    """
    compressor = Compressor(
        sample_rate=sample_rate,
        threshold=threshold,
        attenuation=attenuation,
        attack_ms=attack_ms,
        release_ms=release_ms,
        rms_buffer_size_s=rms_buffer_size_s,
    )
    return NALRAid(
        sample_rate=sample_rate, nfir=nfir, compressor=compressor if apply_compressor else None
    )
