"""Who listens, and at which level: the options of `cadenza score` as values, checked."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza.audiogram import CHALLENGE_FREQUENCIES_HZ, Audiogram, read_listeners
from cadenza.challenges import seeds
from cadenza.challenges.scoring import presentation_level_db_spl
from cadenza.command.request import ScoreRequest
from cadenza.errors import InputError, SilentReferenceError

PRESENTED_DB_SPL = 65.0
"""Level at which music is presented by default, as in the challenges."""

_MAX_SEED = 2**32 - 1


def ears_of(request: ScoreRequest, n_channels: int) -> dict[str, Audiogram]:
    """Audiograms of the ears that listen, by their names: "left" and "right", or "ear".

    Raises
    ------
    InputError
        If they are not given, contradict each other or do not fit the number of channels.
    """
    if (request.audiogram is None) == (request.listener is None):
        raise InputError("give one of --audiogram and --listener: who listens?")
    if request.listener is not None:
        return _ears_of_listener(request, request.listener, n_channels)
    if request.ear:
        raise InputError("--ear chooses an ear of --listener: leave it out with --audiogram")
    if n_channels == 1 and request.audiogram_right is not None:
        raise InputError("--audiogram-right: the files are mono, so one ear listens")
    left = _audiogram("--audiogram", request.audiogram or "", request.frequencies)
    if n_channels == 1:
        return {"ear": left}
    if request.audiogram_right is None:
        return {"left": left, "right": left}
    return {
        "left": left,
        "right": _audiogram("--audiogram-right", request.audiogram_right, request.frequencies),
    }


def _ears_of_listener(
    request: ScoreRequest, listener: str, n_channels: int
) -> dict[str, Audiogram]:
    for option in ("audiogram_right", "frequencies"):
        if getattr(request, option) is not None:
            raise InputError(f"--{option.replace('_', '-')} does not go with --listener")
    file, colon, name = listener.rpartition(":")
    if not (file and colon and name):
        raise InputError(f"--listener: expected FILE:NAME as in listeners.json:L0001: {listener}")
    listeners = read_listeners(file)
    if name not in listeners:
        known = ", ".join([*listeners][:5]) + (" ..." if len(listeners) > 5 else "")
        raise InputError(f"{file}: no listener {name}: it has {known or 'none'}")
    ears = {"left": listeners[name].left, "right": listeners[name].right}
    if n_channels == 2:
        if request.ear:
            raise InputError("--ear: the files are stereo, so both ears listen")
        return ears
    if not request.ear:
        raise InputError("the files are mono, so one ear listens: give --ear left or --ear right")
    return {request.ear: ears[request.ear]}


def _audiogram(option: str, thresholds: str, frequencies: str | None) -> Audiogram:
    levels_db_hl = _numbers(option, thresholds)
    frequencies_hz = (
        [float(hz) for hz in CHALLENGE_FREQUENCIES_HZ]
        if frequencies is None
        else _numbers("--frequencies", frequencies)
    )
    if len(levels_db_hl) != len(frequencies_hz):
        given = ", ".join(f"{hz:g}" for hz in frequencies_hz)
        raise InputError(
            f"{option}: {len(levels_db_hl)} thresholds for {len(frequencies_hz)} frequencies "
            f"({given} Hz): --frequencies names others"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # the table shows the thresholds
            return Audiogram(levels_db_hl, frequencies_hz)
    except ValueError as error:
        raise InputError(f"{option}: {error}") from None


def _numbers(option: str, text: str) -> list[float]:
    try:
        numbers = [float(number) for number in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if not numbers or not np.isfinite(numbers).all():
        raise InputError(f"{option}: expected numbers with commas between, got {text!r}")
    return numbers


def levels_db_spl(request: ScoreRequest, music: NDArray[np.float64], file: Path) -> list[float]:
    """Level in dB SPL of an RMS of 1, for each channel of the music that is presented.

    Parameters
    ----------
    request : ScoreRequest
        Has the level, or how loud the music is presented.
    music : ndarray, shape (channels, T)
        The music that is presented.
    file : Path
        Where it is from.

    Raises
    ------
    InputError
        If the options contradict each other or the music is silent.
    """
    if request.level_db_spl is not None:
        if request.presented_db_spl is not None or request.level_from is not None:
            raise InputError("--level-db-spl goes with neither --presented-db-spl nor --level-from")
        levels = _numbers("--level-db-spl", request.level_db_spl)
        if len(levels) not in (1, len(music)):
            raise InputError(f"--level-db-spl: {len(levels)} levels for {len(music)} channel(s)")
        return levels * len(music) if len(levels) == 1 else levels
    presented_db_spl = presented(request)
    try:
        return [
            presentation_level_db_spl(channel, presented_db_spl=presented_db_spl)
            for channel in music
        ]
    except SilentReferenceError:
        silent = [not channel.any() for channel in music]
        where = "" if all(silent) else f"{('left', 'right')[silent.index(True)]} channel "
        raise InputError(f"{file}: {where}silent: there is nothing to compare with") from None


def presented(request: ScoreRequest) -> float:
    """Level in dB SPL at which the music is presented.

    Raises
    ------
    InputError
        If it is not a finite number.
    """
    level = PRESENTED_DB_SPL if request.presented_db_spl is None else request.presented_db_spl
    if not np.isfinite(level):
        raise InputError(f"--presented-db-spl must be finite, got {level}")
    return level


def random_state(seed: str) -> np.random.RandomState:
    """Random stream of a whole number, or of a name as the challenges seed it.

    Raises
    ------
    InputError
        If the number is negative or too large.
    """
    try:
        number = int(seed)
    except ValueError:
        return seeds.random_state(seed)
    if not 0 <= number <= _MAX_SEED:
        raise InputError(f"--seed must be from 0 to {_MAX_SEED}, or a name, got {seed}")
    return np.random.RandomState(number)
