"""RTSP requests and responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

VERSION = "RTSP/1.0"


class Headers(Struct, frozen=True):
    """Header fields in order, names as written; looked up without regard to case."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The first value of ``name``."""
        return next(self.all(name), default)

    def all(self, name: str) -> Iterator[str]:
        """Every value of ``name``, in order."""
        wanted = name.lower()
        return (value for key, value in self.fields if key.lower() == wanted)

    def lines(self) -> Iterator[str]:
        """The fields as header lines, without anything that could begin another line."""
        return (f"{name}: {_one_line(value)}" for name, value in self.fields)


def _one_line(text: str) -> str:
    return "".join(char for char in text if char >= " " and char != "\x7f")


class Request(Struct, frozen=True):
    """A request, from either side."""

    method: str
    uri: str
    headers: Headers = Headers()
    body: bytes = b""

    def serialise(self) -> bytes:
        """The request as it goes on the wire."""
        return _serialise(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)


class Response(Struct, frozen=True):
    """A response, from either side."""

    status: int
    reason: str
    headers: Headers = Headers()
    body: bytes = b""

    def serialise(self) -> bytes:
        """The response as it goes on the wire."""
        return _serialise(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


def headers(fields: Iterable[tuple[str, str]]) -> Headers:
    """Headers without those whose value is empty."""
    return Headers(tuple((name, value) for name, value in fields if value))


def _serialise(first: str, fields: Headers, body: bytes) -> bytes:
    lines = [_one_line(first), *fields.lines()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body
