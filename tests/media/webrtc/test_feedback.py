"""Feedback, read by readers that share no line with ours: aiortc's for NACK and PLI, for arrivals this test's."""

import struct

from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import NS_PER_MS
from haechi.media.webrtc.feedback import MOST_PACKETS, Arrivals, nack, picture_loss, transport_number

SEQUENCES = st.lists(st.integers(0, 300), unique=True, min_size=1).map(sorted)


@given(SEQUENCES, st.integers(0, 0xFFFF))
def test_missing_packets_are_told_all_and_no_others(steps: list[int], base: int) -> None:
    missing = [(base + step) & 0xFFFF for step in steps]
    (packet,) = RtcpPacket.parse(nack(1, 2, missing))
    assert isinstance(packet, RtcpRtpfbPacket)
    assert (packet.fmt, packet.ssrc, packet.media_ssrc) == (1, 1, 2)
    assert sorted(number & 0xFFFF for number in packet.lost) == sorted(missing)  # theirs counts on past the wrap


def test_a_picture_is_asked_for() -> None:
    (packet,) = RtcpPacket.parse(picture_loss(1, 2))
    assert isinstance(packet, RtcpPsfbPacket)
    assert (packet.fmt, packet.ssrc, packet.media_ssrc) == (1, 1, 2)


def read_arrivals(data: bytes) -> dict[int, int]:
    """A transport-wide report: arrival (in quarters of a millisecond) by number."""
    first, kind, words = struct.unpack_from("!BBH", data)
    assert (first, kind, len(data)) == (0x8F, 205, 4 + 4 * words)
    base, count, reference = struct.unpack_from("!HHI", data, 12)
    at, statuses = 20, list[int]()
    while len(statuses) < count:
        (chunk,) = struct.unpack_from("!H", data, at)
        at += 2
        if not chunk & 0x8000:
            statuses += [chunk >> 13] * (chunk & 0x1FFF)
        elif chunk & 0x4000:
            statuses += [chunk >> 12 - 2 * index & 3 for index in range(7)]
        else:
            statuses += [chunk >> 13 - index & 1 for index in range(14)]
    now, out = (reference >> 8) * 256, {}
    for index, status in enumerate(statuses[:count]):
        assert status < 3
        if status == 1:
            now, at = now + data[at], at + 1
        elif status == 2:
            now, at = now + struct.unpack_from("!h", data, at)[0], at + 2
        if status:
            out[(base + index) & 0xFFFF] = now
    assert len(data) - at < 4
    assert not any(data[at:])
    return out


@given(
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(st.integers(1, 40), st.integers(-20, 400)), min_size=1, max_size=60),
    st.integers(0, 10**9),
)
def test_when_packets_came_is_told_to_a_quarter_of_a_millisecond(
    base: int, steps: list[tuple[int, int]], began: int
) -> None:
    arrivals, came = Arrivals(), dict[int, int]()
    number, now_ns = base, 10**12 + began
    for ahead, wait_ms in steps:
        number, now_ns = number + ahead, now_ns + wait_ms * NS_PER_MS
        arrivals.note(number & 0xFFFF, now_ns)
        came[number] = now_ns
    told = read_arrivals(arrivals.report(1, 2))
    kept = {number & 0xFFFF: time // 250_000 for number, time in came.items() if number >= max(came) - MOST_PACKETS}
    assert set(told) == set(kept)
    first = next(iter(kept))
    wrap = (kept[first] - told[first]) % (1 << 32)
    assert {number: time - kept[number] for number, time in told.items()} == dict.fromkeys(
        kept, told[first] - kept[first]
    )
    assert wrap % 256 == 0


def test_the_next_report_goes_on_where_the_last_ended_and_tells_what_is_missing() -> None:
    arrivals = Arrivals()
    for number in (10, 11):
        arrivals.note(number, 10**9)
    assert set(read_arrivals(arrivals.report(1, 2))) == {10, 11}
    assert arrivals.report(1, 2) == b""
    arrivals.note(14, 2 * 10**9)
    report = arrivals.report(1, 2)
    assert struct.unpack_from("!HH", report, 12) == (12, 3)
    assert set(read_arrivals(report)) == {14}
    arrivals.note(11, 3 * 10**9)  # too late: told as missing, or told before
    assert arrivals.report(1, 2) == b""


def test_numbers_that_wrap_go_on() -> None:
    arrivals = Arrivals()
    for number in (0xFFFE, 0xFFFF, 0, 1):
        arrivals.note(number, 10**9)
    assert list(read_arrivals(arrivals.report(1, 2))) == [0xFFFE, 0xFFFF, 0, 1]


def test_the_number_is_found_in_both_forms_of_header_extension() -> None:
    head = bytes((0x90, 96)) + bytes(10)
    short = head + b"\xbe\xde\x00\x02" + b"\x10a" + b"\x51\x12\x34" + b"\0\0\0" + b"payload"
    long = head + b"\x10\x00\x00\x02" + b"\x01\x01a" + b"\x05\x02\x12\x34" + b"\0" + b"payload"
    for packet in (short, long):
        assert transport_number(packet, 5) == 0x1234
        assert transport_number(packet, 6) is None
    assert transport_number(bytes((0x80, 96)) + bytes(10), 5) is None


@given(st.binary(min_size=12, max_size=60), st.integers(1, 14))
def test_a_header_extension_of_noise_breaks_nothing(data: bytes, number: int) -> None:
    transport_number(bytes((0x90 | data[0] & 0x0F,)) + data[1:], number)
