"""Files that are complete or absent."""

from __future__ import annotations

import os
import socket

import pytest

from cadenza._files import replacing


@pytest.mark.skipif(os.name == "nt", reason="processes are listed in /proc")
def test_the_temporary_file_of_a_killed_process_is_removed(tmp_path):
    running = f".a [1].txt.{socket.gethostname()}-{os.getpid()}-00.tmp"
    killed = f".a [1].txt.{socket.gethostname()}-999999999-00.tmp"
    of_another = f".a.txt.{socket.gethostname()}-999999999-00.tmp"
    for name in (running, killed, of_another):
        (tmp_path / name).touch()
    with replacing(tmp_path / "a [1].txt") as temporary:
        temporary.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == {"a [1].txt", running, of_another}


def test_a_folder_is_listed_once_however_many_files_are_written(tmp_path, monkeypatch):
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or scandir(folder))
    for number in range(5):
        with replacing(tmp_path / f"{number}.txt") as temporary:
            temporary.write_text("new")
    assert listed == [tmp_path]
