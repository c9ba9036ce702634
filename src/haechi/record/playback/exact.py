"""Exact clips: a progressive MP4 whose edit list hides the units before the start, nothing re-encoded.

The only place of this package that uses libav, and only on boxes that we wrote ourselves.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.container import InputContainer
from msgspec import Struct

from haechi.base.errors import DataLoss, Invalid
from haechi.media.access_unit import TICKS_PER_S, AccessUnit, Codec, CodecParams
from haechi.media.fmp4.muxer import fragment, init_segment

OPTIONS = {
    "movflags": "faststart",
    "use_editlist": "1",
    "movie_timescale": str(TICKS_PER_S),
}


class Placed(Struct, frozen=True):
    """When a unit is shown in the clip, in ticks; below 0 it is only decoded."""

    pts: int
    is_sync: bool


def write_clip(path: Path, params: CodecParams, places: Sequence[Placed], units: Iterable[AccessUnit]) -> None:
    """Write ``units`` at their ``places``, in decode order. Blocking.

    Raises:
        Invalid: The codec has no place in an MP4 (G.711).
        DataLoss: libav refuses what we wrote: the recording is damaged.
    """
    if params.codec in (Codec.PCMU, Codec.PCMA):
        raise Invalid("G.711 has no place in an MP4 clip", code="unsupported-codec", codec=params.codec)
    decode = decode_times([place.pts for place in places])
    source = iter(units)
    first = next(source, None)
    if first is None:
        raise Invalid("a clip needs at least one unit", code="clip-empty")
    try:
        with (
            _template(params, first) as template,
            av.open(
                str(path), "w", format="mp4", options=OPTIONS, container_options={"avoid_negative_ts": "disabled"}
            ) as container,
        ):
            stream = container.add_stream_from_template(template.streams[0])
            stream.time_base = Fraction(1, TICKS_PER_S)
            for unit, place, dts, after in zip(_again(first, source), places, decode, [*decode[1:], None], strict=True):
                packet = av.Packet(unit.data)
                packet.stream, packet.time_base = stream, Fraction(1, TICKS_PER_S)
                packet.pts, packet.dts, packet.is_keyframe = place.pts, dts, place.is_sync
                packet.duration = after - dts if after is not None else _last_step(decode)
                container.mux_one(packet)
    except av.FFmpegError as error:
        raise DataLoss("the clip cannot be made", code="clip-failed", reason=str(error)) from error


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


def _again(first: AccessUnit, rest: Iterator[AccessUnit]) -> Iterator[AccessUnit]:
    yield first
    yield from rest


def _last_step(decode: Sequence[int]) -> int:
    return decode[-1] - decode[-2] if len(decode) > 1 else TICKS_PER_S // 25
