"""RTP packets, the reordering window, timestamps without wrap; RTCP."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media import rtcp
from haechi.media.rtp import Reorder, RtpPacket, TimestampUnwrapper

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
PACKETS = st.builds(RtpPacket, st.integers(0, 127), U16, U32, U32, st.booleans(), st.binary(max_size=50))


@given(PACKETS)
def test_a_packet_is_read_back_as_it_was_written(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialise()) == packet


@given(PACKETS, st.integers(0, 15), st.integers(0, 5), st.integers(1, 255))
def test_csrcs_extension_and_padding_are_left_out(packet: RtpPacket, sources: int, words: int, padding: int) -> None:
    plain = packet.serialise()
    head = bytes((0x80 | 0x20 | 0x10 | sources,)) + plain[1:12] + b"\xaa" * (4 * sources)
    extension = b"\xbe\xde" + words.to_bytes(2, "big") + b"\xbb" * (4 * words)
    data = head + extension + packet.payload + b"\x00" * (padding - 1) + bytes((padding,))
    assert RtpPacket.parse(data) == packet


@given(st.binary(max_size=60))
def test_noise_is_a_peer_error_or_a_packet(data: bytes) -> None:
    try:
        assert len(RtpPacket.parse(data).payload) <= len(data)
    except PeerError:
        return


def packets(first: int, count: int) -> list[bytes]:
    return [RtpPacket(96, (first + n) & 0xFFFF, n, 1, False, b"x").serialise() for n in range(count)]


@given(U16, st.integers(1, 200), st.integers(1, 30), st.randoms(use_true_random=False))
def test_packets_shuffled_within_the_window_come_out_in_order(
    first: int, count: int, reach: int, chance: random.Random
) -> None:
    sent = packets(first, count)
    keyed = sorted(range(1, count), key=lambda n: n + chance.uniform(0, reach))
    window = Reorder(window=64)
    out = window.push(sent[0])
    for n in keyed:
        out += window.push(sent[n])
        if chance.random() < 0.1:
            assert window.push(sent[n]) == []  # a duplicate
    assert out + window.flush() == sent


@given(U16, st.integers(1, 300), st.floats(0, 0.9), st.randoms(use_true_random=False))
def test_a_gap_is_given_up_after_the_window_and_the_rest_is_in_order(
    first: int, count: int, loss: float, chance: random.Random
) -> None:
    arrived = [packet for packet in packets(first, count) if chance.random() >= loss]
    window, out = Reorder(window=16), list[bytes]()
    for number, packet in enumerate(arrived):
        out += window.push(packet)
        assert number + 1 - len(out) <= 16
    assert out + window.flush() == arrived


def test_a_burst_of_loss_longer_than_the_window_is_passed_over() -> None:
    sent = packets(65000, 1000)
    window, out = Reorder(window=16), list[bytes]()
    for packet in sent[:10] + sent[600:]:
        out += window.push(packet)
    assert out == sent[:10] + sent[600:]


def test_doubles_of_packets_that_wait_are_no_new_count() -> None:
    sent = packets(65_530, 40)
    window, out = Reorder(), list[bytes]()
    for packet in [*sent[:3], *sent[4:20], *sent[4:20], *sent[20:]]:
        out += window.push(packet)
    assert out + window.flush() == [*sent[:3], *sent[4:]]
    assert window.late == 16


def test_a_sender_that_counts_anew_is_followed() -> None:
    window, out = Reorder(), list[bytes]()
    restarted = packets(10, 50)
    for packet in packets(40000, 50) + restarted:
        out += window.push(packet)
    assert out[-40:] == restarted[-40:]


def test_a_runt_is_refused() -> None:
    with pytest.raises(PeerError):
        Reorder().push(b"\x80")


@given(U32, st.lists(st.integers(-90_000, 2**31 - 1), max_size=50))
def test_timestamps_are_unwrapped_through_wraps_and_small_steps_back(first: int, steps: list[int]) -> None:
    unwrapper, truth = TimestampUnwrapper(), first
    assert unwrapper.unwrap(first) == first
    for step in steps:
        truth += step
        assert unwrapper.unwrap(truth % 2**32) == truth


BLOCKS = st.builds(
    rtcp.ReportBlock, U32, st.integers(0, 255), st.integers(-(2**23), 2**23 - 1), U32, U32, U32, U32
)  # fmt: skip
MANY = st.lists(BLOCKS, max_size=3).map(tuple)
REPORTS = st.one_of(
    st.builds(rtcp.SenderReport, U32, st.integers(0, 2**64 - 1), U32, U32, U32, MANY),
    st.builds(rtcp.ReceiverReport, U32, MANY),
    st.builds(rtcp.SourceDescription, st.lists(st.tuples(U32, st.text(max_size=20)), max_size=3).map(tuple)),
    st.builds(rtcp.Goodbye, st.lists(U32, max_size=5).map(tuple)),
)


@given(st.lists(REPORTS, max_size=4))
def test_compound_reports_are_read_back_as_they_were_written(reports: list[rtcp.RtcpPacket]) -> None:
    try:
        data = rtcp.build(*reports)
    except UnicodeEncodeError:
        return  # a lone surrogate is no name
    assert rtcp.parse(data) == reports


@given(st.binary(max_size=120))
def test_noise_is_a_peer_error_or_reports(data: bytes) -> None:
    for noise in (data, b"\x81\xc8\x00\x06" + data, b"\x82\xca\x00\x03" + data, b"\x9f\xcb\x00\x02" + data):
        try:
            rtcp.parse(noise)
        except PeerError:
            continue


def test_ntp_time_is_what_rfc_5905_says() -> None:
    assert rtcp.ntp_to_ns(2_208_988_800 << 32) == 0
    assert rtcp.ns_to_ntp(1_500_000_000) == (2_208_988_801 << 32) + (1 << 31)


@given(st.integers(0, 2_000_000_000 * 10**9))
def test_time_survives_ntp_to_the_nanosecond(ns: int) -> None:
    assert abs(rtcp.ntp_to_ns(rtcp.ns_to_ntp(ns)) - ns) <= 1


def test_statistics_tell_loss_since_the_last_report_and_jitter() -> None:
    statistics = rtcp.ReceptionStatistics(90_000)
    for n in range(100):
        statistics.arrived(n * 3000, n * 33_333_333 + (10_000_000 if n % 2 else 0))
    assert 0.008 < statistics.jitter_s < 0.0105
    first = statistics.report(7, 75, 25, 100, 0)
    assert (first.fraction_lost, first.packets_lost) == (64, 25)
    statistics.sender_report(rtcp.SenderReport(7, 0x1234_5678_9ABC_DEF0, 0, 0, 0), 1_000_000_000)
    second = statistics.report(7, 175, 25, 200, 3_000_000_000)
    assert (second.fraction_lost, second.last_sr, second.delay_since_sr) == (0, 0x5678_9ABC, 2 * 65536)
