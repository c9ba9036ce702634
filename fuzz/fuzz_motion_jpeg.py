"""Motion JPEG over HTTP: the pictures do not depend on how the stream is cut."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.motion_jpeg import MotionJpeg, Picture

from tests.pictures import QUIRKS, jpeg


def _read(data: bytes, step: int) -> list[Picture]:
    stream = MotionJpeg("frame")
    return [picture for at in range(0, len(data), step) for picture in stream.feed(data[at : at + step])]


def one(data: bytes) -> None:
    whole = _read(data, len(data) or 1)
    assert all(picture.data in data for picture in whole)
    _read(data, 7)


def seeds() -> list[bytes]:
    return [framing([jpeg(0, 16, 16), jpeg(1, 16, 16)]) for framing in QUIRKS]


if __name__ == "__main__":
    fuzz(one, seeds())
