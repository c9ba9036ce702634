"""JPEG files taken apart for RTP."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.jpeg import parse_jpeg
    from haechi.media.payload.mjpeg import MjpegPacketiser

from tests.streams import mjpeg_stream


def one(data: bytes) -> None:
    jpeg = parse_jpeg(data)
    assert parse_jpeg(jpeg.header.jfif() + jpeg.scan + b"\xff\xd9").header == jpeg.header
    MjpegPacketiser().packetise(data)


def seeds() -> list[bytes]:
    return [unit.data for unit in mjpeg_stream(frames=2, size=(64, 64))[1]]


if __name__ == "__main__":
    fuzz(one, seeds())
