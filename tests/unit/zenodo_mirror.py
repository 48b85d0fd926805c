"""A server on this machine that speaks as Zenodo does, and misbehaves when told to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cadenza.demo.packages import record_of

RECORD = 4711


@dataclass
class Mirror:
    """A server with files of one record, and how it answers requests for them."""

    files: dict[str, bytes]
    url: str = ""
    answers: list[Callable[[BaseHTTPRequestHandler, bytes], bool]] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)
    ranges: list[str | None] = field(default_factory=list)

    def listing(self) -> dict[str, object]:
        address = f"{self.url}/api/records/{RECORD}/files"
        links = {name: f"{address}/{name}/content" for name in self.files}
        record = record_of(RECORD, self.files, links)
        for file in record["files"]:
            file["checksum"] = self.checksums.get(file["key"], file["checksum"])
        return record


class Handler(BaseHTTPRequestHandler):
    mirror: Mirror

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        mirror = self.mirror
        if self.path == f"/api/records/{RECORD}":
            self.send(200, json.dumps(mirror.listing()).encode())
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

    def answer(self, content: bytes) -> None:
        """As a server should: ranges, and a tag that changes with the content."""
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range", tag) == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            found = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(206, content[start:], ETag=tag, Content_Range=found)
        else:
            self.send(200, content, ETag=tag)

    def send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(mirror: Mirror) -> Iterator[Mirror]:
    """Serve a mirror, and tell it its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("H", (Handler,), {"mirror": mirror}))
    mirror.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield mirror
    server.shutdown()
    server.server_close()
    thread.join()
