"""What the records say: asked with patience, remembered for later, and not trusted."""

from __future__ import annotations

import io
import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from cadenza.command import main
from cadenza.datasets import fetch
from cadenza.datasets.connection import (
    Attempts,
    GivenUpError,
    Patience,
    StoppedError,
    TemporaryError,
    ask,
)
from cadenza.datasets.zenodo import list_files
from cadenza.errors import InputError

from .zenodo_mirror import (
    NOWHERE,
    QUICK,
    RECORD,
    Handler,
    Mirror,
    breaks_after,
    load,
    noise,
    part,
    plan,
    serving,
    silent,
    status,
)

SONGS = noise(10_000)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(Mirror({"songs.bin": SONGS, "core.tgz": noise(1000, seed=1)})) as mirror:
        yield mirror


def says(mirror: Mirror, monkeypatch, *changes: dict[str, object]) -> None:
    """The record has its file ``songs.bin`` with changes, and other entries."""
    good = next(f for f in mirror.listing()["files"] if f["key"] == "songs.bin")
    files = [{**good, **change} for change in changes]
    monkeypatch.setattr(mirror, "listing", lambda: {"files": files})


def breaks(handler: Handler, content: bytes) -> bool:
    handler.send(200, content[:9], length=len(content))
    return True


# Patience


class Watch(threading.Event):
    """An event that remembers how long it was waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_s: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        return self.is_set()


def test_waits_are_doubled_told_and_counted(caplog):
    watch = Watch()
    attempts = Attempts("http://x", Patience(longest_wait_s=20.0), watch)
    for _ in range(7):
        attempts.wait_after(TemporaryError("timed out"))
    assert watch.waits_s == [1, 2, 4, 8, 16, 20, 20]
    assert "http://x: timed out; trying again in 16 s" in caplog.messages
    with pytest.raises(GivenUpError, match=r"http://x: gave up after 8 attempts: timed out"):
        attempts.wait_after(TemporaryError("timed out"))
    attempts.reset()
    attempts.wait_after(TemporaryError("timed out"))
    assert watch.waits_s[-1] == 1
    watch.set()
    with pytest.raises(StoppedError):
        attempts.wait_after(TemporaryError("timed out"))


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("12", 12.0),
        (lambda: formatdate(time.time() + 12, usegmt=True), 12.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
        ("soon", 1.0),
        ("0", 1.0),
    ],
    ids=["seconds", "date", "past", "text", "zero"],
)
def test_a_server_says_how_long_to_wait(mirror, text, wait_s):
    watch = Watch()
    mirror.answers = [status(429, Retry_After=text if isinstance(text, str) else text())]
    with requests.Session() as session, pytest.raises(TemporaryError) as caught:
        ask(session, f"{mirror.url}/songs.bin", {}, QUICK)
    Attempts("http://x", Patience(), watch).wait_after(caught.value)
    assert watch.waits_s == [pytest.approx(wait_s, abs=1.5 if callable(text) else 0)]


def test_a_server_that_asks_to_wait_for_too_long_is_given_up(mirror, tmp_path):
    mirror.answers = [breaks_after(5000), status(429, Retry_After="3600")]
    message = "429 Too Many Requests and asks to try again in 1 h 0 min. 5 kB of 10 kB have arrived"
    with pytest.raises(InputError, match=message):
        load(mirror, tmp_path)
    assert len(mirror.ranges) == 2


# The record


@pytest.mark.parametrize(
    "answers", [[status(429, Retry_After="0")], [status(500)] * 7, [breaks], [silent, status(408)]]
)
def test_a_record_is_asked_again(mirror, tmp_path, answers):
    mirror.record_answers = [*answers]
    made = plan(mirror, tmp_path, part("songs.bin"), patience=replace(QUICK, read_timeout_s=0.2))
    assert made.offline is None
    assert mirror.n_records == len(answers) + 1


def test_a_record_that_does_not_exist_is_told_at_once(mirror, tmp_path):
    mirror.record_answers = [status(404)]
    with pytest.raises(InputError, match="404 Not Found: there is no record 4711"):
        plan(mirror, tmp_path, part("songs.bin"))


def test_with_a_server_in_trouble_what_is_there_is_verified(mirror, tmp_path):
    load(mirror, tmp_path)
    mirror.record_answers = [status(503)] * 8
    made = plan(mirror, tmp_path, part("songs.bin"))
    assert "gave up after 8 attempts: the server answers 503" in made.offline
    assert made.steps[0].is_loaded


def test_without_a_connection_what_is_there_is_verified(mirror, tmp_path):
    load(mirror, tmp_path)
    made = plan(NOWHERE, tmp_path, part("songs.bin"))
    assert "gave up after 3 attempts: connection refused" in made.offline
    fetch(made)
    (tmp_path / "downloads/songs.bin").write_bytes(SONGS[:-1] + b"x")  # damaged
    with pytest.raises(InputError, match=r"connection refused\. Missing: songs"):
        fetch(plan(NOWHERE, tmp_path, part("songs.bin")))
    with pytest.raises(InputError, match="Without a connection nothing can be fetched"):
        plan(NOWHERE, tmp_path / "other", part("songs.bin"))


def test_a_listing_that_lacks_a_file_does_not_replace_a_good_one(mirror, tmp_path, monkeypatch):
    load(mirror, tmp_path)
    for listing, message in (
        ({"files": []}, f"record {RECORD} has no file songs.bin; it has none"),
        ({"files": {}}, "expected the description of a record, with a list of files"),
        ({}, "expected the description of a record, with a list of files"),
        ([], "expected the description of a record, with a list of files"),
        ({"files": [{"key": "songs.bin"}, 3]}, "songs.bin: the size must be a number of bytes"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(mirror, "listing", lambda listing=listing: listing)
            with pytest.raises(InputError, match=message):
                plan(mirror, tmp_path, part("songs.bin"))
    assert plan(NOWHERE, tmp_path, part("songs.bin")).steps[0].is_loaded


@pytest.mark.parametrize("text", ["[" * 100_000, "<html>", '{"files": [', "\\xff"])
def test_a_description_that_is_no_json_is_refused(mirror, tmp_path, text):
    mirror.record_answers = [status(200, text.encode("latin-1"))]
    with pytest.raises(InputError, match="expected the description of a record"):
        plan(mirror, tmp_path, part("songs.bin"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', '{"files": [{"key": 3}]}'])
def test_a_damaged_listing_is_made_again(mirror, tmp_path, text):
    load(mirror, tmp_path)
    saved = tmp_path / ".cadenza-fetch" / f"record-{RECORD}.json"
    good = saved.read_text()
    saved.write_text(text)
    with pytest.raises(InputError, match="Without a connection nothing can be fetched"):
        plan(NOWHERE, tmp_path, part("songs.bin"))
    load(mirror, tmp_path)
    assert saved.read_text() == good
    assert len(mirror.ranges) == 1


def test_a_changed_record_is_told(mirror, tmp_path, caplog):
    load(mirror, tmp_path)
    mirror.files["songs.bin"] = noise(1000, seed=3)
    path = load(mirror, tmp_path)
    assert f"record {RECORD} has changed: songs.bin has another content" in caplog.text
    assert path.read_bytes() == noise(1000, seed=3)


# Files of the record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "1"}, "the size must be a number of bytes"),
        ({"size": -1}, "the size must be a number of bytes"),
        ({"checksum": "abc"}, "the checksum must be like md5"),
        ({"checksum": "md5:abc"}, "the checksum must be like md5"),
        ({"checksum": f"md5:{'x' * 32}"}, "the checksum must be like md5"),
        ({"checksum": f"shake_128:{'0' * 32}"}, "the checksum must be like md5"),
        ({"checksum": "size:10000"}, "the checksum must be like md5"),
        ({"links": {"self": "file:///x"}}, "the address must be http or https"),
        ({"links": {"self": "http://[::1"}}, "Invalid IPv6 URL"),
        ({"links": {}}, "expected links with an address as self"),
    ],
)
def test_a_strange_file_is_refused(mirror, tmp_path, monkeypatch, change, message):
    says(mirror, monkeypatch, change)
    with pytest.raises(InputError, match=f"/api/records/{RECORD}: songs.bin: .*{message}"):
        plan(mirror, tmp_path, part("songs.bin"))


def test_strange_files_beside_those_that_are_wanted_do_no_harm(mirror, tmp_path, monkeypatch):
    other = {"key": "other.bin"}
    says(
        mirror,
        monkeypatch,
        *({"key": key} for key in ("docs/readme.txt", "../x", "", 3)),
        *(other | {"size": None}, other | {"checksum": 3}, other | {"links": None}, {}),
    )
    assert load(mirror, tmp_path).read_bytes() == SONGS
    with pytest.raises(InputError, match=r"has no file more\.bin; it has songs\.bin"):
        plan(mirror, tmp_path, part("songs.bin"), part("more.bin"))


@pytest.mark.parametrize("checksum", [None, ""])
def test_without_a_checksum_the_size_is_verified(mirror, tmp_path, monkeypatch, caplog, checksum):
    says(mirror, monkeypatch, {"checksum": checksum})
    assert load(mirror, tmp_path).read_bytes() == SONGS
    told = f"songs.bin in record {RECORD} has no checksum: only its size can be verified"
    assert told in caplog.messages
    assert plan(NOWHERE, tmp_path, part("songs.bin")).steps[0].is_loaded
    (tmp_path / "downloads/songs.bin").write_bytes(b"x")
    assert not plan(mirror, tmp_path, part("songs.bin")).steps[0].is_loaded


def test_checksums_may_be_in_capitals(mirror, tmp_path, caplog):
    (checksum,) = (f["checksum"] for f in mirror.listing()["files"] if f["key"] == "songs.bin")
    mirror.checksums["songs.bin"] = checksum.upper()
    assert load(mirror, tmp_path, md5=checksum.removeprefix("md5:").upper()).exists()
    assert len(mirror.ranges) == 1
    assert "is not the file of the registry" not in caplog.text


def test_a_link_may_be_relative_to_the_record(mirror, tmp_path, monkeypatch):
    says(mirror, monkeypatch, {"links": {"self": "../../songs.bin"}})
    made = plan(mirror, tmp_path, part("songs.bin"))
    assert made.steps[0].file.url == f"{mirror.url}/songs.bin"
    fetch(made)
    assert (tmp_path / "downloads/songs.bin").read_bytes() == SONGS


def test_two_parts_may_be_one_file(mirror, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    parts = [part("songs.bin", name="a"), part("songs.bin", name="b")]
    made = plan(mirror, tmp_path, *parts)
    assert made.n_bytes == len(SONGS)
    fetch(made)
    assert len(mirror.ranges) == 1
    assert caplog.text.count("is whole") == 1


def test_two_files_with_one_name_do_not_replace_each_other(mirror, tmp_path):
    first, second = part("songs.bin"), part("songs.bin", name="more", record=RECORD + 1)
    message = "songs and more have the same file name, songs.bin in record 4711 and songs.bin in "
    with pytest.raises(InputError, match=message):
        plan(mirror, tmp_path, first, second)
    load(mirror, tmp_path)
    mirror.files["songs.bin"] = noise(1000, seed=3)
    with pytest.raises(InputError, match=r"songs\.bin is the file of record 4711: move it away"):
        plan(mirror, tmp_path, second)
    assert (tmp_path / "downloads/songs.bin").read_bytes() == SONGS
    (tmp_path / "downloads/songs.bin").unlink()
    fetch(plan(mirror, tmp_path, second))
    assert (tmp_path / "downloads/songs.bin").read_bytes() == noise(1000, seed=3)


def test_a_file_that_was_put_there_is_verified_and_kept(mirror, tmp_path):
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads/songs.bin").write_bytes(SONGS)
    found = plan(mirror, tmp_path, part("songs.bin"))
    assert found.steps[0].is_loaded
    fetch(found)
    mirror.files["songs.bin"] = noise(1000, seed=3)
    with pytest.raises(InputError, match="is the file of record 4711"):
        plan(mirror, tmp_path, part("songs.bin", record=RECORD + 1))


# Addresses


class Encrypted(BaseAdapter):
    """Stands for a server with https that always gives the same answer."""

    def __init__(self, status: int, body: bytes = b"", **headers: str) -> None:
        super().__init__()
        self.status, self.body, self.headers = status, body, headers

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = self.status, request.url, request
        response.headers.update(self.headers)
        response.raw = HTTPResponse(io.BytesIO(self.body), preload_content=False)
        return response

    def close(self) -> None:
        pass


def test_nothing_is_read_from_a_redirect_that_is_not_encrypted(mirror):
    to = f"{mirror.url}/api/records/{RECORD}"
    with requests.Session() as session:
        session.mount("https://zenodo.test/", Encrypted(302, Location=to))
        with pytest.raises(InputError, match="refused, it redirects from https to http://127"):
            list_files(session, "https://zenodo.test", RECORD, patience=QUICK)
        assert list_files(session, mirror.url, RECORD, patience=QUICK)


def test_a_link_that_is_not_encrypted_is_refused(mirror):
    body = json.dumps(mirror.listing()).encode()
    with requests.Session() as session:
        session.mount("https://zenodo.test/", Encrypted(200, body))
        with pytest.raises(InputError, match="the address must be https, got 'http://127"):
            list_files(session, "https://zenodo.test", RECORD, patience=QUICK, wanted=["songs.bin"])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://a..b", "http://a..b/api/records/13285307: the address"),
        ("http://[::1", "http://[::1/api/records/13285307: the address"),
        (f"http://{'a' * 80}", "the address"),
        ("zenodo.org", "zenodo.org: the address of a mirror must begin with http"),
    ],
)
def test_a_wrong_address_of_a_mirror_is_told(tmp_path, capsys, url, message):
    command = ["fetch", "icassp_2024", "core", "--to", str(tmp_path), "--from", url]
    assert main(command) == 2
    assert message in capsys.readouterr().err


# The folder


def test_the_disk_must_be_large_enough(mirror, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"are needed, .* are free"):
        load(mirror, tmp_path)
    assert mirror.ranges == []


def test_one_process_fetches_at_a_time(mirror, tmp_path):
    made = plan(mirror, tmp_path, part("songs.bin"))
    inner: list[str] = []

    def again(_: Handler, __: bytes) -> bool:
        with pytest.raises(InputError) as caught:
            fetch(made)
        inner.append(str(caught.value))
        return False

    mirror.answers = [again]
    fetch(made)
    assert "another process is fetching into this folder" in inner[0]
