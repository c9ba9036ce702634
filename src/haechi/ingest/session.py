"""One RTSP session over an open connection, whichever side opened it: from OPTIONS to the last packet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol, cast

from msgspec.structs import replace

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, PeerError, Unavailable
from haechi.base.tls import tls_to_cameras
from haechi.ingest.network import UdpPairs
from haechi.ingest.reception import Reception
from haechi.ingest.source import Sink
from haechi.ingest.wire import TcpWire, Wire
from haechi.media import rtcp
from haechi.media.access_unit import RawUnit
from haechi.media.rtp import HEADER_BYTES
from haechi.media.rtsp.client import Closed, Described, Playing, RtcpReceived, RtpReceived, RtspClient
from haechi.media.rtsp.deframer import PacketRun
from haechi.media.rtsp.tracks import is_back_channel
from haechi.media.sdp import MediaTrack

CONNECT_S = 5.0
ANSWER_S = 8.0
STALL_S = 10.0
"""A camera that sends no unit for this long is given up and connected to anew."""
KEEP_ALIVE_TRIES = 3
KEEP_ALIVE_ANSWER_S = 3.0
REPORT_S = 5.0
MOST_BAD_PACKETS = 100
"""Malformed RTP packets in a row, without one good unit, before the connection is given up."""


class MemoryPort(Protocol):
    """The other end of a camera's memory channel (`haechi.ingest.memory` has it). Both are called per packet."""

    def opened(self, session: MemoryChannel) -> None:
        """The camera has a memory, and plays."""

    def word(self, packet: bytes) -> None:
        """Something came over the channel. Never raises: the memory's troubles are not those of live."""


class MemoryChannel(Protocol):
    """What a session lends to whoever speaks with a camera's memory."""

    def say(self, word: bytes) -> None:
        """Send a word over the channel."""

    def set_parameter(self, body: bytes) -> None:
        """Tell the camera by SET_PARAMETER."""


def no_note(_hop: str) -> None:
    """Nobody wants to know which hop we are at."""


def _pass_over(_data: bytes, _position: int, end: int) -> int:
    """What comes where nothing should."""
    return end


class RtspSession(asyncio.Protocol):
    """One connection. ``negotiate`` handles what comes by hand, ``play`` lets ``data_received`` do it.

    Args:
        memory: Speaks with the camera's memory, if it has one and the client's wishes name it.
    """

    def __init__(
        self,
        client: RtspClient,
        sink: Sink,
        clock: Clock,
        pairs: UdpPairs | None,
        memory: MemoryPort | None = None,
    ) -> None:
        self._client = client
        self._memory = memory
        self._memory_index = -1
        self._back: tuple[int, MediaTrack] | None = None
        self._sink = sink
        self._clock = clock
        self._pairs = pairs
        self._wire: Wire | None = None
        self._inbox: list[bytes] | None = []
        self._arrived = asyncio.Event()
        self._lost: HaechiError | None = None
        self._over = asyncio.Event()
        self._lanes: list[Reception] = []
        self._bad_packets = 0
        self._last_unit_ns = 0
        self._timeout_s = 60.0
        self._arrived_ns = 0

    # -- asyncio's side ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = TcpWire(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        if self._inbox is not None:
            self._inbox.append(data)
            self._arrived.set()
            return
        try:
            self._take(data)
        except HaechiError as error:
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        reason = type(exc).__name__ if exc is not None else "closed"
        code = "camera-closed" if exc is None else "connection-lost"
        self._end(Unavailable("the camera closed the connection", code=code, reason=reason))

    # -- the driver's side -------------------------------------------------------------------------------------------
    def adopt(self, wire: Wire) -> None:
        """Go on over a connection that is open already; it hands what comes to us."""
        self._wire = wire

    async def start_tls(self, host: str) -> None:
        """Begin TLS. Cameras sign their own certificates, so it keeps listeners out but proves no identity."""
        assert isinstance(self._wire, TcpWire)
        if self._wire.is_closing():  # uvloop would wait for a handshake that cannot come
            raise self._lost or Unavailable("the camera closed the connection", code="connection-lost")
        loop = asyncio.get_running_loop()
        try:
            transport = await asyncio.wait_for(
                loop.start_tls(self._wire.transport, self, tls_to_cameras(), server_hostname=host), CONNECT_S
            )
        except (OSError, TimeoutError) as error:
            raise Unavailable("no TLS with the camera", code="tls-failed", reason=type(error).__name__) from error
        if transport is None:
            raise Unavailable("no TLS with the camera", code="tls-failed", reason="closed")
        self._wire = TcpWire(transport)

    async def negotiate(self, note: Callable[[str], None]) -> None:
        """From OPTIONS to the answer of PLAY."""
        self._send(self._client.start())
        playing = False
        is_first = True
        while not playing:
            data = await self._next()
            events = self._client.feed(data)
            if is_first:
                note("describe")
                is_first = False
            for event in events:
                match event:
                    case Described(tracks):
                        note("setup")
                        media = [one for one in tracks if one.kind != "application" and not is_back_channel(one)]
                        self._lanes = [Reception(index, track) for index, track in enumerate(media)]
                        await self._sink.opened([lane.track for lane in self._lanes])
                    case Playing():
                        self._begin(event)
                        playing = True
                    case RtpReceived(index, packet) if index == self._memory_index:
                        self._on_word(packet)
                    case RtpReceived(index, _) | RtcpReceived(index, _) if index >= len(self._lanes):
                        """Nothing is said by the camera where we speak, and no report where its memory does."""
                    case RtpReceived(index, packet):
                        self._on_rtp(self._lanes[index], packet, self._clock.monotonic_ns())
                    case RtcpReceived(index, packet):
                        self._on_rtcp(self._lanes[index], packet)
                    case Closed():
                        raise Unavailable("the camera ended the session", code="camera-closed")
            self._send(self._client.to_send())

    async def play(self) -> None:
        """Deliver until the connection ends.

        Raises:
            HaechiError: Why it ended.
        """
        self._last_unit_ns = self._clock.monotonic_ns()
        inbox, self._inbox = self._inbox or [], None
        runs: list[PacketRun] = [partial(self._take_run, lane) for lane in self._lanes]
        self._client.hand_over([*runs, self._take_word, _pass_over])
        assert self._wire is not None
        self._wire.read_in_rounds(self.data_received, self.connection_lost)
        for data in inbox:
            self.data_received(data)
        watch = asyncio.create_task(self._watch() if self._lanes else self._over.wait())
        alive = asyncio.create_task(self._keep_alive())
        try:
            await self._over.wait()
        finally:
            for task in (watch, alive):
                task.cancel()
            await asyncio.gather(watch, alive, return_exceptions=True)
        assert self._lost is not None
        raise self._lost

    def close(self) -> None:
        """Say good-bye if that is possible, and let go."""
        if self._wire is None:
            return
        if not self._wire.is_closing():
            self._send(self._client.teardown())
        self._wire.close()

    # -- `MemoryChannel` ---------------------------------------------------------------------------------------------
    def say(self, word: bytes) -> None:
        """See `MemoryChannel`."""
        self._send(self._client.rtcp_to_send(self._memory_index, word))

    def set_parameter(self, body: bytes) -> None:
        """See `MemoryChannel`."""
        self._send(self._client.set_parameter(body))

    # -- `haechi.ingest.talk.Voice` ----------------------------------------------------------------------------------
    @property
    def spoken(self) -> MediaTrack | None:
        """How the camera wants to be spoken to; None: it does not."""
        return self._back[1] if self._back is not None and self._lost is None else None

    def speak(self, packet: bytes) -> None:
        """Send an RTP packet by the back channel."""
        if self._back is not None:
            self._send(self._client.rtp_to_send(self._back[0], packet))

    # -- inside ------------------------------------------------------------------------------------------------------
    def _send(self, data: bytes) -> None:
        if data and self._wire is not None:
            self._wire.write(data)

    def _end(self, error: HaechiError) -> None:
        if self._lost is None:
            self._lost = error
        self._over.set()
        self._arrived.set()

    async def _next(self) -> bytes:
        assert self._inbox is not None
        while not self._inbox:
            if self._lost is not None:
                raise self._lost
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), ANSWER_S)
            except TimeoutError:
                raise Unavailable("the camera does not answer RTSP", code="rtsp-silent", seconds=ANSWER_S) from None
        data = b"".join(self._inbox)
        self._inbox.clear()
        return data

    def _begin(self, playing: Playing) -> None:
        """Keep the lanes that the camera agreed to play, in its order."""
        self._timeout_s = playing.session_timeout_s
        self._lanes = [lane for lane in self._lanes if lane.media in playing.tracks]
        rest = list(enumerate(playing.tracks))[len(self._lanes) :]
        self._back = next(((index, one) for index, one in rest if is_back_channel(one)), None)
        if self._memory is not None and any(one.kind == "application" for _, one in rest):
            self._memory_index = len(self._lanes)
            self._memory.opened(self)
        if self._pairs is not None:
            self._pairs.begin([transport.server_ports for transport in playing.transports], self._on_datagram)

    def _take(self, data: bytes) -> None:
        self._arrived_ns = self._clock.monotonic_ns()
        for event in self._client.events(data):
            if isinstance(event, RtcpReceived):
                if event.track_index < len(self._lanes):
                    self._on_rtcp(self._lanes[event.track_index], event.data)
            elif isinstance(event, Closed):
                raise Unavailable("the camera ended the session", code="camera-closed")
        out = self._client.to_send()
        if out:
            self._send(out)

    def _take_run(self, lane: Reception, data: bytes, position: int, end: int) -> int:
        """See `haechi.media.rtsp.deframer.PacketRun`."""
        after = lane.depacketiser.feed_run(data, position)
        if after > position:
            return after
        self._on_rtp(lane, data[position + 4 : end], self._arrived_ns)
        return end

    def _take_word(self, data: bytes, position: int, end: int) -> int:
        """The same for the channel of the camera's memory."""
        self._on_word(data[position + 4 : end])
        return end

    def _on_word(self, packet: bytes) -> None:
        if self._memory is not None:
            self._memory.word(packet)

    def _on_datagram(self, index: int, is_rtcp: bool, data: bytes) -> None:
        try:
            if is_rtcp:
                self._on_rtcp(self._lanes[index], data)
            else:
                self._on_rtp(self._lanes[index], data, self._clock.monotonic_ns())
        except HaechiError as error:
            self._end(error)

    def _on_rtp(self, lane: Reception, packet: bytes, arrived_ns: int) -> None:
        try:
            if lane.marks is not None and len(packet) > HEADER_BYTES and packet[0] & 0x10:
                lane.marks.note(packet)
            units = lane.depacketiser.feed_data(packet)
        except PeerError:
            self._bad_packets += 1
            if self._bad_packets > MOST_BAD_PACKETS:
                raise
            return
        for unit in units:
            self._on_unit(lane, unit, arrived_ns)

    def _on_unit(self, lane: Reception, unit: RawUnit, arrived_ns: int) -> None:
        self._bad_packets = 0
        if lane.index == 0:  # video comes first; sound alone is no camera
            self._last_unit_ns = arrived_ns
        lane.last_ticks = unit.rtp_ticks
        lane.statistics.arrived(unit.rtp_ticks & 0xFFFFFFFF, arrived_ns)
        if lane.marks is not None:
            unit = replace(unit, mark=lane.marks.of(unit.rtp_ticks))
        self._sink.unit(lane.index, unit, arrived_ns)

    def _on_rtcp(self, lane: Reception, packet: bytes) -> None:
        try:
            reports = rtcp.parse(packet)
        except PeerError:
            self._bad_packets += 1
            return
        for report in reports:
            if isinstance(report, rtcp.SenderReport):
                lane.statistics.sender_report(report, self._clock.monotonic_ns())
                if lane.last_ticks is not None:
                    step = (report.rtp_timestamp - lane.last_ticks + (1 << 31)) % (1 << 32) - (1 << 31)
                    self._sink.report(lane.index, rtcp.ntp_to_ns(report.ntp), lane.last_ticks + step)
            elif isinstance(report, rtcp.Goodbye):
                raise Unavailable("the camera said good-bye", code="camera-closed")

    async def _watch(self) -> None:
        """Give up a camera that has gone quiet: its power may be pulled, which no packet tells."""
        quiet_s = 0.0
        while True:
            await self._clock.sleep(max(STALL_S - quiet_s, 0.1))
            quiet_s = (self._clock.monotonic_ns() - self._last_unit_ns) / NS_PER_S
            if quiet_s > STALL_S:
                self._end(Unavailable("the camera is connected but sends no video", code="camera-stalled"))

    async def _keep_alive(self) -> None:
        """Keep the session open, and send receiver reports."""
        pause_s = max(1.0, min(self._timeout_s / 2 - 1, 25.0))
        due_s = pause_s
        while True:
            step_s = min(due_s, REPORT_S)
            await self._clock.sleep(step_s)
            due_s -= step_s
            self._report()
            if due_s <= 0:
                due_s = pause_s
                await self._ask_whether_alive()

    async def _ask_whether_alive(self) -> None:
        """Send a keep-alive, and again while neither an answer nor video comes; then give the connection up."""
        for _ in range(KEEP_ALIVE_TRIES):
            before = self._client.awaiting_answers
            self._send(self._client.keep_alive())
            await self._clock.sleep(KEEP_ALIVE_ANSWER_S)
            quiet_s = (self._clock.monotonic_ns() - self._last_unit_ns) / NS_PER_S
            if self._client.awaiting_answers <= before or quiet_s < KEEP_ALIVE_ANSWER_S:
                return
        self._end(Unavailable("the camera answers no keep-alive", code="keep-alive-lost", tries=KEEP_ALIVE_TRIES))

    def _report(self) -> None:
        now_ns = self._clock.monotonic_ns()
        for lane in self._lanes:
            data = lane.report(now_ns)
            if not data:
                continue
            if self._pairs is not None:
                self._pairs.send_rtcp(lane.index, data)
            else:
                self._send(self._client.rtcp_to_send(lane.index, data))
