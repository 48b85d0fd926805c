"""Downloads side by side: their progress, and that they stop."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cadenza.datasets import fetch, zenodo
from cadenza.datasets.connection import StoppedError, open_session
from cadenza.datasets.downloads import ByteProgress, download_all
from cadenza.datasets.transfer import Download, n_bytes_there

from .zenodo_mirror import QUICK, Handler, Mirror, breaks_after, noise, part, plan, serving, silent

SIZE = 100_000
SONGS = noise(SIZE)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"songs.bin": SONGS, "core.tgz": noise(1000, seed=1)})) as mirror:
        yield mirror


def download(mirror: Mirror, folder: Path, *, stop: threading.Event, shown: list[int]) -> Download:
    file = plan(mirror, folder, part("songs.bin")).steps[0].file
    session = open_session()
    return Download(
        session, file, folder / "songs.bin", show=shown.append, stop=stop, patience=QUICK
    )


def test_progress_goes_back_by_what_must_be_loaded_again(mirror, tmp_path):
    damaged = noise(SIZE, seed=4)
    mirror.answers = [breaks_after(SIZE // 2), lambda h, _: h.answer(damaged) or True]
    shown: list[int] = []
    download(mirror, tmp_path, stop=threading.Event(), shown=shown).run()
    assert sum(shown) == SIZE
    assert -SIZE in shown


def test_a_download_that_is_told_to_stop_writes_no_more(mirror, tmp_path):
    stop, shown = threading.Event(), []
    mirror.answers = [lambda *_: stop.set()]
    task = download(mirror, tmp_path, stop=stop, shown=shown)
    with pytest.raises(StoppedError):
        task.run()
    assert shown == []


def test_a_download_that_is_stopped_while_it_is_verified_gets_no_name(
    mirror, tmp_path, monkeypatch
):
    digest, stop = zenodo.hashlib.file_digest, threading.Event()

    def slow(*arguments):
        stop.set()
        return digest(*arguments)

    monkeypatch.setattr(zenodo.hashlib, "file_digest", slow)
    with pytest.raises(StoppedError):
        download(mirror, tmp_path, stop=stop, shown=[]).run()
    assert not (tmp_path / "songs.bin").exists()


@pytest.mark.usefixtures("ctrl_c")
def test_after_ctrl_c_no_thread_writes(mirror, tmp_path):
    stopped, sent = threading.Event(), threading.Event()

    def interrupt(handler: Handler, content: bytes) -> bool:
        handler.answer(content, SIZE // 2)
        _thread.interrupt_main()
        stopped.wait(20)
        handler.wfile.write(content[SIZE // 2 :])
        sent.set()
        return True

    mirror.answers = [interrupt]
    file = plan(mirror, tmp_path, part("songs.bin")).steps[0].file
    target = tmp_path / "songs.bin"
    with pytest.raises(KeyboardInterrupt):
        download_all({target: file}, connections=2, patience=QUICK, keep=lambda *_: None)
    stopped.set()
    assert sent.wait(20)
    time.sleep(0.1)
    assert n_bytes_there(target, file) == SIZE // 2
    assert not target.exists()


def test_files_are_loaded_side_by_side(mirror, tmp_path):
    meeting, most, now = threading.Barrier(3), [0], [0]
    lock = threading.Lock()

    def meet(_: Handler, __: bytes) -> bool:
        meeting.wait(20)
        return False

    def count(_: Handler, __: bytes) -> bool:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return False

    mirror.files = {f"{i}.bin": noise(1000, seed=i) for i in range(3)}
    parts = [part(name) for name in mirror.files]
    mirror.answers = [meet] * 3
    fetch(plan(mirror, tmp_path / "a", *parts), connections=3)
    mirror.answers = [count] * 3
    fetch(plan(mirror, tmp_path / "b", *parts), connections=1)
    assert most == [1]
    for name, content in mirror.files.items():
        assert (tmp_path / "a/downloads" / name).read_bytes() == content
        assert (tmp_path / "b/downloads" / name).read_bytes() == content


def test_an_error_of_the_program_stops_all_downloads(mirror, tmp_path):
    mirror.answers = [lambda h, c: False if len(c) == 1000 else silent(h, c)] * 2
    steps = plan(mirror, tmp_path, part("songs.bin"), part("core.tgz")).steps
    files = {tmp_path / step.file.name: step.file for step in steps}

    def keep(path: Path, _: object) -> None:
        raise RuntimeError(path.name)

    start_s = time.monotonic()
    with pytest.raises(RuntimeError, match=r"core\.tgz"):
        download_all(files, connections=2, patience=QUICK, keep=keep)
    assert time.monotonic() - start_s < 5
    assert n_bytes_there(tmp_path / "songs.bin", steps[0].file) == 0


def test_progress_without_a_terminal():
    times = iter([0, 1, 12, 13, 60, 73, 74, 80])
    progress = ByteProgress(10**9, 10**8, clock=lambda: float(next(times)))
    n_bytes = [10**8, 0, 10**7, 10**7, 0, -(10**8) - 2 * 10**7, 5 * 10**8]
    assert [progress.add(n) for n in n_bytes] == [
        None,  # too early
        "200 MB of 1 GB (20 %), 8.33 MB/s, 2 min left",
        None,  # too little
        None,
        "220 MB of 1 GB (22 %), 1.64 MB/s, 8 min left",
        None,
        None,
    ]
