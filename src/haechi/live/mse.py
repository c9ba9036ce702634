"""Boxes for Media Source Extensions: each unit becomes one fMP4 chunk once, shared by all who watch."""

from __future__ import annotations

import struct
from collections import OrderedDict

from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, Run
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, Codec, CodecParams, VideoParams
from haechi.media.fmp4.muxer import chunk, init_segment

HEADER = struct.Struct(">HBBIQQ")
"""Channel id, kind, flags, run, seq, captured_ns; see docs/ref/api.md."""
KIND_INIT = 1
KIND_CHUNK = 2
FLAG_SYNC = 1

CACHED_CHUNKS = 128
FIRST_DURATION = TICKS_PER_S // 15
LONGEST_DURATION = TICKS_PER_S


class LiveStream:
    """The chunks of one stream. A chunk is made when the first viewer wants it, and kept for the others."""

    def __init__(self) -> None:
        self._chunks: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._inits: OrderedDict[CodecParams, bytes] = OrderedDict()
        self._last: AccessUnit | None = None
        self._duration = FIRST_DURATION
        self.made = 0

    def init(self, params: CodecParams) -> bytes:
        """The initialisation segment for ``params``."""
        data = self._inits.get(params)
        if data is None:
            data = self._inits[params] = init_segment(params)
            if len(self._inits) > 4:
                self._inits.popitem(last=False)
        return data

    def chunk(self, unit: AccessUnit, params: CodecParams) -> bytes:
        """The moof+mdat of one unit. Its duration is that of the unit before: the next one is not known yet."""
        key = (unit.ref.run, unit.ref.seq)
        data = self._chunks.get(key)
        if data is None:
            data = self._chunks[key] = chunk(unit, params, unit.ref.seq + 1, duration_ticks=self._duration_of(unit))
            self.made += 1
            if len(self._chunks) > CACHED_CHUNKS:
                self._chunks.popitem(last=False)
        return data

    def _duration_of(self, unit: AccessUnit) -> int:
        last = self._last
        if last is not None and last.ref.run == unit.ref.run and last.ref.seq + 1 == unit.ref.seq:
            self._duration = max(1, min(unit.dts - last.dts, LONGEST_DURATION))
        self._last = unit
        return self._duration


class LiveHub:
    """All live streams of this process."""

    def __init__(self, bus: FrameBus) -> None:
        self.bus = bus
        self._streams: dict[StreamId, LiveStream] = {}
        self.viewers = 0

    def stream(self, stream: StreamId) -> LiveStream:
        """The chunks of ``stream``."""
        live = self._streams.get(stream)
        if live is None:
            live = self._streams[stream] = LiveStream()
        return live

    def forget(self, stream: StreamId) -> None:
        """The stream is gone for good."""
        self._streams.pop(stream, None)


def mime_of(params: CodecParams) -> str:
    """What a browser calls it, for ``MediaSource.isTypeSupported``."""
    kind = "video" if isinstance(params, VideoParams) else "audio"
    codec = params.codec_string or params.codec.value
    return f'{kind}/mp4; codecs="{codec}"'


def plays_in_browsers(params: CodecParams) -> bool:
    """Whether any browser plays this by MSE. MJPEG and G.711 are shown as stills, or not at all."""
    return params.codec in (Codec.H264, Codec.H265, Codec.AAC, Codec.OPUS)


def size_of(params: CodecParams) -> tuple[int, int]:
    """Width and height in pixels; zeros for audio."""
    return (params.width_px, params.height_px) if isinstance(params, VideoParams) else (0, 0)


def header(channel: int, kind: int, flags: int, run: Run, unit: AccessUnit | None) -> bytes:
    """The 24 bytes before each binary message's payload."""
    seq, captured_ns = (unit.ref.seq, unit.captured_ns) if unit is not None else (0, 0)
    return HEADER.pack(channel, kind, flags, run.number, seq, captured_ns)
