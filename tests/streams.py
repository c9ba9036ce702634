"""Small real streams, encoded once in a test session: what a camera would send, as units without RTP.

params, units = h264_stream(frames=30, fps=15, gop=15, size=(320, 240))
access_units = stamped(units, StreamId("cam_a/main"), run=1)
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from msgspec import Struct

from haechi.base.clock import NS_PER_S
from haechi.base.ids import StreamId
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, UnitRef, VideoParams

START_NS = 1_763_712_000 * NS_PER_S
"""2025-11-21T08:00:00Z: when streams begin unless a test says otherwise."""


class CodedUnit(Struct, frozen=True):
    """One coded picture or audio frame: payload as in `AccessUnit`, times in 90 kHz ticks from 0 on."""

    data: bytes
    pts: int
    dts: int
    is_sync: bool


def split_annexb(data: bytes) -> list[bytes]:
    """NAL units between Annex B start codes, for test data of our own making only."""
    parts = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part.rstrip(b"\0") for part in parts if part]


def picture(number: int, size: tuple[int, int]) -> av.VideoFrame:
    """A picture that changes with ``number``: a moving gradient and a bright bar."""
    width, height = size
    luma = (np.add.outer(np.arange(height), np.arange(width)) + 3 * number) % 200 + 20
    bar = (number * 7) % max(width - 16, 1)
    luma[height // 4 : height // 2, bar : bar + 16] = 235
    frame = av.VideoFrame(width, height, "yuv420p")
    for index, plane in enumerate(frame.planes):
        content = luma if index == 0 else np.full((plane.height, plane.width), 100 + 30 * index)
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = content[: plane.height, : plane.width]
        plane.update(rows.tobytes())
    return frame


@lru_cache(maxsize=32)
def h264_stream(
    frames: int = 30, fps: int = 15, gop: int = 15, size: tuple[int, int] = (320, 240), bframes: int = 0
) -> tuple[VideoParams, list[CodedUnit]]:
    """H.264 by libx264, high profile."""
    packets, extra = _encode_video("libx264", frames, fps, gop, size, bframes)
    sets = tuple(nal for nal in split_annexb(extra) if nal[0] & 31 in (7, 8))
    params = VideoParams(Codec.H264, *size, sets, f"avc1.{sets[0][1:4].hex()}")
    return params, [_lengths(packet, {6, 7, 8, 9}, lambda nal: nal[0] & 31) for packet in packets]


@lru_cache(maxsize=32)
def h265_stream(
    frames: int = 30, fps: int = 15, gop: int = 15, size: tuple[int, int] = (320, 240), bframes: int = 0
) -> tuple[VideoParams, list[CodedUnit]]:
    """H.265 by libx265, main profile."""
    packets, extra = _encode_video("libx265", frames, fps, gop, size, bframes)
    sets = tuple(nal for nal in split_annexb(extra) if nal[0] >> 1 & 63 in (32, 33, 34))
    params = VideoParams(Codec.H265, *size, sets, "hvc1.1.6.L60.90")
    return params, [_lengths(packet, {32, 33, 34, 35, 39}, lambda nal: nal[0] >> 1 & 63) for packet in packets]


@lru_cache(maxsize=8)
def vp8_stream(
    frames: int = 30, fps: int = 15, gop: int = 15, size: tuple[int, int] = (320, 240)
) -> tuple[VideoParams, list[CodedUnit]]:
    """VP8 by libvpx, as a phone's browser makes it: in real time, every picture shown."""
    context = av.CodecContext.create("libvpx", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, fps), Fraction(fps), gop
    context.options = {"deadline": "realtime", "lag-in-frames": "0", "auto-alt-ref": "0"}
    units = []
    for number in range(frames):
        frame = picture(number, size)
        frame.pts = number
        for packet in context.encode(frame):
            ticks = number * TICKS_PER_S // fps
            units.append(CodedUnit(bytes(packet), ticks, ticks, packet.is_keyframe))
    return VideoParams(Codec.VP8, *size, (), "vp08.00.10.08"), units


@lru_cache(maxsize=8)
def mjpeg_stream(
    frames: int = 10, fps: int = 10, size: tuple[int, int] = (320, 240)
) -> tuple[VideoParams, list[CodedUnit]]:
    """Motion JPEG: every picture a JFIF file."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, "yuvj420p"
    context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
    units = []
    for number in range(frames):
        frame = picture(number, size).reformat(format="yuvj420p")
        frame.pts = number
        for packet in context.encode(frame):
            ticks = number * TICKS_PER_S // fps
            units.append(CodedUnit(bytes(packet), ticks, ticks, True))
    return VideoParams(Codec.MJPEG, *size), units


@lru_cache(maxsize=8)
def aac_stream(frames: int = 50, rate_hz: int = 48_000, channels: int = 1) -> tuple[AudioParams, list[CodedUnit]]:
    """AAC-LC, 1024 samples a frame."""
    units, config = _encode_audio("aac", frames * 1024, rate_hz, channels)
    return AudioParams(Codec.AAC, rate_hz, channels, config, "mp4a.40.2"), units


@lru_cache(maxsize=8)
def opus_stream(frames: int = 50, channels: int = 1) -> tuple[AudioParams, list[CodedUnit]]:
    """Opus, 20 ms a packet."""
    units, _ = _encode_audio("libopus", frames * 960, 48_000, channels)
    return AudioParams(Codec.OPUS, 48_000, channels, b"", "opus"), units


@lru_cache(maxsize=8)
def pcm_stream(frames: int = 50, law: str = "ulaw") -> tuple[AudioParams, list[CodedUnit]]:
    """G.711 (``ulaw`` or ``alaw``), 20 ms a packet, mono at 8 kHz."""
    packets, _ = _encode_audio("pcm_mulaw" if law == "ulaw" else "pcm_alaw", frames * 160, 8_000, 1)
    joined = b"".join(unit.data for unit in packets)
    units = [CodedUnit(joined[160 * n : 160 * n + 160], 1800 * n, 1800 * n, True) for n in range(frames)]
    return AudioParams(Codec.PCMU if law == "ulaw" else Codec.PCMA, 8_000, 1, b"", law), units


def stamped(
    units: Sequence[CodedUnit],
    stream: StreamId,
    *,
    run: int = 1,
    start_ns: int = START_NS,
    first_seq: int = 0,
    first_ticks: int = 0,
) -> list[AccessUnit]:
    """The units as ingest would publish them: captured when they are decoded, to the nanosecond and a bit askew."""
    return [
        AccessUnit(
            ref=UnitRef(stream, run, first_seq + number),
            pts=first_ticks + unit.pts,
            dts=first_ticks + unit.dts,
            captured_ns=start_ns + unit.dts * NS_PER_S // TICKS_PER_S + number % 7,
            is_sync=unit.is_sync,
            params=0,
            data=unit.data,
        )
        for number, unit in enumerate(units)
    ]


class _Packet(Struct, frozen=True):
    data: bytes
    pts: int
    dts: int
    is_sync: bool


def _encode_video(
    name: str, frames: int, fps: int, gop: int, size: tuple[int, int], bframes: int
) -> tuple[list[_Packet], bytes]:
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base, context.framerate = Fraction(1, fps), Fraction(fps)
    context.gop_size, context.thread_count = gop, 1
    quiet = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}"
    if name == "libx264":
        context.options = {"preset": "veryfast", "x264-params": quiet}
    else:
        context.options = {"preset": "ultrafast", "x265-params": f"{quiet}:log-level=none:no-open-gop=1"}
    context.flags |= av.codec.context.Flags.global_header
    found = []
    for number in range(frames + 1):
        frame = None
        if number < frames:
            frame = picture(number, size)
            frame.pts = number
        found += context.encode(frame)
    ticks = TICKS_PER_S // fps
    stamps = [(packet.pts or 0, packet.dts or 0) for packet in found]
    first = min(dts for _, dts in stamps)
    return [
        _Packet(bytes(packet), (pts - first) * ticks, (dts - first) * ticks, packet.is_keyframe)
        for packet, (pts, dts) in zip(found, stamps, strict=True)
    ], bytes(context.extradata or b"")


def _lengths(packet: _Packet, dropped: set[int], kind: Callable[[bytes], int]) -> CodedUnit:
    nals = [nal for nal in split_annexb(packet.data) if kind(nal) not in dropped]
    data = b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
    return CodedUnit(data, packet.pts, packet.dts, packet.is_sync)


def _encode_audio(name: str, samples: int, rate_hz: int, channels: int) -> tuple[list[CodedUnit], bytes]:
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout = rate_hz, "mono" if channels == 1 else "stereo"
    wanted = {"aac": "fltp", "libopus": "flt"}.get(name, "s16")
    context.format, context.time_base = wanted, Fraction(1, rate_hz)
    context.open()
    chunk = context.frame_size or 160
    tone = (np.sin(np.arange(samples) * 0.06) * 0.5).astype(np.float32)
    packets = []
    for start in range(0, samples, chunk):
        piece = np.repeat(tone[start : start + chunk, None], channels, axis=1)
        packets += context.encode(_sound(piece, start, context))
    packets += context.encode(None)
    units = [_audio_unit(bytes(packet), number, chunk, rate_hz) for number, packet in enumerate(packets)]
    return units, bytes(context.extradata or b"")


Sound = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def _sound(piece: Sound, start: int, context: av.AudioCodecContext) -> av.AudioFrame:
    name = context.format.name
    if name == "s16":
        frame = av.AudioFrame.from_ndarray((piece * 32767).astype(np.int16).reshape(1, -1), name, context.layout.name)
    else:
        shaped = np.ascontiguousarray(piece.T) if name == "fltp" else piece.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(shaped, name, context.layout.name)
    frame.sample_rate, frame.pts = context.sample_rate, start
    frame.time_base = Fraction(1, context.sample_rate)
    return frame


def _audio_unit(data: bytes, number: int, samples: int, rate_hz: int) -> CodedUnit:
    ticks = round(number * samples * TICKS_PER_S / rate_hz)
    return CodedUnit(data, ticks, ticks, True)
