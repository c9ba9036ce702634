"""VP8 over RTP (RFC 7741), against aiortc's reading of it, and the heads of its frames."""

from __future__ import annotations

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, RawUnit, VideoParams
from haechi.media.depacketise import depacketiser_for
from haechi.media.packetise import RtpSender, track_for
from haechi.media.payload.base import Depacketiser
from haechi.media.payload.vp8 import Vp8Depacketiser, Vp8Packetiser
from haechi.media.rtp import RtpPacket
from haechi.media.vp8 import is_key_frame, parse_key_frame
from tests.streams import CodedUnit, vp8_stream

KEY = bytes([0x10, 0, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xF0, 0]) + bytes(90)
DELTA = bytes([0x11]) + bytes(99)


def packets_of(units: list[CodedUnit], most: int = 1200) -> list[bytes]:
    params, _ = vp8_stream()
    sender = RtpSender(track_for(params, 96), Codec.VP8, ssrc=7, max_payload_bytes=most)
    return [packet for unit in units for packet in sender.packetise(unit.data, unit.pts, is_sync=unit.is_sync)]


def fed(depacketiser: Depacketiser, packets: list[bytes]) -> list[RawUnit]:
    found = [unit for packet in packets for unit in depacketiser.feed_data(packet)]
    return found + depacketiser.flush()


@pytest.mark.parametrize("most", [200, 1200])
def test_frames_come_out_as_they_went_in(most: int) -> None:
    params, units = vp8_stream()
    found = fed(depacketiser_for(track_for(params, 96)), packets_of(units, most))
    assert [(one.data, one.is_sync) for one in found] == [(unit.data, unit.is_sync) for unit in units]
    assert found[0].params == params
    assert all(one.params is None for one in found[1:]), "they are told when they change"
    assert not any(one.damaged or one.lost_packets for one in found)


def test_another_implementation_reads_our_descriptors() -> None:
    data = bytes(3000)
    found = [(*VpxPayloadDescriptor.parse(payload), marker) for payload, marker in Vp8Packetiser().packetise(data)]
    assert [one.partition_start for one, _, _ in found] == [1, 0, 0]
    assert [marker for _, _, marker in found] == [False, False, True]
    assert b"".join(rest for _, rest, _ in found) == data


@given(
    st.one_of(st.none(), st.integers(0, 0x7FFF)),
    st.one_of(st.none(), st.integers(0, 255)),
    st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(0, 1))),
    st.one_of(st.none(), st.integers(0, 31)),
)
def test_every_descriptor_is_skipped(
    picture: int | None, layer: int | None, temporal: tuple[int, int] | None, key: int | None
) -> None:
    descriptor = VpxPayloadDescriptor(
        partition_start=1, partition_id=0, picture_id=picture, tl0picidx=layer, tid=temporal, keyidx=key
    )
    packet = RtpPacket(96, 1, 90, 7, True, bytes(descriptor) + KEY)
    (unit,) = Vp8Depacketiser(96).feed(packet)
    assert unit.data == KEY


def test_what_comes_before_the_first_key_frame_is_left_out() -> None:
    _, units = vp8_stream()
    found = fed(Vp8Depacketiser(96), packets_of(units[3:]))
    assert found[0].data == units[15].data


@given(st.data())
def test_a_frame_with_a_hole_is_told_and_the_others_are_whole(data: st.DataObject) -> None:
    _, units = vp8_stream()
    packets = packets_of(units[:6], 200)
    gone = data.draw(st.integers(1, len(packets) - 1))
    found = fed(Vp8Depacketiser(96), packets[:gone] + packets[gone + 1 :])
    sent = [unit.data for unit in units]
    whole = [one.data for one in found if not one.damaged]
    if RtpPacket.parse(packets[gone]).timestamp == 0:
        assert found == [], "without the key frame there is nothing to be seen"
        return
    assert len(whole) == 5
    assert all(data in sent for data in whole)
    assert any(one.lost_packets for one in found) or gone == len(packets) - 1


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans(), st.integers(0, 3)), max_size=12))
def test_noise_is_taken_or_refused_and_the_depacketiser_goes_on(noise: list[tuple[bytes, bool, int]]) -> None:
    depacketiser = Vp8Depacketiser(96)
    for number, (payload, marker, ticks) in enumerate(noise):
        try:
            depacketiser.feed(RtpPacket(96, number, ticks, 7, marker, payload))
        except PeerError:
            continue
    packet = RtpPacket(96, len(noise), 900, 7, True, b"\x10" + KEY)
    assert depacketiser.feed(packet)[-1].data == KEY


def test_the_head_of_a_key_frame_says_the_size() -> None:
    assert parse_key_frame(KEY) == VideoParams(Codec.VP8, 320, 240, (), "vp08.00.10.08")
    assert is_key_frame(KEY)
    assert not is_key_frame(DELTA)
    assert not is_key_frame(b"")


@pytest.mark.parametrize(
    "frame", [b"", DELTA, KEY[:9], b"\x10" + bytes(20), KEY[:6] + bytes(4), bytes([0x18]) + KEY[1:]]
)
def test_what_is_no_key_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(PeerError):
        parse_key_frame(frame)
