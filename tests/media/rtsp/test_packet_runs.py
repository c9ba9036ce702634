"""Packets taken where they lie: the short way to the same units, counters and errors."""

import random
from collections.abc import Callable, Sequence
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.access_unit import Codec, RawUnit
from haechi.media.depacketise import depacketiser_for
from haechi.media.packetise import RtpSender, track_for
from haechi.media.payload.base import Depacketiser
from haechi.media.payload.h264 import H264Depacketiser
from haechi.media.payload.h265 import H265Depacketiser
from haechi.media.rtp import RtpPacket
from haechi.media.rtsp.deframer import Deframer, Interleaved, frame
from haechi.media.rtsp.message import Headers, Message, Response
from tests.streams import aac_stream, h264_stream, h265_stream

CODECS = st.sampled_from([Codec.H264, Codec.H265])
RTP, RTCP, OTHER = 0, 1, 6


class Outcome(Struct):
    """All that can be seen of a track: units and errors, and the other events among them, in order; counters."""

    seen: list[RawUnit | str | Interleaved | Message]
    counters: tuple[int, ...] = ()
    error: tuple[str, int | None] | None = None


def fresh(codec: Codec) -> Depacketiser:
    return H264Depacketiser(96) if codec is Codec.H264 else H265Depacketiser(96)


def take(depacketiser: Depacketiser, packet: bytes, seen: list[RawUnit | str | Interleaved | Message]) -> None:
    try:
        seen += depacketiser.feed_data(packet)
    except PeerError as error:
        seen.append(f"{error.code} at {error.offset}")


def by_events(deframer: Deframer, depacketiser: Depacketiser, data: bytes, outcome: Outcome) -> None:
    for event in deframer.events(data):
        if isinstance(event, Interleaved) and event.channel == RTP:
            take(depacketiser, event.data, outcome.seen)
        else:
            outcome.seen.append(event)


def by_runs(deframer: Deframer, depacketiser: Depacketiser, data: bytes, outcome: Outcome) -> None:
    def run(data: bytes, position: int, end: int) -> int:
        after = depacketiser.feed_run(data, position)
        if after > position:
            assert after >= end
            return after
        take(depacketiser, data[position + 4 : end], outcome.seen)
        return end

    outcome.seen += deframer.events(data, {RTP: run})


Way = Callable[[Deframer, Depacketiser, bytes, Outcome], None]


def play(way: Way, depacketiser: Depacketiser, data: bytes, chunks: Sequence[int]) -> Outcome:
    """Everything that comes of ``data``, fed in chunks of these sizes by turns."""
    deframer, outcome, position, turn = Deframer(), Outcome([]), 0, 0
    try:
        while position < len(data):
            size = chunks[turn % len(chunks)]
            way(deframer, depacketiser, data[position : position + size], outcome)
            position += size
            turn += 1
    except PeerError as error:
        outcome.error = (error.code, error.offset)
    outcome.seen += depacketiser.flush()
    of = depacketiser
    outcome.counters = (of.received, of.lost, of.ignored, of.highest_sequence, of.ssrc, of.last_timestamp)
    return outcome


@lru_cache(maxsize=4)
def packets(codec: Codec, first_sequence: int = 65_480) -> tuple[bytes, ...]:
    params, units = (h264_stream if codec is Codec.H264 else h265_stream)(frames=12, gop=6, size=(640, 480))
    sender = RtpSender(track_for(params), codec, ssrc=7, first_sequence=first_sequence, max_payload_bytes=180)
    made: list[bytes] = []
    for number, unit in enumerate(units):
        sets = params if unit.is_sync else None
        made += sender.packetise(unit.data, 2**32 - 9000 + number * 3000, is_sync=unit.is_sync, params=sets)
    return tuple(made)


def spoilt(sent: Sequence[bytes], chance: random.Random, rate: float) -> list[bytes]:
    """Packets lost, doubled, swapped, cut, flipped, of another sender, with markers wrong, padding or extension."""
    out: list[bytes] = []
    for packet in sent:
        kind = chance.randrange(10) if chance.random() < rate else -1
        match kind:
            case 0:
                continue
            case 1:
                out += [packet, packet]
            case 2:
                out.insert(max(len(out) - chance.randrange(4), 0), packet)
            case 3:
                out.append(packet[: chance.randrange(len(packet) + 1)])
            case 4:
                at = chance.randrange(min(len(packet), 18))
                out.append(packet[:at] + bytes((packet[at] ^ 1 << chance.randrange(8),)) + packet[at + 1 :])
            case 5:
                head = RtpPacket.parse(packet)
                out.append(RtpPacket(96, head.sequence, head.timestamp, 8, head.marker, head.payload).serialise())
            case 6:
                out.append(bytes((packet[0] | 0x20,)) + packet[1:] + b"\0\0\3")
            case 7:
                out.append(bytes((packet[0] | 0x10,)) + packet[1:12] + b"\0\0\0\1abcd" + packet[12:])
            case 8:
                out.append(packet[:14])
            case 9:
                out.append(packet[:1] + bytes((packet[1] ^ 0x80,)) + packet[2:])
            case _:
                out.append(packet)
    return out


def on_the_wire(sent: Sequence[bytes], chance: random.Random) -> bytes:
    """Framed, with reports, packets of a channel that nobody set up, messages and blank lines between them."""
    parts: list[bytes] = []
    for packet in sent:
        parts.append(frame(RTP, packet))
        match chance.randrange(60):
            case 0:
                parts.append(frame(RTCP, b"report"))
            case 1:
                parts.append(frame(OTHER, packet))
            case 2:
                parts.append(Response(200, "OK", Headers((("CSeq", "1"),)), b"body").serialise())
            case 3:
                parts.append(b"\r\n")
            case _:
                """Nothing between this packet and the next."""
    return b"".join(parts)


@settings(max_examples=60, deadline=None)
@given(
    CODECS,
    st.randoms(use_true_random=False),
    st.sampled_from([0.0, 0.01, 0.1, 0.4]),
    st.lists(st.sampled_from([1, 3, 17, 200, 577, 1448, 5000, 65_536]), min_size=1, max_size=8),
)
def test_packets_taken_where_they_lie_give_what_packets_taken_one_by_one_give(
    codec: Codec, chance: random.Random, rate: float, chunks: list[int]
) -> None:
    sent = spoilt(packets(codec), chance, rate)
    data = on_the_wire(sent, chance)
    expected = play(by_events, fresh(codec), data, [len(data)])
    assert play(by_runs, fresh(codec), data, chunks) == expected
    if rate == 0:
        assert sum(isinstance(one, RawUnit) for one in expected.seen) == 12


@settings(max_examples=100, deadline=None)
@given(CODECS, st.randoms(use_true_random=False), st.binary(min_size=1, max_size=60), st.integers(1, 3000))
def test_what_comes_before_noise_is_taken_and_the_error_points_at_the_same_byte(
    codec: Codec, chance: random.Random, noise: bytes, chunk: int
) -> None:
    sent = packets(codec)
    data = on_the_wire(sent[: chance.randrange(len(sent))], chance) + noise + on_the_wire(sent[:9], chance)
    assert play(by_runs, fresh(codec), data, [chunk]) == play(by_events, fresh(codec), data, [len(data)])


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_fragment_that_ends_a_slice_ends_the_run_without_any_marker(codec: Codec) -> None:
    sent = [packet[:1] + bytes((packet[1] & 0x7F,)) + packet[2:] for packet in packets(codec)]
    data = b"".join(frame(RTP, packet) for packet in sent)
    expected = play(by_events, fresh(codec), data, [len(data)])
    assert [isinstance(one, RawUnit) and not one.damaged for one in expected.seen] == [True] * 12
    assert play(by_runs, fresh(codec), data, [len(data)]) == expected


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_most_packets_of_a_picture_are_taken_in_one_run(codec: Codec) -> None:
    steps: list[int] = []
    depacketiser = fresh(codec)
    data = b"".join(frame(RTP, packet) for packet in packets(codec, 0))

    def run(data: bytes, position: int, end: int) -> int:
        steps.append(position)
        after = depacketiser.feed_run(data, position)
        if after == position:
            depacketiser.feed_data(data[position + 4 : end])
        return max(after, end)

    assert list(Deframer().events(data, {RTP: run})) == []
    assert len(steps) < len(packets(codec, 0)) / 2


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_fragmented_unit_that_never_ends_is_refused_at_the_same_packet(codec: Codec) -> None:
    head = bytes((0x7C, 0x01)) if codec is Codec.H264 else bytes((0x62, 0x01, 0x01))
    start = bytes((0x7C, 0x81)) if codec is Codec.H264 else bytes((0x62, 0x01, 0x81))
    content = b"x" * 60_000
    sent = [RtpPacket(96, 0, 5, 7, False, start + content).serialise()]
    sent += [RtpPacket(96, n, 5, 7, False, head + content).serialise() for n in range(1, 150)]
    data = b"".join(frame(RTP, packet) for packet in sent)
    one_by_one = play(by_events, fresh(codec), data, [len(data)])
    assert [entry for entry in one_by_one.seen if isinstance(entry, str)]
    assert play(by_runs, fresh(codec), data, [len(data)]) == one_by_one
    assert play(by_runs, fresh(codec), data, [70_001]) == one_by_one


def test_formats_without_a_short_way_are_taken_packet_by_packet() -> None:
    params, units = aac_stream()
    track = track_for(params)
    sender = RtpSender(track, Codec.AAC, ssrc=7)
    sent = [p for n, unit in enumerate(units) for p in sender.packetise(unit.data, n * 1024, is_sync=True)]
    data = b"".join(frame(RTP, packet) for packet in sent)
    expected = play(by_events, depacketiser_for(track), data, [len(data)])
    assert play(by_runs, depacketiser_for(track), data, [100]) == expected
    assert len(expected.seen) == len(units)
