"""Messages and packets out of a byte stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.rtsp.deframer import MAX_HEADER_BYTES, Deframer, Interleaved, frame
from haechi.media.rtsp.message import Headers, Message, Request, Response

TOKENS = st.text("abcXYZ019-_", min_size=1, max_size=12)
FIELDS = st.lists(st.tuples(TOKENS, st.text("abc 019;=/,", max_size=20).map(str.strip)), max_size=4).map(tuple)
BODIES = st.binary(max_size=50)
EVENTS: st.SearchStrategy[Interleaved | Message] = st.one_of(
    st.builds(Interleaved, st.integers(0, 255), st.binary(max_size=100)),
    st.builds(
        Response, st.integers(100, 599), st.text("abc OK", max_size=9).map(str.strip), FIELDS.map(Headers), BODIES
    ),
    st.builds(
        Request, st.sampled_from(["OPTIONS", "GET_PARAMETER", "SET_PARAMETER"]), TOKENS, FIELDS.map(Headers), BODIES
    ),
)


def wire(event: Interleaved | Message) -> bytes:
    return frame(event.channel, event.data) if isinstance(event, Interleaved) else event.serialise()


def in_chunks(data: bytes, cuts: list[int]) -> list[Interleaved | Message]:
    deframer = Deframer()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [event for a, b in pairwise(edges) for event in deframer.feed(data[a:b])]


def bare(event: Interleaved | Message) -> Interleaved | Message:
    """The event without the length that serialising adds."""
    if isinstance(event, Interleaved):
        return event
    fields = tuple(pair for pair in event.headers.fields if pair[0] != "Content-Length")
    if isinstance(event, Request):
        return Request(event.method, event.uri, Headers(fields), event.body)
    return Response(event.status, event.reason, Headers(fields), event.body)


@given(st.lists(EVENTS, max_size=8), st.lists(st.integers(0, 5000), max_size=20))
def test_events_are_the_same_however_the_stream_is_cut(events: list[Interleaved | Message], cuts: list[int]) -> None:
    data = b"".join(map(wire, events))
    found = in_chunks(data, cuts)
    assert [bare(event) for event in found] == events
    assert found == in_chunks(data, list(range(len(data))))


def outcome(data: bytes, cuts: list[int]) -> tuple[list[Interleaved | Message], str, int]:
    """Events until the error, its code and offset."""
    deframer, found = Deframer(), list[Interleaved | Message]()
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    try:
        for a, b in pairwise(edges):
            found += deframer.feed(data[a:b])
    except PeerError as error:
        return found, error.code, error.offset
    return found, "", -1


NOISE = st.one_of(
    st.binary(max_size=80),
    st.text("RTSP/1.0 2OK\r\n:CSeqContent-Length9", max_size=80).map(str.encode),
    st.builds(lambda tail: b"RTSP/1.0 200 OK\r\nContent-Length: " + tail, st.binary(max_size=20)),
)


@given(st.lists(EVENTS, max_size=2), NOISE, st.lists(st.integers(0, 5000), max_size=10))
def test_noise_is_events_or_the_same_peer_error_however_it_is_cut(
    events: list[Interleaved | Message], noise: bytes, cuts: list[int]
) -> None:
    data = b"".join(map(wire, events)) + noise
    _, code, offset = outcome(data, [])
    assert outcome(data, cuts)[1:] == (code, offset)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "rtsp-not-rtsp"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "rtsp-not-rtsp"),
        (b"\x16\x03\x01\x02\x00", "rtsp-not-rtsp"),
        (b"220 mail.example ESMTP\r\n", "rtsp-not-rtsp"),
        (b"RTSP/1.0 200 OK\r\nX: " + b"a" * MAX_HEADER_BYTES, "rtsp-header-too-long"),
        (b"RTSP/1.0 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "rtsp-header-too-long"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 4000000000\r\n\r\n", "rtsp-bad-message"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "rtsp-bad-message"),
        (b"RTSP/1.0 200 OK\r\n\r\n\x00\x00", "rtsp-bad-message"),
        (b"$\x00\x00\x01x\xff", "rtsp-bad-message"),
    ],
)
def test_what_is_not_rtsp_is_told_apart(data: bytes, code: str) -> None:
    with pytest.raises(PeerError) as caught:
        Deframer().feed(data)
    assert caught.value.code == code


def test_the_offset_of_an_error_counts_from_the_beginning_of_the_stream() -> None:
    deframer = Deframer()
    deframer.feed(frame(0, b"x" * 1000))
    with pytest.raises(PeerError) as caught:
        deframer.feed(frame(1, b"y" * 100) + b"\xff\xff")
    assert caught.value.offset == 1004 + 104


def test_bare_line_feeds_folded_fields_and_blank_lines_between_messages_are_taken() -> None:
    (event,) = Deframer().feed(b"\r\n\r\nRTSP/1.0 200 OK\nCSeq: 1\nPublic: A,\n B\n\n")
    assert isinstance(event, Response)
    assert event.headers.get("public") == "A, B"


def test_a_header_that_drips_in_byte_by_byte_costs_a_bounded_amount_of_memory() -> None:
    deframer = Deframer()
    deframer.feed(b"RTSP/1.0 200 OK\r\n")
    drips = (deframer.feed(b"a") for _ in range(20_000))
    with pytest.raises(PeerError) as caught:
        list(drips)
    assert caught.value.code == "rtsp-header-too-long"


def test_a_header_value_cannot_begin_another_line() -> None:
    data = Response(200, "OK\r\nX: y", Headers((("Server", "a\r\nSet: b"),))).serialise()
    (event,) = Deframer().feed(data)
    assert isinstance(event, Response)
    assert [name for name, _ in event.headers.fields] == ["Server"]
