"""H.264 and H.265 over RTP: round trips, loss, and the ways in which cameras mark pictures."""

import random
from collections.abc import Iterable, Sequence
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from haechi.base.errors import Invalid, PeerError
from haechi.media.access_unit import Codec, RawUnit, VideoParams
from haechi.media.annexb import split_units
from haechi.media.depacketise import depacketiser_for
from haechi.media.nal import MAX_UNIT_BYTES, join_annexb, join_lengths, split_lengths
from haechi.media.packetise import RtpSender, track_for
from haechi.media.payload.base import Depacketiser
from haechi.media.payload.h264 import H264Depacketiser, H264Packetiser
from haechi.media.payload.h265 import H265Depacketiser
from haechi.media.rtp import Reorder, RtpPacket
from haechi.media.sdp import MediaTrack
from tests.footage import footage
from tests.streams import h264_stream, h265_stream

CODECS = st.sampled_from([Codec.H264, Codec.H265])


class Picture(Struct, frozen=True):
    """A unit and its packets."""

    data: bytes
    is_sync: bool
    packets: tuple[bytes, ...]


def stream(codec: Codec, frames: int = 12, most: int = 200) -> tuple[VideoParams, list[Picture]]:
    """A stream as a well-behaved camera sends it, in small packets; parameter sets in-band."""
    params, units = (h264_stream if codec is Codec.H264 else h265_stream)(frames=frames, gop=6, size=(320, 240))
    sender = RtpSender(track_for(params), codec, ssrc=7, first_sequence=65_530, max_payload_bytes=most)
    pictures = []
    for number, unit in enumerate(units):
        sets = params if unit.is_sync else None
        packets = sender.packetise(unit.data, 2**32 - 9000 + number * 3000, is_sync=unit.is_sync, params=sets)
        pictures.append(Picture(unit.data, unit.is_sync, tuple(packets)))
    return params, pictures


def fresh(codec: Codec) -> Depacketiser:
    return H264Depacketiser(96) if codec is Codec.H264 else H265Depacketiser(96)


def feed(depacketiser: Depacketiser, packets: Iterable[bytes]) -> list[RawUnit]:
    out = [unit for packet in packets for unit in depacketiser.feed_data(packet)]
    return out + depacketiser.flush()


def remade(packets: Sequence[bytes], **changes: object) -> list[bytes]:
    """Packets with a header field changed."""
    return [
        RtpPacket(**{**{f: getattr(p, f) for f in p.__struct_fields__}, **changes}).serialise()
        for p in map(RtpPacket.parse, packets)
    ]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_what_goes_out_comes_in_with_timestamps_through_the_wrap(codec: Codec) -> None:
    params, pictures = stream(codec)
    out = feed(fresh(codec), [packet for picture in pictures for packet in picture.packets])
    assert [unit.data for unit in out] == [picture.data for picture in pictures]
    assert [unit.is_sync for unit in out] == [picture.is_sync for picture in pictures]
    assert [unit.rtp_ticks for unit in out] == [2**32 - 9000 + 3000 * n for n in range(len(pictures))]
    assert [unit.params for unit in out] == [params, *[None] * (len(pictures) - 1)]
    assert not any(unit.damaged or unit.lost_packets for unit in out)


@settings(max_examples=60)
@given(CODECS, st.integers(160, 1400))
def test_any_packet_size_carries_the_same_units(codec: Codec, most: int) -> None:
    _, pictures = stream(codec, most=most)
    out = feed(fresh(codec), [packet for picture in pictures for packet in picture.packets])
    assert [unit.data for unit in out] == [picture.data for picture in pictures]


@settings(max_examples=100)
@given(CODECS, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.01, 0.1, 0.4]), st.booleans())
def test_under_loss_reordering_and_doubles_what_is_not_marked_damaged_is_whole(
    codec: Codec, chance: random.Random, loss: float, shuffled: bool
) -> None:
    _, pictures = stream(codec)
    sent = [packet for picture in pictures for packet in picture.packets]
    kept = [(n, packet) for n, packet in enumerate(sent) if n == 0 or chance.random() >= loss]
    doubled = [pair for pair in kept for _ in range(2 if chance.random() < 0.05 else 1)]
    if shuffled:
        doubled = [doubled[0], *sorted(doubled[1:], key=lambda pair: pair[0] + chance.uniform(0, 20))]
    window, depacketiser = Reorder(), fresh(codec)
    ordered = [packet for _, arrived in doubled for packet in window.push(arrived)] + window.flush()
    out = feed(depacketiser, ordered)
    assert {unit.data for unit in out if not unit.damaged} <= {picture.data for picture in pictures}
    if loss == 0:
        assert [unit.data for unit in out if not unit.damaged] == [picture.data for picture in pictures]
    missing_inside = kept[-1][0] + 1 - len(kept)
    assert depacketiser.lost == missing_inside
    assert sum(unit.lost_packets for unit in out) <= missing_inside


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_hole_in_a_picture_damages_it_and_only_it(codec: Codec) -> None:
    _, pictures = stream(codec)
    big = next(picture for picture in pictures[1:] if picture.is_sync)
    packets = [packet for picture in pictures for packet in picture.packets if packet is not big.packets[-3]]
    out = feed(fresh(codec), packets)
    assert [unit.damaged for unit in out] == [picture is big for picture in pictures]
    assert [unit.lost_packets for unit in out] == [int(picture is big) for picture in pictures]


def test_parameters_that_came_with_a_damaged_unit_come_again_with_the_next_whole_one() -> None:
    params, pictures = stream(Codec.H264)
    first = pictures[0].packets
    out = feed(H264Depacketiser(96), [*first[:-2], first[-1], *(p for one in pictures[1:] for p in one.packets)])
    assert [(unit.damaged, unit.params) for unit in out[:3]] == [(True, params), (False, params), (False, None)]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_camera_that_never_sets_the_marker_is_cut_at_the_timestamps(codec: Codec) -> None:
    _, pictures = stream(codec)
    out = feed(fresh(codec), [packet for one in pictures for packet in remade(one.packets, marker=False)])
    assert [unit.data for unit in out] == [picture.data for picture in pictures]


@lru_cache
def sliced(marker_on_each: bool) -> tuple[list[bytes], list[bytes]]:
    """(units, packets) of a stream with several slices a picture."""
    data = footage("h264/test_cif_P_CABAC_slice.264").read_bytes()
    units = list(split_units(data, Codec.H264))[:30]
    packetiser, packets, sequence = H264Packetiser(), list[bytes](), 0
    assert units[0].params is not None
    for number, unit in enumerate(units):
        groups = [[nal] for nal in packetiser.parameter_sets(unit.params.sets)] if unit.params else []
        parts = [
            [payload for payload, _ in packetiser.packetise(join_lengths([nal]))] for nal in split_lengths(unit.data)
        ]
        for part in [*groups, *parts]:
            for payload in part:
                marker = (
                    payload is part[-1] and part in parts
                    if marker_on_each
                    else part is parts[-1] and payload is part[-1]
                )
                packets.append(RtpPacket(96, sequence, number * 3000, 1, marker, payload).serialise())
                sequence += 1
    assert max(len(list(split_lengths(unit.data))) for unit in units) > 1
    return [unit.data for unit in units], packets


@pytest.mark.parametrize("marker_on_each", [True, False])
def test_pictures_of_several_slices_stay_whole_wherever_the_markers_are(marker_on_each: bool) -> None:
    units, packets = sliced(marker_on_each)
    out = feed(H264Depacketiser(96), packets)
    assert [unit.data for unit in out] == units
    assert not any(unit.damaged for unit in out)


@settings(max_examples=40)
@given(st.sampled_from([True, False, None]), st.randoms(use_true_random=False), st.sampled_from([0.003, 0.05, 0.3]))
def test_under_loss_a_picture_of_several_slices_is_whole_or_damaged(
    marker_on_each: bool | None, chance: random.Random, loss: float
) -> None:
    units, packets = sliced(marker_on_each=marker_on_each is True)
    packets = remade(packets, marker=False) if marker_on_each is None else packets
    spared = {*range(40), len(packets) - 1}  # what is lost at the very end, nobody can know of
    kept = [packet for n, packet in enumerate(packets) if n in spared or chance.random() >= loss]
    out = feed(H264Depacketiser(96), kept)
    assert {unit.data for unit in out if not unit.damaged} <= set(units)
    assert len(out) > 3


def test_a_trusted_marker_ends_the_picture_without_waiting_for_the_next() -> None:
    _, pictures = stream(Codec.H264)
    depacketiser, yielded = H264Depacketiser(96), list[int]()
    for picture in pictures:
        yielded.append(sum(len(depacketiser.feed_data(packet)) for packet in picture.packets))
    assert yielded[:4] == [0, 1, 1, 2]
    assert set(yielded[4:]) == {1}


def test_parameter_sets_only_in_the_description_are_enough() -> None:
    params, pictures = stream(Codec.H264)
    depacketiser = depacketiser_for(track_for(params))
    bare = [
        packet
        for one in pictures
        for packet in one.packets
        if RtpPacket.parse(packet).payload[0] & 31 not in (7, 8, 24)
    ]
    first = RtpPacket.parse(bare[0]).sequence
    packets = [
        RtpPacket(96, (first + n) & 0xFFFF, p.timestamp, p.ssrc, p.marker, p.payload).serialise()
        for n, p in enumerate(map(RtpPacket.parse, bare))
    ]
    out = feed(depacketiser, packets)
    assert out[0].params == params
    assert [unit.data for unit in out] == [picture.data for picture in pictures]


def test_units_before_the_first_parameter_sets_are_left_out() -> None:
    params, pictures = stream(Codec.H264)
    out = feed(H264Depacketiser(96), [packet for one in pictures[3:] for packet in one.packets])
    assert out[0].is_sync
    assert out[0].params == params


def test_a_new_size_in_the_stream_comes_with_its_unit() -> None:
    small, first = h264_stream(frames=3, size=(320, 240))
    large, second = h264_stream(frames=3, size=(640, 480))
    sender, packets, number = RtpSender(track_for(small), Codec.H264, ssrc=1), list[bytes](), 0
    for params, units in ((small, first), (large, second)):
        for unit in units:
            packets += sender.packetise(unit.data, number * 3000, is_sync=unit.is_sync, params=params)
            number += 1
    out = feed(H264Depacketiser(96), packets)
    changes = [(index, unit.params) for index, unit in enumerate(out) if unit.params]
    assert changes == [(0, small), (3, large)]


def recovery_stream(with_idr: bool) -> list[RawUnit]:
    """Units whose I pictures are no IDR pictures but carry a recovery point, as intra-refresh cameras send."""
    params, units = h264_stream(frames=3)
    idr = list(split_lengths(units[0].data))[-1]
    plain_i = b"\x61" + idr[1:]
    sei = b"\x06\x06\x01\xc4\x80"
    packets, sequence = list[bytes](), 0
    groups = [[*params.sets, idr]] if with_idr else []
    groups += [[*params.sets, sei, plain_i], [plain_i], [sei, plain_i]]
    for number, group in enumerate(groups):
        for payload, marker in H264Packetiser().packetise(join_lengths(group)):
            packets.append(RtpPacket(96, sequence, number * 3000, 1, marker, payload).serialise())
            sequence += 1
    return feed(H264Depacketiser(96), packets)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_sets_that_change_to_and_fro_under_the_same_id_are_each_noticed(codec: Codec) -> None:
    make = h264_stream if codec is Codec.H264 else h265_stream
    coded = [make(frames=1, size=(320, 240)), make(frames=1, size=(640, 480))]
    sender, packets = RtpSender(track_for(coded[0][0]), codec, ssrc=1), list[bytes]()
    order = [0, 0, 1, 1, 0, 1]
    for number, which in enumerate(order):
        params, (unit,) = coded[which]
        packets += sender.packetise(unit.data, number * 3000, is_sync=True, params=params)
    changes = [(index, unit.params) for index, unit in enumerate(feed(fresh(codec), packets)) if unit.params]
    wanted = [(0, 0), (2, 1), (4, 0), (5, 1)]
    assert [(at, (one.width_px, one.height_px)) for at, one in changes if isinstance(one, VideoParams)] == [
        (at, (coded[which][0].width_px, coded[which][0].height_px)) for at, which in wanted
    ]


def test_a_recovery_point_is_a_start_in_a_stream_without_idr_pictures() -> None:
    assert [unit.is_sync for unit in recovery_stream(with_idr=False)] == [True, False, True]


def test_a_recovery_point_is_no_start_where_there_are_idr_pictures() -> None:
    assert [unit.is_sync for unit in recovery_stream(with_idr=True)] == [True, False, False, False]


def test_stap_b_and_fu_b_are_taken_without_their_order_numbers() -> None:
    params, units = h264_stream(frames=1)
    nal = list(split_lengths(units[0].data))[-1]
    stap_b = b"\x79\x00\x07" + b"".join(len(one).to_bytes(2, "big") + one for one in params.sets)
    half = len(nal) // 2
    fu_b = bytes(((nal[0] & 0xE0) | 29, 0x80 | (nal[0] & 31))) + b"\x00\x08" + nal[1:half]
    fu_a = bytes(((nal[0] & 0xE0) | 28, 0x40 | (nal[0] & 31))) + nal[half:]
    packets = [RtpPacket(96, n, 0, 1, n == 2, payload).serialise() for n, payload in enumerate((stap_b, fu_b, fu_a))]
    (unit,) = feed(H264Depacketiser(96), packets)
    assert unit.data == join_lengths([nal])
    assert unit.params == params


def test_start_codes_that_an_encoder_left_in_are_taken_off() -> None:
    params, units = h264_stream(frames=1, size=(64, 64))
    nals = [*params.sets, *split_lengths(units[0].data)]
    (unit,) = feed(H264Depacketiser(96), [RtpPacket(96, 1, 0, 1, True, join_annexb(nals)).serialise()])
    assert (unit.data, unit.params) == (units[0].data, params)


def test_an_endless_fragment_is_refused_and_memory_stays_bounded() -> None:
    heads = (bytes((0x7C, 0x85 if n == 0 else 0x05)) for n in range(200_000))
    packets = (RtpPacket(96, n & 0xFFFF, 0, 1, False, h + b"x" * 1400).serialise() for n, h in enumerate(heads))
    with pytest.raises(PeerError) as caught:
        feed(H264Depacketiser(96), packets)
    assert caught.value.code == "unit-too-large"
    assert caught.value.offset <= MAX_UNIT_BYTES + 70_000


def test_a_bomb_of_tiny_nal_units_is_refused() -> None:
    packets = (RtpPacket(96, n, 0, 1, False, b"\x41\x00").serialise() for n in range(5000))
    with pytest.raises(PeerError) as caught:
        feed(H264Depacketiser(96), packets)
    assert caught.value.code == "unit-too-large"


@pytest.mark.parametrize(
    "payload", [b"\x78\xff\xff\x00", b"\x7c\x80", b"\x1a\x00\x00\x00", b"\x1f", b"\x1d\x80\x00\x00"]
)
def test_a_malformed_payload_is_an_error_and_the_next_picture_is_whole(payload: bytes) -> None:
    _, pictures = stream(Codec.H264)
    depacketiser = H264Depacketiser(96)
    with pytest.raises(PeerError) as caught:
        depacketiser.feed_data(RtpPacket(96, 65_529, 1, 7, False, payload).serialise())
    assert caught.value.code == "rtp-bad-payload"
    out = feed(depacketiser, [packet for one in pictures for packet in one.packets])
    assert [unit.data for unit in out if not unit.damaged] == [picture.data for picture in pictures]


@settings(max_examples=300)
@given(CODECS, st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 3), st.booleans()), max_size=20))
def test_noise_is_a_peer_error_or_units(codec: Codec, payloads: list[tuple[bytes, int, bool]]) -> None:
    params, _ = stream(codec)
    depacketiser = (H264Depacketiser if codec is Codec.H264 else H265Depacketiser)(96, params.sets)
    for n, (payload, timestamp, marker) in enumerate(payloads):
        try:
            units = depacketiser.feed_data(RtpPacket(96, n, timestamp, 1, marker, payload).serialise())
        except PeerError:
            continue
        for unit in units:
            assert join_lengths(split_lengths(unit.data)) == unit.data


def test_packets_of_another_type_are_ignored_and_counted() -> None:
    depacketiser = H264Depacketiser(96)
    assert depacketiser.feed_data(RtpPacket(97, 1, 0, 1, True, b"\x41\xe0").serialise()) == []
    assert depacketiser.ignored == 1


def test_a_sender_that_counts_anew_is_followed_without_counting_a_loss_of_thousands() -> None:
    _, pictures = stream(Codec.H264)
    packets = [packet for one in pictures for packet in one.packets]
    again = [
        RtpPacket(96, (20_000 + n) & 0xFFFF, (p.timestamp + 90_000) % 2**32, p.ssrc, p.marker, p.payload).serialise()
        for n, p in enumerate(map(RtpPacket.parse, packets))
    ]
    depacketiser = H264Depacketiser(96)
    out = feed(depacketiser, packets + again)
    assert depacketiser.lost < 5
    assert [unit.data for unit in out][-len(pictures) + 1 :] == [picture.data for picture in pictures][1:]


@pytest.mark.parametrize(
    ("codec", "fmtp"),
    [
        ("H265", {"sprop-max-don-diff": "1"}),
        ("H264", {"packetization-mode": "2"}),
        ("VP9", {}),
        ("", {}),
        ("PCMU", {}),
    ],
)
def test_what_we_do_not_carry_is_refused_by_name(codec: str, fmtp: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        depacketiser_for(MediaTrack("video", 96, codec, 90_000, 1, fmtp))
    assert caught.value.code == "unsupported-codec"
    assert (codec.replace("H26", "H.26") or "payload type 96") in str(caught.value)
