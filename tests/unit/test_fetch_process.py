"""`cadenza fetch` in a process of its own, which is killed or interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .zenodo_mirror import RECORD, Answer, Mirror, drips, load, noise, serving, silent, stalls_after

SONGS = noise(100_000)
pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals"),
    pytest.mark.usefixtures("ctrl_c"),
]


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"songs.bin": SONGS})) as mirror:
        yield mirror


def start(mirror: Mirror, folder: Path) -> subprocess.Popen[str]:
    """Fetch the songs into a folder, as a user does."""
    registry = folder / "registry.toml"
    registry.write_text(
        f"[mine.parts.songs]\nrecord={RECORD}\nfile='songs.bin'\nabout_bytes=100e3\nunpack=false\n"
    )
    arguments = ["mine", "songs", "--to", "data", "--from", mirror.url, "--registry", registry.name]
    return subprocess.Popen(
        [sys.executable, "-m", "cadenza", "fetch", *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: object, process: subprocess.Popen[str]) -> None:
    end_s = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end_s
        time.sleep(0.02)


def n_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("data/downloads/.*.part"))


def test_a_process_that_is_killed_loses_nothing(mirror, tmp_path):
    mirror.answers = [stalls_after(60_000)]
    process = start(mirror, tmp_path)
    wait_until(lambda: n_bytes(tmp_path) == 60_000, process)
    process.kill()
    process.communicate()
    assert not (tmp_path / "data/downloads/songs.bin").exists()
    assert load(mirror, tmp_path / "data").read_bytes() == SONGS
    assert mirror.ranges == [None, "bytes=60000-"]


@pytest.mark.parametrize("answer", [stalls_after(60_000), drips, silent])
def test_ctrl_c_ends_at_once_whatever_the_server_does(mirror, tmp_path, answer: Answer):
    mirror.answers = [answer]
    process = start(mirror, tmp_path)
    wait_until(lambda: mirror.ranges and (answer is silent or n_bytes(tmp_path)), process)
    start_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - start_s < 4  # a second, and a machine that is busy
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "cadenza: interrupted"
    assert "Traceback" not in errors


def test_ctrl_c_ends_while_the_record_is_asked(mirror, tmp_path):
    mirror.record_answers = [silent]
    process = start(mirror, tmp_path)
    wait_until(lambda: mirror.n_records, process)
    start_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert time.monotonic() - start_s < 4
    process.communicate()
