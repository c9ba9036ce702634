"""RTMP: what a server may answer, down to units."""

from fuzz.harness import fuzz, instrumented

with instrumented():
    from haechi.media.rtmp.client import RtmpClient
    from haechi.media.rtmp.flv import FlvReader

from tests.media.rtmp.test_client import OPENING, PLACE
from tests.streams import h264_stream

from haechi.media.rtmp.chunks import Message, write_message


def one(data: bytes) -> None:
    client, reader = RtmpClient(PLACE), FlvReader()
    list(client.feed(b"".join(OPENING)))
    for tag in client.feed(data):
        list(reader.read(tag))
    client.to_send()


def seeds() -> list[bytes]:
    _, units = h264_stream(frames=2, size=(64, 64))
    bodies = [b"\x17\1\0\0\0" + unit.data for unit in units]
    return [b"".join(write_message(Message(9, 40 * n, body, 7), 6) for n, body in enumerate(bodies))]


if __name__ == "__main__":
    fuzz(one, seeds())
