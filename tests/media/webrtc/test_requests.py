"""What viewers ask for, as our own publisher's side and another implementation write it."""

from __future__ import annotations

import contextlib
import struct

import pytest
from aiortc.rtp import RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import PeerError
from haechi.media.webrtc.feedback import nack, picture_loss
from haechi.media.webrtc.requests import MOST_MISSING, Loss, Missing, PictureNeeded, parse_requests


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=200, unique=True))
def test_what_is_missing_is_read_as_it_was_written(missing: list[int]) -> None:
    (request,) = parse_requests(nack(1, 7, sorted(missing)))
    assert isinstance(request, Missing)
    assert (request.ssrc, sorted(request.sequences)) == (7, sorted(missing))
    (theirs,) = parse_requests(bytes(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=7, lost=sorted(missing))))
    assert isinstance(theirs, Missing)
    assert sorted(theirs.sequences) == sorted(missing)


def test_a_picture_is_asked_for_in_either_way() -> None:
    fir = struct.pack("!BBHIIIB3x", 0x84, 206, 4, 1, 0, 7, 1)
    pli = bytes(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=7))
    assert parse_requests(picture_loss(1, 7) + fir + pli) == [PictureNeeded(7)] * 3


def test_losses_are_read_and_what_is_not_heeded_is_passed_over() -> None:
    info = RtcpReceiverInfo(7, fraction_lost=128, packets_lost=3, highest_sequence=9, jitter=0, lsr=0, dlsr=0)
    report = bytes(RtcpRrPacket(ssrc=1, reports=[info]))
    remb = bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=b"REMB\x01\x00\x00\x00\x00\x00\x00\x07"))
    assert parse_requests(report + remb) == [Loss(7, 0.5)]


def test_nobody_asks_for_more_than_a_browser_would() -> None:
    body = struct.pack("!HH", 1, 0xFFFF) * 500
    data = struct.pack("!BBHII", 0x81, 205, 2 + len(body) // 4, 1, 7) + body
    (request,) = parse_requests(data)
    assert isinstance(request, Missing)
    assert len(request.sequences) == MOST_MISSING


@given(st.binary(max_size=400))
def test_noise_is_refused_or_read_and_nothing_else_happens(data: bytes) -> None:
    with contextlib.suppress(PeerError):
        assert all(isinstance(one, Missing | PictureNeeded | Loss) for one in parse_requests(data))


def test_a_packet_that_is_cut_off_is_refused() -> None:
    whole = nack(1, 7, [1, 2, 3])
    for size in range(1, len(whole)):
        with pytest.raises(PeerError):
            parse_requests(whole[:size])
