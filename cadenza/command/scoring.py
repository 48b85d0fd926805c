"""`cadenza score`: from files to scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza.audiogram import Audiogram, Listener
from cadenza.command import listening, printing
from cadenza.command.request import ScoreRequest
from cadenza.errors import InputError
from cadenza.haaqi import HaaqiScore, haaqi, haaqi_ears


@dataclass(frozen=True)
class Session:
    """Everything that the scores of all processed files have in common.

    Parameters
    ----------
    request : ScoreRequest
        What the user asked for.
    reference : ndarray, shape (channels, T)
        At the rate of comparison.
    file_rate, sample_rate : int
        Sample rate of the reference file, and of the comparison, in Hz.
    ears : dict of str to Audiogram
        The ear of each channel.
    levels_db_spl : list of float
        Level of an RMS of 1 at each ear.
    """

    request: ScoreRequest
    reference: NDArray[np.float64]
    file_rate: int
    sample_rate: int
    ears: dict[str, Audiogram]
    levels_db_spl: list[float]

    @classmethod
    def of(cls, request: ScoreRequest) -> Session:
        """Read the reference and check the options.

        Raises
        ------
        InputError
            If the reference or an option is bad.
        """
        file, rate = request.reference, request.resample_hz
        signal, file_rate = audio.read(file)
        if len(signal) > 2:
            raise InputError(f"{file}: expected 1 or 2 channels, found {len(signal)}")
        ears = listening.ears_of(request, len(signal))
        listening.random_state(request.seed)
        music, music_file = signal, file
        if request.level_from is not None:
            music_file = request.level_from
            music, _ = audio.read(music_file)
            _check_channels(music_file, music, file, signal)
        return cls(
            request=request,
            reference=signal if rate is None else audio.resample(signal, file_rate, rate),
            file_rate=file_rate,
            sample_rate=file_rate if rate is None else rate,
            ears=ears,
            levels_db_spl=listening.levels_db_spl(request, music, music_file),
        )

    def read(self, file: Path) -> NDArray[np.float64]:
        """Read a processed file, at the rate of comparison.

        Raises
        ------
        InputError
            If the file cannot be compared with the reference.
        """
        request = self.request
        signal, rate = audio.read(file)
        _check_channels(file, signal, request.reference, self.reference)
        if request.resample_hz is not None:
            return audio.resample(signal, rate, request.resample_hz)
        if rate != self.file_rate:
            raise InputError(
                f"{file}: {rate} Hz, but {request.reference} has {self.file_rate} Hz: "
                "--resample 24000 brings both to one rate"
            )
        return signal

    def score(self, file: Path) -> dict[str, HaaqiScore]:
        """Score one processed file, for each ear.

        Raises
        ------
        InputError
            If the file cannot be scored.
        """
        signal = self.read(file)
        try:
            return self._score(signal)
        except ValueError as error:
            raise InputError(f"{file} against {self.request.reference}: {error}") from None

    def _score(self, processed: NDArray[np.float64]) -> dict[str, HaaqiScore]:
        request, audiograms = self.request, list(self.ears.values())
        rng = listening.random_state(request.seed)
        if len(audiograms) == 1:
            result = haaqi(
                self.reference,
                processed,
                sample_rate=self.sample_rate,
                audiogram=audiograms[0],
                equalisation=request.equalisation,
                level_db_spl=self.levels_db_spl[0],
                noise=request.noise,
                rng=rng,
                details=request.report is not None,
            )
            return dict.fromkeys(self.ears, result)
        results = haaqi_ears(
            self.reference,
            processed,
            sample_rate=self.sample_rate,
            listener=Listener("listener", *audiograms),
            equalisation=request.equalisation,
            level_db_spl=self.levels_db_spl,
            noise=request.noise,
            rng=rng,
            details=request.report is not None,
        )
        return dict(zip(self.ears, results, strict=True))


def _check_channels(
    file: Path, signal: NDArray[np.float64], reference_file: Path, reference: NDArray[np.float64]
) -> None:
    if len(signal) != len(reference):
        raise InputError(
            f"{file}: {_channels(signal)}, but {reference_file} is {_channels(reference)}"
        )


def _channels(signal: NDArray[np.float64]) -> str:
    return {1: "mono", 2: "stereo"}.get(len(signal), f"of {len(signal)} channels")


def score_files(request: ScoreRequest) -> int:
    """Score all processed files and print the result; returns the exit status.

    Raises
    ------
    InputError
        If the reference or an option is bad.
    """
    session = Session.of(request)
    results: dict[Path, dict[str, HaaqiScore]] = {}
    problems: dict[Path, str] = {}
    for file in request.processed:
        try:
            ears = session.score(file)
        except InputError as error:
            problems[file] = str(error)
            click.echo(f"cadenza score: {error}", err=True)
            continue
        if not request.as_json:
            if not results:
                click.echo(printing.heading(session))
            click.echo(f"\n{printing.table(str(file), ears)}")
        results[file] = ears
    if request.as_json:
        click.echo(printing.as_json(session, results, problems))
    elif len(results) > 1:
        click.echo(f"\n{printing.ranking(results)}")
    if request.report is not None and results:
        from cadenza.command.reporting import report_scores  # slow to import

        page = report_scores(session, results, request.report)
        click.echo(f"\nreport: open {page}", err=request.as_json)
    if not problems:
        return 0
    return 1 if results else 2
