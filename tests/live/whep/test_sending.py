"""What one viewer is sent: timestamps, what it may have again, how fast."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from haechi.live.packets import PacketStream
from haechi.live.whep.sending import HISTORY, MOST_CREDIT, Pace, Sending, Timeline
from haechi.media.access_unit import AccessUnit, AudioParams, Codec, UnitRef
from haechi.media.payload.base import MAX_PAYLOAD_BYTES
from haechi.media.rtp import RtpPacket
from haechi.media.webrtc.lines import Format
from haechi.media.webrtc.watching import Lane, Option
from tests.streams import h264_stream
from tests.whep import MULAW, VIDEO

LANE = Lane(0, Codec.H264, Option(Format(96, "H264", 90_000, {}), frozenset({"nack", "nack pli"})))


def units(count: int, *, run: int = 1, began_ns: int = 10**18) -> list[AccessUnit]:
    coded = itertools.islice(itertools.cycle(h264_stream()[1]), count)
    return [
        AccessUnit(
            UnitRef(VIDEO, run, seq), seq * 6_000, seq * 6_000, began_ns + seq * 66_666_666, one.is_sync, 0, one.data
        )
        for seq, one in enumerate(coded)
    ]


@given(
    steps=st.lists(st.integers(1, 9_000), min_size=1, max_size=200),
    sent=st.integers(0, 200),
    late=st.lists(st.integers(0, 200), max_size=6),
)
def test_timestamps_grow_whatever_is_sent_late_or_a_second_time(steps: list[int], sent: int, late: list[int]) -> None:
    ticks = list(itertools.accumulate(steps))
    timeline = Timeline()
    out = timeline.squeezed(ticks[: sent + 1])
    assert out[-1] == ticks[: sent + 1][-1]
    for first in late:
        out += timeline.squeezed(ticks[first : sent + 1])
    out += [timeline.true(one) for one in ticks[sent + 1 :]]
    assert all(before < after for before, after in itertools.pairwise(out))


def test_what_was_sent_a_second_time_leaves_the_next_picture_its_own_time() -> None:
    timeline = Timeline()
    ticks = [6_000 * number for number in range(250)]
    timeline.squeezed(ticks)
    again = timeline.squeezed(ticks)
    assert len(again) == 250
    assert again[-1] < 6_000 * 250 - 4_000
    assert timeline.true(6_000 * 250) == 6_000 * 250


def test_a_lost_packet_is_sent_again_as_it_was_and_no_more_than_there_is_credit_for() -> None:
    stream, sending = PacketStream(origin=0), Sending(LANE, ssrc=7, sequence=0xFFF0)
    params = h264_stream()[0]
    made = [stream.packets(unit, params) for unit in units(40)]
    sent = [packet for one in made for packet in sending.write(one, one.ticks + 5)]
    numbers = [RtpPacket.parse(packet).sequence for packet in sent]
    assert sending.once_more(numbers[-20:]) == sent[-20:]
    assert sending.once_more([(numbers[-1] + 1) & 0xFFFF]) == []
    granted = sum(len(sending.once_more(numbers[-20:])) for _ in range(100))
    assert granted == MOST_CREDIT - 20
    assert sending.again == MOST_CREDIT
    assert sending.once_more(numbers[-20:]) == []


def test_what_lies_too_far_back_is_not_known_any_more() -> None:
    stream, sending = PacketStream(origin=0), Sending(LANE, ssrc=7, sequence=0)
    params = h264_stream()[0]
    sent: list[bytes] = []
    for unit in units(2 * HISTORY):
        made = stream.packets(unit, params)
        sent += sending.write(made, made.ticks)
        if len(sent) > HISTORY + 10:
            break
    assert sending.once_more([0]) == []
    assert sending.once_more([len(sent) - HISTORY]) == [sent[len(sent) - HISTORY]]


def test_units_are_packetised_once_and_those_of_an_old_gop_are_forgotten() -> None:
    stream = PacketStream(origin=0)
    params = h264_stream()[0]
    some = units(40)
    for _ in range(3):
        for unit in some[:15]:
            stream.packets(unit, params)
    assert stream.made == 15
    stream.packets(some[15], params)
    assert some[15].is_sync
    assert stream.packets(some[0], params).ticks == stream.packets(some[0], params).ticks
    assert stream.made == 17


def test_timestamps_go_on_from_run_to_run_by_the_time_of_capture() -> None:
    stream = PacketStream(origin=0)
    params = h264_stream()[0]
    first, second = units(2)[1], units(1, run=2, began_ns=10**18 + 10 * 10**9)[0]
    step = stream.packets(second, params).ticks - stream.packets(first, params).ticks
    assert step == 10 * 90_000 - 6_000 or abs(step - (10 * 90_000 - 6_000)) <= 1
    back = units(1, run=3, began_ns=10**18)[0]  # our clock was set back meanwhile
    assert stream.packets(back, params).ticks == stream.packets(second, params).ticks + 1


@given(rate=st.sampled_from([8_000, 16_000, 44_100, 48_000]), ticks=st.lists(st.integers(0, 10**7), max_size=20))
def test_sounds_timestamps_are_the_cameras_own(rate: int, ticks: list[int]) -> None:
    stream = PacketStream(origin=0)
    params = AudioParams(Codec.OPUS, rate, 2, b"", "opus")
    ticks.insert(0, 0)
    made = [
        stream.packets(
            AccessUnit(UnitRef(VIDEO, 1, seq), at * 90_000 // rate, at * 90_000 // rate, 0, True, 0, b"x"), params
        )
        for seq, at in enumerate(ticks)
    ]
    assert [one.ticks - made[0].ticks for one in made] == ticks


def test_g711_that_is_too_long_for_a_packet_is_cut_and_each_piece_has_its_time() -> None:
    made = PacketStream(origin=0).packets(AccessUnit(UnitRef(VIDEO, 1, 0), 0, 0, 0, True, 0, bytes(3_000)), MULAW)
    assert [(len(one.data), one.ticks) for one in made.payloads] == [
        (MAX_PAYLOAD_BYTES, 0),
        (MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES),
        (3_000 - 2 * MAX_PAYLOAD_BYTES, 2 * MAX_PAYLOAD_BYTES),
    ]


@given(st.lists(st.integers(12, 1_500), min_size=1, max_size=400))
def test_no_more_goes_at_once_than_a_browsers_socket_holds(sizes: list[int]) -> None:
    pace, now_ns, sent = Pace(0, rate_bps=8_000_000), 0, 0
    for size in sizes:
        wait_s = pace.wait_s(size, now_ns)
        sent += size
        now_ns += round(wait_s * 1e9)
        assert sent - size <= Pace.BURST_BYTES + now_ns * 1_000_000 / 1e9 + 1
