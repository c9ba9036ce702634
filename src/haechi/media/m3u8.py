"""Playlists of HTTP Live Streaming, read (RFC 8216); pure. Ours are written by `haechi.media.playlist`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.url import joined

MOST_BYTES = 1024 * 1024
MOST_SEGMENTS = 20_000
"""A day of segments of 4 s. Of a longer one the newest are kept."""
MOST_VARIANTS = 200
MOST_URI_CHARS = 4096
LONGEST_SEGMENT_S = 120.0
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^,]*)')
_VIDEO = {"avc1": "h264", "avc3": "h264", "hvc1": "h265", "hev1": "h265"}
_SOUND = ("mp4a", "ac-3", "ec-3", "opus", "flac")


class Span(Struct, frozen=True):
    """A resource, or ``size`` bytes of it from ``start`` on; ``size`` 0: all of it."""

    uri: str
    start: int = 0
    size: int = 0


class Segment(Struct, frozen=True):
    """A piece of the stream.

    Attributes:
        number: Media sequence number.
        is_break: Its times and coding do not go on from the one before.
        init: Where what stands before fragmented MP4 is; None with MPEG-TS.
        is_locked: It is encrypted.
    """

    number: int
    span: Span
    duration_s: float
    is_break: bool = False
    init: Span | None = None
    is_locked: bool = False


class MediaList(Struct, frozen=True):
    """Segments, oldest first. ``is_over``: none will follow."""

    target_s: float
    segments: tuple[Segment, ...]
    is_over: bool


class Variant(Struct, frozen=True):
    """One coding of the stream. ``codec`` is ``h264``, ``h265``, another name, or empty when it is not told."""

    uri: str
    bandwidth_bps: int
    codec: str = ""
    height_px: int = 0


def parse_playlist(data: bytes, uri: str) -> tuple[Variant, ...] | MediaList:
    """Read a playlist that came from ``uri``: its variants when it is a master, else its segments.

    Raises:
        PeerError: ``hls-bad-playlist``: it is none, or exceeds a limit.
    """
    text = data.decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines()]
    if not lines or not lines[0].startswith("#EXTM3U") or len(data) > MOST_BYTES:
        raise _bad("what comes there is no playlist", 0)
    if any(line.startswith("#EXT-X-STREAM-INF:") for line in lines):
        return tuple(_variants(lines, uri))
    if not any(line.startswith(("#EXTINF:", "#EXT-X-TARGETDURATION:")) for line in lines):
        raise _bad("the playlist lists neither segments nor variants", 0)
    return _Reader(uri).read(lines)


def best_variant(variants: tuple[Variant, ...]) -> Variant:
    """The one with the largest picture that we take in without coding it again; of equals the one with most bits.

    Raises:
        Invalid: ``hls-no-variant``: there is none.
    """
    usable = [one for one in variants if one.codec in ("h264", "h265", "")]
    if not usable:
        message = "the stream has no variant in H.264 or H.265"
        raise Invalid(message, code="hls-no-variant", variants=len(variants))
    return max(usable, key=lambda one: (one.height_px, one.bandwidth_bps))


def _variants(lines: list[str], base: str) -> Iterator[Variant]:
    told: Mapping[str, str] | None = None
    count = 0
    for number, line in enumerate(lines, 1):
        if line.startswith("#EXT-X-STREAM-INF:"):
            told = _attributes(line)
        elif line and not line.startswith("#") and told is not None:
            count += 1
            if count > MOST_VARIANTS:
                raise _bad("the playlist has too many variants", number)
            size = re.fullmatch(r"\d{1,5}x(\d{1,5})", told.get("RESOLUTION", ""))
            codec = _codec_of(told.get("CODECS", ""))
            if codec != "sound":
                bits = _integer(told.get("BANDWIDTH", "0"), number)
                yield Variant(_joined(base, line, number), bits, codec, int(size[1]) if size else 0)
            told = None


def _codec_of(text: str) -> str:
    """Which coding of pictures RFC 6381 names speak of; ``sound`` when they speak of sound alone."""
    names = [name.strip().partition(".")[0].lower() for name in text.split(",") if name.strip()]
    pictures = [name for name in names if name not in _SOUND]
    if names and not pictures:
        return "sound"
    return _VIDEO.get(pictures[0], pictures[0]) if pictures else ""


class _Reader:
    """Reads a media playlist line by line."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._target_s = 0.0
        self._number = 0
        self._is_over = False
        self._duration_s = -1.0
        self._is_break = False
        self._is_locked = False
        self._init: Span | None = None
        self._range: tuple[int, int | None] | None = None
        self._next: tuple[str, int] = ("", 0)
        self._segments: list[Segment] = []

    def read(self, lines: list[str]) -> MediaList:
        for number, line in enumerate(lines, 1):
            if line.startswith("#EXT"):
                self._tag(line, number)
            elif line and not line.startswith("#"):
                self._segment(line, number)
        longest = max((one.duration_s for one in self._segments), default=1.0)
        return MediaList(self._target_s or max(longest, 1.0), tuple(self._segments), self._is_over)

    def _tag(self, line: str, number: int) -> None:
        name, _, value = line.partition(":")
        match name:
            case "#EXTINF":
                self._duration_s = _seconds(value.partition(",")[0], number)
            case "#EXT-X-TARGETDURATION":
                self._target_s = _seconds(value, number)
            case "#EXT-X-MEDIA-SEQUENCE":
                self._number = _integer(value, number)
            case "#EXT-X-DISCONTINUITY":
                self._is_break = True
            case "#EXT-X-ENDLIST":
                self._is_over = True
            case "#EXT-X-BYTERANGE":
                self._range = _byte_range(value, number)
            case "#EXT-X-KEY":
                self._is_locked = _attributes(line).get("METHOD", "NONE") != "NONE"
            case "#EXT-X-MAP":
                told = _attributes(line)
                span = _byte_range(told["BYTERANGE"], number) if "BYTERANGE" in told else (0, 0)
                self._init = Span(_joined(self._base, told.get("URI", ""), number), span[1] or 0, span[0])
            case _:
                return

    def _segment(self, line: str, number: int) -> None:
        if self._duration_s < 0:
            raise _bad("a segment has no duration", number)
        uri = _joined(self._base, line, number)
        start, size = 0, 0
        if self._range is not None:
            size, told = self._range
            start = told if told is not None else (self._next[1] if self._next[0] == uri else 0)
            self._next = (uri, start + size)
        self._segments.append(
            Segment(self._number, Span(uri, start, size), self._duration_s, self._is_break, self._init, self._is_locked)
        )
        if len(self._segments) > MOST_SEGMENTS:
            del self._segments[0]
        self._number += 1
        self._duration_s, self._is_break, self._range = -1.0, False, None


def _attributes(line: str) -> Mapping[str, str]:
    return {match[1]: match[2].strip('"') for match in _ATTRIBUTE.finditer(line.partition(":")[2])}


def _byte_range(text: str, number: int) -> tuple[int, int | None]:
    """Size, and where it begins (None: after the one before)."""
    size, at, start = text.strip().partition("@")
    return _integer(size, number), _integer(start, number) if at else None


def _integer(text: str, number: int) -> int:
    text = text.strip()
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _bad("a number in the playlist is none", number)
    return int(text)


def _seconds(text: str, number: int) -> float:
    text = text.strip()
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{0,12})?", text) or float(text) > LONGEST_SEGMENT_S:
        raise _bad("a duration in the playlist is none, or longer than two minutes", number)
    return float(text)


def _joined(base: str, uri: str, number: int) -> str:
    """``uri`` as seen from the playlist; only HTTP leads on."""
    if len(uri) > MOST_URI_CHARS or not uri.isprintable():
        raise _bad("an address in the playlist is too long, or none", number)
    found = joined(base, uri)
    if not found.startswith(("http://", "https://")):
        raise _bad("the playlist leads to something that is not HTTP", number)
    return found


def _bad(message: str, number: int) -> PeerError:
    return PeerError(message, offset=number, code="hls-bad-playlist")
