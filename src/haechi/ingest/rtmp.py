"""RTMP pull: the driver around the client machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from haechi.base.clock import Clock
from haechi.base.errors import Invalid, Unavailable
from haechi.ingest.connection import READ_BYTES, connected
from haechi.ingest.reach import Reach
from haechi.ingest.session import STALL_S, no_note
from haechi.ingest.source import Sink, Track
from haechi.ingest.wish import CameraPlace
from haechi.media.access_unit import TICKS_PER_S, RawUnit
from haechi.media.pieces import PieceUnit
from haechi.media.rtmp.client import RtmpClient, place_in
from haechi.media.rtmp.flv import FlvReader
from haechi.media.url import RTMP_PORTS, Url, target_of

AGREE_S = 8.0
"""From the handshake to the first picture."""
HOLD_TICKS = TICKS_PER_S
MOST_HELD = 200


class RtmpSource:
    """A `Source` over RTMP or, with TLS, RTMPS.

    Args:
        reach: Where it may connect to.
        note: Told the name of each hop when it begins.
    """

    def __init__(
        self, place: CameraPlace, clock: Clock, *, reach: Reach, note: Callable[[str], None] = no_note
    ) -> None:
        self._place = place
        self._clock = clock
        self._reach = reach
        self._note = note
        self._flv = FlvReader()
        self._wanted: tuple[bool, ...] = ()
        self._held: list[tuple[PieceUnit, int]] = []

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            Invalid: ``address-forbidden``, ``address-not-allowed``, ``rtmp-user``.
            Unavailable: ``dns-failed``, ``tcp-refused``, ``tcp-timeout``, ``tcp-failed``, ``tls-failed``,
                ``rtmp-silent``, ``camera-stalled``, ``camera-closed``, ``connection-lost``.
            HaechiError: What `RtmpClient.feed` and `FlvReader.read` raise.
        """
        if self._place.username:
            message = "RTMP has no log-in that is understood; put the stream's key into the address"
            raise Invalid(message, code="rtmp-user")
        url = Url.parse(self._place.url, RTMP_PORTS)
        self._note("dns")
        address = await self._reach.resolve(url.host, url.port)
        client = RtmpClient(place_in(url.uri.removesuffix(target_of(url)), target_of(url)))
        async with connected(url, address, self._note) as (reader, writer):
            self._note("rtmp")
            writer.write(client.start())
            await self._play(client, sink, reader, writer)

    async def _play(
        self, client: RtmpClient, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(AGREE_S) as patience:
                while data := await reader.read(READ_BYTES):
                    arrived_ns = self._clock.monotonic_ns()
                    for tag in client.feed(data):
                        for unit in self._flv.read(tag):
                            if unit.is_video:  # sound alone is no camera
                                patience.reschedule(loop.time() + STALL_S)
                            await self._deliver(unit, sink, arrived_ns)
                    writer.write(client.to_send())
        except TimeoutError as error:
            if self._wanted:
                message = "the camera sends no pictures any more"
                raise Unavailable(message, code="camera-stalled", seconds=STALL_S) from error
            message = "the server speaks RTMP and sends no pictures; is somebody sending to it?"
            raise Unavailable(message, code="rtmp-silent") from error
        except OSError as error:
            message = "the connection to the camera broke"
            raise Unavailable(message, code="connection-lost", reason=type(error).__name__) from error

    async def _deliver(self, unit: PieceUnit, sink: Sink, arrived_ns: int) -> None:
        """Hand a unit on. The first ones are held until it is known whether there is sound, which some servers tell
        only after the first pictures.
        """
        if self._wanted:
            self._hand_on(unit, sink, arrived_ns)
            return
        self._held.append((unit, arrived_ns))
        first, _ = self._held[0]
        is_long = unit.dts - first.dts >= HOLD_TICKS or len(self._held) >= MOST_HELD
        if self._flv.video is None or (self._flv.sound is None and not is_long):
            if len(self._held) >= MOST_HELD:
                raise Invalid("the stream has no pictures in H.264 or H.265", code="no-video-track")
            return
        codecs = [codec for codec in (self._flv.video, self._flv.sound) if codec is not None]
        self._wanted = tuple(await sink.opened([Track(codec, TICKS_PER_S) for codec in codecs]))
        held, self._held = self._held, []
        for one, at_ns in held:
            self._hand_on(one, sink, at_ns)

    def _hand_on(self, unit: PieceUnit, sink: Sink, arrived_ns: int) -> None:
        track = 0 if unit.is_video else 1
        if track < len(self._wanted) and self._wanted[track]:
            sink.unit(track, RawUnit(unit.pts, unit.is_sync, unit.data, unit.params), arrived_ns)
