"""What a client can play: files, RTSP cameras, webcams. Coded video is passed on as it is; anything else is encoded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import av
from av.bitstream import BitStreamFilterContext
from msgspec import Struct

from haechi.base.errors import Invalid, NotFound, PeerError, Unavailable
from haechi.media.access_unit import TICKS_PER_S, Codec, RawUnit, VideoParams
from haechi.media.annexb import UnitBuilder, dialect_for
from haechi.media.nal import split_annexb

_CODECS = {"h264": (Codec.H264, "h264_mp4toannexb"), "hevc": (Codec.H265, "hevc_mp4toannexb")}
_VIDEO_DEVICE = "/dev/video"
OPEN_S = 10.0
READ_S = 10.0
GOP_S = 2
if TYPE_CHECKING:
    Coded = av.Packet[av.VideoStream]

_SAFE_FILE = {"protocol_whitelist": "file"}
"""A playlist that somebody gave us as a video must not make this machine fetch anything."""


class Playable(Protocol):
    """Coded units, one after the other; each call of ``next`` may block."""

    @property
    def is_live(self) -> bool:
        """Whether it comes at its own pace."""

    @property
    def fps(self) -> float:
        """Pictures a second, as far as it is known; 0: it is not."""

    @property
    def duration_s(self) -> float:
        """Of a file; 0: unknown, or it does not end."""

    def units(self) -> Iterator[Timed]:
        """From the first unit that can be decoded on. The first carries parameters."""

    def close(self) -> None:
        """Let go of it."""


class Timed(Struct, frozen=True):
    """A unit, and when it is due in the source's own time (90 kHz)."""

    unit: RawUnit
    due: int


class Opening(Struct, frozen=True):
    """How libav is to open a source; the format is pinned, so that a name cannot choose another."""

    url: str
    format: str | None
    options: dict[str, str]
    is_live: bool
    hint: str


def opening_of(source: str) -> Opening:
    """How to open what a person typed: a file, ``rtsp://…``, or ``webcam:0``.

    Raises:
        Invalid: ``bad-source``.
        NotFound: ``no-such-file``.
    """
    if source.startswith(("rtsp://", "rtsps://")):
        options = {"rtsp_transport": "tcp", "fflags": "nobuffer"}
        return Opening(source, "rtsp", options, is_live=True, hint="is the address right, and does the camera answer?")
    if source.startswith("webcam:"):
        return _webcam(source.removeprefix("webcam:"))
    if "://" in source:
        raise Invalid("a source is a file, rtsp://… or webcam:0", code="bad-source")
    if not Path(source).is_file():
        raise NotFound("there is no such file", code="no-such-file", file=Path(source).name)
    return Opening(source, None, _SAFE_FILE, is_live=False, hint="is it a video?")


def _webcam(which: str) -> Opening:
    """The camera of this machine by number (Windows: by its name)."""
    hint = "is it plugged in, and used by no other program?"
    if sys.platform == "win32":
        return Opening(f"video={which}", "dshow", {}, is_live=True, hint=hint)
    which = which.removeprefix(_VIDEO_DEVICE) if sys.platform == "linux" else which
    if not which.isdecimal():
        raise Invalid("a webcam is named by its number: webcam:0", code="bad-source")
    if sys.platform == "darwin":
        return Opening(which, "avfoundation", {"framerate": "30"}, is_live=True, hint=hint)
    return Opening(f"/dev/video{which}", "v4l2", {}, is_live=True, hint=hint)


def open_source(source: str) -> Playable:
    """Open what a person typed. Blocking.

    Raises:
        Invalid: ``bad-source``, ``no-video``.
        NotFound: ``no-such-file``.
        Unavailable: ``source-unavailable``.
    """
    return open_with(opening_of(source))


def open_with(how: Opening) -> Playable:
    """See `open_source`."""
    try:
        container = av.open(how.url, format=how.format, options=how.options, timeout=(OPEN_S, READ_S))
    except (av.error.FFmpegError, OSError) as error:
        reason = type(error).__name__
        raise Unavailable(
            f"the source cannot be opened; {how.hint}", code="source-unavailable", reason=reason
        ) from error
    if not container.streams.video:
        container.close()
        raise Invalid("there is no video in the source", code="no-video")
    stream = container.streams.video[0]
    kind = _Passed if stream.codec_context.name in _CODECS and not _is_raw(how) else _Encoded
    return kind(container, stream, is_live=how.is_live)


def _is_raw(how: Opening) -> bool:
    return how.format in ("v4l2", "dshow", "avfoundation", "lavfi")


class _Base:
    def __init__(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream, *, is_live: bool
    ) -> None:
        self._container = container
        self._stream = stream
        self.is_live = is_live
        self.fps = float(stream.average_rate or stream.guessed_rate or 0)
        self.duration_s = float(container.duration or 0) / av.time_base if not is_live else 0.0

    def close(self) -> None:
        self._container.close()

    def _packets(self) -> Iterator[Coded]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, OSError) as error:
            message = "the source broke off" if self.is_live else "the file is damaged from here on"
            raise Unavailable(message, code="source-unavailable", reason=type(error).__name__) from error


class _Passed(_Base):
    """H.264 and H.265 as they are."""

    def units(self) -> Iterator[Timed]:
        codec, name = _CODECS[self._stream.codec_context.name]
        cutter = _Cutter(codec, self.fps)
        cutter.know(self._stream.codec_context.extradata or b"")
        try:
            to_annexb = BitStreamFilterContext(name, self._stream)
            for packet in self._packets():
                for part in to_annexb.filter(packet):
                    yield from cutter.cut(bytes(part), _times(part, packet))
        except av.error.InvalidDataError as error:
            raise Invalid("the video in the source cannot be read", code="no-video") from error


class _Encoded(_Base):
    """Everything else, as H.264."""

    def units(self) -> Iterator[Timed]:
        encoder = _Encoder(self.fps or 25.0)
        cutter = _Cutter(Codec.H264, self.fps)
        base: int | None = None
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # one bad picture of many
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                ticks = _ticks(frame.pts, frame.time_base)
                if ticks is not None and base is None:
                    base = ticks
                yield from encoder.encode(frame, None if ticks is None or base is None else ticks - base, cutter)
        yield from encoder.finish(cutter)


class _Encoder:
    """libx264, without delay."""

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._codec: av.VideoCodecContext | None = None
        self._count = 0
        self._last = -1

    def encode(self, frame: av.VideoFrame, ticks: int | None, cutter: _Cutter) -> Iterator[Timed]:
        """A picture; its time may be unknown."""
        if self._codec is None:
            self._codec = self._open(frame)
        plain = frame.reformat(width=self._codec.width, height=self._codec.height, format="yuv420p")
        wanted = round(self._count * TICKS_PER_S / self._fps) if ticks is None else ticks
        self._last = max(wanted, self._last + 1)
        self._count += 1
        plain.pts, plain.time_base = self._last, Fraction(1, TICKS_PER_S)
        for packet in self._codec.encode(plain):
            yield from cutter.cut(bytes(packet), _times(packet, packet))

    def finish(self, cutter: _Cutter) -> Iterator[Timed]:
        """What the encoder holds back."""
        for packet in self._codec.encode(None) if self._codec is not None else ():
            yield from cutter.cut(bytes(packet), _times(packet, packet))

    def _open(self, frame: av.VideoFrame) -> av.VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, av.VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = frame.width & ~1, frame.height & ~1, "yuv420p"
        codec.time_base, codec.framerate = Fraction(1, TICKS_PER_S), Fraction(self._fps).limit_denominator(1001)
        codec.gop_size = max(1, round(GOP_S * self._fps))
        codec.options = {"preset": "superfast", "tune": "zerolatency", "crf": "23"}
        return codec


class _Cutter:
    """Packets in byte-stream form to units. Those before the first sync unit cannot be decoded and are left out."""

    def __init__(self, codec: Codec, fps: float) -> None:
        self._builder = UnitBuilder(dialect_for(codec))
        self._step = TICKS_PER_S / (fps or 25.0)
        self._count = 0
        self._base: int | None = None
        self._params: VideoParams | None = None
        self._told = False

    def know(self, extradata: bytes) -> None:
        """Parameter sets from outside the stream, if they are in byte-stream form."""
        if extradata.startswith((b"\0\0\1", b"\0\0\0\1")):
            for nal in split_annexb(extradata):
                list(self._builder.add(nal))

    def cut(self, data: bytes, times: tuple[int | None, int | None]) -> Iterator[Timed]:
        """The unit of one packet; ``times``: presentation and decoding (90 kHz), where they are known."""
        try:
            found = [unit for nal in split_annexb(data) for unit in self._builder.add(nal)]
            found += self._builder.finish()
        except PeerError as error:
            raise Invalid(f"the video in the source cannot be read: {error.message}", code="no-video") from error
        for unit in found:
            self._params = unit.params or self._params
            if not self._told and not unit.is_sync:
                continue
            pts, due = self._when(*times)
            params = unit.params if self._told else self._params
            self._told = True
            yield Timed(RawUnit(pts, unit.is_sync, unit.data, params), due)

    def _when(self, pts: int | None, dts: int | None) -> tuple[int, int]:
        """Presentation time, and when to send. A source without times has pictures at equal distances."""
        counted = round(self._count * self._step)
        self._count += 1
        if pts is None:
            return counted, counted
        due = pts if dts is None else dts
        if self._base is None:
            self._base = min(pts, due)
        return pts - self._base, due - self._base


def _ticks(pts: int | None, base: Fraction | None) -> int | None:
    return None if pts is None or base is None else round(pts * base * TICKS_PER_S)


def _times(packet: Coded, origin: Coded) -> tuple[int | None, int | None]:
    """A filter may leave times out; they are those of the packet that it was given."""
    base = packet.time_base if packet.pts is not None and packet.time_base else origin.time_base
    pts = packet.pts if packet.pts is not None else origin.pts
    dts = packet.dts if packet.dts is not None else origin.dts
    return _ticks(pts, base), _ticks(dts, base)
