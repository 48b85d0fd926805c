"""The true stems instead of estimates: the best that a separator could do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cadenza import audio
from cadenza.errors import InputError
from cadenza.separation.protocol import Excerpt, Stems
from cadenza.separation.refine import Refinement, check_refinement, refined
from cadenza.stems import STEMS, stem_file


@dataclass(frozen=True)
class Oracle:
    """Reads ``<stem>.wav`` or ``<stem>.flac`` from the folder of the mixture.

    Parameters
    ----------
    sources : tuple of str
        Names of the stems.
    refine : {"none", "residual", "wiener"}
        How the stems are adjusted to the mixture; see `cadenza.separation.refine`. ``"wiener"``
        shows the best that ratio masks could do.

    Raises
    ------
    InputError
        If the refinement is unknown.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for source in ("vocals", "other"):
    ...         _ = audio.write_wav(f"{folder}/{source}.wav", [[0.5], [0.25]], 44100)
    ...     oracle = Oracle(sources=("vocals", "other"))
    ...     stems = oracle.separate_file(Path(folder, "mixture.wav"), sample_rate=44100)
    >>> stems["vocals"]
    array([[0.5 ],
           [0.25]])
    """

    one_core: ClassVar[bool] = True  # several processes may work side by side
    sources: tuple[str, ...] = STEMS
    refine: Refinement = "none"

    def __post_init__(self) -> None:
        check_refinement(self.refine)

    def input_files(self, mixture_path: Path) -> tuple[Path, ...]:
        """Files of the stems, in the order of `sources`; WAV is preferred to FLAC."""
        return tuple(stem_file(mixture_path.parent, source) for source in self.sources)

    def separate_file(self, mixture_path: Path, *, sample_rate: int) -> Stems:
        """Read the stems beside a mixture; the mixture itself is read if they are refined.

        Parameters
        ----------
        mixture_path : Path
            File in the folder of the stems.
        sample_rate : int
            In Hz; stems of another rate are resampled with a logged warning.

        Returns
        -------
        dict of str to ndarray, shape (2, T)

        Raises
        ------
        InputError
            If a stem is missing or unreadable, or the stems differ in length.
        """
        stems = {
            source: audio.read(file, sample_rate=sample_rate, channels=2)[0]
            for source, file in zip(self.sources, self.input_files(mixture_path), strict=True)
        }
        lengths = {source: stem.shape[1] for source, stem in stems.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(
                f"{mixture_path.parent}: expected stems of one length, found {lengths} samples"
            )
        if self.refine == "none":
            return stems
        mixture, _ = audio.read(mixture_path, sample_rate=sample_rate, channels=2)
        return refined(stems, mixture, self.refine)

    def read_sources(
        self, sources: Mapping[str, Excerpt], *, mixture: Excerpt, sample_rate: int
    ) -> Stems:
        """Read the sources of a piece, each cut from its own file.

        Parameters
        ----------
        sources : mapping of str to Excerpt
            Where they are.
        mixture : Excerpt
            Where their mixture is; read if they are refined.
        sample_rate : int
            In Hz; sources of another rate are resampled with a logged warning.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
        """
        signals = {name: _read(source, sample_rate=sample_rate) for name, source in sources.items()}
        if self.refine == "none":
            return signals
        return refined(signals, _read(mixture, sample_rate=sample_rate), self.refine)


def _read(excerpt: Excerpt, *, sample_rate: int) -> NDArray[np.float64]:
    signal, _ = audio.read(
        excerpt.path,
        sample_rate=sample_rate,
        channels=2,
        start_s=excerpt.start_s,
        duration_s=excerpt.duration_s,
    )
    return signal
