"""RTMP without a socket: a server's bytes go in, tags and answers come out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import HaechiError, PeerError
from haechi.media.rtmp.amf import Value, decode, encode
from haechi.media.rtmp.chunks import FIRST_CHUNK_BYTES, ChunkReader, Message, write_message
from haechi.media.rtmp.client import HANDSHAKE_BYTES, RtmpClient, StreamPlace, Tag, place_in

PLACE = StreamPlace("rtmp://host/live", "live", "cam?key=1")
GREETING = b"\x03" + bytes(2 * HANDSHAKE_BYTES)
OK: Value = {"level": "status", "code": "NetStream.Play.Start"}


def status(code: str, level: str = "error") -> bytes:
    return command("onStatus", 0.0, None, {"level": level, "code": code})


def command(*values: Value, stream: int = 0) -> bytes:
    return write_message(Message(20, 0, encode(*values), stream), 3)


OPENING = [
    GREETING,
    command("_result", 1.0, None, {"code": "NetConnection.Connect.Success"}),
    command("_result", 2.0, None, 7.0),
    command("onStatus", 0.0, None, OK, stream=7),
]


def fed(parts: Sequence[bytes]) -> tuple[list[Tag], bytes]:
    """Tags, and everything that the client said."""
    client = RtmpClient(PLACE)
    said = client.start()
    tags: list[Tag] = []
    for part in parts:
        tags += client.feed(part)
        said += client.to_send()
    return tags, said


def commands_in(said: bytes) -> list[list[Value]]:
    reader = ChunkReader()
    return [decode(one.data) for one in reader.feed(said[1 + 2 * HANDSHAKE_BYTES :]) if one.kind == 20]


def refusal(*parts: bytes) -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        fed([*OPENING[:3], *parts])
    return caught.value


def test_it_connects_makes_a_stream_and_plays() -> None:
    _, said = fed(OPENING)
    connect, create, play = commands_in(said)
    assert connect[:2] == ["connect", 1.0]
    about = connect[2]
    assert isinstance(about, dict)
    assert (about["app"], about["tcUrl"]) == ("live", "rtmp://host/live")
    assert create == ["createStream", 2.0, None]
    assert play == ["play", 0.0, None, "cam?key=1", -2000.0]


def test_the_servers_half_of_the_handshake_is_echoed_as_soon_as_it_is_there() -> None:
    client = RtmpClient(PLACE)
    half = bytes(range(256)) * 6
    assert list(client.feed(b"\x03" + half)) == []
    assert client.to_send() == half


@pytest.mark.parametrize(
    ("target", "app", "path"),
    [
        ("/live/cam", "live", "cam"),
        ("/live/cam?a=/b", "live", "cam?a=/b"),
        ("/app/instance/cam/1", "app/instance", "cam/1"),
        ("/live", "live", ""),
    ],
)
def test_an_address_is_cut_into_application_and_stream_as_players_do(target: str, app: str, path: str) -> None:
    assert place_in("rtmp://h", target) == StreamPlace(f"rtmp://h/{app}", app, path)


@given(sizes=st.lists(st.integers(2, 5000), min_size=1, max_size=8), step=st.integers(1, 3000))
def test_it_does_not_matter_how_the_bytes_are_cut(sizes: list[int], step: int) -> None:
    kinds = (8, 9)
    sent = [Message(kinds[size % 2], 40 * n, bytes(size - 1) + b"x", 7) for n, size in enumerate(sizes)]
    data = b"".join([*OPENING, *(write_message(one, 6) for one in sent)])
    tags, _ = fed([data[at : at + step] for at in range(0, len(data), step)])
    assert [(tag.is_video, tag.time_ms, tag.data) for tag in tags] == [
        (one.kind == 9, one.time_ms, one.data) for one in sent
    ]


def test_larger_chunks_are_taken_from_the_moment_that_they_are_told() -> None:
    larger = write_message(Message(1, 0, (4096).to_bytes(4, "big")), 2)
    big = Message(9, 5, bytes(9000), 7)
    tags, _ = fed([*OPENING, larger + write_message(big, 6, 4096)])
    assert [tag.data for tag in tags] == [big.data]


def test_messages_of_two_chunk_streams_may_be_interleaved() -> None:
    video, audio = bytes(300), b"ab"
    first = write_message(Message(9, 1, video, 7), 6)
    cut = 12 + FIRST_CHUNK_BYTES
    tags, _ = fed([*OPENING, first[:cut] + write_message(Message(8, 2, audio, 7), 4) + first[cut:]])
    assert [(tag.is_video, tag.data) for tag in tags] == [(False, audio), (True, video)]


def test_times_by_difference_add_up_and_go_on_beyond_32_bits() -> None:
    near = 0xFFFF_FFF0
    first = bytes((6,)) + b"\xff\xff\xff" + b"\0\0\2" + b"\x09" + b"\7\0\0\0" + near.to_bytes(4, "big") + b"ab"
    by_difference = bytes((0x86,)) + b"\0\0\x20" + b"cd"
    again = bytes((0xC6,)) + b"ef"
    tags, _ = fed([*OPENING, first + by_difference + again])
    assert [tag.time_ms - near for tag in tags] == [0, 32, 64]


def test_a_ping_is_answered_and_what_was_received_is_acknowledged() -> None:
    window = write_message(Message(5, 0, (100).to_bytes(4, "big")), 2)
    ping = write_message(Message(4, 0, b"\0\6\1\2\3\4"), 2)
    _, said = fed([*OPENING, window, ping])
    kinds = [(one.kind, one.data) for one in ChunkReader().feed(said[1 + 2 * HANDSHAKE_BYTES :])]
    assert (4, b"\0\7\1\2\3\4") in kinds
    assert any(kind == 3 for kind, _ in kinds)


def test_tags_that_come_together_are_taken_apart() -> None:
    def flv(kind: int, time_ms: int, body: bytes) -> bytes:
        head = bytes((kind,)) + len(body).to_bytes(3, "big") + time_ms.to_bytes(3, "big") + bytes(4)
        return head + body + bytes(4)

    together = Message(22, 1000, flv(9, 50, b"abc") + flv(18, 55, b"meta") + flv(8, 60, b"de"), 7)
    tags, _ = fed([*OPENING, write_message(together, 6)])
    assert tags == [Tag(True, 1000, b"abc"), Tag(False, 1010, b"de")]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (status("NetStream.Play.StreamNotFound"), "rtmp-not-found"),
        (status("NetStream.Play.Failed"), "rtmp-refused"),
        (command("_error", 1.0, None, {"level": "error", "code": "NetConnection.Connect.Rejected"}), "rtmp-refused"),
        (
            status("NetStream.Play.UnpublishNotify", "status"),
            "camera-closed",
        ),
        (write_message(Message(1, 0, bytes(4)), 2), "rtmp-bad-message"),
        (bytes((0xC0 | 9,)), "rtmp-bad-message"),
        (bytes((6,)) + bytes(3) + b"\xff\xff\xff\x09" + bytes(4), "rtmp-bad-message"),
    ],
)
def test_each_refusal_has_a_name(answer: bytes, code: str) -> None:
    assert refusal(answer).code == code


def test_what_is_no_rtmp_is_said() -> None:
    with pytest.raises(PeerError) as caught:
        fed([b"HTTP/1.1 400 Bad Request\r\n\r\n"])
    assert caught.value.code == "rtmp-not-rtmp"


@given(st.binary(max_size=600))
def test_nonsense_gives_tags_or_the_error_of_the_house(data: bytes) -> None:
    try:
        fed([*OPENING, data])
    except HaechiError:
        return
