"""What the server and the process that makes renditions say to each other."""

from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.base.framing import Unpacker
from haechi.live.renditions.messages import (
    Close,
    Coded,
    Done,
    Open,
    Ready,
    Reply,
    Request,
    Setup,
    Shape,
    Unit,
    pack,
    read_reply,
    read_request,
)
from haechi.media.access_unit import Codec, VideoParams

PARAMS = VideoParams(Codec.H265, 640, 360, (b"\x40\x01", b"\x42\x01"), "hvc1.1.6.L60.90")
REQUESTS: list[Request] = [
    Setup(1 << 30),
    Open(7, PARAMS, Shape(320, 180, 10)),
    Unit(7, 1, 90_000, True, True, b"\x00\x00\x00\x01\x26"),
    Close(7),
]
REPLIES: list[Reply] = [Ready(("memory", "seccomp")), Done(7, 1, (Coded(1, b"\x00\x00\x00\x01\x65"),), 1_000_000)]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_however_the_bytes_are_cut_the_messages_are_the_same(cuts: list[int]) -> None:
    data = b"".join(pack(message) for message in REQUESTS)
    unpacker, bodies, at = Unpacker(), [], 0
    for size in [*cuts, len(data)]:
        bodies += unpacker.feed(data[at : at + size])
        at += size
    assert [read_request(body) for body in bodies] == REQUESTS


def test_replies_come_back_as_they_went() -> None:
    for reply in REPLIES:
        (body,) = Unpacker().feed(pack(reply))
        assert read_reply(body) == reply


@given(st.binary(max_size=200))
def test_noise_is_a_reply_or_a_peer_error(noise: bytes) -> None:
    try:
        read_reply(noise)
    except PeerError as error:
        assert error.code == "worker-message"  # noqa: PT017 (noise may also be a message)
