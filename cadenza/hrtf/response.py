"""Responses of a head to two loudspeakers, and the WAV files that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import _check, audio
from cadenza.errors import InputError


@dataclass(frozen=True, eq=False)
class HeadResponse:
    """Impulse responses from two loudspeakers to two ears.

    Parameters
    ----------
    left_speaker, right_speaker : array_like, shape (2, K)
        Response to each loudspeaker: row 0 at the left ear, row 1 at the right ear. The two may
        differ in length.

    Examples
    --------
    >>> head = HeadResponse(left_speaker=[[1, 0], [0, 0.5]], right_speaker=[[0, 0.5], [1, 0]])
    >>> head.left_speaker[1]  # at the right ear: a sample later and half as strong
    array([0. , 0.5])
    """

    left_speaker: NDArray[np.float64]
    right_speaker: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("left_speaker", "right_speaker"):
            object.__setattr__(self, name, _check.stereo(name, getattr(self, name)))


def response_files(
    folder: str | Path,
    *,
    microphone: str,
    subject: str,
    left_angle_deg: float,
    right_angle_deg: float,
) -> tuple[Path, Path]:
    """Files with the responses to the left and to the right loudspeaker.

    Their names are ``<microphone>-<subject>-n<angle>.wav`` and ``-p<angle>.wav``. The angle has one
    decimal and no sign, for example ``BTE_fr-VP_E1-n37.5.wav``.

    Parameters
    ----------
    folder, microphone, subject, left_angle_deg, right_angle_deg
        As in `read_head_response`.

    Examples
    --------
    >>> files = response_files(
    ...     "hrirs", microphone="BTE_fr", subject="VP_E1", left_angle_deg=-37.5, right_angle_deg=30
    ... )
    >>> [file.name for file in files]
    ['BTE_fr-VP_E1-n37.5.wav', 'BTE_fr-VP_E1-p30.0.wav']
    """
    stem = f"{microphone}-{subject}"
    left = Path(folder) / f"{stem}-n{abs(left_angle_deg):.1f}.wav"
    right = Path(folder) / f"{stem}-p{abs(right_angle_deg):.1f}.wav"
    return left, right


def read_head_response(
    folder: str | Path,
    *,
    microphone: str,
    subject: str,
    left_angle_deg: float,
    right_angle_deg: float,
    sample_rate: int,
) -> HeadResponse:
    """Read the responses of one head and two loudspeaker positions.

    The files are those of `response_files`. They are stereo: left ear, right ear.

    Parameters
    ----------
    folder : str or Path
        Folder of the files.
    microphone, subject : str
        For example ``"BTE_fr"`` (front microphone of a behind-the-ear device) and ``"VP_E1"``.
    left_angle_deg, right_angle_deg : float
        Directions of the loudspeakers in degrees from the front; the sign is not used.
    sample_rate : int
        Rate in Hz that the files must have.

    Returns
    -------
    HeadResponse

    Raises
    ------
    InputError
        Listing every file that is missing, unreadable, not stereo or of another sample rate.

    Examples
    --------
    >>> import tempfile
    >>> head = {"microphone": "BTE_fr", "subject": "VP_E1"}
    >>> head |= {"left_angle_deg": 30, "right_angle_deg": 30}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for file in response_files(folder, **head):
    ...         _ = audio.write_wav(file, [[0.5, 0.0], [0.0, 0.25]], 44100)
    ...     read_head_response(folder, **head, sample_rate=44100).left_speaker
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    responses = []
    problems = []
    for path in response_files(
        folder,
        microphone=microphone,
        subject=subject,
        left_angle_deg=left_angle_deg,
        right_angle_deg=right_angle_deg,
    ):
        try:
            responses.append(_read_stereo(path, sample_rate))
        except InputError as error:
            problems.extend(error.problems)
    _check.raise_if(problems)
    return HeadResponse(*responses)


def _read_stereo(path: Path, sample_rate: int) -> NDArray[np.float64]:
    found = audio.info(path)
    if (found.channels, found.sample_rate) != (2, sample_rate):
        raise InputError(
            f"{path}: expected 2 channels at {sample_rate} Hz, "
            f"found {found.channels} at {found.sample_rate} Hz"
        )
    return audio.read(path)[0]
