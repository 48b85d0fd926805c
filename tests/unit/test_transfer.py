"""Downloading from a server that misbehaves: a file is whole in the end, and nothing is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cadenza.datasets import fetch, zenodo
from cadenza.errors import InputError

from .zenodo_mirror import (
    QUICK,
    Handler,
    Mirror,
    breaks_after,
    chunked,
    load,
    noise,
    part,
    partial,
    plan,
    serving,
    silent,
    stalls_after,
    status,
)

SIZE = 100_000
SONGS = noise(SIZE)
HALF = breaks_after(SIZE // 2)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"songs.bin": SONGS, "core.tgz": noise(1000, seed=1)})) as mirror:
        yield mirror


def starts(mirror: Mirror) -> list[int]:
    """First bytes that were asked for."""
    given = [wanted or "bytes=0-" for wanted in mirror.ranges]
    return [int(wanted.removeprefix("bytes=").removesuffix("-")) for wanted in given]


def sends_all(handler: Handler, content: bytes) -> bool:
    """What a server does that knows no ranges."""
    handler.send(200, content)
    return True


def sends_all_but_breaks(handler: Handler, content: bytes) -> bool:
    handler.send(200, content[: SIZE // 4], length=SIZE)
    return True


def has_another_tag(handler: Handler, content: bytes) -> bool:
    handler.send(
        206,
        content[handler.start : handler.start + 10_000],
        length=SIZE - handler.start,
        ETag=f'"{time.monotonic_ns()}"',
        Content_Range=f"bytes {handler.start}-{SIZE - 1}/{SIZE}",
    )
    return True


def hangs_up(handler: Handler, _: bytes) -> bool:
    handler.connection.close()
    return True


# Whole or absent


def test_a_file_arrives_and_is_verified_once(mirror, tmp_path, monkeypatch):
    path = load(mirror, tmp_path)
    assert path.read_bytes() == SONGS
    assert [p.name for p in path.parent.iterdir()] == ["songs.bin"]
    assert mirror.ranges == [None]
    assert {h["Accept-Encoding"] for h in mirror.headers} == {"identity"}
    load(mirror, tmp_path)  # is there
    assert mirror.ranges == [None]

    monkeypatch.setattr("cadenza.datasets.zenodo.hashlib.file_digest", None)  # would be read again
    load(mirror, tmp_path)


@pytest.mark.parametrize(
    "answers",
    [
        [HALF],
        [status(500), status(503), status(502), status(408), status(425)],
        [status(429, Retry_After="0")],
        [HALF, status(500)],
        [lambda h, c: h.send(200, c + b"more") or True],
        [lambda h, c: h.send(200, c[:-9]) or True],
        [lambda h, c: h.send(200, b"") or True],
        [hangs_up],
        [chunked(b"<html>Please log in")],
        [chunked(SONGS[:10_000], complete=False)],
        [chunked(SONGS)],
        [chunked(SONGS + b"more")],
        [lambda h, c: h.send(200, noise(len(c), 5)) or True],  # damaged
    ],
)
def test_whatever_the_server_does_the_file_is_right_in_the_end(mirror, tmp_path, answers):
    mirror.answers = [*answers]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert mirror.answers == []


@pytest.mark.parametrize(
    ("answer", "n_there"),  # None if nothing is missing then
    [
        (status(416), SIZE // 2),
        (status(500), SIZE // 2),
        (sends_all, None),
        (sends_all_but_breaks, SIZE // 2),
        (has_another_tag, SIZE // 2 + 10_000),
        (hangs_up, SIZE // 2),
        (partial(9, SIZE - 1, SIZE, slice(9, None)), None),  # more than was asked for
        (partial(SIZE - 9, SIZE - 1, SIZE, slice(-9, None)), SIZE // 2),
        (partial(SIZE // 2, SIZE - 1, SIZE - 1, slice(SIZE // 2, None)), SIZE // 2),
        (partial(SIZE // 2, SIZE - 1, "*", slice(SIZE // 2, None)), None),
        (partial(SIZE // 2, SIZE, "*", slice(SIZE // 2, None)), SIZE // 2),
        (partial(SIZE // 2, SIZE // 2 + 99, SIZE, slice(SIZE // 2, -99)), SIZE // 2 + 100),
        (status(206), SIZE // 2),
        (chunked(b"<html>Please log in"), SIZE // 2),
        (chunked(noise(SIZE // 2 + 1000, seed=9)), SIZE // 2),
        (lambda h, c: h.send(200, c[:-9]) or True, SIZE // 2),
    ],
)
def test_no_answer_loses_what_has_arrived(mirror, tmp_path, answer, n_there):
    there: list[int] = []

    def look(_: Handler, __: bytes) -> bool:
        (arrived,) = (tmp_path / "downloads").glob(".*.part")
        there.append(arrived.stat().st_size)
        return False

    mirror.answers = [HALF, answer, look]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert there == ([] if n_there is None else [n_there])
    assert starts(mirror)[:2] == [0, SIZE // 2]
    assert len(mirror.ranges) == 2 + len(there)


def test_a_cut_loses_nothing_and_progress_starts_the_count_of_attempts_again(mirror, tmp_path):
    mirror.answers = [breaks_after(5000)] * 19
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert starts(mirror) == list(range(0, SIZE, 5000))


def test_failures_without_progress_are_counted_in_a_row(mirror, tmp_path):
    mirror.answers = [*[status(500)] * 7, breaks_after(1), *[status(500)] * 6]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert len(mirror.ranges) == 15


def test_a_server_with_a_new_tag_for_each_answer_comes_to_an_end(mirror, tmp_path):
    mirror.answers = [breaks_after(0), *[has_another_tag] * 10]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert starts(mirror) == [0, *range(0, SIZE, 10_000)]


def test_after_a_refused_range_all_of_the_file_is_asked_for_once(mirror, tmp_path):
    mirror.answers = [HALF, status(416), breaks_after(SIZE // 4)]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert starts(mirror) == [0, SIZE // 2, 0, SIZE // 2]


def test_a_download_continues_in_a_later_run(mirror, tmp_path):
    mirror.answers = [HALF, *[status(500)] * 20]
    with pytest.raises(InputError) as caught:
        load(mirror, tmp_path)
    assert str(caught.value).endswith(
        "songs.bin/content: gave up after 8 attempts: the server answers 500 Internal Server Error."
        " 50 kB of 100 kB have arrived and are kept: the same command continues from there"
    )
    assert not (tmp_path / "downloads/songs.bin").exists()
    assert plan(mirror, tmp_path, part("songs.bin")).n_bytes == SIZE // 2
    mirror.answers, mirror.ranges = [], []
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert starts(mirror) == [SIZE // 2]


def test_nothing_is_said_to_be_kept_if_nothing_has_arrived(mirror, tmp_path):
    mirror.answers = [status(500)] * 8
    with pytest.raises(InputError, match=r"Internal Server Error$"):
        load(mirror, tmp_path)


def test_another_version_of_a_file_is_loaded_from_its_beginning(mirror, tmp_path):
    mirror.answers = [HALF, *[status(500)] * 20]
    with pytest.raises(InputError):
        load(mirror, tmp_path)
    mirror.files["songs.bin"] = noise(SIZE, seed=3)  # the record lists the new one
    mirror.answers, mirror.ranges = [], []
    assert load(mirror, tmp_path).read_bytes() == mirror.files["songs.bin"]
    assert mirror.ranges == [None]
    assert [p.name for p in (tmp_path / "downloads").iterdir()] == ["songs.bin"]


def test_a_wrong_checksum_is_refused(mirror, tmp_path):
    mirror.checksums["songs.bin"] = f"md5:{'0' * 32}"
    with pytest.raises(InputError, match="does not match the checksum of the record, twice"):
        load(mirror, tmp_path)
    assert mirror.ranges == [None, None]
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_missing_file_does_not_stop_the_others(mirror, tmp_path):
    mirror.answers = [status(404)]
    parts = [part("songs.bin"), part("core.tgz")]
    with pytest.raises(InputError, match=r"songs\.bin/content: the server answers 404 Not Found"):
        fetch(plan(mirror, tmp_path, *parts), connections=1)
    assert (tmp_path / "downloads/core.tgz").exists()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://[::1", "the address, or one it redirects to, is wrong"),
        (f"http://{'a' * 80}.org/", "the address, or one it redirects to, is wrong"),
        ("ftp://127.0.0.1/songs.bin", "the address, or one it redirects to, is wrong"),
        ("/api/records/4711/files/songs.bin/content", "the server redirects without end"),
    ],
)
def test_a_wrong_redirect_is_told_at_once(mirror, tmp_path, location, message):
    mirror.answers = [status(302, Location=location)] * 40
    with pytest.raises(InputError, match=message):
        load(mirror, tmp_path)
    assert len(mirror.ranges) < 40


def test_a_redirect_is_followed(mirror, tmp_path):
    mirror.answers = [status(302, Location="/songs.bin")]
    assert load(mirror, tmp_path).read_bytes() == SONGS


def test_a_file_is_stored_as_it_is_sent(mirror, tmp_path):
    """Some servers say of each .tgz that it is a compressed form of a .tar."""
    mirror.answers = [lambda h, c: h.send(200, c, Content_Encoding="gzip") or True]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert len(mirror.ranges) == 1


def test_a_slow_server_is_asked_again(mirror, tmp_path):
    mirror.answers = [silent, stalls_after(30_000)]
    patience = replace(QUICK, read_timeout_s=0.1)
    assert load(mirror, tmp_path, patience=patience).read_bytes() == SONGS
    assert starts(mirror) == [0, 0, 30_000]


def test_a_file_that_changes_while_it_is_verified_is_verified_again(mirror, tmp_path, monkeypatch):
    digest, read = zenodo.hashlib.file_digest, []

    def touching(file, algorithm):
        read.append(file.name)
        found = digest(file, algorithm)
        if len(read) <= 2:
            os.utime(file.name)
        return found

    monkeypatch.setattr(zenodo.hashlib, "file_digest", touching)
    for n_read in (1, 2, 3, 3):
        load(mirror, tmp_path)
        assert len(read) == n_read
    assert mirror.ranges == [None]
