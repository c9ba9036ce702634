"""Boxes for Media Source Extensions: each unit becomes one fMP4 chunk once, shared by all who watch."""

from __future__ import annotations

import asyncio
import struct
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

from haechi.base.clock import Clock, SystemClock
from haechi.base.faults import Faults
from haechi.base.ids import StreamId, role_of
from haechi.bus.frames import FrameBus, Run, Subscription
from haechi.live.demand import Demand
from haechi.live.packets import PacketStreams
from haechi.live.renditions.making import SHAPES
from haechi.live.renditions.room import Renditions
from haechi.live.transcode import PACKET_TICKS, Transcoder, opus_of
from haechi.media.aac import parse_config
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, CodecParams, VideoParams
from haechi.media.fmp4.muxer import chunk, init_segment

HEADER = struct.Struct(">HBBIQQ")
"""Channel id, kind, flags, run, seq, captured_ns; see docs/ref/api.md."""
KIND_INIT = 1
KIND_CHUNK = 2
KIND_PICTURE = 3
FLAG_SYNC = 1

PICTURES = "image/jpeg"
"""The type of a stream whose units go out as they are: see `KIND_PICTURE`."""
CACHED_CHUNKS = 128
FIRST_DURATION = TICKS_PER_S // 15
LONGEST_DURATION = TICKS_PER_S
LONGEST_STEP = 16
"""A rendition leaves out no more units than this between two: 120 a second are made 10, and some may be damaged."""


Chunk = tuple[AccessUnit, bytes]
"""A unit whose name and stamp go into the header, and moof+mdat."""


class LiveStream:
    """The chunks of one stream. They are made when the first viewer wants them, and kept for the others.

    Args:
        leaves_out: Not every unit of the camera is one of this stream: a rendition has fewer pictures.

    Attributes:
        made: Chunks made so far.
    """

    def __init__(self, *, leaves_out: bool = False) -> None:
        self._longest_step = LONGEST_STEP if leaves_out else 1
        self._chunks: OrderedDict[tuple[int, int], tuple[Chunk, ...]] = OrderedDict()
        self._inits: OrderedDict[CodecParams, bytes] = OrderedDict()
        self._last: AccessUnit | None = None
        self._duration = FIRST_DURATION
        self._transcoder: tuple[int, AudioParams, Transcoder] | None = None
        self.made = 0

    def init(self, params: CodecParams) -> bytes:
        """The initialisation segment for ``params`` (those of `shown_as`)."""
        data = self._inits.get(params)
        if data is None:
            data = self._inits[params] = init_segment(params)
            if len(self._inits) > 4:
                self._inits.popitem(last=False)
        return data

    def chunks(self, unit: AccessUnit, params: CodecParams) -> tuple[Chunk, ...]:
        """What a viewer gets for ``unit``: one chunk; where the sound is transcoded none, one or more."""
        key = (unit.ref.run, unit.ref.seq)
        chunks = self._chunks.get(key)
        if chunks is None:
            chunks = self._chunks[key] = self._make(unit, params)
            self.made += len(chunks)
            if len(self._chunks) > CACHED_CHUNKS:
                self._chunks.popitem(last=False)
        return chunks

    def _make(self, unit: AccessUnit, params: CodecParams) -> tuple[Chunk, ...]:
        shown = shown_as(params)
        if shown is params or not isinstance(params, AudioParams):
            return ((unit, chunk(unit, params, unit.ref.seq + 1, duration_ticks=self._duration_of(unit, params))),)
        return tuple(
            (packet, chunk(packet, shown, packet.ref.seq + 1, duration_ticks=PACKET_TICKS))
            for packet in self._transcoder_of(unit.ref.run, params).feed(unit)
        )

    def _transcoder_of(self, run: int, params: AudioParams) -> Transcoder:
        """One encoder however many listen. It costs nothing while nobody asks for chunks."""
        if self._transcoder is None or self._transcoder[:2] != (run, params):
            self._transcoder = (run, params, Transcoder(params))
        return self._transcoder[2]

    def _duration_of(self, unit: AccessUnit, params: CodecParams) -> int | None:
        """Audio tells how long it lasts. A picture lasts as long as the one before: the next is not known yet."""
        if isinstance(params, AudioParams):
            return _aac_frame_ticks(params) if params.codec is Codec.AAC else None
        last = self._last
        step = unit.ref.seq - last.ref.seq if last is not None and last.ref.run == unit.ref.run else 0
        if last is not None and 0 < step <= self._longest_step:
            self._duration = max(1, min(unit.dts - last.dts, LONGEST_DURATION))
        self._last = unit
        return self._duration


@lru_cache(maxsize=16)
def _aac_frame_ticks(params: AudioParams) -> int:
    config = parse_config(params.config)
    return round(config.samples_per_frame * TICKS_PER_S / config.rate_hz)


class LiveHub:
    """All live streams of this process.

    Attributes:
        packets: The same streams for those who watch over RTP.
        demand: What is there only while somebody watches it.
        renditions: What of that is made here.
        faults: Bugs that ended a viewer or a stream that is there only for viewers.
    """

    def __init__(
        self, bus: FrameBus, clock: Clock | None = None, most_renditions: int = 0, faults: Faults | None = None
    ) -> None:
        clock = clock or SystemClock()
        self.faults = faults or Faults()
        self.bus = bus
        self.packets = PacketStreams()
        self.demand = Demand(clock, self.faults)
        self.renditions = Renditions(bus, self.demand, clock, self.forget, most_renditions)
        self._streams: dict[StreamId, LiveStream] = {}
        self.viewers = 0

    async def run(self) -> None:
        """Make and fetch what viewers want, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.renditions.run())
            group.create_task(self.demand.run())

    @asynccontextmanager
    async def watching(self, stream: StreamId) -> AsyncIterator[Subscription]:
        """A viewer's subscription, with a lease of the stream for as long as the block lasts.

        Raises:
            HaechiError: It cannot be had (`Demand.want`).
        """
        lease = await self.demand.want(stream)
        subscription = self.bus.watch(stream)
        try:
            yield subscription
        finally:
            subscription.close()
            lease.close()

    def stream(self, stream: StreamId) -> LiveStream:
        """The chunks of ``stream``."""
        live = self._streams.get(stream)
        if live is None:
            live = self._streams[stream] = LiveStream(leaves_out=role_of(stream) in SHAPES)
        return live

    def forget(self, stream: StreamId) -> None:
        """The stream is gone for good."""
        self._streams.pop(stream, None)


def mime_of(params: CodecParams) -> str:
    """What a browser calls it, for ``MediaSource.isTypeSupported``; JPEG pictures are drawn by themselves."""
    if params.codec is Codec.MJPEG:
        return PICTURES
    kind = "video" if isinstance(params, VideoParams) else "audio"
    codec = params.codec_string or params.codec.value
    return f'{kind}/mp4; codecs="{codec}"'


def shown_as(params: CodecParams) -> CodecParams:
    """What viewers get for ``params``: the very same, or Opus for G.711."""
    opus = opus_of(params) if isinstance(params, AudioParams) else None
    return params if opus is None else opus


def plays_in_browsers(params: CodecParams) -> bool:
    """Whether any browser plays this by MSE. MJPEG is sent as pictures; G.711 is, see `shown_as`, Opus by then."""
    return params.codec in (Codec.H264, Codec.H265, Codec.AAC, Codec.OPUS)


def size_of(params: CodecParams) -> tuple[int, int]:
    """Width and height in pixels; zeros for audio."""
    return (params.width_px, params.height_px) if isinstance(params, VideoParams) else (0, 0)


def header(channel: int, kind: int, flags: int, run: Run, unit: AccessUnit | None) -> bytes:
    """The 24 bytes before each binary message's payload."""
    seq, captured_ns = (unit.ref.seq, unit.captured_ns) if unit is not None else (0, 0)
    return HEADER.pack(channel, kind, flags, run.number, seq, captured_ns)
