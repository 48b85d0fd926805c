"""The signals of a scene and a listener, as the evaluations and the report need them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza.audiogram import Listener
from cadenza.challenges import scoring

Aid = Callable[[NDArray[np.float64], Listener], NDArray[np.float64]]


class Pair(Protocol):
    """A scene and one of its listeners."""

    @property
    def scene(self) -> str:
        """Its name, which seeds the noise of HAAQI."""

    @property
    def listener(self) -> Listener:
        """Who listens."""

    def enhanced_file(self, exp_folder: str) -> Path:
        """Where the enhanced signal is."""


@dataclass(frozen=True)
class SceneSignals:
    """What was asked for and what the enhancement made of it.

    Parameters
    ----------
    scene : str
        Name of the scene.
    listener : Listener
        Who listens.
    music : ndarray, shape (2, T)
        The reference before amplification.
    amplified : ndarray, shape (2, T')
        The reference, amplified for the listener.
    music_sample_rate : int
        Rate of both in Hz.
    enhanced : ndarray, shape (2, T'')
        What the enhancement made.
    enhanced_sample_rate : int
        Its rate in Hz.
    """

    scene: str
    listener: Listener
    music: NDArray[np.float64]
    amplified: NDArray[np.float64]
    music_sample_rate: int
    enhanced: NDArray[np.float64]
    enhanced_sample_rate: int

    def to_score(self, sample_rate: int) -> scoring.EvaluationSignals:
        """Make them ready for HAAQI, which compares them at `sample_rate` Hz."""
        return scoring.prepare_signals(
            self.enhanced,
            self.amplified,
            self.music,
            seed_name=self.scene,
            listener=self.listener,
            enhanced_sample_rate=self.enhanced_sample_rate,
            music_sample_rate=self.music_sample_rate,
            haaqi_sample_rate=sample_rate,
        )


def read_scene_signals(
    pair: Pair,
    music: NDArray[np.float64],
    aid: Aid,
    *,
    exp_folder: str,
    rates: tuple[int, int],
) -> SceneSignals:
    """Read the enhanced signal of a pair, and amplify its reference.

    Parameters
    ----------
    pair : Pair
        Scene and listener.
    music : ndarray, shape (2, T)
        The reference before amplification.
    aid : callable
        Amplifies it for the listener.
    exp_folder : str
        Folder of the run.
    rates : pair of int
        Sample rates in Hz of the music, and of the enhanced file.

    Raises
    ------
    InputError
        If the enhanced file is missing or damaged.
    """
    music_rate, enhanced_rate = rates
    file = pair.enhanced_file(exp_folder)
    enhanced, _ = audio.read(file, sample_rate=enhanced_rate, channels=2)
    return SceneSignals(
        pair.scene,
        pair.listener,
        music,
        aid(music, pair.listener),
        music_rate,
        enhanced,
        enhanced_rate,
    )
