"""Live playlists of Low-Latency HLS (draft-pantos-hls-rfc8216bis, "bis" below), and their multivariant playlist; pure.

Every address in them is relative. ``query`` is put behind each: where a viewer shows a token in the address, players
ask for what a playlist names without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from msgspec import Struct

from haechi.media.playlist import date_time, uri_attribute, uri_line

VERSION = 9
"""EXT-X-SKIP wants 9 (bis section 8)."""
HOLD_BACK_TARGETS = 3
PART_HOLD_BACK_TARGETS = 3
SKIP_TARGETS = 6
"""In target durations (bis 4.4.3.8)."""
PARTS_LISTED_TARGETS = 3
"""Parts further from the end than this are named no more (bis 6.2.2)."""


class LivePart(Struct, frozen=True):
    """A part of a segment. ``is_independent``: it has a picture that decoding can start at."""

    uri: str
    duration_s: float
    is_independent: bool


class LiveSegment(Struct, frozen=True):
    """A segment, closed or still growing.

    Attributes:
        uri: Empty while it grows.
        duration_s: 0 while it grows.
        init_uri: What stands before its first unit.
        captured_ns: When its first unit was taken.
        breaks: Discontinuities between the segment before it and this one.
    """

    uri: str
    duration_s: float
    init_uri: str
    captured_ns: int
    breaks: int
    parts: tuple[LivePart, ...]

    @property
    def is_closed(self) -> bool:
        return bool(self.uri)


class Report(Struct, frozen=True):
    """How far another rendition of the same is (EXT-X-RENDITION-REPORT). ``part`` below 0: it has no parts."""

    uri: str
    msn: int
    part: int


class LivePlaylist(Struct, frozen=True):
    """What a live playlist says.

    Attributes:
        part_target_s: 0: the stream has no parts.
        first_msn: Media sequence number of the first segment.
        first_break: Discontinuity sequence number before the first segment.
        hint_uri: The part that comes next.
    """

    target_s: int
    part_target_s: float
    first_msn: int
    first_break: int
    segments: tuple[LiveSegment, ...]
    hint_uri: str
    reports: tuple[Report, ...] = ()


def live_playlist(playlist: LivePlaylist, *, query: str = "", skip: bool = False) -> str:
    """The text. ``skip``: what is older than the skip boundary is left out (a delta update, bis 6.2.5.1)."""
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{playlist.target_s}",
        _server_control(playlist),
    ]
    if playlist.part_target_s:
        lines.append(f"#EXT-X-PART-INF:PART-TARGET={playlist.part_target_s:.3f}")
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{playlist.first_msn}")
    lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{playlist.first_break}")
    skipped = skippable(playlist) if skip else 0
    if skipped:
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
    lines += _segments(playlist, skipped, query)
    if playlist.part_target_s:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{uri_attribute(playlist.hint_uri + query)}"')
    for report in playlist.reports:
        last = f",LAST-PART={report.part}" if report.part >= 0 else ""
        lines.append(f'#EXT-X-RENDITION-REPORT:URI="{uri_attribute(report.uri + query)}",LAST-MSN={report.msn}{last}')
    return "\n".join(lines) + "\n"


def skippable(playlist: LivePlaylist) -> int:
    """How many of the oldest segments lie before the skip boundary."""
    left_s = sum(_length(segment) for segment in playlist.segments)
    for number, segment in enumerate(playlist.segments):
        left_s -= _length(segment)
        if not segment.is_closed or left_s < SKIP_TARGETS * playlist.target_s:
            return number
    return 0


def _server_control(playlist: LivePlaylist) -> str:
    said = [
        "CAN-BLOCK-RELOAD=YES",
        f"CAN-SKIP-UNTIL={SKIP_TARGETS * playlist.target_s:.1f}",
        f"HOLD-BACK={HOLD_BACK_TARGETS * playlist.target_s:.1f}",
    ]
    if playlist.part_target_s:
        said.append(f"PART-HOLD-BACK={ceil(PART_HOLD_BACK_TARGETS * playlist.part_target_s * 1000) / 1000:.3f}")
    return f"#EXT-X-SERVER-CONTROL:{','.join(said)}"


def _segments(playlist: LivePlaylist, skipped: int, query: str) -> Iterator[str]:
    left_s = sum(_length(segment) for segment in playlist.segments[skipped:])
    init = playlist.segments[skipped - 1].init_uri if skipped else ""
    for segment in playlist.segments[skipped:]:
        yield from ["#EXT-X-DISCONTINUITY"] * segment.breaks
        if segment.init_uri != init:
            yield f'#EXT-X-MAP:URI="{uri_attribute(segment.init_uri + query)}"'
            init = segment.init_uri
        yield f"#EXT-X-PROGRAM-DATE-TIME:{date_time(segment.captured_ns)}"
        left_s -= _length(segment)
        if playlist.part_target_s and left_s < PARTS_LISTED_TARGETS * playlist.target_s:
            yield from (_part(part, query) for part in segment.parts)
        if segment.is_closed:
            yield f"#EXTINF:{segment.duration_s:.5f},"
            yield uri_line(segment.uri + query)


def _part(part: LivePart, query: str) -> str:
    independent = ",INDEPENDENT=YES" if part.is_independent else ""
    return f'#EXT-X-PART:DURATION={part.duration_s:.5f},URI="{uri_attribute(part.uri + query)}"{independent}'


def _length(segment: LiveSegment) -> float:
    return segment.duration_s if segment.is_closed else sum(part.duration_s for part in segment.parts)


class Variant(Struct, frozen=True):
    """The pictures of a presentation. ``codec`` as in RFC 6381; ``fps`` 0: not known."""

    uri: str
    codec: str
    width_px: int
    height_px: int
    fps: float
    peak_bps: int
    mean_bps: int


class Sound(Struct, frozen=True):
    """The sound that goes with them."""

    uri: str
    codec: str
    channels: int


def multivariant_playlist(variant: Variant, sound: Sound | None, *, query: str = "") -> str:
    """One variant, and its sound as a rendition of its own (bis 4.4.6)."""
    codecs = variant.codec if sound is None else f"{variant.codec},{sound.codec}"
    said = [
        f"BANDWIDTH={variant.peak_bps}",
        f"AVERAGE-BANDWIDTH={variant.mean_bps}",
        f'CODECS="{codecs}"',
        f"RESOLUTION={variant.width_px}x{variant.height_px}",
    ]
    if variant.fps:
        said.append(f"FRAME-RATE={variant.fps:.3f}")
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}"]
    if sound is not None:
        said.append('AUDIO="sound"')
        lines.append(
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,'
            f'CHANNELS="{sound.channels}",URI="{uri_attribute(sound.uri + query)}"'
        )
    lines += [f"#EXT-X-STREAM-INF:{','.join(said)}", uri_line(variant.uri + query)]
    return "\n".join(lines) + "\n"


def bit_rates(segments: Sequence[tuple[int, float]]) -> tuple[int, int]:
    """Peak and mean bits a second of segments of so many bytes and seconds."""
    rates = [8 * size / seconds for size, seconds in segments if seconds > 0]
    whole_s = sum(seconds for _, seconds in segments)
    if not rates or whole_s <= 0:
        return 0, 0
    return ceil(max(rates)), ceil(8 * sum(size for size, _ in segments) / whole_s)
