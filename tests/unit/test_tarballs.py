"""Tar files from the internet: what must not be unpacked, and what is damaged."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cadenza import _archive
from cadenza.datasets import tarballs
from cadenza.datasets.tarballs import extract_tar
from cadenza.demo.packages import tar_of, zip_of
from cadenza.errors import InputError

NOISE = np.random.default_rng(0).bytes(100_000)


def plain(members: dict[str, bytes]) -> bytes:
    return gzip.decompress(tar_of(members))


def special(name: str, kind: bytes, target: str = "") -> bytes:
    """An archive whose last member is a link, a device or a pipe."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return file.getvalue()


def with_header(kind: bytes, text: bytes) -> bytes:
    """An archive whose first member has an extended header."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, len(text)
    padding = bytes(-len(text) % 512)
    return info.tobuf(tarfile.GNU_FORMAT) + text + padding + plain({"a": b"1"})


def pax(key: str, value: str) -> bytes:
    n_bytes = len(key) + len(value) + 5
    return with_header(tarfile.XHDTYPE, f"{n_bytes} {key}={value}\n".encode())


def changed(content: bytes, place: int, value: int | None = None) -> bytes:
    other = bytearray(content)
    other[place] = other[place] ^ 255 if value is None else value
    return bytes(other)


def extract(folder: Path, content: bytes) -> dict[str, tuple[int, int]]:
    (folder / "a.tar").write_bytes(content)
    return extract_tar(folder / "a.tar", folder / "out")


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_whatever_the_compression(tmp_path, compress: Callable[[bytes], bytes]):
    members = {"a/b.wav": NOISE, "./c": b"1", "empty": b""}
    found = extract(tmp_path, compress(plain(members)))
    assert list(found) == ["a/b.wav", "c", "empty"]
    assert found["a/b.wav"][0] == len(NOISE)
    assert (tmp_path / "out/a/b.wav").read_bytes() == NOISE


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    assert list(extract(tmp_path, plain({"a": b"1", "b.zip": zip_of({"c": b"2"})}))) == [
        "a",
        "b.zip",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (special("evil", tarfile.SYMTYPE, "/etc/passwd"), "'evil' is a link or a device"),
        (special("evil", tarfile.LNKTYPE, "a"), "'evil' is a link or a device"),
        (special("evil", tarfile.CHRTYPE), "'evil' is a link or a device"),
        (special("evil", tarfile.BLKTYPE), "'evil' is a link or a device"),
        (special("evil", tarfile.FIFOTYPE), "'evil' is a link or a device"),
        (special("evil", tarfile.GNUTYPE_SPARSE), "'evil' is a sparse file"),
        (plain({"a/../../b": b"1"}), "leaves the folder"),
        (plain({".bashrc": b"1"}), r"'\.bashrc' would be hidden"),
        (plain({"./.ssh/authorized_keys": b"1"}), "would be hidden"),
        (plain({".cadenza-fetch/lock": b"1"}), "would be hidden"),
        (plain({"Downloads/core.tgz": b"1"}), "would be among the downloads"),
        (plain({"a": b"1", "./a": b"2"}), r"'\./a' is in it twice"),
        (plain({"a": b"1", "a/b": b"2"}), "'a/b' is below a member that is a file"),
        (plain({"a/b": b"1", "a": b"2"}), "'a' is in it twice"),
        (plain({".": b"1"}), r"'\.' is not a file name"),
        (plain({"": b"1"}), "'' is not a file name"),
        (plain({"x" * 300: b"1"}), r"xxx'\.\.\. is too long"),
        (plain({"x/" * 600: b"1"}), "is too long"),
        (pax("path", "a\0b"), r"'a\\x00b' is not a file name"),
        (pax("size", "-512"), "negative"),
        (plain({}), "there are no files in it"),
    ],
)
def test_members_that_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        extract(tmp_path, content)


def test_what_macos_adds_is_left_out(tmp_path):
    members = {"._songs": b"1", "__MACOSX/b": b"2", "songs/.DS_Store": b"3", "songs/a": b"4"}
    assert list(extract(tmp_path, plain(members))) == ["songs/a"]


TWO = plain({"a": b"1" * 512, "b": b"2" * 512})
PACKED = tar_of({"a": NOISE})


@pytest.mark.parametrize(
    "content",
    [
        TWO[:1024],
        TWO[:1100],
        TWO[:1600],
        changed(TWO, 1024 + 148),
        changed(PACKED, -6),
        changed(PACKED, 50_000),
        PACKED[:-4],
        bz2.compress(TWO)[:-8],
        lzma.compress(TWO)[:-8],
        b"",
        b"no archive" * 100,
        b"\x1f\x8b" + b"no archive" * 100,
    ],
    ids=[
        *("after a member", "in a header", "in a member", "checksum of a header"),
        *("checksum of gzip", "content of gzip", "cut gzip", "cut bzip2", "cut xz"),
        *("empty", "text", "no gzip"),
    ],
)
def test_damaged_archives(tmp_path, content):
    with pytest.raises(InputError, match=r"a\.tar: damaged: "):
        extract(tmp_path, content)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_headers_that_would_fill_the_memory(tmp_path, kind):
    with pytest.raises(InputError, match="refused: a member has too large a header"):
        extract(tmp_path, gzip.compress(with_header(kind, bytes(3_000_000))))


def test_a_bomb_in_a_header_takes_little_memory(tmp_path):
    with gzip.open(tmp_path / "a.tgz", "wb", compresslevel=1) as file:
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = tarfile.GNUTYPE_LONGNAME, 800_000_000
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(90):  # more would only take time
            file.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="too large a header"):
            extract_tar(tmp_path / "a.tgz", tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_chain_of_headers(tmp_path):
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 2
    block = name.tobuf(tarfile.GNU_FORMAT) + b"a\0" + bytes(510)
    with pytest.raises(InputError, match=r"damaged|too large a header"):
        extract(tmp_path, block * 900 + plain({"a": b"1"}))


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(plain({"a": bytes(150_000_000)}), 1),
        gzip.compress(plain({"a": b"1"}) + bytes(150_000_000), 1),
    ],
    ids=["member", "after the end"],
)
def test_bombs(tmp_path, content):
    with pytest.raises(InputError, match=r"it unpacks to over 1.. MB, 200 times its size"):
        extract(tmp_path, content)


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(tarballs, "MAX_MEMBERS", 3)
    extract(tmp_path, plain(dict.fromkeys("abc", b"1")))
    with pytest.raises(InputError, match="it has more than 3 members"):
        extract(tmp_path, plain(dict.fromkeys("defg", b"1")))
    monkeypatch.setattr(_archive, "MAX_MEMBERS", 3)
    (tmp_path / "a.zip").write_bytes(zip_of(dict.fromkeys("defg", b"1")))
    assert "it has 4 members" in _archive.zip_problems(tmp_path / "a.zip")[0]


def test_more_than_is_free_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1999}))
    extract(tmp_path, plain({"a": bytes(1999)}))
    with pytest.raises(InputError, match="it unpacks to more than the 2 kB that are free"):
        extract(tmp_path, plain({"b": bytes(1000), "c": bytes(1000)}))
    assert not (tmp_path / "out/c").exists()
