"""The options of HAAQI, which are the same for one ear, both ears and several candidates."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Literal, Required, TypeAlias, TypedDict

import numba

from cadenza import _check
from cadenza.haaqi.constants import SAMPLE_RATE, SEGMENT_MS, SILENCE_THRESHOLD_DB

Equalisation: TypeAlias = Literal["nalr", "none"]
NoiseName: TypeAlias = Literal["seeded", "fast", "none"]

MIN_DURATION_S = 0.4
"""Scores of shorter signals mean nothing; below 20 ms there are none."""

_MIN_SAMPLE_RATE = 8000
_MODES = {1: "nalr", 2: "none"}  # numbers by which other implementations call them


@dataclass(frozen=True, kw_only=True)
class HaaqiOptions:
    """Everything about an evaluation apart from its signals, listener, level and random source.

    The parameters are those of `haaqi` with the same names.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If a value has the wrong type.
    """

    sample_rate: float
    processed_sample_rate: float | None = None
    equalisation: Equalisation
    noise: NoiseName = "seeded"
    silence_threshold_db: float = SILENCE_THRESHOLD_DB
    cepstral_noise_db: float = 0.0
    segment_ms: float = SEGMENT_MS
    details: bool = False
    workers: int | None = None

    def __post_init__(self) -> None:
        self._check_equalisation()
        self._check_noise()
        _check.number("silence_threshold_db", self.silence_threshold_db)
        for name, rate in zip(("sample_rate", "processed_sample_rate"), self.rates, strict=True):
            if _check.positive(name, rate) < _MIN_SAMPLE_RATE:
                raise ValueError(f"{name} must be at least {_MIN_SAMPLE_RATE} Hz, got {rate!r}")
        _check.number("segment_ms", self.segment_ms)
        # Half a segment has to be longer than the largest lag, a signal as long as one segment
        if not 50 < self._segment_samples <= MIN_DURATION_S * SAMPLE_RATE:
            raise ValueError(f"segment_ms must be between 2.15 and 400, got {self.segment_ms!r}")
        if not isinstance(self.details, bool):
            raise TypeError(f"details must be True or False, got {self.details!r}")
        workers = self.workers
        is_count = isinstance(workers, Integral) and not isinstance(workers, bool) and workers > 0
        if workers is not None and not is_count:
            raise ValueError(f"workers must be a positive integer, got {workers!r}")

    @property
    def rates(self) -> tuple[float, float]:
        """Sample rates of the reference and of processed signals in Hz."""
        processed = self.processed_sample_rate
        return self.sample_rate, self.sample_rate if processed is None else processed

    @property
    def segment_size(self) -> int:
        """Samples in a segment for the covariance, an even number."""
        return self._segment_samples + self._segment_samples % 2

    @property
    def n_threads(self) -> int:
        """Number of threads; by default all cores that this process may use."""
        if self.workers is None:
            return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
        return int(self.workers)

    @property
    def _segment_samples(self) -> int:
        return round(self.segment_ms * SAMPLE_RATE / 1000)

    def _check_equalisation(self) -> None:
        value = self.equalisation
        if value in ("nalr", "none"):
            return
        word = _MODES.get(value) if isinstance(value, Integral) else None
        hint = f" (mode {value} is called {word!r} here)" if word else ""
        raise ValueError(f"equalisation must be 'nalr' or 'none', got {value!r}{hint}")

    def _check_noise(self) -> None:
        if self.noise not in ("seeded", "fast", "none"):
            raise ValueError(f"noise must be 'seeded', 'fast' or 'none', got {self.noise!r}")
        level_db = self.cepstral_noise_db
        if _check.number("cepstral_noise_db", level_db) < 0:
            raise ValueError(f"cepstral_noise_db must not be negative, got {level_db!r}")
        if self.noise == "none" and level_db > 0:
            raise ValueError(f"cepstral_noise_db must be 0 when noise is 'none', got {level_db!r}")


class OptionArguments(TypedDict, total=False):
    """The arguments of `HaaqiOptions`, for functions that hand them on."""

    sample_rate: Required[float]
    processed_sample_rate: float | None
    equalisation: Required[Equalisation]
    noise: NoiseName
    silence_threshold_db: float
    cepstral_noise_db: float
    segment_ms: float
    details: bool
    workers: int | None
