"""H.265 over RTP."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.nal import join_lengths, split_lengths
    from haechi.media.payload.h265 import H265Depacketiser

from tests.streams import h265_stream

from fuzz.packets import play, seed
from haechi.media.access_unit import RawUnit


def check(unit: RawUnit) -> None:
    assert join_lengths(split_lengths(unit.data)) == unit.data


def one(data: bytes) -> None:
    params, _ = h265_stream(frames=1)
    play(H265Depacketiser(96, params.sets if data[:1] == b"s" else ()), data[1:], check)


def seeds() -> list[bytes]:
    params, units = h265_stream(frames=6, gop=3, size=(64, 64))
    made = seed(params, [unit.data for unit in units])
    return [b"s" + made, b"-" + made]


if __name__ == "__main__":
    fuzz(one, seeds())
