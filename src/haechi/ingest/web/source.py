"""A camera or a stream at an HTTP address: asked once, and taken in as what it says it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import Invalid, PeerError, Unavailable
from haechi.ingest.reach import Reach
from haechi.ingest.session import STALL_S, no_note
from haechi.ingest.source import Sink, Track
from haechi.ingest.web.fetch import Body, Web
from haechi.ingest.web.hls import Bookmark, HlsPull
from haechi.ingest.wish import CameraPlace
from haechi.media.access_unit import TICKS_PER_S, Codec, RawUnit, VideoParams
from haechi.media.m3u8 import MOST_BYTES
from haechi.media.motion_jpeg import MotionJpeg, Picture, boundary_of
from haechi.media.rtsp.auth import Credentials
from haechi.media.url import HTTP_PORTS, Url

MOST_DAMAGED = 100
"""Broken pictures in a row, without one good one, before the connection is given up."""
US_PER_S = 1_000_000
_LISTS = frozenset(("application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"))
_NEVER_LISTS = frozenset(("text/html", "application/xhtml+xml", "image/jpeg"))


class WebSource:
    """A `Source` over HTTP: Motion JPEG, or HLS.

    Args:
        reach: Where it may connect to.
        note: Told the name of each hop when it begins.
        bookmark: Of an HLS stream: how far the connection before came.
    """

    def __init__(
        self,
        place: CameraPlace,
        clock: Clock,
        *,
        reach: Reach,
        note: Callable[[str], None] = no_note,
        bookmark: Bookmark | None = None,
    ) -> None:
        self._place = place
        self._bookmark = bookmark or Bookmark()
        self._clock = clock
        self._reach = reach
        self._note = note

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            Invalid: ``http-page``, ``http-one-picture``, ``http-no-video``: what is there is no stream.
            HaechiError: What `Web.get` and `MotionJpeg` raise.
        """
        url = Url.parse(self._place.url, HTTP_PORTS)
        web = Web(url, Credentials(self._place.username, self._place.password), self._reach, self._note)
        async with web.get(url) as body:
            if body.media_type.startswith("multipart/"):
                await self._motion_jpeg(body, sink)
                return
            try:
                async with asyncio.timeout(STALL_S):
                    playlist = await self._playlist(body)
            except TimeoutError as error:
                message = "the server sends its answer too slowly"
                raise Unavailable(message, code="camera-stalled", seconds=STALL_S) from error
        await HlsPull(web, self._clock, self._note, self._bookmark).run(playlist, url.uri, sink)

    async def _playlist(self, body: Body) -> bytes:
        """The playlist that the answer is, by what it is called or how it begins."""
        if body.media_type in _NEVER_LISTS:
            raise _no_stream(body.media_type)
        if body.media_type in _LISTS:
            return await body.read(MOST_BYTES)
        async with aclosing(body.chunks()) as chunks:
            data = b""
            async for chunk in chunks:
                data += chunk
                if not b"#EXTM3U".startswith(data[:7]) or len(data) > MOST_BYTES:
                    break
            else:
                if data.startswith(b"#EXTM3U"):
                    return data
        raise _no_stream(body.media_type)

    async def _motion_jpeg(self, body: Body, sink: Sink) -> None:
        (is_wanted,) = await sink.opened([Track(Codec.MJPEG, TICKS_PER_S)])
        if is_wanted:
            await play_pictures(body.chunks(), boundary_of(body.content_type), sink, self._clock)


async def play_pictures(chunks: AsyncIterator[bytes], boundary: str, sink: Sink, clock: Clock) -> None:
    """Deliver each picture as it comes, until the other side ends it.

    Raises:
        Unavailable: ``camera-stalled``: no picture came for `STALL_S`, whatever else did.
        PeerError: ``bad-jpeg``: nothing but broken pictures; what `MotionJpeg.feed` raises.
    """
    stream, units = MotionJpeg(boundary), PictureUnits()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STALL_S) as patience:
            async for chunk in chunks:
                arrived_ns = clock.monotonic_ns()
                for picture in stream.feed(chunk):
                    patience.reschedule(loop.time() + STALL_S)
                    sink.unit(0, units.unit(picture, arrived_ns), arrived_ns)
    except TimeoutError as error:
        raise Unavailable("the camera sends no pictures any more", code="camera-stalled", seconds=STALL_S) from error


class PictureUnits:
    """Pictures to units. Their time is that of their arrival, or the camera's own where it tells it with each."""

    def __init__(self) -> None:
        self._params: VideoParams | None = None
        self._ticks = -1
        self._damaged = 0
        self._base: tuple[int, int] | None = None
        self._sent_us = 0
        self._has_times = True

    def unit(self, picture: Picture, arrived_ns: int) -> RawUnit:
        """The unit of a picture.

        Raises:
            PeerError: ``bad-jpeg``: nothing but broken pictures come.
        """
        ticks = self._time(picture, arrived_ns)
        self._damaged = self._damaged + 1 if picture.damaged else 0
        if self._damaged > MOST_DAMAGED:
            raise PeerError("the camera sends nothing but broken pictures", offset=self._damaged, code="bad-jpeg")
        if picture.damaged:
            return RawUnit(ticks, True, picture.data, damaged=True)
        params = VideoParams(Codec.MJPEG, picture.width_px, picture.height_px)
        changed = params if params != self._params else None
        self._params = params
        return RawUnit(ticks, True, picture.data, changed)

    def _time(self, picture: Picture, arrived_ns: int) -> int:
        ticks = arrived_ns * TICKS_PER_S // NS_PER_S
        if self._base is None:
            self._base = (picture.sent_us, ticks)
        elif picture.sent_us <= self._sent_us:
            self._has_times = False
        self._sent_us = picture.sent_us
        if self._has_times and picture.sent_us:
            ticks = self._base[1] + (picture.sent_us - self._base[0]) * TICKS_PER_S // US_PER_S
        self._ticks = max(ticks, self._ticks + 1)
        return self._ticks


def _no_stream(media_type: str) -> Invalid:
    if media_type in ("text/html", "application/xhtml+xml"):
        message = "this is a web page, not a stream; look up the address of the video in the camera's manual"
        return Invalid(message, code="http-page")
    if media_type == "image/jpeg":
        message = "this is a single picture; look up the camera's MJPEG or RTSP address in its manual"
        return Invalid(message, code="http-one-picture")
    message = "what comes there is no stream that is understood: Motion JPEG or HLS"
    return Invalid(message, code="http-no-video", kind=media_type[:80])
