"""Zip files from the internet: what must not be unpacked is refused before anything is written."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from cadenza._archive import unpack_zips, zip_problems
from cadenza.errors import InputError


def write_zip(path: Path, names: dict[str, bytes], *, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return path


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """A folder whose neighbours a zip must not touch."""
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


@pytest.mark.parametrize("inner", ["music/", ""])
def test_a_zip_of_a_folder_or_of_what_is_in_it(downloads, inner):
    archive = write_zip(downloads / "a.zip", {f"{inner}songs/a.flac": b"a", f"{inner}b.json": b"b"})
    unpack_zips({archive: downloads / "music"})
    found = {p.relative_to(downloads).as_posix() for p in downloads.rglob("*") if p.is_file()}
    assert found == {"a.zip", "music/songs/a.flac", "music/b.json"}


LINK = stat.S_IFLNK | 0o777
REFUSED = [
    ("../evil", 0, "'../evil' leaves the folder"),
    ("music/../../evil", 0, "leaves the folder"),
    ("/tmp/evil", 0, "leaves the folder"),
    ("..\\evil", 0, "leaves the folder"),
    ("C:\\evil", 0, "leaves the folder"),
    ("link", LINK, "'link' is a link or a device"),
    ("pipe", stat.S_IFIFO | 0o666, "is a link or a device"),
]


@pytest.mark.parametrize(("name", "mode", "message"), REFUSED)
def test_members_that_could_do_harm(downloads, name, mode, message):
    bad = write_zip(downloads / "bad.zip", {name: b"/etc/passwd"}, mode=mode)
    good = write_zip(downloads / "good.zip", {"a": b"a"})
    before = sorted(downloads.parent.rglob("*"))
    with pytest.raises(InputError, match=r"bad\.zip: refused: ") as error:
        unpack_zips({good: downloads / "good", bad: downloads / "bad"})
    assert message in str(error.value)
    assert sorted(downloads.parent.rglob("*")) == before, "nothing is written, of no zip"


def test_a_bomb(downloads):
    with zipfile.ZipFile(downloads / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.wav", bytes(50_000_000))
    (problem,) = zip_problems(downloads / "bomb.zip")
    assert "unpacks to 150 MB, over 200 times its own size" in problem


def test_more_than_the_disk_holds(downloads, monkeypatch):
    archive = write_zip(downloads / "a.zip", {"a": bytes(1000)})
    free = type("Usage", (), {"free": 4000})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    with pytest.raises(InputError, match=r"5\.1 kB are needed, 4 kB are free"):
        unpack_zips({archive: downloads / "a"})
    assert not (downloads / "a").exists()


def test_two_members_that_would_be_one_file(downloads):
    archive = write_zip(downloads / "a.zip", {"Cello.flac": b"1", "cello.flac": b"2"})
    assert zip_problems(archive) == [f"{archive}: refused: 'cello.flac' is in it twice"]


def test_encrypted_members(downloads):
    archive = write_zip(downloads / "a.zip", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(signature) + offset
        content[place : place + 2] = struct.pack("<H", 1)
    archive.write_bytes(content)
    assert zip_problems(archive) == [f"{archive}: refused: 'a' is encrypted"]


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"PK\x05\x06" + bytes(10)])
def test_files_that_are_no_zip(downloads, content):
    (downloads / "a.zip").write_bytes(content)
    (problem,) = zip_problems(downloads / "a.zip")
    assert problem.startswith(f"{downloads}/a.zip: damaged: ")


def test_damaged_content_leaves_nothing_behind(downloads):
    archive = write_zip(downloads / "a.zip", {"a": bytes(range(256)) * 100})
    content = bytearray(archive.read_bytes())
    content[40:60] = bytes(20)
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: damaged"):
        unpack_zips({archive: downloads / "a"})
    assert [p.name for p in downloads.iterdir()] == ["a.zip"]
