"""Unpacking into a folder with other files: nothing is lost, no file of the user replaced."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cadenza.datasets import unpacking
from cadenza.datasets.unpacking import Manifest, read_manifest, unpack
from cadenza.demo.packages import tar_of, zip_of
from cadenza.errors import InputError

SONGS = {"root/audio/a.wav": b"a" * 100, "root/audio/b.wav": b"b" * 200, "root/README": b"1"}


class Box:
    """A folder for data, with archives and notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "downloads").mkdir()
        (folder / ".cadenza-fetch").mkdir()

    def manifest(self, name: str) -> Path:
        return self.folder / ".cadenza-fetch" / f"unpacked-{name}.json"

    def unpack(self, content: bytes, name: str = "a.tgz", **options: bool) -> None:
        (self.folder / "downloads" / name).write_bytes(content)
        archive = self.folder / "downloads" / name
        unpack(archive, self.folder, self.manifest(name), str(hash(content)), **options)

    @property
    def files(self) -> dict[str, bytes]:
        """All that is there besides downloads and notes."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
            and path.relative_to(self.folder).parts[0] not in ("downloads", ".cadenza-fetch")
        }

    @property
    def notes(self) -> list[str]:
        return sorted(path.name for path in (self.folder / ".cadenza-fetch").iterdir())


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_what_is_missing_comes_back_and_the_rest_stays(box):
    box.unpack(tar_of(SONGS))
    assert box.files == SONGS
    (box.folder / "root/audio/a.wav").unlink()
    times = {name: (box.folder / name).stat().st_mtime_ns for name in box.files}
    box.unpack(tar_of(SONGS))
    assert box.files == SONGS
    assert {name: (box.folder / name).stat().st_mtime_ns for name in times} == times
    assert box.notes == ["unpacked-a.tgz.json"]


@pytest.mark.parametrize("archive", [tar_of(SONGS), zip_of(SONGS)], ids=["tar", "zip"])
def test_sizes_and_content_are_compared(box, archive):
    box.unpack(archive)
    manifest = read_manifest(box.manifest("a.tgz"))
    first, second, third = (box.folder / name for name in manifest.files)
    first.unlink()
    second.write_bytes(b"longer" * 100)
    third.write_bytes(b"2")  # of the same size
    names = [path.relative_to(box.folder).as_posix() for path in (first, second, third)]
    assert manifest.compare(box.folder) == (names[:1], names[1:2])
    assert manifest.compare(box.folder, content=True) == (names[:1], names[1:])


def test_edited_files_are_replaced_only_for_repair(box, caplog):
    box.unpack(tar_of(SONGS))
    (box.folder / "root/README").write_bytes(b"mine")
    (box.folder / "root/audio/a.wav").unlink()
    box.unpack(tar_of(SONGS))
    assert box.files == SONGS | {"root/README": b"mine"}
    box.unpack(tar_of(SONGS), repair=True)
    assert box.files == SONGS


def test_files_of_the_user_are_never_replaced(box):
    mine = {"root/README": b"mine", "root/notes": b"mine too"}
    (box.folder / "root").mkdir()
    for name, content in mine.items():
        (box.folder / name).write_bytes(content)
    for repair in (False, True):
        with pytest.raises(InputError, match=r"are in the way: root/README\. Move them"):
            box.unpack(tar_of(SONGS), repair=repair)
        assert box.files == mine, "nothing is written"
        assert box.notes == []
    (box.folder / "root/README").write_bytes(SONGS["root/README"])
    box.unpack(tar_of(SONGS))
    assert box.files == SONGS | {"root/notes": b"mine too"}


def test_files_and_folders_in_each_others_place(box):
    (box.folder / "root").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"are in the way: root\."):
        box.unpack(tar_of(SONGS))
    assert box.files == {"root": b"mine"}
    (box.folder / "root").unlink()
    (box.folder / "root/README").mkdir(parents=True)
    with pytest.raises(InputError, match=r"are in the way: root/README\."):
        box.unpack(tar_of(SONGS))
    assert box.files == {}


NEW = {"root/README": b"2", "root/audio/a.wav": b"A" * 100, "root/c.wav": b"c"}


def test_a_new_version_replaces_the_old_one(box):
    box.unpack(tar_of(SONGS | {"root/old/x/y": b"y"}))
    (box.folder / "root/mine").write_bytes(b"mine")
    box.unpack(tar_of(NEW))
    assert box.files == NEW | {"root/mine": b"mine"}
    assert not (box.folder / "root/old").exists()
    assert read_manifest(box.manifest("a.tgz")).compare(box.folder, content=True) == ([], [])


def test_a_new_version_leaves_what_was_edited(box, caplog):
    box.unpack(tar_of(SONGS))
    (box.folder / "root/README").write_bytes(b"x")  # of the same size
    (box.folder / "root/audio/b.wav").write_bytes(b"mine")
    box.unpack(tar_of(NEW))
    assert box.files == NEW | {"root/README": b"x", "root/audio/b.wav": b"mine"}
    assert "edited files are not replaced, unless --repair is given: root/README" in caplog.text
    assert "edited files of the version before stay: root/audio/b.wav" in caplog.text
    box.unpack(tar_of(NEW), repair=True)
    assert box.files == NEW | {"root/audio/b.wav": b"mine"}


def test_two_archives_may_share_files(box):
    box.unpack(tar_of({"README": b"1", "a": b"a", "same": b"s"}), "a.tgz")
    box.unpack(tar_of({"README": b"2", "b": b"b", "same": b"s"}), "b.tgz")
    assert box.files == {"README": b"2", "a": b"a", "b": b"b", "same": b"s"}
    for name in ("a.tgz", "b.tgz"):
        assert read_manifest(box.manifest(name)).compare(box.folder, content=True) == ([], [])
    box.unpack(tar_of({"a": b"new"}), "a.tgz")
    assert box.files == {"README": b"2", "a": b"new", "b": b"b", "same": b"s"}


@pytest.mark.parametrize("inner", ["x/", ""])
def test_a_zip_goes_into_a_folder_of_its_name(box, inner):
    box.unpack(zip_of({f"{inner}a": b"a", f"{inner}b/c": b"c"}), "x.zip")
    assert box.files == {"x/a": b"a", "x/b/c": b"c"}


def test_nothing_of_a_zip_is_lost(box):
    box.unpack(zip_of({"x/a": b"a", "other/b": b"b", "README": b"r"}), "x.zip")
    assert box.files == {"x/a": b"a", "x/other/b": b"b", "x/README": b"r"}
    box.unpack(zip_of({"y/README": b"1", "README": b"2", "__MACOSX/y/._README": b"3"}), "y.zip")
    assert box.files.items() >= {"y/y/README": b"1", "y/README": b"2"}.items()
    assert len(box.files) == 5


def test_a_zip_is_unpacked_after_whatever_happened(box):
    """A new version, a kill before the list was written, and a folder of the user's."""
    (box.folder / "x").mkdir()
    (box.folder / "x/mine").write_bytes(b"mine")
    box.unpack(zip_of({"a": b"1", "b": b"1"}), "x.zip")
    box.unpack(zip_of({"a": b"2"}), "x.zip")
    assert box.files == {"x/mine": b"mine", "x/a": b"2"}
    box.manifest("x.zip").unlink()
    box.unpack(zip_of({"a": b"2"}), "x.zip")
    assert box.files == {"x/mine": b"mine", "x/a": b"2"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.zip", zip_of({}), "there are no files in it"),
        ("downloads.zip", zip_of({"a": b"1"}), "'downloads' would be among the downloads"),
        (".x.zip", zip_of({"a": b"1"}), r"'\.x' would be hidden"),
        ("x.zip", zip_of({"a": b"1", "a/b": b"1"}), "below a member that is a file"),
        ("x.zip", zip_of({"x" * 300: b"1"}), "too long for a file name"),
    ],
)
def test_refused_zip_files(box, name, content, message):
    with pytest.raises(InputError, match=message):
        box.unpack(content, name)
    assert (box.files, box.notes) == ({}, [])


def test_a_kill_between_moving_files_is_made_good(box, monkeypatch):
    moves = []

    def stop(source: Path, target: Path) -> None:
        if moves:
            raise KeyboardInterrupt
        moves.append(target)
        source.replace(target)

    box.unpack(tar_of({"a": b"1", "b": b"1", "c": b"1"}))
    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "_move", stop)
        with pytest.raises(KeyboardInterrupt):
            box.unpack(tar_of({"a": b"2", "b": b"2"}))
    assert box.files == {"a": b"2", "b": b"1", "c": b"1"}
    box.unpack(tar_of({"a": b"2", "b": b"2"}))
    assert box.files == {"a": b"2", "b": b"2"}


def test_a_folder_on_another_disk(box, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("disk")
    (box.folder / "audio").symlink_to(other)
    replace = os.replace

    def only_on_one_disk(source, target, **options):
        if (other in Path(target).resolve().parents) != (other in Path(source).resolve().parents):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        return replace(source, target, **options)

    monkeypatch.setattr(os, "replace", only_on_one_disk)
    monkeypatch.setattr(Path, "replace", lambda self, target: only_on_one_disk(self, target))
    box.unpack(tar_of({"audio/a.wav": b"a", "b": b"b"}))
    assert [path.name for path in other.iterdir()] == ["a.wav"]
    assert (box.folder / "b").read_bytes() == b"b"


def test_a_full_disk(box, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cadenza.datasets.tarballs.write_member", full)
    with pytest.raises(InputError, match=r"a\.tgz: cannot unpack into .*: no space left"):
        box.unpack(tar_of(SONGS))
    assert (box.files, box.notes) == ({}, [])


@pytest.mark.parametrize(
    "text", ["", "[]", '{"checksum": "1"}', '{"checksum": "1", "files": {"a": 3}}']
)
def test_a_damaged_list_is_made_again(box, text):
    box.unpack(tar_of(SONGS))
    box.manifest("a.tgz").write_text(text)
    assert read_manifest(box.manifest("a.tgz")) == Manifest("", {})
    box.unpack(tar_of(SONGS))
    assert read_manifest(box.manifest("a.tgz")).files.keys() == SONGS.keys()


def test_a_list_names_no_files_elsewhere(box):
    box.manifest("a").write_text('{"checksum": "1", "files": {"../x": [1, 2], "a": [1, 2]}}')
    assert list(read_manifest(box.manifest("a")).files) == ["a"]


def test_everything_is_on_the_disk_before_it_has_its_name(box, monkeypatch):
    calls = []
    monkeypatch.setattr(unpacking, "sync_all", lambda paths: calls.append(sorted(paths)))
    monkeypatch.setattr(unpacking, "_move", lambda *_: calls.append("move"))
    box.unpack(tar_of(SONGS))
    assert [path.name for path in calls[0]] == ["README", "a.wav", "b.wav"]
    assert calls[1:] == ["move"] * 3
