"""The hearing aid of CAD2: each ear's music through a multiband compressor fitted to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza._check import raise_if
from cadenza._files import read_json
from cadenza.audiogram import Listener
from cadenza.errors import InputError
from cadenza.hearing_aid.multiband import MultibandCompressor

_N_BANDS = 6  # octaves centred on 250 Hz to 8 kHz


@dataclass(frozen=True)
class EarCompression:
    """Compression prescribed for one ear, lowest band first.

    Parameters
    ----------
    ratio : tuple of float
        Compression ratio of each band, positive.
    makeup_gain_db : tuple of float
        Gain in dB of each band after compression.
    """

    ratio: tuple[float, ...]
    makeup_gain_db: tuple[float, ...]


@dataclass(frozen=True)
class ListenerCompression:
    """Compression prescribed for a listener's ears."""

    left: EarCompression
    right: EarCompression


def read_compressor_params(path: str | Path) -> dict[str, ListenerCompression]:
    """Read the compressor parameters of CAD2 listeners (``compressor_params.*.json``).

    Parameters
    ----------
    path : str or Path
        JSON object: listener id -> ``cr_l``, ``cr_r`` (ratios), ``gain_l`` and ``gain_r`` (dB) of
        six bands each. Other keys are ignored.

    Returns
    -------
    dict of str to ListenerCompression
        In the order of the file.

    Raises
    ------
    InputError
        Listing everything that is missing or invalid, by listener and key.

    Examples
    --------
    >>> import json, tempfile
    >>> entry = {"cr_l": [1.5] * 6, "gain_l": [0.0] * 6, "cr_r": [2.0] * 6, "gain_r": [6.0] * 6}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "params.json").write_text(json.dumps({"L0001": entry}))
    ...     parameters = read_compressor_params(f"{folder}/params.json")
    >>> parameters["L0001"].right.ratio
    (2.0, 2.0, 2.0, 2.0, 2.0, 2.0)
    """
    path = Path(path)
    entries = read_json(path, dict)
    problems = [
        f"{path}: listener {name}: {problem}"
        for name, entry in entries.items()
        for problem in _problems(entry)
    ]
    raise_if(problems)
    return {
        name: ListenerCompression(
            left=EarCompression(tuple(entry["cr_l"]), tuple(entry["gain_l"])),
            right=EarCompression(tuple(entry["cr_r"]), tuple(entry["gain_r"])),
        )
        for name, entry in entries.items()
    }


def _problems(entry: object) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield f"expected an object, got {entry!r}"
        return
    for key in ("cr_l", "gain_l", "cr_r", "gain_r"):
        values = entry.get(key)
        if key not in entry:
            yield f"missing {key}"
        elif not (isinstance(values, list) and len(values) == _N_BANDS):
            yield f"{key}: expected {_N_BANDS} numbers, got {values!r}"
        elif not all(_check.is_number(value) for value in values):
            yield f"{key}: expected finite numbers, got {values!r}"
        elif key.startswith("cr") and min(values) <= 0:
            yield f"{key}: ratios must be positive, got {values!r}"


@dataclass(frozen=True, eq=False)
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
    ValueError
        If a setting or a prescription is out of its range or does not have one number per band.

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
    parameters: Mapping[str, ListenerCompression]
    _ears: dict[str, tuple[MultibandCompressor, MultibandCompressor]] = field(
        init=False, repr=False, default_factory=dict
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
            The person who will hear it; only the name matters.

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
