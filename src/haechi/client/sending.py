"""One stream on its way out: units to RTP, in the connection or by UDP; and the results that come back for them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator
from functools import partial
from struct import Struct as Layout

from msgspec import Struct

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.ids import StreamId
from haechi.client.datagrams import DatagramSender
from haechi.client.line import Ears, Line, datagram_socket
from haechi.media.access_unit import RawUnit, UnitRef, VideoParams
from haechi.media.packetise import RtpSender, track_for
from haechi.media.push.wire import MOST_PACKETS_BYTES, Frame, Kind
from haechi.media.push.words import KNOCK, Accepted, Announce, Box, Flow, Result

MOST_SENT = 4096
MOST_SEEN = 4096
"""Results that wait for whoever iterates; the oldest go first, counted."""
TCP_PAYLOAD_BYTES = 16_000
"""No network sees these packets one by one, so they need not fit into one of its own."""
LONGEST_STEP = 90_000
KNOCKS = 25
KNOCK_S = 0.2
END_S = 30.0


class Seen(Struct, frozen=True):
    """What a module of the server says of one unit.

    Attributes:
        ticks: Presentation time of the unit, as the source gave it (90 kHz).
        captured_ns: Its capture time by the server's clock.
        round_trip_ns: From the unit's last byte that we sent to this result.
        server_us: The server's share of that.
        skipped: Units between the result before and this one that were not looked at.
    """

    ref: UnitRef
    module: str
    ticks: int
    captured_ns: int
    boxes: tuple[Box, ...]
    width_px: int
    height_px: int
    round_trip_ns: int
    server_us: int
    skipped: int


class _Sent(Struct, frozen=True, gc=False):
    ticks: int
    sent_ns: int


class UdpWay(Struct, frozen=True):
    """How datagrams go.

    Attributes:
        port: Where to, if not where the server says, as behind a router that forwards another port.
        mbit_s: How fast they leave at most: what the slowest part of the way carries, or a large picture loses some.
    """

    port: int = 0
    mbit_s: float = 400.0


DEFAULT_WAY = UdpWay()
_FRAMING = Layout("!BBH").pack


class Outgoing:
    """See the module. Make it with `begin`.

    Attributes:
        is_hurried: Whether units are sent faster than their time: see `_wire_ticks`.
        left_out: What the server had to leave out, by reason.
        unseen: Results that were dropped because nobody took them.
        units, sent_bytes: What was sent.
        camera: Id of the camera that the stream is on the server; empty: of none.
    """

    def __init__(self, line: Line, clock: Clock, params: VideoParams) -> None:
        self._line = line
        self._clock = clock
        self._track = track_for(params)
        self._sent: dict[int, _Sent] = {}
        self._seen: deque[Seen] = deque()
        self._arrived = asyncio.Event()
        self._error: HaechiError | None = None
        self._is_over = False
        self._datagrams: DatagramSender | None = None
        self._name = StreamId("")
        self.camera = ""
        self._sender = RtpSender(self._track, params.codec, ssrc=secrets.randbits(32))
        self._shift = self._last_ticks = 0
        self.is_hurried = False
        self.number = self.run = 0
        self.left_out: dict[str, int] = {}
        self.unseen = self.units = self.sent_bytes = self.results = 0

    @classmethod
    async def begin(
        cls, line: Line, clock: Clock, params: VideoParams, about: Announce, *, way: UdpWay = DEFAULT_WAY
    ) -> Outgoing:
        """Announce a stream.

        Args:
            about: Name, source, transport, rate, use; the codec is that of ``params``.
            way: How datagrams go, with ``udp``.

        Raises:
            HaechiError: The server does not take it, or cannot be reached by UDP.
        """
        stream = cls(line, clock, params)
        wish = Announce(
            codec=params.codec.value,
            payload_type=stream._track.payload_type,
            clock_hz=stream._track.clock_rate_hz,
            transport=about.transport,
            name=about.name,
            source=about.source,
            width_px=params.width_px,
            height_px=params.height_px,
            fps=about.fps,
            use=about.use,
        )
        ears = Ears(stream._result, stream._flow, stream._fail)
        stream.number, stream.run, accepted = await line.announce(wish, ears)
        stream._name, stream.camera = StreamId(accepted.stream), accepted.camera
        if wish.transport == "udp":
            await stream._knock(accepted, way)
            sender = RtpSender(stream._track, params.codec, ssrc=stream._sender.ssrc)
        else:
            sender = RtpSender(
                stream._track, params.codec, ssrc=stream._sender.ssrc, max_payload_bytes=TCP_PAYLOAD_BYTES
            )
        stream._sender = sender
        return stream

    async def _knock(self, accepted: Accepted, way: UdpWay) -> None:
        """Bind our address to the stream, however many knocks get lost."""
        bound = datagram_socket(self._line.peer, way.port or accepted.udp_port)
        self._datagrams = DatagramSender(bound, self._clock, way.mbit_s * 125_000)
        for _ in range(KNOCKS):
            with contextlib.suppress(OSError):
                bound.send(KNOCK + accepted.secret)
            with contextlib.suppress(Unavailable):
                await self._line.answer(b"", Kind.BOUND, self.number, KNOCK_S)
                return
        self._datagrams.close()
        message = "the server hears nothing by UDP; a firewall may be in between: use tcp"
        raise Unavailable(message, code="push-udp-blocked")

    async def request(self, module: str) -> None:
        """Ask for the results of a module; returns when they will come."""
        await self._line.request(self.number, module)

    # -- units out ---------------------------------------------------------------------------------------------------
    def send(self, unit: RawUnit) -> None:
        """Send a unit. Call `drain` now and then.

        Raises:
            HaechiError: The stream or the connection is over, for this reason.
        """
        if self._error is not None:
            raise self._error
        ticks = self._wire_ticks(unit.rtp_ticks)
        packets = self._sender.packetise(unit.data, ticks, is_sync=unit.is_sync, params=unit.params)
        self.units += 1
        if self._datagrams is not None:
            self.sent_bytes += sum(map(len, packets))
            self._datagrams.put(packets, partial(self._left, ticks & 0xFFFFFFFF, unit.rtp_ticks))
            return
        messages = self._framed(packets)
        self._left(ticks & 0xFFFFFFFF, unit.rtp_ticks)
        for message in messages:
            self._line.write(message)

    def _left(self, wire_ticks: int, ticks: int) -> None:
        """The last byte of a unit leaves now: a result for it may come from now on."""
        self._sent[wire_ticks] = _Sent(ticks, self._clock.monotonic_ns())
        if len(self._sent) > MOST_SENT:
            del self._sent[next(iter(self._sent))]

    def _wire_ticks(self, ticks: int) -> int:
        """The timestamp to send. Played faster than its time, a long step would look like a clock that jumps."""
        step = ticks - self._last_ticks
        if self.is_hurried and self.units and step > LONGEST_STEP:
            self._shift -= step - LONGEST_STEP
        self._last_ticks = ticks
        return ticks + self._shift

    def _framed(self, packets: list[bytes]) -> list[bytes]:
        """Packets as they go in the connection, in as few messages as may be."""
        messages: list[bytes] = []
        parts: list[bytes] = []
        size = 0
        for packet in packets:
            count = len(packet)
            if size + count + 4 > MOST_PACKETS_BYTES:
                messages.append(Frame(Kind.PACKETS, b"".join(parts), self.number, self.run).serialise())
                parts, size = [], 0
            parts += (_FRAMING(0x24, 0, count), packet)
            size += count + 4
            self.sent_bytes += count
        messages.append(Frame(Kind.PACKETS, b"".join(parts), self.number, self.run).serialise())
        return messages

    async def drain(self) -> None:
        """Wait until little waits to be sent."""
        if self._datagrams is not None:
            await self._datagrams.drain()
            if self._error is not None:
                raise self._error
        await self._line.drain()

    async def end(self) -> None:
        """Nothing more comes; returns when everything was judged that will be."""
        end = Frame(Kind.END, b"", self.number, self.run).serialise()
        try:
            if self._datagrams is not None:
                await self._datagrams.drain(0)
            await self._line.answer(end, Kind.ENDED, self.number, END_S)
        finally:
            self.close()

    def close(self) -> None:
        """Nobody sends or listens any more; results that came can still be taken."""
        self._is_over = True
        self._arrived.set()
        self._line.forget(self.number)
        if self._datagrams is not None:
            self._datagrams.close()

    # -- results in --------------------------------------------------------------------------------------------------
    def _result(self, frame: Frame, result: Result) -> None:
        sent = self._sent.get(result.ticks)
        if sent is None:
            return
        seen = Seen(
            ref=UnitRef(self._name, frame.run, frame.seq),
            module=result.module,
            ticks=sent.ticks,
            captured_ns=result.captured_ns,
            boxes=result.boxes,
            width_px=result.width_px,
            height_px=result.height_px,
            round_trip_ns=self._clock.monotonic_ns() - sent.sent_ns,
            server_us=result.took_us,
            skipped=result.skipped,
        )
        self.results += 1
        if len(self._seen) >= MOST_SEEN:
            self._seen.popleft()
            self.unseen += 1
        self._seen.append(seen)
        self._arrived.set()

    def _flow(self, flow: Flow) -> None:
        self.left_out[flow.reason] = self.left_out.get(flow.reason, 0) + flow.count

    def _fail(self, error: HaechiError) -> None:
        self._error = error
        self._arrived.set()

    async def seen(self) -> AsyncIterator[Seen]:
        """Results as they come, until the stream is over.

        Raises:
            HaechiError: Why it ended before its time.
        """
        while True:
            while self._seen:
                yield self._seen.popleft()
            if self._error is not None:
                raise self._error
            if self._is_over:
                return
            self._arrived.clear()
            await self._arrived.wait()
