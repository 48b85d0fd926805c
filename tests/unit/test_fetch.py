"""Fetching from a server on this machine that speaks as Zenodo does, and misbehaves."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from cadenza.command import main
from cadenza.datasets import fetch, read_registry
from cadenza.datasets.registry import Part
from cadenza.demo.packages import tar_of, zip_of
from cadenza.errors import InputError

from .zenodo_mirror import RECORD, Mirror, load, noise, part, plan, serving


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"core.tgz": tar_of({"root/metadata/a.json": b"{}"})})) as mirror:
        yield mirror


# Archives


def test_archives_are_unpacked_once(mirror, tmp_path):
    mirror.files["more.zip"] = zip_of({"b.txt": b"b"})
    parts = [part("core.tgz", unpack=True), part("more.zip", unpack=True)]
    fetch(plan(mirror, tmp_path, *parts))
    assert (tmp_path / "root/metadata/a.json").read_text() == "{}"
    assert (tmp_path / "more/b.txt").read_text() == "b"
    later = plan(mirror, tmp_path, *parts)
    assert later.n_bytes == later.n_disk_bytes == 0


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
