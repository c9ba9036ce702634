"""Viewers for tests: aiortc, which shares no line with ours; and a stream on a bus for them to watch."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.live.mse import LiveHub
from haechi.live.whep.viewers import Viewers, Watching, WatchWish
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, CodecParams, UnitRef, VideoParams
from haechi.media.annexb import split_units
from haechi.media.h264 import video_params
from haechi.media.nal import split_annexb
from haechi.media.rtp import RtpPacket
from haechi.webrtc.dtls import Identity
from haechi.webrtc.port import UdpPort
from tests.whip import OnePort

CAMERA = CameraId("cam_whep")
VIDEO, AUDIO = StreamId("cam_whep/main"), StreamId("cam_whep/audio")
MULAW = AudioParams(Codec.PCMU, 8_000, 1, b"", "ulaw")
OPUS = AudioParams(Codec.OPUS, 48_000, 2, b"", "opus")


def shown(film: Sequence[bytes]) -> tuple[VideoParams, list[tuple[bytes, bool]]]:
    """Annex B pictures as parameters and units."""
    sets = [nal for nal in split_annexb(film[0]) if nal[0] & 31 in (7, 8)]
    units = [(unit.data, unit.is_sync) for unit in split_units(b"".join(film), Codec.H264)]
    return video_params(sets[0], tuple(sets)), units


class Feed:
    """One stream of a camera, put on a bus unit by unit."""

    def __init__(self, bus: FrameBus, stream: StreamId, params: CodecParams, interval_ticks: int) -> None:
        self._channel = bus.channel(stream)
        self._params = params
        self._interval = interval_ticks
        self._run = 0
        self._seq = 0
        self._began_ns = 1_763_712_000 * NS_PER_S
        self.sent: list[AccessUnit] = []

    def open(self, params: CodecParams | None = None) -> None:
        """Begin a run."""
        self._params = params or self._params
        self._run += 1
        self._seq = 0
        self._began_ns += 60 * NS_PER_S
        self._channel.open_run(Run(self._channel.stream, self._run, self._began_ns, [self._params]))

    def close(self) -> None:
        """End it."""
        ended = RunEnded(self._channel.stream, self._run, GapCause.CAMERA_CLOSED, "gone", self._began_ns)
        self._channel.close_run(ended)

    def put(self, data: bytes, is_sync: bool = True, late_ticks: int = 0) -> AccessUnit:
        """The next unit. ``late_ticks``: it is shown so much after it is decoded."""
        ticks = self._seq * self._interval
        captured_ns = self._began_ns + ticks * NS_PER_S // TICKS_PER_S
        ref = UnitRef(self._channel.stream, self._run, self._seq)
        unit = AccessUnit(ref, ticks + late_ticks, ticks, captured_ns, is_sync, 0, data)
        self._seq += 1
        self.sent.append(unit)
        self._channel.publish(unit)
        return unit


class Hall:
    """Where viewers come in: a bus, all viewers, a port on loopback.

    Attributes:
        may: Whether they still may.
        asked: How often that was asked.
        over: How many are gone.
    """

    def __init__(self, clock: Clock, port: type[UdpPort] = UdpPort) -> None:
        self.clock = clock
        self._port = port
        self.bus = FrameBus()
        self.hub = LiveHub(self.bus)
        self.viewers = Viewers(self.hub, clock)
        self.udp: UdpPort | None = None
        self.may = True
        self.asked = 0
        self.over = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Hall]:
        port = self.udp = self._port.bind("127.0.0.1", 0, Identity(dt.datetime.now(dt.UTC)), self.clock)
        port.start()
        self.viewers.stage = OnePort(port)
        task = asyncio.create_task(self.viewers.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            port.close()

    async def offered(self, offer: str, stream: StreamId = VIDEO) -> tuple[Watching, str]:
        """What the route does."""

        async def may_still() -> bool:
            self.asked += 1
            return self.may

        def over() -> None:
            self.over += 1

        wish = WatchWish(offer.encode(), stream, may_still, over, "127.0.0.1")
        watching, answer = await self.viewers.offer(CAMERA, wish)
        return watching, answer.decode()


class Watcher:
    """One peer connection that receives; what comes is kept before it is decoded.

    Attributes:
        packets: As they came, by kind.
        reports: Sender reports, by kind: what the RTP timestamp is in NTP time.
    """

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.packets: dict[str, list[RtpPacket]] = {"video": [], "audio": []}
        self.reports: dict[str, list[Any]] = {"video": [], "audio": []}

    async def offer(self, *, audio: bool = True) -> str:
        """An offer to receive."""
        for kind in ("video", *(("audio",) if audio else ())):
            receiver = self.connection.addTransceiver(kind, direction="recvonly").receiver
            self._keep(kind, receiver)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    def _keep(self, kind: str, receiver: RTCRtpReceiver) -> None:
        take, hear = receiver._handle_rtp_packet, receiver._handle_rtcp_packet

        async def taken(packet: Any, arrival_time_ms: int) -> None:
            self.packets[kind].append(RtpPacket.parse(packet.serialize()))
            await take(packet, arrival_time_ms)

        async def heard(packet: Any) -> None:
            if type(packet).__name__ == "RtcpSrPacket":
                self.reports[kind].append(packet.sender_info)
            await hear(packet)

        receiver._handle_rtp_packet = taken  # type: ignore[method-assign]
        receiver._handle_rtcp_packet = heard  # type: ignore[method-assign]

    async def answered(self, answer: str) -> None:
        """The server's answer; connects."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def watch(self, hall: Hall, *, audio: bool = True) -> Watching:
        """Begin to watch."""
        watching, answer = await hall.offered(await self.offer(audio=audio))
        await self.answered(answer)
        return watching


@asynccontextmanager
async def watcher() -> AsyncIterator[Watcher]:
    """A viewer that is closed at the end."""
    one = Watcher()
    try:
        yield one
    finally:
        await one.connection.close()
