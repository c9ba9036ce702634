"""Byte ranges (RFC 9110 section 14), as values."""

import re

from msgspec import Struct

from haechi.base.errors import Invalid

_RANGE = re.compile(r"bytes=[ \t]*(?:(?P<first>\d{1,19})-(?P<last>\d{0,19})|-(?P<suffix>\d{1,19}))[ \t]*")


class Slice(Struct, frozen=True):
    """Bytes ``first`` to ``last``, both included, of ``size_bytes``."""

    first: int
    last: int
    size_bytes: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """The value of ``Content-Range``."""
        return f"bytes {self.first}-{self.last}/{self.size_bytes}"


def asked_slice(range_header: str | None, if_range: str | None, etag: str, size_bytes: int) -> Slice | None:
    """What part is asked for; None: all of it.

    A header that is no single byte range is ignored, as section 14.2 allows; so is one whose ``If-Range`` names
    another version. Dates in ``If-Range`` never match: our validator is the strong entity tag.

    Raises:
        Invalid: ``range-not-satisfiable``: no byte of the range is there.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    match = _RANGE.fullmatch(range_header.strip())
    if match is None:
        return None
    if match["suffix"] is not None:
        length = min(int(match["suffix"]), size_bytes)
        first, last = size_bytes - length, size_bytes - 1
        if length == 0:
            raise _unsatisfiable(size_bytes)
        return Slice(first, last, size_bytes)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else size_bytes - 1
    if match["last"] and last < first:
        return None
    if first >= size_bytes:
        raise _unsatisfiable(size_bytes)
    return Slice(first, min(last, size_bytes - 1), size_bytes)


def begins(range_header: str | None) -> bool:
    """Whether a request asks for the first byte, with or without others: its sender has nothing of the file yet."""
    match = _RANGE.fullmatch((range_header or "").strip())
    return match is None or (match["suffix"] is None and int(match["first"]) == 0)


def _unsatisfiable(size_bytes: int) -> Invalid:
    return Invalid("the file has no such bytes", code="range-not-satisfiable", size_bytes=size_bytes)
