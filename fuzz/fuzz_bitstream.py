"""H.264 and H.265 parameter sets, slice heads, SEI, and byte streams."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media import h264, h265
    from haechi.media.annexb import split_units
    from haechi.media.nal import lengths_to_annexb

from tests.streams import h264_stream, h265_stream

from haechi.media.access_unit import Codec
from haechi.media.nal import join_annexb, split_lengths

PARSERS = (
    h264.parse_sps,
    h264.parse_pps_ids,
    h264.parse_slice_head,
    h264.has_recovery_point,
    h265.parse_sps,
    h265.parse_vps_id,
    h265.parse_pps_ids,
    h265.parse_slice_pps_id,
    lengths_to_annexb,
)


def one(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    if kind in (b"4", b"5"):
        for unit in split_units(rest, Codec.H264 if kind == b"4" else Codec.H265):
            list(split_lengths(unit.data))
    elif kind:
        PARSERS[kind[0] % len(PARSERS)](rest)


def seeds() -> list[bytes]:
    made = []
    for kind, (params, units) in ((b"4", h264_stream(frames=3, size=(64, 64))), (b"5", h265_stream(frames=3))):
        slices = [lengths_to_annexb(unit.data) for unit in units]
        made.append(kind + join_annexb(params.sets) + b"".join(slices))
        made += [bytes((number,)) + nal for nal in params.sets for number in range(len(PARSERS))]
    return made


if __name__ == "__main__":
    fuzz(one, seeds())
