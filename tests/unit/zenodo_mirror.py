"""A server on this machine that speaks as Zenodo does, and misbehaves when told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from cadenza.datasets import FetchPlan, Patience, fetch, plan_fetch
from cadenza.datasets.registry import Part
from cadenza.demo.packages import record_of

RECORD = 4711
QUICK = Patience(first_wait_s=0.001)
NOWHERE = "http://127.0.0.1:9"

Answer = Callable[["Handler", bytes], bool]
"""Answers a request for some content; False if the usual answer is to follow."""


def noise(n_bytes: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(n_bytes)


@dataclass
class Mirror:
    """A server with files of one record, and how it answers requests for them."""

    files: dict[str, bytes]
    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    record_answers: list[Answer] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)
    n_records: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def listing(self) -> dict[str, object]:
        address = f"{self.url}/api/records/{RECORD}/files"
        links = {name: f"{address}/{name}/content" for name in self.files}
        record = record_of(RECORD, self.files, links)
        for file in record["files"]:
            file["checksum"] = self.checksums.get(file["key"], file["checksum"])
        return record


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Let a mirror answer at its address while the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Handler,), {"mirror": mirror}))
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield mirror
    finally:
        mirror.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def part(file: str, **changes: object) -> Part:
    values = {"record": RECORD, "about_bytes": 1e3, "unpack": False, **changes}
    return Part(**{"name": file.split(".")[0], "file": file, **values})


def plan(mirror: Mirror | str, folder: Path, *parts: Part, patience: Patience = QUICK) -> FetchPlan:
    url = mirror if isinstance(mirror, str) else mirror.url
    return plan_fetch(parts, folder, url=url, patience=patience)


def load(
    mirror: Mirror,
    folder: Path,
    file: str = "songs.bin",
    *,
    patience: Patience = QUICK,
    **changes: object,
) -> Path:
    fetch(plan(mirror, folder, part(file, **changes), patience=patience), patience=patience)
    return folder / "downloads" / file


class Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        mirror = self.mirror
        mirror.headers.append(self.headers)
        if self.path.startswith("/api/records/") and not self.path.endswith("/content"):
            content = json.dumps(mirror.listing()).encode()
            mirror.n_records += 1
            if mirror.record_answers and mirror.record_answers.pop(0)(self, content):
                return
            self.send(200, content)
            return
        name = self.path.split("/")[-2] if self.path.endswith("/content") else self.path[1:]
        if name not in mirror.files:
            self.send(404, b"no such file")
            return
        mirror.ranges.append(self.headers.get("Range"))
        content = mirror.files[name]
        if mirror.answers and mirror.answers.pop(0)(self, content):
            return
        self.answer(content)

    @property
    def start(self) -> int:
        """First byte that is asked for."""
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def answer(self, content: bytes, n_bytes: int | None = None) -> None:
        """As a server should; with `n_bytes`, the connection breaks after as many."""
        body, size = content[self.start :], len(content)
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        if "Range" in self.headers:
            found = f"bytes {self.start}-{size - 1}/{size}"
            self.send(206, body[:n_bytes], length=len(body), ETag=tag, Content_Range=found)
        else:
            self.send(200, body[:n_bytes], length=len(body), ETag=tag)

    def send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Transfer_Encoding" not in headers:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


# Answers


def breaks_after(n_bytes: int) -> Answer:
    def answer(handler: Handler, content: bytes) -> bool:
        handler.answer(content, n_bytes)
        return True

    return answer


def status(code: int, body: bytes = b"no", **headers: str) -> Answer:
    def answer(handler: Handler, _: bytes) -> bool:
        handler.send(code, body, **headers)
        return True

    return answer


def partial(first: int, last: int, total: int | str, body: slice) -> Answer:
    """Some bytes, as those that the header says."""

    def answer(handler: Handler, content: bytes) -> bool:
        found = f"bytes {first}-{last}/{total}"
        handler.send(206, content[body], Content_Range=found)
        return True

    return answer


def chunked(body: bytes, *, complete: bool = True) -> Answer:
    """A body without a length in the header, all of it or cut."""

    def answer(handler: Handler, _: bytes) -> bool:
        end = b"0\r\n\r\n" if complete else b""
        text = b"%x\r\n%s\r\n%s" % (len(body), body, end)
        handler.send(200, text, Transfer_Encoding="chunked")
        return True

    return answer


def silent(handler: Handler, _: bytes) -> bool:
    """No answer at all."""
    return handler.mirror.released.wait(60)


def stalls_after(n_bytes: int) -> Answer:
    """Some bytes, and then nothing more."""

    def answer(handler: Handler, content: bytes) -> bool:
        handler.answer(content, n_bytes)
        handler.wfile.flush()
        return handler.mirror.released.wait(60)

    return answer


def drips(handler: Handler, content: bytes) -> bool:
    """A byte now and then."""
    handler.answer(content, 1)
    for byte in content[handler.start + 1 :]:
        if handler.mirror.released.wait(0.1):
            break
        try:
            handler.wfile.write(bytes([byte]))
        except OSError:
            break
    return True
