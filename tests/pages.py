"""A web site on this machine: fixed answers at fixed paths, and what was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """One answer. ``location``: a redirect."""

    body: bytes = b""
    kind: str = "text/html"
    location: str = ""


@dataclass
class Site:
    """What is served, and the paths that were asked for."""

    port: int
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(pages: Mapping[str, Page] | None = None) -> Iterator[Site]:
    """Serve until the block ends; HEAD and single byte ranges as well."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            page = site.pages.get(self.path.partition("?")[0])
            if page is None:
                self._answer(404, b"", {})
            elif page.location:
                self._answer(302, b"", {"Location": page.location})
            else:
                self._answer(200, page.body, {"Content-Type": page.kind})

        do_HEAD = do_GET  # noqa: N815 - the name that the base class calls

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_port, dict(pages or {}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
