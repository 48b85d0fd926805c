"""Fetching from a server on this machine that speaks as Zenodo does, and misbehaves."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cadenza.command import main
from cadenza.datasets import fetch, plan_fetch, read_registry, transfer
from cadenza.datasets.registry import Part
from cadenza.demo.packages import tar_of, zip_of
from cadenza.errors import InputError

from .zenodo_mirror import RECORD, Handler, Mirror, serving


def noise(n_bytes: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(n_bytes)


SONGS = noise(600_000)


@pytest.fixture
def mirror(monkeypatch) -> Iterator[Mirror]:
    monkeypatch.setattr(transfer, "_CHUNK_BYTES", 10_000)
    monkeypatch.setattr(transfer.Download.__init__, "__kwdefaults__", {"first_wait_s": 0.001})
    files = {"core.tgz": tar_of({"root/metadata/a.json": b"{}"}), "songs.bin": SONGS}
    with serving(Mirror(files)) as mirror:
        yield mirror


def part(file: str, **changes: object) -> Part:
    return Part(file.split(".")[0], RECORD, file, 1e3, **{"unpack": False, **changes})


def load(mirror: Mirror, folder: Path, file: str = "songs.bin", **changes: object) -> Path:
    fetch(plan_fetch([part(file, **changes)], folder, url=mirror.url))
    return folder / "downloads" / file


def cut(handler: Handler, content: bytes) -> bool:
    """Half of it, and then the connection breaks."""
    handler.send(200, content[: len(content) // 2], length=len(content), ETag='"1"')
    handler.wfile.flush()
    handler.connection.close()
    return True


def status(code: int, **headers: str) -> Callable[[Handler, bytes], bool]:
    def answer(handler: Handler, _: bytes) -> bool:
        handler.send(code, b"no", **headers)
        return True

    return answer


# Whole or absent


def test_a_file_arrives_and_is_verified_once(mirror, tmp_path, monkeypatch):
    path = load(mirror, tmp_path)
    assert path.read_bytes() == SONGS
    assert sorted(p.name for p in path.parent.iterdir()) == ["songs.bin"]
    assert mirror.ranges == [None]
    load(mirror, tmp_path)  # is there
    assert mirror.ranges == [None]

    monkeypatch.setattr("cadenza.datasets.zenodo.hashlib.file_digest", None)  # would be read again
    load(mirror, tmp_path)


def test_parts_are_loaded_side_by_side_and_unpacked(mirror, tmp_path):
    mirror.files["more.zip"] = zip_of({"b.txt": b"b"})
    parts = [part("core.tgz", unpack=True), part("songs.bin"), part("more.zip", unpack=True)]
    fetch(plan_fetch(parts, tmp_path, url=mirror.url), connections=3)
    assert (tmp_path / "root/metadata/a.json").read_text() == "{}"
    assert (tmp_path / "more/b.txt").read_text() == "b"
    plan = plan_fetch(parts, tmp_path, url=mirror.url)
    assert plan.n_bytes == plan.n_disk_bytes == 0
    (tmp_path / "root/metadata/a.json").unlink()  # the user's own decision
    fetch(plan)
    assert not (tmp_path / "root/metadata/a.json").exists()


@pytest.mark.parametrize(
    "answers",
    [
        [cut],
        [cut, cut, cut],
        [status(500), status(503), status(502)],
        [status(429, Retry_After="0")],
        [cut, status(500)],
        [lambda handler, content: handler.send(200, content + b"more") or True],
        [lambda handler, content: handler.send(200, content[:-9]) or True],
        [lambda handler, content: handler.send(200, b"") or True],
        [lambda handler, _: handler.connection.close() or True],
        [cut, status(416)],
        [cut, lambda handler, content: handler.send(200, content) or True],  # knows no ranges
        [
            cut,
            lambda h, c: h.send(206, c[9:], Content_Range=f"bytes 9-{len(c) - 1}/{len(c)}") or True,
        ],
        [lambda handler, content: handler.send(200, noise(len(content), 5)) or True],  # damaged
    ],
)
def test_whatever_the_server_does_the_file_is_right_in_the_end(mirror, tmp_path, answers):
    mirror.answers = [*answers]
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert mirror.answers == []


def test_a_broken_download_continues_where_it_was(mirror, tmp_path):
    mirror.answers = [cut]
    load(mirror, tmp_path)
    assert mirror.ranges[0] is None
    start = int(mirror.ranges[1].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= len(SONGS) // 2


def test_a_download_continues_in_a_later_run(mirror, tmp_path):
    mirror.answers = [cut, *[status(500)] * 20]
    with pytest.raises(InputError, match="gave up after 8 attempts: the server answers 500"):
        load(mirror, tmp_path)
    assert not (tmp_path / "downloads/songs.bin").exists()
    plan = plan_fetch([part("songs.bin")], tmp_path, url=mirror.url)
    assert 0 < plan.n_bytes < len(SONGS)
    mirror.answers, mirror.ranges = [], []
    assert load(mirror, tmp_path).read_bytes() == SONGS
    assert mirror.ranges[0].startswith("bytes=")


def test_a_file_that_changes_between_two_requests_is_loaded_again(mirror, tmp_path):
    mirror.answers = [cut, *[status(500)] * 20]
    with pytest.raises(InputError):
        load(mirror, tmp_path)
    mirror.files["songs.bin"] = noise(len(SONGS), seed=3)  # the record lists the new one
    mirror.answers, mirror.ranges = [], []
    assert load(mirror, tmp_path).read_bytes() == mirror.files["songs.bin"]
    assert mirror.ranges == [None]


def test_a_wrong_checksum_is_refused(mirror, tmp_path):
    mirror.checksums["songs.bin"] = f"md5:{'0' * 32}"
    with pytest.raises(InputError, match="does not match the checksum of the record, twice"):
        load(mirror, tmp_path)
    assert mirror.ranges == [None, None]
    assert [p for p in (tmp_path / "downloads").iterdir() if p.suffix != ".json"] == []


def test_a_missing_file_does_not_stop_the_others(mirror, tmp_path):
    mirror.answers = [status(404)]
    parts = [part("songs.bin"), part("core.tgz")]
    with pytest.raises(InputError, match=r"files/songs\.bin/content: the server answers 404"):
        fetch(plan_fetch(parts, tmp_path, url=mirror.url), connections=1)
    assert (tmp_path / "downloads/core.tgz").exists()


def test_a_redirect_is_followed(mirror, tmp_path):
    mirror.answers = [status(302, Location="/songs.bin")]
    assert load(mirror, tmp_path).read_bytes() == SONGS


def test_a_link_may_be_relative_to_the_record(mirror, tmp_path, monkeypatch):
    listing = mirror.listing()
    listing["files"][1]["links"]["self"] = "../../songs.bin"
    monkeypatch.setattr(mirror, "listing", lambda: listing)
    plan = plan_fetch([part("songs.bin")], tmp_path, url=mirror.url)
    assert plan.steps[0].file.url == f"{mirror.url}/songs.bin"
    fetch(plan)
    assert (tmp_path / "downloads/songs.bin").read_bytes() == SONGS


def test_a_slow_server_is_asked_again(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_TIMEOUT_S", (5, 0.1))
    waiting = threading.Event()

    def slow(handler: Handler, content: bytes) -> bool:
        handler.send(200, content[:50_000], length=len(content), ETag='"1"')
        handler.wfile.flush()
        return not waiting.wait(0.4)

    mirror.answers = [slow]
    assert load(mirror, tmp_path).read_bytes() == SONGS


# The plan


def test_without_a_connection_what_is_there_is_verified(mirror, tmp_path):
    load(mirror, tmp_path)
    nowhere = "http://127.0.0.1:9"
    plan = plan_fetch([part("songs.bin")], tmp_path, url=nowhere)
    assert "connection refused" in plan.offline
    fetch(plan)
    (tmp_path / "downloads/songs.bin").write_bytes(SONGS[:-1] + b"x")  # damaged
    plan = plan_fetch([part("songs.bin")], tmp_path, url=nowhere)
    with pytest.raises(InputError, match=r"connection refused\. Missing: songs"):
        fetch(plan)
    with pytest.raises(InputError, match="Without a connection nothing can be fetched"):
        plan_fetch([part("songs.bin")], tmp_path / "other", url=nowhere)


def test_a_changed_record_is_told(mirror, tmp_path, caplog):
    load(mirror, tmp_path)
    mirror.files["songs.bin"] = noise(1000, seed=3)
    path = load(mirror, tmp_path)
    assert f"record {RECORD} has changed: songs.bin has another content" in caplog.text
    assert path.read_bytes() == noise(1000, seed=3)
    load(mirror, tmp_path, md5="1" * 32)
    assert "is not the file of the registry" in caplog.text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"key": "../x", "size": 1}, "must not lead to another folder"),
        ({"key": "x", "size": "1"}, "the size must be a number of bytes"),
        ({"key": "x", "size": 1, "checksum": "abc"}, "the checksum must be like md5"),
        ({"key": "x", "size": 1, "links": {"self": "file:///x"}}, "must be http or https"),
        ({"size": 1}, "KeyError: 'key'"),
    ],
)
def test_a_strange_record_is_refused(mirror, tmp_path, monkeypatch, entry, message):
    entry = {"checksum": "md5:0", "links": {"self": "http://x"}, **entry}
    monkeypatch.setattr(mirror, "listing", lambda: {"files": [entry]})
    with pytest.raises(InputError, match=message):
        plan_fetch([part("x")], tmp_path, url=mirror.url)


def test_the_disk_must_be_large_enough(mirror, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("cadenza._paths.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"0\.0 GB are needed, 0\.0 GB are free"):
        load(mirror, tmp_path)
    assert mirror.ranges == []


def test_one_process_fetches_at_a_time(mirror, tmp_path):
    plan = plan_fetch([part("songs.bin")], tmp_path, url=mirror.url)
    inner: list[str] = []

    def again(_: Handler, __: bytes) -> bool:
        with pytest.raises(InputError) as caught:
            fetch(plan)
        inner.append(str(caught.value))
        return False

    mirror.answers = [again]
    fetch(plan)
    assert "another process is fetching into this folder" in inner[0]


# Archives


def link(name: str, target: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        archive.addfile(info)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tar_of({"good.txt": b"1", "../evil.txt": b"2"}), "leaves the folder it is unpacked to"),
        (tar_of({"/etc/evil.txt": b"2"}), "leaves the folder it is unpacked to"),
        (tar_of({"C:\\evil.txt": b"2"}), "leaves the folder it is unpacked to"),
        (link("evil", "/etc/passwd"), "is a link or a device, not a file"),
        (tar_of({"a": bytes(150_000_000)}), "times its size"),
        (tar_of({"a.txt": b"1", "A.txt": b"2"}), "is in it twice"),
        (tar_of({"a": noise(100_000)})[:50_000], "damaged"),
        (b"no archive", "damaged"),
    ],
    ids=["parent", "absolute", "drive", "link", "bomb", "twice", "truncated", "text"],
)
def test_a_dangerous_archive_leaves_nothing(mirror, tmp_path, content, message):
    mirror.files["core.tgz"] = content
    folder = tmp_path / "data"
    with pytest.raises(InputError, match=message):
        load(mirror, folder, "core.tgz", unpack=True)
    assert sorted(p.name for p in folder.iterdir()) == [".cadenza-fetch", "downloads"]
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


# The registry and the command line


def test_the_registry_can_be_extended(tmp_path):
    more = tmp_path / "more.toml"
    more.write_text(
        "[icassp_2024.parts.extra]\nfile='x.tgz'\nabout_bytes=1\n"
        "[mine]\nrecord=1\n[mine.parts.a]\nfile='a.zip'\nabout_bytes=5\n"
    )
    challenges = read_registry(more)
    assert challenges["icassp_2024"].parts["extra"].record == 13285307
    assert challenges["mine"].choose(("all",)) == [Part("a", 1, "a.zip", 5)]
    for text, message in (
        ("[mine.parts.a]\nfile='a'\nabout_bytes=1", "needs record"),
        ("[mine.parts.a]\nrecord=1\nfile='../a'\nabout_bytes=1", "without a folder"),
        ("[mine.parts.a]\nrecord='1'\nfile='a'\nabout_bytes=1", "has a wrong record"),
        ("[mine.parts.a]\nrecrod=1", "unknown keys: recrod"),
        ("[mine]\nparts=3", "must be a table"),
        ("mine", "expected TOML"),
    ):
        more.write_text(text)
        with pytest.raises(InputError, match=message):
            read_registry(more)


def test_the_command(mirror, tmp_path, capsys, monkeypatch):
    more = tmp_path / "more.toml"
    more.write_text(
        f"[mine]\ntitle='Mine'\nrecord={RECORD}\n[mine.parts.core]\nfile='core.tgz'\n"
        "about_bytes=150\ncontent='metadata'\n"
    )
    registry = ["--registry", str(more)]
    assert main(["fetch", "mine", *registry]) == 0
    assert "core         about 150 bytes  metadata" in capsys.readouterr().out
    to = ["--to", str(tmp_path / "data")]
    monkeypatch.setenv("CADENZA_ZENODO_URL", mirror.url)
    assert main(["fetch", "mine", "core", *registry, *to, "--dry-run"]) == 0
    assert "to fetch, to be unpacked" in capsys.readouterr().out
    assert not (tmp_path / "data/downloads").exists()
    assert main(["fetch", "mine", "core", *registry, *to]) == 0
    assert (tmp_path / "data/root/metadata/a.json").exists()
    assert f"path.root={tmp_path}/data/root\n" in capsys.readouterr().out
    assert main(["fetch", "mine", "core", *registry, *to, "--from", mirror.url]) == 0
    assert "is there and whole, unpacked" in capsys.readouterr().out
    for arguments, message in (
        (["mine", "cores", *to], "mine has no part cores: there are core, and all"),
        (["theirs", "core", *to], "no challenge theirs: there are icassp_2024"),
        (["mine", "core"], "missing option --to FOLDER"),
    ):
        assert main(["fetch", *arguments, *registry]) == 2
        assert message in capsys.readouterr().err
