"""Music at the microphones of hearing aids: rendered over two loudspeakers, at its own loudness."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza import hrtf
from cadenza.audio_blocks import AudioBlocks, write_wav_blocks
from cadenza.challenges.heads import Heads
from cadenza.challenges.icassp_2024 import AtMicSample
from cadenza.levels import db_to_gain
from cadenza.loudness import LoudnessMeter, difference_db, too_short

_AT_ONCE = 16384  # frames that stay in the processor's cache
_KEPT_FRAMES = 6_000_000  # 96 MB of rendered stereo, a little more than two minutes


@dataclass(frozen=True)
class AtMicRenderer:
    """Renders a song at a listener's ears, its mixture and each stem, and writes the files.

    The gain of a file is known only when all of it has been rendered. To limit the memory, only the
    last minutes are kept until then; what came before is rendered again.

    Parameters
    ----------
    heads : Heads
        The heads, and how they hear the loudspeakers.
    output_dir : Path
        Folder of the at-microphone music.
    sample_rate : int
        Rate of the music, the responses and the result in Hz.
    """

    heads: Heads
    output_dir: Path
    sample_rate: int
    # of the dry files: several scenes play the same song
    _loudness_lufs: dict[Path, float] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, sample: AtMicSample) -> dict[str, float]:
        """Render mixture and stems of one song; returns the clipped fraction of each.

        Raises
        ------
        InputError
            If a file is missing, damaged or not what it must be.
        OSError
            If a file cannot be written.
        """
        head = self.heads.response(sample.position)
        targets = sample.targets(self.output_dir)
        return {
            track: self._render(source, targets[track], head)
            for track, source in sample.sources().items()
        }

    def _render(self, source: Path, target: Path, head: hrtf.HeadResponse) -> float:
        music = AudioBlocks(source, sample_rate=self.sample_rate, channels=2)
        renderer = hrtf.Renderer(head)
        n_frames = renderer.block_frames
        n_passing = math.ceil(max(music.n_frames - _KEPT_FRAMES, 0) / n_frames)
        blocks = _Repeatable(lambda: renderer(music.blocks(n_frames)), n_passing)
        gain = 1.0
        if not too_short(music.n_frames, self.sample_rate):
            loudness_lufs = self._measured(blocks)
            if loudness_lufs > -np.inf:  # else silent: its reference does not matter
                gain = db_to_gain(difference_db(loudness_lufs, self._loudness_of(source, music)))
        return write_wav_blocks(target, (gain * block for block in blocks), self.sample_rate)

    def _loudness_of(self, source: Path, music: AudioBlocks) -> float:
        """Loudness of a dry file, measured once."""
        if source not in self._loudness_lufs:
            self._loudness_lufs[source] = self._measured(music.blocks(_AT_ONCE))
        return self._loudness_lufs[source]

    def _measured(self, blocks: Iterable[NDArray[np.float64]]) -> float:
        meter = LoudnessMeter(self.sample_rate, n_channels=2)
        for block in blocks:
            meter.add(block)
        return meter.integrated_lufs()


class _Repeatable:
    """Blocks to go through twice; the second time, only those that were not kept are made again.

    Parameters
    ----------
    make : callable
        Makes the blocks, the same each time.
    n_passing : int
        How many of the first are not kept.
    """

    def __init__(self, make: Callable[[], Iterator[NDArray[np.float64]]], n_passing: int) -> None:
        self._make = make
        self._n_passing = n_passing
        self._kept: list[NDArray[np.float64]] = []

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        if self._kept:
            yield from islice(self._make(), self._n_passing)
            yield from self._kept
            return
        for i, block in enumerate(self._make()):
            if i >= self._n_passing:
                self._kept.append(block)
            yield block
