"""HLS pull (RFC 8216): a playlist is followed, its segments are fetched one ahead, and units leave at media time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec import Struct

from haechi.base.clock import NS_PER_MS, NS_PER_S, Clock
from haechi.base.errors import HaechiError, Invalid, PeerError, Unavailable
from haechi.ingest.session import STALL_S
from haechi.ingest.source import Sink, Track
from haechi.ingest.web.fetch import Web
from haechi.media.access_unit import TICKS_PER_S, RawUnit
from haechi.media.m3u8 import MOST_BYTES, MediaList, Segment, Span, best_variant, parse_playlist
from haechi.media.pieces import PieceReader, PieceUnit
from haechi.media.url import HTTP_PORTS, Url

MOST_SEGMENT_BYTES = 32 * 1024 * 1024
FROM_END = 3
"""A live stream is begun with the third segment from its end (section 6.3.3)."""
FAR_BEHIND = 8
"""Segments behind the end at which it is begun anew: footage of now matters more than footage without a hole."""
LONGEST_FETCH_S = 30.0
"""For one segment, whatever trickles in: a server that needs longer is no use for a live stream."""
TRIES = 3
AGAIN_S = 0.5
LATE_NS = 500 * NS_PER_MS
"""Units that are later than this are not hurried after: the rest of the stream leaves as much later."""


class Piece(Struct, frozen=True):
    """A segment that was fetched and taken apart."""

    segment: Segment
    units: list[PieceUnit]


class Bookmark:
    """The segment of a stream that was taken last, from one connection to the next: what stands in the list still is
    not taken twice.
    """

    def __init__(self) -> None:
        self.last: Segment | None = None


class HlsPull:
    """Follows one stream.

    Args:
        web: Asks the servers; it has fetched ``playlist`` from ``uri`` already.
        note: Told the name of each hop when it begins.
        bookmark: How far the connection before came.
    """

    def __init__(self, web: Web, clock: Clock, note: Callable[[str], None], bookmark: Bookmark) -> None:
        self._web = web
        self._bookmark = bookmark
        self._clock = clock
        self._note = note
        self._reader = PieceReader()
        self._inits: dict[Span, bytes] = {}

    async def run(self, playlist: bytes, uri: str, sink: Sink) -> None:
        """Deliver until the stream is over.

        Raises:
            Invalid: ``hls-encrypted``, ``hls-no-variant``, ``hls-no-video``.
            Unavailable: ``hls-behind``, ``camera-stalled``.
            PeerError: ``hls-bad-playlist``, and what the parsers raise.
            HaechiError: What `Web.get` raises.
        """
        queue: asyncio.Queue[Piece | HaechiError | None] = asyncio.Queue(1)
        fetching = asyncio.create_task(self._fetch_all(playlist, uri, queue))
        player = Player(sink, self._clock, self._reader)
        try:
            while (piece := await queue.get()) is not None:
                if isinstance(piece, HaechiError):
                    raise piece
                await player.play(piece.units)
                self._bookmark.last = piece.segment
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    async def _fetch_all(self, playlist: bytes, uri: str, queue: asyncio.Queue[Piece | HaechiError | None]) -> None:
        try:
            async with aclosing(self._pieces(playlist, uri)) as pieces:
                async for piece in pieces:
                    await queue.put(piece)
            await queue.put(None)
        except HaechiError as error:
            await queue.put(error)

    async def _pieces(self, playlist: bytes, uri: str) -> AsyncGenerator[Piece, None]:
        self._note("playlist")
        self._web.hush()
        listed = parse_playlist(playlist, uri)
        if not isinstance(listed, MediaList):
            uri = best_variant(listed).uri
            listed = await self._list(uri)
        self._note("segment")
        following = _first(listed, self._bookmark.last)
        news_ns = self._clock.monotonic_ns()
        while True:
            for segment in listed.segments:
                if segment.number >= following:
                    following = segment.number + 1
                    news_ns = self._clock.monotonic_ns()
                    yield await self._piece(segment)
            if listed.is_over:
                return
            await self._clock.sleep(max(0.5, listed.target_s / 2))
            listed = await self._list(uri)
            following = _going_on(listed, following)
            patience_ns = int(max(STALL_S, 3 * listed.target_s) * NS_PER_S)
            if not listed.is_over and self._clock.monotonic_ns() - news_ns > patience_ns:
                raise Unavailable("the stream has no new segments", code="camera-stalled")

    async def _list(self, uri: str) -> MediaList:
        found = parse_playlist(await self._bytes(Span(uri), MOST_BYTES), uri)
        if not isinstance(found, MediaList):
            raise PeerError("a variant of the stream leads to variants again", offset=0, code="hls-bad-playlist")
        return found

    async def _piece(self, segment: Segment) -> Piece:
        if segment.is_locked:
            raise Invalid("the stream is encrypted; it needs keys that we do not ask for", code="hls-encrypted")
        init = b""
        if segment.init is not None:
            if segment.init not in self._inits:
                self._inits = {segment.init: await self._bytes(segment.init, MOST_BYTES)}
            init = self._inits[segment.init]
        data = await self._bytes(segment.span, MOST_SEGMENT_BYTES)
        read = self._reader.read
        units = await asyncio.to_thread(read, data, segment.duration_s, init=init, is_break=segment.is_break)
        return Piece(segment, units)

    async def _bytes(self, span: Span, most_bytes: int) -> bytes:
        """What is there; a server that fails is asked again, as what it has is still of use a moment later."""
        for left in range(TRIES - 1, -1, -1):
            try:
                return await self._once(span, most_bytes)
            except Unavailable as error:
                if not left or error.code == "camera-stalled":
                    raise
            await self._clock.sleep(AGAIN_S)
        raise AssertionError("unreachable")

    async def _once(self, span: Span, most_bytes: int) -> bytes:
        wanted = {"Range": f"bytes={span.start}-{span.start + span.size - 1}"} if span.size else {}
        try:
            url = Url.parse(span.uri, HTTP_PORTS)
            async with asyncio.timeout(LONGEST_FETCH_S), self._web.get(url, headers=wanted) as body:
                data = await body.read(most_bytes)
                whole = bool(span.size) and body.status != 206
        except TimeoutError as error:
            message = "the server sends a piece of the stream too slowly"
            raise Unavailable(message, code="camera-stalled", seconds=LONGEST_FETCH_S) from error
        return data[span.start : span.start + span.size] if whole else data


class Player:
    """Hands units to a sink when they are due."""

    def __init__(self, sink: Sink, clock: Clock, reader: PieceReader) -> None:
        self._sink = sink
        self._clock = clock
        self._reader = reader
        self._wanted: tuple[bool, ...] = ()
        self._anchor_ns = 0

    async def play(self, units: list[PieceUnit]) -> None:
        """Deliver them, each at its time; returns with the last.

        Raises:
            Invalid: ``hls-no-video``: there are no pictures in the stream.
        """
        if not self._wanted:
            if self._reader.video is None:
                message = "the stream has no pictures in H.264 or H.265"
                raise Invalid(message, code="hls-no-video")
            codecs = [codec for codec in (self._reader.video, self._reader.sound) if codec is not None]
            self._wanted = tuple(await self._sink.opened([Track(codec, TICKS_PER_S) for codec in codecs]))
            self._anchor_ns = self._clock.monotonic_ns()
        for unit in units:
            track = 0 if unit.is_video else 1
            if track < len(self._wanted) and self._wanted[track]:
                arrived_ns = await self._due(unit.dts)
                raw = RawUnit(unit.pts, unit.is_sync, unit.data, unit.params, damaged=not unit.data)
                self._sink.unit(track, raw, arrived_ns)

    async def _due(self, dts: int) -> int:
        due_ns = self._anchor_ns + dts * NS_PER_S // TICKS_PER_S
        wait_ns = due_ns - self._clock.monotonic_ns()
        if wait_ns > 0:
            await self._clock.sleep(wait_ns / NS_PER_S)
        now_ns = self._clock.monotonic_ns()
        if now_ns - due_ns > LATE_NS:
            self._anchor_ns += now_ns - due_ns
        return now_ns


def _first(listed: MediaList, last: Segment | None) -> int:
    """The segment to begin with. What was taken already is not taken again, unless the stream is over: then it is one
    that is played in a loop.
    """
    if not listed.segments:
        return 0
    if listed.is_over:
        return listed.segments[0].number
    start = listed.segments[max(0, len(listed.segments) - FROM_END)].number
    known = last is not None and any((one.number, one.span) == (last.number, last.span) for one in listed.segments)
    return max(start, last.number + 1) if last is not None and known else start


def _going_on(listed: MediaList, following: int) -> int:
    """The segment to go on with.

    Raises:
        Unavailable: ``hls-behind``: it is gone, too far back, or the numbers began anew.
    """
    if not listed.segments:
        return following
    oldest, newest = listed.segments[0].number, listed.segments[-1].number
    if oldest > following or newest + 1 < following or (not listed.is_over and newest - following > FAR_BEHIND):
        message = "the stream went on without us, or began anew"
        raise Unavailable(message, code="hls-behind", wanted=following, oldest=oldest, newest=newest)
    return following
