"""Audio files, sample rates and clipping.

Signals are float64 arrays with time last, ``(T,)`` or ``(channels, T)``; 1.0 is digital full scale.
Arrays of integers are refused. Files store time first; only this module swaps the axes.

A FLAC file may have a sidecar: a text file of the same name with the suffix ``.txt``. It contains
the factor that restores the level of a signal that was scaled to full scale for the file.

Files are written under a temporary name and then renamed, so a file that exists is complete. A FLAC
file never has the sidecar of another signal.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from cadenza import _check
from cadenza._blocks import split, write_blocks
from cadenza._files import replacing, require_file
from cadenza._sidecar import read_scale, write_scale
from cadenza._wav import require_whole_wav
from cadenza.errors import InputError

logger = logging.getLogger(__name__)
clipping_logger = logging.getLogger(f"{__name__}.clipping")

_FLAC_COMPRESSION = 5 / 8  # FLAC's level 5 of 8, on libsndfile's scale from 0 to 1
_BLOCK = 16384  # samples that are converted at once, so that they stay in the processor's cache


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    channels, frames : int
        Number of channels, and of samples in each.
    subtype : str
        Sample format as libsndfile names it, for example ``"PCM_16"`` or ``"FLOAT"``.
    """

    sample_rate: int
    channels: int
    frames: int
    subtype: str


def info(path: str | Path) -> AudioInfo:
    """Read the header of an audio file.

    Raises
    ------
    InputError
        If there is no such file, or it is a folder, empty, unreadable, truncated or not audio.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_wav(f"{folder}/song.wav", np.zeros((2, 441)), 44100)
    ...     info(f"{folder}/song.wav")
    AudioInfo(sample_rate=44100, channels=2, frames=441, subtype='PCM_16')
    """
    require_file(Path(path), "an audio file")
    try:
        header = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: expected an audio file such as WAV or FLAC: {error.error_string}"
        ) from None
    require_whole_wav(Path(path))
    return AudioInfo(header.samplerate, header.channels, header.frames, header.subtype)


def read(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    channels: int | None = None,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> tuple[NDArray[np.float64], int]:
    """Read an audio file, or a part of it.

    Integer samples of any width are divided by their full scale (16 bit: 32768), so they are in
    [-1, 1). Floating-point samples are not changed. The sidecar of a FLAC file is applied.

    Parameters
    ----------
    path : str or Path
        Any format that libsndfile reads, such as WAV and FLAC.
    sample_rate : int, optional
        Wanted rate in Hz. A file of another rate is resampled, with a logged warning.
    channels : int, optional
        Wanted number of channels. If it is 2, a mono file is used for both, with a logged warning.
    start_s, duration_s : float, optional
        Part to read in seconds, each rounded to the nearest sample. Default: the whole file.

    Returns
    -------
    signal : ndarray, shape (channels, T)
    sample_rate : int
        Rate of the returned signal in Hz.

    Raises
    ------
    InputError
        If the file is missing, damaged, empty or not audio, has NaN or infinite samples or another
        number of channels than wanted, or does not contain the wanted part.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_wav(f"{folder}/song.wav", np.zeros((2, 441)), 44100)
    ...     music, sample_rate = read(f"{folder}/song.wav", duration_s=0.005)
    >>> music.shape, sample_rate
    ((2, 220), 44100)
    """
    path = Path(path)
    found = info(path)
    duplicate = (found.channels, channels) == (1, 2)
    if channels not in (None, found.channels) and not duplicate:
        raise InputError(f"{path}: expected {channels} channel(s), found {found.channels}")
    start, frames = _part(path, found, start_s, duration_s)
    signal = _decode(path, start, frames)
    if duplicate:
        logger.warning("%s: mono, used for both channels", path)
        signal = np.repeat(signal, 2, axis=0)
    if sample_rate is None or sample_rate == found.sample_rate:
        return signal, found.sample_rate
    logger.warning("%s: resampled from %d to %d Hz", path, found.sample_rate, sample_rate)
    return resample(signal, found.sample_rate, sample_rate), sample_rate


def _part(
    path: Path, found: AudioInfo, start_s: float, duration_s: float | None
) -> tuple[int, int]:
    """First frame and number of frames of the wanted part."""
    start = round(start_s * found.sample_rate)
    frames = found.frames - start if duration_s is None else round(duration_s * found.sample_rate)
    if start < 0 or frames <= 0 or start + frames > found.frames:
        part = "audio" if duration_s is None else f"{duration_s} s of audio"
        length_s = found.frames / found.sample_rate
        raise InputError(
            f"{path}: expected {part} from {start_s} s on, found {length_s:g} s in all"
        )
    return start, frames


def _decode(path: Path, start: int, frames: int) -> NDArray[np.float64]:
    """Samples of a file as (channels, T), with its sidecar applied."""
    try:
        data, _ = soundfile.read(
            str(path), frames=frames, start=start, dtype="float64", always_2d=True
        )
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: damaged audio file: {error.error_string}") from None
    if len(data) != frames:
        raise InputError(f"{path}: damaged audio file: expected {frames} frames, found {len(data)}")
    if not np.isfinite(data).all():
        raise InputError(f"{path}: expected finite samples, found NaN or infinity")
    scale = read_scale(path)
    if scale is not None:
        # In single precision, as the reference implementation (pyClarity 0.9.0) restores levels
        data = (data.astype(np.float32) * np.float32(scale)).astype(np.float64)
    return np.ascontiguousarray(data.T)


def write_flac(
    path: str | Path,
    signal: ArrayLike,
    sample_rate: int,
    *,
    output_sample_rate: int | None = None,
    scale: bool = False,
    soft_clip: bool = False,
) -> float:
    """Write a 16-bit FLAC file; missing folders are created.

    Parameters
    ----------
    path : str or Path
        File name with the suffix ``.flac``.
    signal : array_like, shape (T,) or (channels, T)
        Finite samples.
    sample_rate : int
        Rate of `signal` in Hz.
    output_sample_rate : int, optional
        Rate of the file in Hz. Default: `sample_rate`.
    scale : bool
        Scale the signal to full scale and write a sidecar with the factor that undoes it; `read`
        applies it. Nothing is clipped then, and `soft_clip` has no effect.
    soft_clip : bool
        Limit the signal by the hyperbolic tangent instead of cutting it.

    Returns
    -------
    float
        Fraction of the samples above full scale, before soft clipping; 0 with `scale`.

    Raises
    ------
    TypeError
        If the samples are integers.
    ValueError
        If the suffix is not ``.flac``, the signal is not finite, or time is not its last axis.
    OSError
        If the file cannot be written, for example because the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clipped = write_flac(f"{folder}/loud.flac", [0.5, -2.0], 44100, scale=True)
    ...     read(f"{folder}/loud.flac")
    (array([[ 0.5, -2. ]]), 44100)
    """
    path = Path(path)
    if path.suffix.lower() != ".flac":
        raise ValueError(f"path must end in .flac, got {path.name!r}")
    x = _check.signal("signal", signal)
    rate = _check.whole("sample_rate", sample_rate)
    if output_sample_rate is not None:
        rate = _check.whole("output_sample_rate", output_sample_rate)
        x = resample(x, sample_rate, rate)
    factor = None
    clipped = 0.0
    if scale:
        factor = float(np.max(np.abs(x), initial=0.0)) or 1.0
        x = x / factor
    else:
        x, count = clip(x, soft=soft_clip)
        clipped = report_clipping(path, count, x.size, soft=soft_clip)
    content = _encode(path, x, rate, format="FLAC", compression_level=_FLAC_COMPRESSION)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
        write_scale(path, factor)
    return clipped


def write_wav(
    path: str | Path, signal: ArrayLike, sample_rate: int, *, floating: bool = False
) -> float:
    """Write a WAV file; missing folders are created.

    Parameters
    ----------
    path : str or Path
        File name.
    signal : array_like, shape (T,) or (channels, T)
        Finite samples; those above full scale are clipped, with a logged warning.
    sample_rate : int
        In Hz.
    floating : bool
        Write 32-bit floating-point numbers instead of 16-bit integers. Nothing is clipped then.

    Returns
    -------
    float
        Fraction of the samples that were clipped; 0 with `floating`.

    Raises
    ------
    TypeError, ValueError, OSError
        As in `write_flac`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_wav(f"{folder}/song.wav", [0.5, 1.5, -0.5, -1.0], 44100)
    0.25
    """
    path = Path(path)
    x = np.atleast_2d(_check.signal("signal", signal))
    rate = _check.whole("sample_rate", sample_rate)
    counts = write_blocks(path, split(x, _BLOCK), rate, floating=floating)
    return report_clipping(path, *counts, soft=False)


def _encode(path: Path, x: NDArray[np.float64], sample_rate: int, **options: Any) -> bytes:  # noqa: ANN401
    """Content of a 16-bit file, in memory: libsndfile does not say why a disk refuses it."""
    content = io.BytesIO()
    try:
        soundfile.write(content, to_int16(x).T, sample_rate, subtype="PCM_16", **options)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{path}: cannot encode {len(np.atleast_2d(x))} channel(s) at {sample_rate} Hz: "
            f"{error.error_string}"
        ) from None
    return content.getvalue()


def resample(signal: ArrayLike, from_rate: float, to_rate: float) -> NDArray[np.float64]:
    """Resample along the last axis by soxr at quality HQ, which works in single precision.

    Parameters
    ----------
    signal : array_like, shape (T,) or (channels, T)
        Signal at `from_rate`. If the rates are equal it is returned unchanged.
    from_rate, to_rate : float
        Sample rates in Hz.

    Returns
    -------
    ndarray, shape (..., floor(T * to_rate / from_rate + 0.5))

    Examples
    --------
    >>> import numpy as np
    >>> resample(np.zeros((2, 441000)), 44100, 32000).shape
    (2, 320000)
    """
    x = _check.signal("signal", signal)
    _check.positive("from_rate", from_rate)
    _check.positive("to_rate", to_rate)
    if from_rate == to_rate:
        return x
    resampled: NDArray[np.float64] = soxr.resample(x.T, from_rate, to_rate, quality="HQ")
    return np.ascontiguousarray(resampled.T)


def clip(signal: ArrayLike, *, soft: bool = False) -> tuple[NDArray[np.float64], int]:
    """Limit a signal to full scale, [-1, 1].

    Parameters
    ----------
    signal : array_like, shape (T,) or (channels, T)
        Finite samples.
    soft : bool
        Limit by the hyperbolic tangent, which also changes small samples slightly.

    Returns
    -------
    limited : ndarray
        New array in the shape of `signal`.
    clipped : int
        Number of samples of `signal` above full scale.

    Examples
    --------
    >>> clip([0.5, 1.5, -2.0])
    (array([ 0.5,  1. , -1. ]), 2)
    """
    x = _check.signal("signal", signal)
    clipped = int(np.count_nonzero(np.abs(x) > 1))
    return (np.tanh(x) if soft else np.clip(x, -1.0, 1.0)), clipped


def report_clipping(path: Path, clipped: int, total: int, *, soft: bool) -> float:
    """Log how many samples were clipped; returns their fraction."""
    if clipped:
        # Who asks for soft clipping expects such samples
        log = clipping_logger.info if soft else clipping_logger.warning
        verb = "soft-clipped" if soft else "clipped"
        percent = 100 * clipped / total
        log("%s: %d samples (%.2g %%) above full scale were %s", path, clipped, percent, verb)
    return clipped / total if total else 0.0


def to_int16(signal: ArrayLike) -> NDArray[np.int16]:
    """Convert to 16-bit codes: multiplied by 32768, limited, truncated towards zero.

    Raises
    ------
    ValueError
        If a sample is NaN or infinite.

    Examples
    --------
    >>> to_int16([0.5, 1.0, -1.0, 4.6e-5, -4.6e-5])
    array([ 16384,  32767, -32768,      1,     -1], dtype=int16)
    """
    x = _check.signal("signal", signal)
    return np.clip(32768.0 * x, -32768.0, 32767.0).astype(np.int16)
