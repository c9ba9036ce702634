"""Marks of units in RTP header extensions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.media import sdp
from haechi.media.access_unit import Codec, VideoParams
from haechi.media.depacketise import depacketiser_for
from haechi.media.packetise import RtpSender, track_for
from haechi.media.reverse.edge import MOST_EDGE_RUN, MOST_SEQ, EdgeId, EdgeMark, EdgeRun
from haechi.media.reverse.mark import EDGE_NAME, MOST_HELD, OUR_NUMBERS, WALL_NAME, Marks, extended, mark_extension
from haechi.media.rtp import RtpPacket
from tests.streams import h264_stream

WALL_NS = 1_763_712_000_000_000_000
MARKS = st.builds(
    lambda run, seq, wall: EdgeMark(EdgeId(EdgeRun(run), seq), wall),
    st.integers(1, MOST_EDGE_RUN),
    st.integers(0, MOST_SEQ),
    st.integers(0, 2_000_000_000_000_000_000),
)


def packet(timestamp: int, payload: bytes = b"payload") -> bytes:
    return RtpPacket(96, 7, timestamp, 0xAABBCCDD, False, payload).serialise()


def marks() -> Marks:
    return Marks(OUR_NUMBERS)


@given(MARKS, st.integers(0, (1 << 32) - 1), st.binary(min_size=1, max_size=40))
def test_a_mark_comes_back_with_the_unit_of_its_packet_and_the_packet_stays_what_it_was(
    mark: EdgeMark, timestamp: int, payload: bytes
) -> None:
    marked = extended(packet(timestamp, payload), mark_extension(mark))
    plain = RtpPacket.parse(marked)
    assert plain == RtpPacket.parse(packet(timestamp, payload))
    found = marks()
    found.note(marked)
    came = found.of(timestamp + (3 << 32))
    assert came is not None
    assert came.edge == mark.edge
    assert abs(came.wall_ns - mark.wall_ns) <= 1
    assert found.of(timestamp) is None


def test_the_documented_extension() -> None:
    mark = EdgeMark(EdgeId(EdgeRun(0x0102030405060708), 0x0A0B0C0D0E0F), WALL_NS)
    assert mark_extension(mark).hex() == "bede00061d01020304050607080a0b0c0d0e0f27ecca9a8000000000"


@given(st.binary(max_size=60))
def test_what_is_no_mark_is_passed_over(noise: bytes) -> None:
    found = marks()
    found.note(b"\x90\x60" + noise)
    found.note(extended(packet(5), noise))
    came = found.of(5)
    assert came is None or came.edge.run > 0


@given(st.binary(max_size=28), st.integers(0, 28))
def test_a_mark_that_is_cut_off_or_altered_does_no_harm(other: bytes, at: int) -> None:
    whole = mark_extension(EdgeMark(EdgeId(EdgeRun(1), 2), WALL_NS))
    found = marks()
    found.note(extended(packet(5), whole[:at] + other))
    found.of(5)


def test_marks_of_units_that_never_came_are_forgotten_and_no_more_than_some_are_held() -> None:
    found = marks()
    for number in range(3 * MOST_HELD):
        found.note(extended(packet(number), mark_extension(EdgeMark(EdgeId(EdgeRun(1), number), WALL_NS))))
    assert found.of(0) is None
    newest = found.of(3 * MOST_HELD - 1)
    assert newest is not None
    assert newest.edge.seq == 3 * MOST_HELD - 1
    assert found.of(3 * MOST_HELD - 2) is None


def test_a_description_carries_the_numbers_of_the_extensions() -> None:
    params, _ = h264_stream(frames=1)
    track = track_for(params)
    assert not Marks.are_in(track.extensions)
    told = sdp.build(sdp.SessionDescription((sdp.MediaTrack("video", 96, "H264", 90_000, extensions={**OUR_NUMBERS}),)))
    (heard,) = sdp.parse(told).tracks
    assert heard.extensions == {EDGE_NAME: 1, WALL_NAME: 2}
    assert Marks.are_in(heard.extensions)


@pytest.mark.parametrize("line", ["a=extmap:x urn:a", "a=extmap:", "a=extmap:1", "a=extmap:999 urn:a", "a=extmap"])
def test_an_extmap_that_cannot_be_read_is_passed_over(line: str) -> None:
    (track,) = sdp.parse(f"v=0\r\nm=video 0 RTP/AVP 96\r\n{line}\r\n".encode()).tracks
    assert track.extensions == {}


def test_a_stream_with_marks_depacketises_to_the_same_units_and_each_finds_its_own() -> None:
    params, units = h264_stream(frames=40, gop=10)
    assert isinstance(params, VideoParams)
    sender = RtpSender(track_for(params), Codec.H264, ssrc=1)
    depacketiser, found = depacketiser_for(track_for(params)), marks()
    out: list[tuple[bytes, int]] = []
    for number, unit in enumerate(units):
        packets = sender.packetise(unit.data, unit.pts, is_sync=unit.is_sync, params=params if unit.is_sync else None)
        mark = EdgeMark(EdgeId(EdgeRun(9), number), WALL_NS)
        for data in (extended(packets[0], mark_extension(mark)), *packets[1:]):
            found.note(data)
            for raw in depacketiser.feed_data(data):
                came = found.of(raw.rtp_ticks)
                assert came is not None
                out.append((raw.data, came.edge.seq))
    assert len(out) >= len(units) - 1
    assert out == [(units[seq].data, seq) for seq in range(len(out))]
