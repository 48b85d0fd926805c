"""Heads that listen to the two loudspeakers of ICASSP 2024."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from cadenza import hrtf
from cadenza._check import raise_if
from cadenza.challenges.icassp_2024 import HeadPosition
from cadenza.errors import InputError


class Heads(Protocol):
    """Gives the responses of a head to two loudspeakers."""

    def files(self, position: HeadPosition) -> tuple[Path, ...]:
        """Files that hold the responses."""

    def response(self, position: HeadPosition) -> hrtf.HeadResponse:
        """Responses to the loudspeakers of a position."""

    def settings(self) -> dict[str, Any]:
        """What the music depends on besides the contents of the files."""


@dataclass(frozen=True)
class RecordedHeads:
    """The heads of the challenge: a WAV file for each head, microphone and direction.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    sample_rate : int
        Rate in Hz that the files must have.
    """

    folder: Path
    sample_rate: int

    def files(self, position: HeadPosition) -> tuple[Path, ...]:
        """Files of the two loudspeakers."""
        return hrtf.response_files(self.folder, **asdict(position))

    def response(self, position: HeadPosition) -> hrtf.HeadResponse:
        """Read the responses to the loudspeakers of a position.

        Raises
        ------
        InputError
            As `cadenza.hrtf.read_head_response`.
        """
        return hrtf.read_head_response(
            self.folder, **asdict(position), sample_rate=self.sample_rate
        )

    def settings(self) -> dict[str, Any]:
        """Nothing."""
        return {}


@dataclass(frozen=True)
class SofaHead:
    """One head from a SOFA file, whatever subject and microphone a position names.

    Parameters
    ----------
    file : Path
        The SOFA file.
    interpolate : bool
        Whether the responses were interpolated.
    responses : dict
        The responses for each position.
    """

    file: Path
    interpolate: bool
    responses: dict[HeadPosition, hrtf.HeadResponse]

    @classmethod
    def read(
        cls,
        file: Path,
        positions: Iterable[HeadPosition],
        *,
        sample_rate: int,
        interpolate: bool,
        max_angle_deg: float,
    ) -> SofaHead:
        """Take the responses for all positions from a file.

        Parameters
        ----------
        file : Path
            The SOFA file.
        positions : iterable of HeadPosition
            What is needed.
        sample_rate, interpolate, max_angle_deg
            As in `cadenza.hrtf.MeasuredHead.loudspeakers`.

        Raises
        ------
        InputError
            If the file is not what it must be, or listing each loudspeaker that is too far from any
            measurement.
        """
        head = hrtf.read_sofa(file)
        responses: dict[tuple[float, float], hrtf.HeadResponse] = {}
        problems: list[str] = []
        angles = {position: _angles(position) for position in positions}
        for pair in dict.fromkeys(angles.values()):
            try:
                responses[pair] = head.loudspeakers(
                    *pair,
                    sample_rate=sample_rate,
                    interpolate=interpolate,
                    max_angle_deg=max_angle_deg,
                )
            except InputError as error:
                problems += error.problems
        raise_if(list(dict.fromkeys(problems)))
        return cls(
            file, interpolate, {position: responses[pair] for position, pair in angles.items()}
        )

    def files(self, position: HeadPosition) -> tuple[Path, ...]:  # noqa: ARG002
        """The SOFA file."""
        return (self.file,)

    def response(self, position: HeadPosition) -> hrtf.HeadResponse:
        """Responses to the loudspeakers of a position."""
        return self.responses[position]

    def settings(self) -> dict[str, Any]:
        """Name of the file, and how directions are chosen."""
        return {"head": {"sofa_file": self.file.name, "interpolate": self.interpolate}}


def _angles(position: HeadPosition) -> tuple[float, float]:
    return position.left_angle_deg, position.right_angle_deg
