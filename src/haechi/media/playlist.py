"""HLS media playlists (RFC 8216) over byte ranges of fragmented MP4 files."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil

from msgspec import Struct

from haechi.base.clock import NS_PER_MS, NS_PER_S

VERSION = 7
"""EXT-X-MAP in a playlist of media segments needs 6, fractional durations 3; players expect 7 for fMP4."""


class MediaSegment(Struct, frozen=True):
    """A run of bytes of one file that plays by itself after the file's first ``init_bytes`` bytes.

    Attributes:
        captured_ns: When its first unit was captured; told to the player where the media time does not follow on.
        follows: Whether its media time goes on where that of the segment before ended.
    """

    uri: str
    init_bytes: int
    offset_bytes: int
    size_bytes: int
    duration_s: float
    captured_ns: int
    follows: bool


def vod_playlist(segments: Sequence[MediaSegment]) -> str:
    """A playlist of a finished range. Empty ranges give an empty, valid playlist."""
    longest = max((segment.duration_s for segment in segments), default=1.0)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{max(ceil(longest), 1)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    uri = None
    for number, segment in enumerate(segments):
        if number and not segment.follows:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.uri != uri:
            lines.append(f'#EXT-X-MAP:URI="{uri_attribute(segment.uri)}",BYTERANGE="{segment.init_bytes}@0"')
        if segment.uri != uri or not segment.follows:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date_time(segment.captured_ns)}")
        uri = segment.uri
        lines += [
            f"#EXTINF:{segment.duration_s:.5f},",
            f"#EXT-X-BYTERANGE:{segment.size_bytes}@{segment.offset_bytes}",
            uri_line(segment.uri),
        ]
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def date_time(ns: int) -> str:
    """ISO 8601 to the millisecond, as EXT-X-PROGRAM-DATE-TIME has it."""
    at = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ns % NS_PER_S // NS_PER_MS:03d}Z"


def uri_line(text: str) -> str:
    """A URI on a line of its own: nothing that could begin another line or a tag."""
    if not text or text.startswith("#") or any(ord(letter) < 0x20 for letter in text):
        raise ValueError("not a URI for a playlist")
    return text


def uri_attribute(text: str) -> str:
    """A URI within quotes."""
    if '"' in text:
        raise ValueError("not a URI for a playlist")
    return uri_line(text)
