"""Reading audio and zip files to their end, side by side, and remembering which are whole."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from cadenza import audio
from cadenza._archive import read_zip
from cadenza._files import FileMemory, stamp_of
from cadenza.audio_blocks import AudioBlocks
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

MEMORY = ".cadenza-validate.json"
"""File in the root that tells which files were read and found whole."""

_FRAMES = 2**17  # at a time: some 2 MB of stereo music
_BETWEEN_SAVES_S = 10
_WHOLE = "whole"


def read_all(paths: Sequence[Path], memory_file: Path, *, jobs: int) -> dict[Path, str]:
    """Read audio and zip files to their end; returns what is wrong, for those that are damaged.

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
    todo = [path for path in dict.fromkeys(paths) if memory.get(path) != _WHOLE]
    stamps = {path: stamp_of(path) for path in todo}
    stop = threading.Event()
    problems: dict[Path, str] = {}
    pool = ThreadPoolExecutor(jobs)
    n_bytes = sum(size for size, _ in stamps.values())
    bar = tqdm(total=n_bytes, unit="B", unit_scale=True, desc="reading", disable=None)
    try:
        tasks = {pool.submit(_read, path, stop): path for path in todo}
        saved_s = time.monotonic()
        for task in as_completed(tasks):
            path = tasks[task]
            if problem := task.result():
                problems[path] = problem
            else:
                memory.set(path, _WHOLE, stamps[path])
            bar.update(stamps[path][0])
            if time.monotonic() - saved_s > _BETWEEN_SAVES_S:
                _save(memory)
                saved_s = time.monotonic()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        bar.close()
        if todo:
            _save(memory)
    return problems


def _read(path: Path, stop: threading.Event) -> str:
    """What is wrong with a file; empty if nothing is."""
    try:
        for _ in read_zip(path) if path.suffix.lower() == ".zip" else _blocks(path):
            if stop.is_set():
                break
    except InputError as error:
        return "; ".join(error.problems)
    except OSError as error:
        return f"{path}: cannot read: {error}"
    return ""


def _blocks(path: Path) -> Iterator[object]:
    header = audio.info(path)
    music = AudioBlocks(path, sample_rate=header.sample_rate, channels=header.channels)
    return music.blocks(_FRAMES)


def _save(memory: FileMemory) -> None:
    try:
        memory.save()
    except OSError as error:
        logger.warning("%s; the next run reads all files again", error)
