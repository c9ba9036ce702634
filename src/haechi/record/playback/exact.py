"""Exact clips: a progressive MP4 whose edit list hides the units before the start, nothing re-encoded.

The only place of this package that uses libav, and only on boxes that we wrote ourselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from functools import lru_cache
from heapq import merge
from io import BytesIO
from itertools import chain
from operator import itemgetter
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from msgspec import Struct

from haechi.base.errors import DataLoss, Invalid
from haechi.media.aac import parse_config
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, AudioParams, Codec, CodecParams
from haechi.media.fmp4.muxer import fragment, init_segment
from haechi.record.playback.sound import Laid, Silence

OPTIONS = {
    "movflags": "faststart",
    "use_editlist": "1",
    "movie_timescale": str(TICKS_PER_S),
}
CONTAINER_OPTIONS = {
    "avoid_negative_ts": "disabled",
    "chunk_duration": "1000000",
}
"""A second of pictures, then a second of sound: tables of chunks stay small, and players read on."""

OPUS_SILENCE = (b"\xf8\xff\xfe", b"\xfc\xff\xfe")
"""20 ms of nothing, mono and stereo: a CELT frame of the full band that says it is silent (RFC 6716 section 4.3)."""

_Timed = tuple[tuple[int, int], "av.Packet[Stream]"]
"""A packet, and what it is sorted by: its second, pictures before sound."""


class Placed(Struct, frozen=True):
    """When a unit is shown in the clip, in ticks; below 0 it is only decoded."""

    pts: int
    is_sync: bool


class SoundTrack(Struct, frozen=True):
    """Sound for a clip. ``first`` is its first unit; ``units`` are all of them, in order."""

    params: AudioParams
    first: AccessUnit
    units: Iterator[Laid]


def write_clip(
    path: Path,
    params: CodecParams,
    places: Sequence[Placed],
    units: Iterable[AccessUnit],
    sound: SoundTrack | None = None,
) -> None:
    """Write ``units`` at their ``places``, in decode order, and ``sound`` beside them, second by second. Blocking.

    Raises:
        Invalid: The codec has no place in an MP4 (G.711).
        DataLoss: libav refuses what we wrote: the recording is damaged.
    """
    if params.codec in (Codec.PCMU, Codec.PCMA):
        raise Invalid("G.711 has no place in an MP4 clip", code="unsupported-codec", codec=params.codec)
    source = iter(units)
    first = next(source, None)
    if first is None:
        raise Invalid("a clip needs at least one unit", code="clip-empty")
    try:
        with ExitStack() as stack:
            container = stack.enter_context(_opened(path, params))
            pictures = _added(stack, container, params, first)
            heard = None if sound is None else _added(stack, container, sound.params, sound.first)
            packets = _shown(pictures, places, chain([first], source))
            if sound is not None and heard is not None:
                packets = merge(packets, _heard(heard, sound), key=itemgetter(0))
            for _, packet in packets:
                container.mux_one(packet)
    except av.FFmpegError as error:
        raise DataLoss("the clip cannot be made", code="clip-failed", reason=str(error)) from error


def _opened(path: Path, params: CodecParams) -> OutputContainer:
    """An MP4; Matroska for VP8, which libav puts into no MP4 and browsers play out of no other."""
    if params.codec is Codec.VP8:
        return av.open(str(path), "w", format="matroska")
    return av.open(str(path), "w", format="mp4", options=OPTIONS, container_options=CONTAINER_OPTIONS)


def _added(stack: ExitStack, container: OutputContainer, params: CodecParams, first: AccessUnit) -> Stream:
    """A track for what is coded like ``first``; its template lives as long as ``stack``."""
    template = stack.enter_context(_template(params, first))
    stream = container.add_stream_from_template(template.streams[0])
    stream.time_base = Fraction(1, params.rate_hz if isinstance(params, AudioParams) else TICKS_PER_S)
    return stream


def _shown(stream: Stream, places: Sequence[Placed], units: Iterable[AccessUnit]) -> Iterator[_Timed]:
    decode = decode_times([place.pts for place in places])
    for unit, place, dts, after in zip(units, places, decode, [*decode[1:], None], strict=True):
        packet = _packet(stream, unit, (place.pts, dts), TICKS_PER_S)
        packet.is_keyframe = place.is_sync
        packet.duration = after - dts if after is not None else _last_step(decode)
        yield (dts // TICKS_PER_S, 0), packet


def _heard(stream: Stream, sound: SoundTrack) -> Iterator[_Timed]:
    for one in sound.units:
        packet = _packet(stream, one.unit, (one.at, one.at), sound.params.rate_hz)
        packet.is_keyframe, packet.duration = True, one.samples
        yield (one.at // sound.params.rate_hz, 1), packet


def _packet(stream: Stream, unit: AccessUnit, times: tuple[int, int], rate_hz: int) -> "av.Packet[Stream]":
    packet = av.Packet(unit.data)
    packet.stream, packet.time_base = stream, Fraction(1, rate_hz)
    packet.pts, packet.dts = times
    return packet


@lru_cache(maxsize=16)
def silence_in(params: AudioParams) -> Silence | None:
    """A unit of silence in a coding; None: there is none for it. AAC's is made by libav, of samples of our own."""
    if params.codec is Codec.OPUS:
        return Silence(OPUS_SILENCE[params.channels - 1], 960)
    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format = params.rate_hz, "fltp"
    encoder.time_base = Fraction(1, params.rate_hz)
    try:
        encoder.layout = {1: "mono", 2: "stereo"}[params.channels]
        encoder.open()
        frame = av.AudioFrame(encoder.format, encoder.layout, encoder.frame_size or 1024)
        frame.sample_rate = params.rate_hz
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        made = [bytes(packet) for _ in range(4) for packet in encoder.encode(frame)]
    except (av.FFmpegError, KeyError, ValueError):
        return None
    return Silence(made[-1], parse_config(params.config).samples_per_frame)


def decode_times(shown: Sequence[int]) -> list[int]:
    """Decode times for units in decode order that are shown at ``shown``: strictly increasing, never after ``shown``.

    The n-th unit is decoded when the n-th picture is shown, less the reordering delay.
    """
    if not shown:
        return []
    ordered: list[int] = []
    for time in sorted(shown):
        ordered.append(max(time, ordered[-1] + 1) if ordered else time)
    delay = max(time - pts for time, pts in zip(ordered, shown, strict=True))
    return [time - delay for time in ordered]


def _template(params: CodecParams, first: AccessUnit) -> InputContainer:
    container = av.open(BytesIO(init_segment(params) + fragment([first], params, 1, stamps=False)), "r", format="mp4")
    assert isinstance(container, InputContainer)
    return container


def _last_step(decode: Sequence[int]) -> int:
    return decode[-1] - decode[-2] if len(decode) > 1 else TICKS_PER_S // 25
