"""Offers to watch. Chromium's, turned round: it takes the codings that it would send."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid
from haechi.media.access_unit import AudioParams, Codec, VideoParams
from haechi.media.webrtc.description import Ours
from haechi.media.webrtc.ice import Credentials
from haechi.media.webrtc.watching import Lane, build_watch_answer, lanes_for, parse_watch_offer

CHROMIUM = (Path(__file__).parent / "chromium-156.sdp").read_bytes().replace(b"a=sendonly", b"a=recvonly")
OURS = Ours(Credentials("abcd", "p" * 24), bytes(range(32)), (("192.0.2.1", 8555),), 4711)
OPUS = AudioParams(Codec.OPUS, 48_000, 2, b"", "opus")
ALAW = AudioParams(Codec.PCMA, 8_000, 1, b"", "alaw")
AAC = AudioParams(Codec.AAC, 16_000, 1, b"\x14\x08", "mp4a.40.2")


def h264(profile: str) -> VideoParams:
    return VideoParams(Codec.H264, 1280, 720, (b"\x67", b"\x68"), f"avc1.{profile}")


def taken(offer: bytes, video: VideoParams, audio: AudioParams | None = None) -> list[tuple[str, str]]:
    """Codec and profile of each lane."""
    lanes = lanes_for(parse_watch_offer(offer), video, audio)
    return [(lane.codec.value, lane.option.format.fmtp.get("profile-level-id", "")) for lane in lanes]


@pytest.mark.parametrize(
    ("stream", "offered"),
    [("42e01e", "42e01f"), ("42c01f", "42e01f"), ("42001f", "42001f"), ("4d4028", "4d001f")],
)
def test_a_stream_goes_under_its_own_profile_or_the_least_that_holds_it(stream: str, offered: str) -> None:
    assert taken(CHROMIUM, h264(stream)) == [("h264", offered)]


def test_high_goes_under_what_chromium_offers_without_hardware_and_under_its_own_where_there_is_some() -> None:
    without = CHROMIUM.replace(b"=42001f", b"=f4001f")
    assert taken(without, h264("640028")) == [("h264", "f4001f")]
    assert taken(without.replace(b"=4d001f", b"=640c1f"), h264("640028")) == [("h264", "640c1f")]


def test_what_is_not_offered_is_not_sent() -> None:
    h265 = VideoParams(Codec.H265, 1280, 720, (), "hvc1.1.6.L93.B0")
    for offer, video in ((CHROMIUM, h264("64001f")), (CHROMIUM, h265), (CHROMIUM, VideoParams(Codec.MJPEG, 9, 9))):
        with pytest.raises(Invalid) as caught:
            taken(offer, video)
        assert caught.value.code == "viewer-lacks-codec"
    with_h265 = CHROMIUM.replace(b"rtpmap:96 VP8/90000", b"rtpmap:96 H265/90000")
    assert taken(with_h265, h265) == [("h265", "")]
    assert taken(CHROMIUM, VideoParams(Codec.VP8, 640, 480, (), "vp08.00.10.08")) == [("vp8", "")]


def test_sound_goes_as_it_is_or_not_at_all() -> None:
    video = h264("42e01f")
    assert taken(CHROMIUM, video, OPUS)[0][0] == "opus"
    assert taken(CHROMIUM, video, ALAW)[0][0] == "pcma"
    assert taken(CHROMIUM, video, AudioParams(Codec.PCMU, 8_000, 1, b"", "ulaw"))[0][0] == "pcmu"
    assert taken(CHROMIUM, video, AudioParams(Codec.PCMU, 16_000, 1, b"", "ulaw")) == [("h264", "42e01f")]
    assert taken(CHROMIUM, video, AAC) == [("h264", "42e01f")]


def answered(offer: bytes) -> bytes:
    parsed = parse_watch_offer(offer)
    lanes: list[tuple[Lane, int]] = [
        (lane, 1000 + index) for index, lane in enumerate(lanes_for(parsed, h264("42e01f"), ALAW))
    ]
    return build_watch_answer(parsed, lanes, OURS, "haechi")


def test_the_answer_is_read_by_another_implementation_as_it_is_meant() -> None:
    answer = SessionDescription.parse(answered(CHROMIUM).decode())
    assert answer.group[0].items == ["0", "1"]
    audio, video = answer.media
    assert {section.direction for section in answer.media} == {"sendonly"}
    assert [(codec.mimeType, codec.payloadType) for codec in audio.rtp.codecs] == [("audio/PCMA", 8)]
    assert [codec.mimeType for codec in video.rtp.codecs] == ["video/H264"]
    assert [one.ssrc for one in (*audio.ssrc, *video.ssrc)] == [1000, 1001]
    assert {(one.type, one.parameter) for one in video.rtp.codecs[0].rtcpFeedback} == {
        ("nack", None),
        ("nack", "pli"),
        ("ccm", "fir"),
    }
    assert video.dtls is not None
    assert video.dtls.role == "server"


def test_who_only_sends_is_told_so() -> None:
    with pytest.raises(Invalid) as caught:
        parse_watch_offer(CHROMIUM.replace(b"a=recvonly", b"a=sendonly"))
    assert caught.value.code == "bad-offer"


@given(st.data())
def test_a_mangled_offer_is_refused_or_its_answer_holds_no_line_of_its_own_making(data: st.DataObject) -> None:
    lines = CHROMIUM.splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line, at = lines[index], data.draw(st.integers(0, len(lines[index])))
        lines[index] = line[:at] + data.draw(st.binary(max_size=6)) + line[at + data.draw(st.integers(0, 3)) :]
    try:
        answer = answered(b"\n".join(lines)).decode()
    except Invalid:
        return
    for said in answer.split("\r\n")[:-1]:
        assert said[1] == "="
        assert said.isprintable()


@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        parse_watch_offer(data)
