"""What the evaluations of the Cadenza challenges share: presentation level, noise, both ears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio, levels
from cadenza._paths import safe_name
from cadenza._sidecar import sidecar
from cadenza.audiogram import Listener
from cadenza.challenges.seeds import random_state
from cadenza.errors import SilentReferenceError

if TYPE_CHECKING:
    from cadenza.haaqi import HaaqiScore, NoiseName


def presentation_level_db_spl(music: ArrayLike, *, presented_db_spl: float = 65.0) -> float:
    """Level of a digital RMS of 1 when `music` itself is presented at 65 dB SPL.

    The argument `level_db_spl` of `haaqi` in the Cadenza evaluations; `music` is one channel of the
    reference before amplification.

    Parameters
    ----------
    music : array_like, shape (T,)
        One channel.
    presented_db_spl : float
        Level of the music in dB SPL.

    Returns
    -------
    float
        In dB SPL.

    Raises
    ------
    SilentReferenceError
        If the music is silent: no level fits.

    Examples
    --------
    >>> presentation_level_db_spl([0.1, -0.1, 0.1, -0.1])
    85.0
    """
    rms = float(levels.rms(_check.mono("music", music)))
    if rms == 0:
        raise SilentReferenceError("the reference is silent")
    return float(presented_db_spl - levels.gain_to_db(rms))


def evaluation_files(
    references: Sequence[Path], enhanced: Sequence[Path], *, allow_missing: bool
) -> tuple[Path, ...]:
    """Files that a score depends on, which must exist before an evaluation starts.

    With `allow_missing`, enhanced files that are not all there are left out: the item then fails
    alone, and the others are scored. Files with the scales of FLAC files count, if they are there.
    """
    if allow_missing and not all(path.is_file() for path in enhanced):
        return tuple(references)
    scales = (sidecar(path) for path in enhanced if path.suffix.lower() == ".flac")
    return (*references, *enhanced, *(path for path in scales if path.is_file()))


@dataclass(frozen=True)
class EvaluationSignals:
    """Signals of both ears of a listener, ready to be scored.

    Parameters
    ----------
    seed_name : str
        Name that seeds the internal noise of HAAQI.
    listener : Listener
        Whose ears.
    reference, processed : ndarray, shape (2, T)
        At the rate at which they are compared, a row per ear.
    level_db_spl : ndarray, shape (2,)
        Level of an RMS of 1 at each ear.
    sample_rate : int
        In Hz.
    """

    seed_name: str
    listener: Listener
    reference: NDArray[np.float64]
    processed: NDArray[np.float64]
    level_db_spl: NDArray[np.float64]
    sample_rate: int

    @property
    def key(self) -> str:
        """Stable name of the pair of scene and listener."""
        return safe_name(f"{self.seed_name}_{self.listener.name}")


def details_file(exp_folder: str | Path, key: str) -> Path:
    """Where the details of the scores of a pair are kept."""
    return Path(exp_folder) / "details" / f"{safe_name(key)}.npz"


def prepare_signals(
    enhanced: NDArray[np.float64],
    amplified: NDArray[np.float64],
    music: NDArray[np.float64],
    *,
    seed_name: str,
    listener: Listener,
    enhanced_sample_rate: int,
    music_sample_rate: int,
    haaqi_sample_rate: int,
) -> EvaluationSignals:
    """Make enhanced music and its reference ready for scoring, as ICASSP 2024 and CAD2 do.

    Parameters
    ----------
    enhanced : ndarray, shape (2, T)
        What the enhancement made.
    amplified : ndarray, shape (2, T')
        The reference, amplified for the listener.
    music : ndarray, shape (2, T'')
        The reference before amplification; each ear's is presented at 65 dB SPL.
    seed_name : str
        Name that seeds the internal noise of HAAQI, the id of the scene.
    listener : Listener
        Who listens.
    enhanced_sample_rate, music_sample_rate : int
        Sample rates in Hz of the enhanced signal, and of the reference.
    haaqi_sample_rate : int
        Rate in Hz at which the signals are compared.

    Raises
    ------
    SilentReferenceError
        If the music is silent at an ear.
    """
    return EvaluationSignals(
        seed_name,
        listener,
        reference=audio.resample(amplified, music_sample_rate, haaqi_sample_rate),
        processed=audio.resample(enhanced, enhanced_sample_rate, haaqi_sample_rate),
        level_db_spl=np.array([presentation_level_db_spl(channel) for channel in music]),
        sample_rate=haaqi_sample_rate,
    )


def noise_source(seed_name: str, *, seeded: bool) -> np.random.RandomState:
    """Where the internal noise of HAAQI comes from: seeded by a name, or different every time.

    Examples
    --------
    >>> noise_source("S10001", seeded=True).randint(100)
    14
    """
    return random_state(seed_name) if seeded else np.random.RandomState()


@dataclass(frozen=True)
class EarScores:
    """HAAQI of the left and of the right ear."""

    left: HaaqiScore
    right: HaaqiScore

    @property
    def mean(self) -> float:
        """Mean of both ears."""
        return (self.left.score + self.right.score) / 2

    @property
    def values(self) -> tuple[float, float, float]:
        """Left, right, mean."""
        return self.left.score, self.right.score, self.mean

    @property
    def by_ear(self) -> dict[str, HaaqiScore]:
        """Scores by the side."""
        return {"left": self.left, "right": self.right}

    @property
    def flags(self) -> tuple[str, ...]:
        """Reasons to doubt a score, with the ear."""
        return (*flags_of("left", self.left), *flags_of("right", self.right))


def flags_of(name: str, result: HaaqiScore) -> tuple[str, ...]:
    """Reasons to doubt a score, each after the name of what was scored."""
    return tuple(f"{name}: {flag}" for flag in result.flags)


def score_ears(
    signals: EvaluationSignals,
    *,
    seeded: bool = True,
    noise: NoiseName = "seeded",
    details: bool = False,
    workers: int | None = None,
) -> EarScores:
    """HAAQI of both ears; the left one draws the internal noise first.

    Parameters
    ----------
    signals : EvaluationSignals
        Reference and enhanced music.
    seeded : bool
        Whether the internal noise is that of the name in `signals`.
    noise, details, workers
        As for `haaqi`.
    """
    from cadenza.haaqi import haaqi_ears  # late: a run that is finished does not need it

    left, right = haaqi_ears(
        signals.reference,
        signals.processed,
        sample_rate=signals.sample_rate,
        listener=signals.listener,
        equalisation="none",
        level_db_spl=signals.level_db_spl.tolist(),
        noise=noise,
        rng=noise_source(signals.seed_name, seeded=seeded),
        details=details,
        workers=workers,
    )
    return EarScores(left, right)
