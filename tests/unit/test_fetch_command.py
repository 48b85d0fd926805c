"""Mistakes and mishaps with `cadenza fetch`, and what it says to do next."""

from __future__ import annotations

import errno
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cadenza.command import main
from cadenza.datasets import fetching
from cadenza.demo.packages import tar_of, zip_of

from .zenodo_mirror import RECORD, Mirror, serving

SONG, LISTENERS = "cad1/audio/song.wav", "cad1/metadata/listeners.valid.json"


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    files = {
        "core.tgz": tar_of({LISTENERS: b"{}"}),
        "songs.tgz": tar_of({SONG: bytes(range(256)) * 4000}),
        "metadat.zip": zip_of({"metadata/gains.json": b"{}"}),
        "more.zip": zip_of({"a.txt": b"1"}),
    }
    with serving(Mirror(files)) as mirror:
        yield mirror


@pytest.fixture
def fetch(mirror, tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """The command in an empty folder, with a registry of small parts; returns what it says."""
    registry = tmp_path / "registry.toml"
    registry.write_text(
        f"""
        [cad1_task1.parts]
        metadata = {{record={RECORD}, file="core.tgz", about_bytes=150, content="metadata"}}
        music = {{record={RECORD}, file="songs.tgz", about_bytes=5000}}
        more = {{record={RECORD}, file="more.zip", about_bytes=150}}
        [cad2_task2.parts]
        metadata = {{record={RECORD}, file="metadat.zip", about_bytes=150, unpack=false}}
        """
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CADENZA_ZENODO_URL", mirror.url)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["fetch", *arguments, "--registry", str(registry)])
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("folder", "root", "download"),
    [
        ("data", "path.root=data", "path.zenodo_download_path=data/downloads"),
        (
            "my data, 2",
            """'path.root="my data, 2"'""",
            """'path.zenodo_download_path="my data, 2/downloads"'""",
        ),
    ],
)
def test_what_to_do_with_a_download_that_a_script_unpacks(fetch, folder, root, download):
    """In words that the shell and Hydra accept, and also when it has unpacked the metadata."""
    Path(folder, "downloads", "metadata").mkdir(parents=True)
    status, output, _ = fetch("cad2_task2", "metadata", "--to", folder)
    assert status == 0
    *_, recipes, process, validate = output.splitlines()
    assert recipes == f"For the recipes: {root}"
    assert process == f"For process_zenodo_download.py, which comes first, also: {download}"
    assert shlex.split(validate)[-1] == folder


def test_the_beginning_of_a_name_is_enough(fetch):
    assert fetch("icassp")[1].startswith("ICASSP 2024:")
    message = "cadenza: cad1 may be cad1_task1 or cad1_task2: write the full name\n"
    assert fetch("cad1") == (2, "", message)


def test_music_without_metadata(fetch):
    status, output, _ = fetch("cad1_task1", "music", "--to", "my data")
    command = "cadenza fetch cad1_task1 metadata --to 'my data'"
    assert (status, output.splitlines()[-1]) == (
        0,
        f"The recipes also need the metadata: {command}",
    )
    fetch(*shlex.split(command)[2:])
    assert fetch("cad1_task1", "music", "--to", "my data")[1].splitlines()[-2] == (
        "For the recipes: 'path.root=my data/cad1'"
    )


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1"])
def test_an_address_that_is_none(fetch, url):
    status, _, errors = fetch("cad1_task1", "metadata", "--to", "data", "--from", url)
    expected = f"cadenza: {url}: the address of a mirror must begin with http:// or https://\n"
    assert (status, errors) == (2, expected)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may be larger than 5 kB, as on a disk that is full."""
    resource = pytest.importorskip("resource", reason="Windows has no limit of file sizes")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_files")
def test_a_full_disk(fetch):
    """The message names the file, and what has arrived stays."""
    status, _, errors = fetch("cad1_task1", "music", "--to", "data")
    assert status == 2
    assert errors == (
        "cadenza: data/downloads/songs.tgz: cannot write: file too large. 5 kB of 8.16 kB have "
        "arrived and are kept: the same command continues from there\n"
    )
    (arrived,) = Path("data/downloads").glob(".songs.tgz.*.part")
    assert arrived.stat().st_size == 5000


def test_a_disk_that_is_full_while_unpacking(fetch, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    fetch("cad1_task1", "metadata", "--to", "data")
    with monkeypatch.context() as patch:
        patch.setattr("cadenza.datasets.tarballs.write_member", full)
        status, _, errors = fetch("cad1_task1", "music", "--to", "data")
    message = "cadenza: data/downloads/songs.tgz: cannot unpack into data: no space left on device"
    assert (status, errors.splitlines()[-1]) == (2, message)
    assert not list(Path("data").glob(".*.unpacking"))
    assert fetch("cad1_task1", "music", "--to", "data")[0] == 0
    assert Path("data", SONG).stat().st_size == 256 * 4000


def test_nothing_is_written_if_there_is_nothing_to_do(fetch, monkeypatch):
    """A folder for many people is often read-only."""
    fetch("cad1_task1", "metadata", "music", "--to", "data")

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for name in ("write_json", "save_listing", "FileLock"):
        monkeypatch.setattr(fetching, name, refuse)
    status, output, _ = fetch("cad1_task1", "metadata", "music", "--to", "data")
    assert (status, output.count("is there and whole, unpacked")) == (0, 2)
    status, _, errors = fetch("cad1_task1", "more", "--to", "data")
    assert (status, errors) == (2, "cadenza: data/.cadenza-fetch/lock: permission denied\n")


def test_an_interruption(fetch, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cadenza.command.fetching.fetch", interrupted)
    status, _, errors = fetch("cad1_task1", "music", "--to", "data")
    kept = "What has arrived is kept: the same command continues from there."
    assert (status, errors.split("\n")) == (130, [kept, "", "cadenza: interrupted", ""])


def test_a_home_that_the_shell_leaves_to_the_command(fetch, monkeypatch, tmp_path):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    assert fetch("cad1_task1", "metadata", "--to=~/data")[0] == 0
    assert (tmp_path / "home/data" / LISTENERS).exists()
