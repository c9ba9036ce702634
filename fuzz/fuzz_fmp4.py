"""Recorded files and live chunks: init segments, fragments, torn tails."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.fmp4.reader import read_fragment, read_init, samples, scan

from tests.streams import (
    CodedUnit,
    aac_stream,
    h264_stream,
    h265_stream,
    mjpeg_stream,
    opus_stream,
    pcm_stream,
    stamped,
)

from haechi.base.ids import StreamId
from haechi.media.access_unit import CodecParams
from haechi.media.fmp4.muxer import chunk, fragment, init_segment
from haechi.media.fmp4.stamps import Source

STREAM = StreamId("cam_fuzz/main")


def one(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind == b"i":
        read_init(rest)
    elif kind == b"c":
        samples(rest)
    elif kind == b"f":
        read_fragment(rest)
    else:
        found = scan(rest)
        assert found.end <= len(rest)
        assert all(
            unit.sample.offset + unit.sample.size <= found.end for piece in found.fragments for unit in piece.units
        )
        again = scan(rest[: found.end])
        assert (again.fragments, again.tail) == (found.fragments, None)


def seeds() -> list[bytes]:
    streams: list[tuple[CodecParams, list[CodedUnit]]] = [
        h264_stream(frames=4, gop=2, size=(64, 64)),
        h265_stream(frames=4, gop=2, size=(64, 64)),
        mjpeg_stream(frames=2, size=(64, 64)),
        aac_stream(6),
        opus_stream(6),
        pcm_stream(6),
    ]
    made = []
    for params, coded in streams:
        units = stamped(coded, STREAM)
        init, pieces = (
            init_segment(params, Source(STREAM, 1)),
            [fragment(units[:2], params, 1), fragment(units[2:4] or units[:1], params, 2)],
        )
        made += [b"i" + init, b"c" + chunk(units[0], params, 1), b"f" + pieces[0], b"s" + init + b"".join(pieces)]
    return made


if __name__ == "__main__":
    fuzz(one, seeds())
