"""Messages out of a byte stream."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.push.wire import HEAD_BYTES, MOST_PACKETS_BYTES, SERVER_LIMITS, STRANGER_LIMITS, Deframer, Frame, Kind

FRAMES = st.lists(
    st.builds(
        Frame,
        kind=st.sampled_from(list(Kind)),
        body=st.binary(max_size=300),
        stream=st.integers(0, 0xFFFFFFFF),
        run=st.integers(0, 0xFFFFFFFF),
        seq=st.integers(0, 0xFFFFFFFFFFFFFFFF),
        flags=st.integers(0, 0xFFFF),
    ),
    max_size=8,
)


def head(kind: int, size: int, version: int = 1) -> bytes:
    return bytes((version, kind, 0, 0)) + size.to_bytes(4, "big") + bytes(16)


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    out, at = [], 0
    for size in sizes:
        out.append(data[at : at + size])
        at += size
    return [*out, data[at:]]


@given(FRAMES, st.lists(st.integers(0, 200), max_size=20))
def test_messages_are_the_same_whatever_the_chunks(frames: list[Frame], sizes: list[int]) -> None:
    data = b"".join(frame.serialise() for frame in frames)
    deframer = Deframer(SERVER_LIMITS)
    assert [frame for chunk in chunks(data, sizes) for frame in deframer.feed(chunk)] == frames


@given(FRAMES, st.integers(17, 255), st.integers(0, 60_000), st.integers(1, 70_000))
def test_a_type_that_is_not_known_is_skipped_by_its_length(
    frames: list[Frame], kind: int, size: int, step: int
) -> None:
    data = head(kind, size) + bytes(size) + b"".join(frame.serialise() for frame in frames)
    deframer = Deframer(SERVER_LIMITS)
    found = [frame for at in range(0, len(data), step) for frame in deframer.feed(data[at : at + step])]
    assert found == frames


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_noise_is_refused_or_waits_and_nothing_else_happens(parts: list[bytes]) -> None:
    deframer = Deframer(STRANGER_LIMITS)
    with suppress(PeerError):
        for part in parts:
            for frame in deframer.feed(part):
                assert len(frame.body) <= STRANGER_LIMITS.most


@pytest.mark.parametrize("size", [2049, 0xFFFFFFFF])
def test_a_stranger_cannot_make_us_hold_much(size: int) -> None:
    with pytest.raises(PeerError) as caught:
        list(Deframer(STRANGER_LIMITS).feed(head(Kind.HELLO, size)))
    assert caught.value.code == "push-too-long"


def test_a_giant_length_is_refused_as_soon_as_its_header_is_there() -> None:
    deframer = Deframer(SERVER_LIMITS)
    first = Frame(Kind.PING).serialise()
    with pytest.raises(PeerError) as caught:
        list(deframer.feed(first + head(Kind.PACKETS, MOST_PACKETS_BYTES + 1)))
    assert caught.value.offset == HEAD_BYTES


def test_what_an_unknown_type_may_be_long_is_limited_too() -> None:
    with pytest.raises(PeerError):
        list(Deframer(SERVER_LIMITS).feed(head(200, 0x7FFFFFFF)))


def test_another_version_and_another_protocol_are_told_apart_from_garbage_by_their_first_byte() -> None:
    for data in (b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", head(Kind.HELLO, 0, version=2)):
        with pytest.raises(PeerError) as caught:
            list(Deframer(STRANGER_LIMITS).feed(data))
        assert caught.value.code == "push-version"
