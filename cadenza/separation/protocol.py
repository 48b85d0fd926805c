"""Music source separation: a stereo mixture goes in, named stems come out.

Any object with `sources` and a call ``(mixture, *, sample_rate) -> {name: stem}`` is a separator;
`separate` takes care of mono, silence and sample rates for those built around a model. One that
takes its stems from files instead is a `FileSeparator`.

For classical ensembles, an `InstrumentSeparator` is also told which instruments play, and a
`SourceReader` takes the sources from their own files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cadenza import _check, audio
from cadenza.errors import InputError, noting
from cadenza.separation.refine import Refinement, refined

logger = logging.getLogger(__name__)

Stems = dict[str, NDArray[np.float64]]
"""Name of the source -> signal, shape (2, T)."""


class Separator(Protocol):
    """Estimates stems from a mixture.

    It may also have a method ``prepare()`` that loads weights; a recipe calls it before the first
    song, so that a missing file or device is known at once.

    Examples
    --------
    >>> class MidSide:
    ...     sources = ("mid", "side")
    ...     def __call__(self, mixture, /, *, sample_rate):
    ...         mid = np.repeat(mixture.mean(axis=0, keepdims=True), 2, axis=0)
    ...         return {"mid": mid, "side": mixture - mid}
    >>> MidSide()(np.array([[1.0, 1.0], [1.0, 0.0]]), sample_rate=44100)["side"]
    array([[ 0. ,  0.5],
           [ 0. , -0.5]])
    """

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems, for example ``("vocals", "drums", "bass", "other")``."""

    def __call__(self, mixture: NDArray[np.float64], /, *, sample_rate: int) -> Stems:
        """Separate a mixture of shape (2, T); each stem has its shape, sample rate and level."""


@runtime_checkable
class FileSeparator(Protocol):
    """Reads stems from files that belong to the file of a mixture."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems."""

    def input_files(self, mixture_path: Path) -> tuple[Path, ...]:
        """Files that `separate_file` will read."""

    def separate_file(self, mixture_path: Path, *, sample_rate: int) -> Stems:
        """Stems of a mixture, each of shape (2, T), at `sample_rate`."""


class InstrumentSeparator(Protocol):
    """Estimates the instruments of an ensemble.

    It may also have `sources`, the instruments that it knows, a method ``prepare(instruments)``
    that loads what it needs for them, and a method ``files_of(instruments)`` that gives the paths
    of files that their estimates depend on.
    """

    def __call__(
        self,
        mixture: NDArray[np.float64],
        /,
        *,
        sample_rate: int,
        instruments: Sequence[str],
    ) -> Stems:
        """Separate a mixture of shape (2, T); one estimate for each distinct instrument."""


@dataclass(frozen=True)
class Excerpt:
    """Part of an audio file, in seconds."""

    path: Path
    start_s: float
    duration_s: float


@runtime_checkable
class SourceReader(Protocol):
    """Takes the sources of a piece from their own files, whatever they are called."""

    def read_sources(
        self, sources: Mapping[str, Excerpt], *, mixture: Excerpt, sample_rate: int
    ) -> Stems:
        """Signals of the sources by name, each of shape (2, T), at `sample_rate`."""


def separate_file(
    separator: Separator | FileSeparator, mixture_path: str | Path, *, sample_rate: int
) -> Stems:
    """Stems of the mixture in an audio file.

    Parameters
    ----------
    separator : Separator or FileSeparator
        What finds the stems.
    mixture_path : str or Path
        Mono or stereo audio file. It is resampled to `sample_rate` if necessary.
    sample_rate : int
        Sample rate of the stems in Hz.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        One signal for each of ``separator.sources``.

    Raises
    ------
    InputError
        If a file is missing or unreadable.
    ValueError
        If the separator returns other names or shapes than it should, or samples that are not
        finite.

    Examples
    --------
    >>> import tempfile
    >>> from cadenza.separation.spectral import Spectral
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = audio.write_wav(f"{folder}/mixture.wav", np.full((2, 800), 0.5), 8000)
    ...     stems = separate_file(Spectral(), f"{folder}/mixture.wav", sample_rate=8000)
    >>> {source: stem.shape for source, stem in stems.items()}
    {'vocals': (2, 800), 'drums': (2, 800), 'bass': (2, 800), 'other': (2, 800)}
    """
    path = Path(mixture_path)
    if isinstance(separator, FileSeparator):
        return separator.separate_file(path, sample_rate=sample_rate)
    mixture, _ = audio.read(path, sample_rate=sample_rate, channels=2)
    name = type(separator).__name__
    with noting(f"in separator {name}"):
        stems = separator(mixture, sample_rate=sample_rate)
    return _checked(name, stems, separator.sources, mixture)


def separate_instruments(
    separator: InstrumentSeparator,
    mixture: NDArray[np.float64],
    *,
    sample_rate: int,
    instruments: Sequence[str],
) -> Stems:
    """Estimates of the instruments that play in a mixture.

    Parameters
    ----------
    separator : InstrumentSeparator
        What finds them.
    mixture : ndarray, shape (2, T)
        Music.
    sample_rate : int
        In Hz.
    instruments : sequence of str
        What plays; an instrument that is named twice is estimated once.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        One signal for each distinct instrument.

    Raises
    ------
    ValueError
        If the separator returns other names or shapes than it should, or samples that are not
        finite.

    Examples
    --------
    >>> def halves(mixture, *, sample_rate, instruments):
    ...     return {name: mixture / 2 for name in instruments}
    >>> stems = separate_instruments(
    ...     halves, np.ones((2, 4)), sample_rate=44100, instruments=["Flute", "Oboe"]
    ... )
    >>> list(stems)
    ['Flute', 'Oboe']
    """
    name = type(separator).__name__
    with noting(f"in separator {name}"):
        stems = separator(mixture, sample_rate=sample_rate, instruments=instruments)
    return _checked(name, stems, tuple(dict.fromkeys(instruments)), mixture)


def _checked(
    name: str, stems: object, sources: Sequence[str], mixture: NDArray[np.float64]
) -> Stems:
    """What a separator returned, if it is what it should be."""
    if not isinstance(stems, Mapping) or set(stems) != set(sources):
        given = list(stems) if isinstance(stems, Mapping) else type(stems).__name__
        raise ValueError(f"{name} must return the stems {list(sources)}, got {given}")
    return {source: _stem(f"stem {source} of {name}", stems[source], mixture) for source in stems}


def _stem(name: str, stem: ArrayLike, mixture: NDArray[np.float64]) -> NDArray[np.float64]:
    checked = _check.signal(name, stem)
    if checked.shape != mixture.shape:
        raise ValueError(f"{name} must have the shape {mixture.shape}, got {checked.shape}")
    return checked


def input_files(separator: Separator | FileSeparator, mixture_path: str | Path) -> tuple[Path, ...]:
    """Files that must exist to separate a mixture, the mixture itself first.

    Examples
    --------
    >>> from cadenza.separation.oracle import Oracle
    >>> files = input_files(Oracle(sources=("vocals", "other")), "song/mixture.wav")
    >>> [file.name for file in files]
    ['mixture.wav', 'vocals.wav', 'other.wav']
    """
    path = Path(mixture_path)
    if isinstance(separator, FileSeparator):
        return path, *separator.input_files(path)
    return (path,)


def instrument_files(
    separator: InstrumentSeparator, instruments: Sequence[str]
) -> tuple[Path, ...]:
    """Files, such as networks, that the estimates of some instruments depend on.

    Examples
    --------
    >>> from cadenza.separation.convtasnet_ensemble import ConvTasNetEnsemble
    >>> instrument_files(ConvTasNetEnsemble(models_dir="included"), ["Flute"])
    ()
    """
    files_of = getattr(separator, "files_of", None)
    return tuple(files_of(instruments)) if files_of is not None else ()


def prepare(separator: Separator | FileSeparator, sources: Sequence[str]) -> None:
    """Check that a separator gives the wanted stems, and let it load what it needs.

    Raises
    ------
    InputError
        If it has other sources, or its weights or device are missing.

    Examples
    --------
    >>> from cadenza.separation.spectral import Spectral
    >>> prepare(Spectral(), ("vocals", "drums", "bass", "other"))
    >>> prepare(Spectral(), ("vocals", "other"))
    Traceback (most recent call last):
    cadenza.errors.InputError: separator Spectral must have the sources vocals, other, got ...
    """
    name = type(separator).__name__
    given = tuple(getattr(separator, "sources", ()))
    if set(given) != set(sources):
        note = getattr(separator, "sources_note", None)
        raise InputError(
            f"separator {name} must have the sources {', '.join(sources)}, "
            f"got {', '.join(given) or 'no attribute sources'}{f': {note}' if note else ''}"
        )
    _load(separator)


def prepare_instruments(
    separator: InstrumentSeparator | SourceReader, instruments: Sequence[str]
) -> None:
    """Check that a separator knows the instruments, and let it load what it needs for them.

    Raises
    ------
    InputError
        If it does not know them or cannot separate ensembles, or if its weights or device are
        missing.

    Examples
    --------
    >>> from cadenza.separation.spectral import Spectral
    >>> prepare_instruments(Spectral(), ["Flute", "Oboe"])
    Traceback (most recent call last):
    cadenza.errors.InputError: separator Spectral knows vocals, drums, bass, other; ...
    """
    if isinstance(separator, SourceReader):
        return
    name = type(separator).__name__
    known = getattr(separator, "sources", instruments)
    if not set(instruments) <= set(known):
        raise InputError(
            f"separator {name} knows {', '.join(known)}; the music has {', '.join(instruments)}"
        )
    if not callable(separator):
        raise InputError(
            f"separator {name} must have a call (mixture, *, sample_rate, instruments)"
        )
    _load(separator, instruments)


def _load(separator: object, *arguments: object) -> None:
    """Call the method `prepare` of a separator, if it has one."""
    load = getattr(separator, "prepare", None)
    if load is None:
        return
    try:
        load(*arguments)
    except InputError:
        raise
    except Exception as error:
        logger.debug("where prepare() failed", exc_info=True)
        raise InputError(
            f"separator {type(separator).__name__}: prepare() failed: "
            f"{type(error).__name__}: {error} (traceback in the log file)"
        ) from error


def separate(
    model: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    mixture: ArrayLike,
    *,
    sources: tuple[str, ...],
    sample_rate: int,
    model_sample_rate: int,
    refine: Refinement = "none",
) -> Stems:
    """Run a model that knows only stereo at its own sample rate on any mixture.

    Mono is used for both channels, and silence comes back as silence without asking the model;
    both are logged as warnings.

    Parameters
    ----------
    model : callable
        ``(2, t) -> (n_sources, 2, t)`` at `model_sample_rate`.
    mixture : array_like, shape (T,), (1, T) or (2, T)
        Finite samples.
    sources : tuple of str
        Names of the stems in the model's order.
    sample_rate, model_sample_rate : int
        In Hz. If they differ, the mixture is resampled for the model and the stems back again.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture at the end; see `cadenza.separation.refine`.

    Returns
    -------
    dict of str to ndarray, shape (2, T)
        At `sample_rate`.

    Examples
    --------
    >>> stems = separate(
    ...     lambda x: np.stack([0.25 * x, 0.75 * x]), [0.4, 0.8],
    ...     sources=("voice", "rest"), sample_rate=44100, model_sample_rate=44100,
    ... )
    >>> stems["voice"]
    array([[0.1, 0.2], [0.1, 0.2]])
    """
    x = _check.mono_or_stereo("mixture", mixture)
    if np.size(mixture) < x.size:
        logger.warning("mono mixture, used for both channels")
    if not x.any():
        logger.warning("silent mixture, its stems are silent")
        return {source: np.zeros_like(x) for source in sources}
    estimates = model(audio.resample(x, sample_rate, model_sample_rate))
    stems = {
        source: _with_length(audio.resample(stem, model_sample_rate, sample_rate), x.shape[1])
        for source, stem in zip(sources, estimates, strict=True)
    }
    return refined(stems, x, refine)


def _with_length(signal: NDArray[np.float64], n_samples: int) -> NDArray[np.float64]:
    """Cut or zero-pad the end; resampling twice may change the length by a few samples."""
    missing = n_samples - signal.shape[1]
    return np.pad(signal, [(0, 0), (0, missing)]) if missing > 0 else signal[:, :n_samples]
