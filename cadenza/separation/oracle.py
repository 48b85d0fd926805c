"""The true stems instead of estimates: the best that a separator could do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cadenza import audio
from cadenza.errors import InputError
from cadenza.separation.protocol import Excerpt, Stems
from cadenza.stems import STEMS, stem_file


@dataclass(frozen=True)
class Oracle:
    """Reads ``<stem>.wav`` or ``<stem>.flac`` from the folder of the mixture.

    Parameters
    ----------
    sources : tuple of str
        Names of the stems.

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

    sources: tuple[str, ...] = STEMS

    def input_files(self, mixture_path: Path) -> tuple[Path, ...]:
        """Files of the stems, in the order of `sources`; WAV is preferred to FLAC."""
        return tuple(stem_file(mixture_path.parent, source) for source in self.sources)

    def separate_file(self, mixture_path: Path, *, sample_rate: int) -> Stems:
        """Read the stems beside a mixture; the mixture itself is not read.

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
        return stems

    def read_sources(self, sources: Mapping[str, Excerpt], *, sample_rate: int) -> Stems:
        """Read the sources of a piece, each cut from its own file.

        Parameters
        ----------
        sources : mapping of str to Excerpt
            Where they are.
        sample_rate : int
            In Hz; sources of another rate are resampled with a logged warning.

        Returns
        -------
        dict of str to ndarray, shape (2, T)
        """
        return {
            name: audio.read(
                source.path,
                sample_rate=sample_rate,
                channels=2,
                start_s=source.start_s,
                duration_s=source.duration_s,
            )[0]
            for name, source in sources.items()
        }
