"""JPEG over RTP."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.payload.mjpeg import MjpegDepacketiser

from tests.streams import mjpeg_stream

from fuzz.packets import play, seed
from haechi.media.access_unit import RawUnit


def check(unit: RawUnit) -> None:
    assert unit.data.startswith(b"\xff\xd8")
    assert unit.data.endswith(b"\xff\xd9")


def one(data: bytes) -> None:
    play(MjpegDepacketiser(26), data, check)


def seeds() -> list[bytes]:
    params, units = mjpeg_stream(frames=2, size=(64, 64))
    return [seed(params, [unit.data for unit in units])]


if __name__ == "__main__":
    fuzz(one, seeds())
