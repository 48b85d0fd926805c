"""Decoding audio files to their end, side by side, and remembering which are whole."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from cadenza import audio
from cadenza._files import FileMemory, stamp_of
from cadenza.audio_blocks import AudioBlocks
from cadenza.errors import InputError

logger = logging.getLogger(__name__)

MEMORY = ".cadenza-validate.json"
"""File in the root that tells which audio files were decoded."""

_FRAMES = 2**17  # at a time: some 2 MB of stereo music
_BETWEEN_SAVES_S = 10
_WHOLE = "whole"


def decode_all(paths: Sequence[Path], memory_file: Path, *, jobs: int) -> dict[Path, str]:
    """Decode audio files to their end; returns what is wrong, for those that are damaged.

    Files that were whole before, and have the same size and time, are not read again. Ctrl-C stops
    it; what was decoded by then is remembered. The files are decoded in threads: the libraries that
    do it leave the interpreter to others meanwhile.

    Parameters
    ----------
    paths : sequence of Path
        The files; their headers can be read.
    memory_file : Path
        Where it is remembered which files are whole. If it cannot be written, nothing is.
    jobs : int
        Files that are decoded at a time.
    """
    memory = FileMemory(memory_file)
    todo = [path for path in dict.fromkeys(paths) if memory.get(path) != _WHOLE]
    sizes = {path: path.stat().st_size for path in todo}
    stop = threading.Event()
    problems: dict[Path, str] = {}
    pool = ThreadPoolExecutor(jobs)
    bar = tqdm(total=sum(sizes.values()), unit="B", unit_scale=True, desc="decoding", disable=None)
    try:
        tasks = {pool.submit(_decode, path, stop): (path, stamp_of(path)) for path in todo}
        saved_s = time.monotonic()
        for task in as_completed(tasks):
            path, stamp = tasks[task]
            if problem := task.result():
                problems[path] = problem
            else:
                memory.set(path, _WHOLE, stamp)
            bar.update(sizes[path])
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


def _decode(path: Path, stop: threading.Event) -> str:
    """What is wrong with a file; empty if nothing is."""
    try:
        header = audio.info(path)
        blocks = AudioBlocks(path, sample_rate=header.sample_rate, channels=header.channels)
        for _ in blocks.blocks(_FRAMES):
            if stop.is_set():
                break
    except InputError as error:
        return "; ".join(error.problems)
    except OSError as error:
        return f"{path}: cannot read: {error}"
    return ""


def _save(memory: FileMemory) -> None:
    try:
        memory.save()
    except OSError as error:
        logger.warning("%s; the next run decodes all files again", error)
