"""Enhanced files of CAD1 Task 1 that are in the place of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cadenza._files import file_digest
from cadenza.audiogram import PRESCRIPTION_FREQUENCIES_HZ, Listener
from cadenza.challenges.cad1_task1.songs import SIDES, SongPair
from cadenza.hearing_aid import nalr_gains_db


@dataclass(frozen=True)
class EnhancedFile:
    """An enhanced stem, or a remix.

    Parameters
    ----------
    path : Path
        Where it is.
    pair : SongPair
        The song and the listener that it should be for.
    what : str
        ``left_vocals`` ... ``right_other``, or ``remix``.
    digest : str
        Identity of its content.
    """

    path: Path
    pair: SongPair
    what: str
    digest: str

    def suits(self, listener: Listener) -> bool:
        """Whether NAL-R prescribes the same gains for another listener."""
        sides = SIDES if self.what == "remix" else self.what.split("_")[:1]
        return all(
            np.allclose(_gains_db(self.pair.listener, side), _gains_db(listener, side))
            for side in sides
        )


def _gains_db(listener: Listener, side: str) -> NDArray[np.float64]:
    return nalr_gains_db(getattr(listener, side).at(PRESCRIPTION_FREQUENCIES_HZ))


def misplaced_files(files: Sequence[EnhancedFile]) -> list[str]:
    """Messages about files with the audio of another song, or of a listener with another loss.

    A system that does not adapt to the listeners makes the same files for all of them, which is no
    mistake.

    Parameters
    ----------
    files : sequence of EnhancedFile
        All files that are not silent.
    """
    stems, remixes = (
        [file for file in files if (file.what == "remix") == is_remix] for is_remix in (False, True)
    )
    return [*_misplaced(stems), *_misplaced(remixes)]


def _misplaced(files: Sequence[EnhancedFile]) -> list[str]:
    is_personal = not _is_the_same_for_all_listeners(files)
    alike: dict[str, list[EnhancedFile]] = defaultdict(list)
    for file in files:
        alike[file.digest].append(file)
    problems = []
    for first, *others in alike.values():
        for other in others:
            same = f"{other.path}: the same audio as {first.path}"
            here, there = other.pair, first.pair
            if here.track.name != there.track.name:
                problems.append(f"{same}, which is another song")
            elif is_personal and not first.suits(here.listener):
                names = f"{there.listener.name} and {here.listener.name}"
                problems.append(f"{same}, though {names} have different hearing losses")
    return problems


def _is_the_same_for_all_listeners(files: Sequence[EnhancedFile]) -> bool:
    digests = defaultdict(set)
    for file in files:
        digests[file.pair.track.name, file.what].add(file.digest)
    return all(len(different) == 1 for different in digests.values())


def changed_files(
    pairs: Sequence[SongPair], folder: Path, written: Mapping[str, Sequence[Sequence[str]]]
) -> list[str]:
    """Messages about files that are not what was written for a song and a listener.

    Parameters
    ----------
    pairs : sequence of SongPair
        Songs and listeners.
    folder : Path
        Where the files are.
    written : mapping of str to sequence of sequence of str
        By the key of a pair, for each time that it was enhanced: digests of its files, in the order
        of `SongPair.outputs`. Pairs that are not there are not checked.
    """
    return [
        f"{path}: not what was written for {pair.track.name} and {pair.listener.name}: "
        "changed, or exchanged with another file"
        for pair in pairs
        if pair.key in written
        for path, *digests in zip(pair.outputs(folder), *written[pair.key], strict=True)
        if path.is_file() and file_digest(path) not in digests
    ]
