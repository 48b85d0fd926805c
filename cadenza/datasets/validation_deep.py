"""Reading audio and zip files to their end, side by side, and remembering which are whole."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cadenza import audio
from cadenza._archive import read_zip
from cadenza._files import FileMemory, reason_of_system, stamp_of
from cadenza.audio_blocks import AudioBlocks
from cadenza.datasets.validation_content import BLOCK_FRAMES, Content, content_of
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

MEMORY = ".cadenza-validate.json"
"""File in the root that tells which files were read and found whole, and what is in them."""

_BETWEEN_SAVES_S = 10
_WHOLE = "whole"


@dataclass(frozen=True)
class Reading:
    """What reading files to their end has shown.

    Parameters
    ----------
    problems : dict of Path to str
        What is wrong, for files that are damaged, or that have gone.
    contents : dict of Path to Content
        What is in the audio files that are whole.
    """

    problems: dict[Path, str] = field(default_factory=dict)
    contents: dict[Path, Content] = field(default_factory=dict)


def read_all(paths: Sequence[Path], memory_file: Path, *, jobs: int) -> Reading:
    """Read audio and zip files to their end.

    Files that were whole before, and have the same size and time, are not read again. Ctrl-C stops
    it; what was read by then is remembered. The files are read in threads: the libraries that
    decode them release the interpreter's lock.

    Parameters
    ----------
    paths : sequence of Path
        Audio files whose headers can be read, and zip files.
    memory_file : Path
        Where it is remembered which files are whole. If it cannot be written, nothing is.
    jobs : int
        Files that are read at a time.
    """
    memory = FileMemory(memory_file)
    result = Reading()
    stamps: dict[Path, list[int]] = {}
    for path in dict.fromkeys(paths):
        try:
            if not _is_known(path, memory.get(path), result):
                stamps[path] = stamp_of(path)
        except OSError as error:
            result.problems[path] = f"{path}: cannot read: {reason_of_system(error)}"
    if stamps:
        _read_files(stamps, memory, result, jobs)
    return result


def _is_known(path: Path, found: str | None, result: Reading) -> bool:
    """Whether an earlier run has read a file; what it found goes to the result."""
    if _is_zip(path):
        return found == _WHOLE
    content = Content.parse(found or "")
    if content:
        result.contents[path] = content
    return content is not None


def _read_files(
    stamps: dict[Path, list[int]], memory: FileMemory, result: Reading, jobs: int
) -> None:
    """Read files, given with their stamps; memory and result get what is found."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(jobs)
    n_bytes = sum(size for size, _ in stamps.values())
    bar = tqdm(total=n_bytes, unit="B", unit_scale=True, desc="reading", disable=None)
    try:
        tasks = {pool.submit(_read, path, stop): path for path in stamps}
        saved_s = time.monotonic()
        for task in as_completed(tasks):
            path, found = tasks[task], task.result()
            if isinstance(found, str):
                result.problems[path] = found
            else:
                memory.set(path, found.as_text() if found else _WHOLE, stamps[path])
                if found:
                    result.contents[path] = found
            bar.update(stamps[path][0])
            if time.monotonic() - saved_s > _BETWEEN_SAVES_S:
                _save(memory)
                saved_s = time.monotonic()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        bar.close()
        _save(memory)


def _read(path: Path, stop: threading.Event) -> Content | str | None:
    """What is in an audio file, or what is wrong with a file; None for a zip file that is whole."""
    try:
        if _is_zip(path):
            for _ in read_zip(path):
                if stop.is_set():
                    break
            return None
        header = audio.info(path)
        music = AudioBlocks(path, sample_rate=header.sample_rate, channels=header.channels)
        return content_of(_until(stop, music.blocks(BLOCK_FRAMES)), music.n_frames)
    except InputError as error:
        return "; ".join(error.problems)
    except OSError as error:
        return f"{path}: cannot read: {reason_of_system(error)}"


def _until(
    stop: threading.Event, blocks: Iterator[NDArray[np.float64]]
) -> Iterator[NDArray[np.float64]]:
    """The blocks until the reading is stopped."""
    for block in blocks:
        if stop.is_set():
            return
        yield block


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _save(memory: FileMemory) -> None:
    try:
        memory.save()
    except OSError as error:
        logger.warning("%s; the next run reads all files again", error)
