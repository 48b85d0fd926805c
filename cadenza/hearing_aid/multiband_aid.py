"""The hearing aid of CAD2: a multiband compressor for each ear, set as prescribed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza.audiogram import Listener
from cadenza.errors import InputError
from cadenza.hearing_aid.multiband import MultibandCompressor
from cadenza.hearing_aid.prescriptions import EarCompression, ListenerCompression


@dataclass(frozen=True)
class MultibandAid:
    """Multiband compression of each ear with the ratios and gains prescribed for it.

    Parameters
    ----------
    sample_rate : float
        In Hz.
    crossover_frequencies_hz, attack_ms, release_ms, threshold_db
        As in `MultibandCompressor`; the same for all ears.
    parameters : mapping of str to ListenerCompression
        Prescription of each listener, by name, as `read_compressor_params` returns it.

    Raises
    ------
    TypeError, ValueError
        If a setting or a prescription is of the wrong type, is out of its range or does not have
        one number per band.

    Examples
    --------
    >>> import numpy as np
    >>> from cadenza.audiogram import Audiogram
    >>> aid = MultibandAid(
    ...     sample_rate=44100,
    ...     crossover_frequencies_hz=[1000],
    ...     attack_ms=11,
    ...     release_ms=80,
    ...     threshold_db=-30,
    ...     parameters={
    ...         "L0001": ListenerCompression(
    ...             left=EarCompression(ratio=(1.2, 2.1), makeup_gain_db=(0.5, 12)),
    ...             right=EarCompression(ratio=(1.1, 2.2), makeup_gain_db=(0, 12.5)),
    ...         )
    ...     },
    ... )
    >>> sloping = Audiogram([15, 20, 30, 45, 50, 55, 60, 65])
    >>> aid(np.ones((2, 1000)), Listener("L0001", left=sloping, right=sloping)).shape
    (2, 1000)
    """

    _: KW_ONLY
    sample_rate: float
    crossover_frequencies_hz: float | Sequence[float]
    attack_ms: float | Sequence[float]
    release_ms: float | Sequence[float]
    threshold_db: float | Sequence[float]
    parameters: Mapping[str, ListenerCompression] = field(hash=False)
    _ears: dict[str, tuple[MultibandCompressor, MultibandCompressor]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for name, listener in self.parameters.items():
            self._ears[name] = (self._compressor(listener.left), self._compressor(listener.right))

    def __call__(self, signal: ArrayLike, listener: Listener) -> NDArray[np.float64]:
        """Process music for a listener.

        Parameters
        ----------
        signal : array_like, shape (2, T)
            Music at the left and the right ear, at `sample_rate`.
        listener : Listener
            The person who will hear it; only the name is used.

        Returns
        -------
        ndarray, shape (2, T)

        Raises
        ------
        InputError
            If there is no prescription for the listener.
        """
        x = _check.stereo("signal", signal)
        if listener.name not in self._ears:
            raise InputError(f"listener {listener.name} has no compressor parameters")
        ears = self._ears[listener.name]
        return np.stack([compress(row) for compress, row in zip(ears, x, strict=True)])

    def _compressor(self, ear: EarCompression) -> MultibandCompressor:
        return MultibandCompressor(
            crossover_frequencies_hz=self.crossover_frequencies_hz,
            sample_rate=self.sample_rate,
            threshold_db=self.threshold_db,
            ratio=ear.ratio,
            attack_ms=self.attack_ms,
            release_ms=self.release_ms,
            makeup_gain_db=ear.makeup_gain_db,
        )
