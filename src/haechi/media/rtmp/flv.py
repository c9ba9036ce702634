"""FLV tags to units: AVC and AAC as Adobe has them, HEVC by Enhanced RTMP, G.711; pure."""

from __future__ import annotations

from collections.abc import Iterator

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec
from haechi.media.container import SoundPackets, VideoPackets
from haechi.media.pieces import PieceUnit
from haechi.media.rtmp.client import Tag

TICKS_PER_MS = 90
_ENHANCED = 0x80
_FOURCC = {b"avc1": Codec.H264, b"hvc1": Codec.H265}
_VIDEO_IDS = {7: Codec.H264, 12: Codec.H265}
_AAC, _ALAW, _ULAW = 10, 7, 8
_START, _CODED, _CODED_X = 0, 1, 3


class FlvReader:
    """Reads one stream.

    Attributes:
        video, sound: What it has; None as long as nothing of it came.
    """

    def __init__(self) -> None:
        self.video: Codec | None = None
        self.sound: Codec | None = None
        self._header = b""
        self._pictures: VideoPackets | None = None
        self._frames: SoundPackets | None = None
        self._config = b""

    def read(self, tag: Tag) -> Iterator[PieceUnit]:
        """The units in a tag; times in 90 kHz ticks of the stream's own clock.

        Raises:
            PeerError: It is malformed; ``unsupported-codec``.
        """
        if len(tag.data) < 2:
            return
        yield from self._video(tag) if tag.is_video else self._sound(tag)

    def _video(self, tag: Tag) -> Iterator[PieceUnit]:
        data = tag.data
        if data[0] & _ENHANCED:
            kind, codec, at = data[0] & 0x0F, _FOURCC.get(data[1:5]), 5
            has_shift = kind == _CODED
        else:
            kind, codec, at = data[1], _VIDEO_IDS.get(data[0] & 0x0F), 2
            has_shift = True
            if data[0] >> 4 == 5:  # an info frame holds no picture
                return
        if codec is None:
            message = "the stream's pictures are neither H.264 nor H.265"
            raise PeerError(message, offset=0, code="unsupported-codec")
        shift_ms = int.from_bytes(data[at : at + 3], "big", signed=True) if has_shift else 0
        body = data[at + 3 if has_shift else at :]
        if kind == _START:
            self._begin(codec, body)
        elif kind in (_CODED, _CODED_X) and self._pictures is not None:
            unit = self._pictures.unit(body)
            if unit is not None:
                dts = tag.time_ms * TICKS_PER_MS
                yield PieceUnit(True, dts + shift_ms * TICKS_PER_MS, dts, unit.is_sync, unit.data, unit.params)

    def _begin(self, codec: Codec, header: bytes) -> None:
        if header != self._header or codec is not self.video:
            self._pictures = VideoPackets(codec, header)
            self.video, self._header = codec, header

    def _sound(self, tag: Tag) -> Iterator[PieceUnit]:
        data, form = tag.data, tag.data[0] >> 4
        if form == _AAC:
            if data[1] == 0:
                if data[2:] != self._config:
                    self._config = data[2:]
                    self._frames = SoundPackets(Codec.AAC, 0, 0, self._config) if self._config else None
                    self.sound = Codec.AAC
                return
            body = data[2:]
        elif form in (_ALAW, _ULAW):
            body = data[1:]
            if self._frames is None:
                self.sound = Codec.PCMA if form == _ALAW else Codec.PCMU
                self._frames = SoundPackets(self.sound, 8000, 1, b"")
        else:
            return
        for frame in self._frames.frames(body) if self._frames is not None and body else ():
            at = tag.time_ms * TICKS_PER_MS + frame.later_ticks
            yield PieceUnit(False, at, at, True, frame.data, frame.params)
