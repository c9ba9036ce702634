"""Offers and answers. The offer is one of Chromium 156's, with a microphone."""

from pathlib import Path

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Invalid
from haechi.media.webrtc.description import (
    Offer,
    Ours,
    build_answer,
    build_fragment,
    parse_fragment,
    parse_offer,
)
from haechi.media.webrtc.ice import Credentials

CHROMIUM = (Path(__file__).parent / "chromium-156.sdp").read_bytes()
ICE = Credentials("abcd", "p" * 24)
OURS = Ours(ICE, bytes(range(32)), (("192.0.2.1", 8555), ("2001:db8::1", 8555)), 4711)
FRAGMENT = b"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"


def code_of(offer: bytes, *, audio: bool = True) -> str:
    with pytest.raises(Invalid) as caught:
        parse_offer(offer, audio=audio)
    return caught.value.code


def test_of_what_a_browser_offers_h264_and_opus_are_taken() -> None:
    offer = parse_offer(CHROMIUM, audio=True)
    audio, video = offer.sections
    assert (audio.kind, video.kind) == ("audio", "video")
    assert audio.track is not None
    assert video.track is not None
    assert (audio.track.codec, audio.track.payload_type, audio.track.channels) == ("OPUS", 111, 2)
    assert (video.track.codec, video.track.payload_type) == ("H264", 102)
    assert video.track.fmtp["packetization-mode"] == "1"
    assert (video.has_nack, video.has_pli, video.has_transport_cc, video.transport_cc) == (True, True, True, 3)
    assert (audio.has_nack, audio.has_pli, audio.has_transport_cc) == (False, False, True)
    assert [(name, len(digest)) for name, digest in offer.fingerprints] == [("sha256", 32)]


def test_sound_that_is_not_wanted_is_declined() -> None:
    offer = parse_offer(CHROMIUM, audio=False)
    assert [section.kind for section in offer.taken] == ["video"]
    answer = build_answer(offer, OURS).decode()
    assert "m=audio 0 " in answer
    assert "a=group:BUNDLE 1\r\n" in answer


def test_the_answer_is_read_by_another_implementation_as_it_is_meant() -> None:
    offer = parse_offer(CHROMIUM, audio=True)
    answer = SessionDescription.parse(build_answer(offer, OURS).decode())
    assert answer.group[0].items == ["0", "1"]
    for section in answer.media:
        assert section.direction == "recvonly"
        assert section.rtcp_mux
        assert section.ice is not None
        assert section.ice.iceLite
        assert (section.ice.usernameFragment, section.ice.password) == (ICE.ufrag, ICE.password)
        assert section.dtls is not None
        assert section.dtls.fingerprints[0].value == ":".join(f"{byte:02X}" for byte in range(32))
        assert section.dtls.role == "server"
    audio, video = answer.media
    assert [(codec.mimeType, codec.payloadType) for codec in audio.rtp.codecs] == [("audio/opus", 111)]
    assert [(codec.mimeType, codec.payloadType) for codec in video.rtp.codecs] == [("video/H264", 102)]
    assert {(one.type, one.parameter) for one in video.rtp.codecs[0].rtcpFeedback} == {
        ("nack", None),
        ("nack", "pli"),
        ("transport-cc", None),
    }
    assert [(one.ip, one.port, one.type) for one in audio.ice_candidates] == [
        ("192.0.2.1", 8555, "host"),
        ("2001:db8::1", 8555, "host"),
    ]


def listening(direction: bytes) -> bytes:
    """Chromium's offer with this direction for its sound."""
    audio, video = CHROMIUM.split(b"m=video", 1)
    return audio.replace(b"a=sendonly", b"a=" + direction) + b"m=video" + video


@pytest.mark.parametrize(
    ("direction", "audio", "ours", "codecs"),
    [
        (b"sendrecv", True, "sendrecv", ["audio/opus", "audio/PCMU"]),
        (b"sendrecv", False, "sendonly", ["audio/PCMU"]),
        (b"recvonly", True, "sendonly", ["audio/PCMU"]),
    ],
)
def test_a_publisher_that_listens_is_spoken_to_in_g711(
    direction: bytes, audio: bool, ours: str, codecs: list[str]
) -> None:
    offer = parse_offer(listening(direction), audio=audio)
    assert offer.talk is not None
    assert (offer.talk.codec, offer.talk.payload_type, offer.talk.clock_rate_hz) == ("PCMU", 0, 8_000)
    answer = SessionDescription.parse(build_answer(offer, OURS, voice=4242).decode())
    assert answer.group[0].items == ["0", "1"]
    sound = answer.media[0]
    assert sound.direction == ours
    assert [codec.mimeType for codec in sound.rtp.codecs] == codecs
    assert [one.ssrc for one in sound.ssrc] == [4242]
    assert answer.media[1].direction == "recvonly"


def test_who_takes_no_g711_and_who_does_not_listen_are_not_spoken_to() -> None:
    assert parse_offer(CHROMIUM, audio=True).talk is None
    without = b"\n".join(line for line in listening(b"recvonly").splitlines() if b"PCM" not in line)
    offer = parse_offer(without, audio=True)
    assert offer.talk is None
    assert b"m=audio 0 " in build_answer(offer, OURS)


def test_the_law_that_the_publisher_likes_better_is_spoken() -> None:
    only_a = b"\n".join(line for line in listening(b"recvonly").splitlines() if b"PCMU" not in line)
    talk = parse_offer(only_a, audio=True).talk
    assert talk is not None
    assert (talk.codec, talk.payload_type) == ("PCMA", 8)


def without(*codecs: bytes) -> bytes:
    """Chromium's offer without these codings."""
    return b"\n".join(line for line in CHROMIUM.splitlines() if not any(codec in line for codec in codecs))


def test_vp8_of_a_phone_that_has_no_h264_is_taken() -> None:
    offer = parse_offer(without(b"H264"), audio=True)
    track = next(section.track for section in offer.taken if section.kind == "video")
    assert track is not None
    assert track.codec == "VP8"
    video = SessionDescription.parse(build_answer(offer, OURS).decode()).media[1]
    assert [codec.mimeType for codec in video.rtp.codecs] == ["video/VP8"]
    assert not video.rtp.codecs[0].parameters
    assert {one.type for one in video.rtp.codecs[0].rtcpFeedback} == {"nack", "transport-cc"}


def test_a_browser_without_both_is_told_so_and_what_it_offered() -> None:
    with pytest.raises(Invalid, match=r"neither H\.264 nor VP8") as caught:
        parse_offer(without(b"H264", b"VP8"), audio=True)
    assert caught.value.code == "offer-without-h264"
    assert "VP9" in str(caught.value.context["offered"]).split()


def test_a_camera_that_only_wants_to_receive_publishes_nothing() -> None:
    assert code_of(CHROMIUM.replace(b"a=sendonly", b"a=recvonly")) == "offer-without-h264"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a=ice-ufrag:", b"a=x-ufrag:"),
        (b"a=ice-pwd:", b"a=ice-pwd:short "),
        (b"a=fingerprint:sha-256 ", b"a=fingerprint:md5 "),
        (b"a=setup:actpass", b"a=setup:passive"),
        (b"a=rtcp-mux\n", b""),
        (b"a=group:BUNDLE 0 1", b"a=group:BUNDLE 0"),
        (b"a=mid:1", b"a=mid:a b"),
        (b"v=0", b"x=0"),
        (b"UDP/TLS/RTP/SAVPF", b"<script>"),
    ],
)
def test_an_offer_that_cannot_be_answered_is_refused(before: bytes, after: bytes) -> None:
    assert before in CHROMIUM
    assert code_of(CHROMIUM.replace(before, after)) == "bad-offer"


def test_what_is_too_long_is_not_read() -> None:
    assert code_of(CHROMIUM + b"a=x:" + b"y" * 70_000) == "bad-offer"
    assert code_of(CHROMIUM + b"a=x\n" * 2000) == "bad-offer"
    assert code_of(CHROMIUM + b"m=audio 9 UDP/TLS/RTP/SAVPF 0\n" * 20) == "bad-offer"


@given(st.data())
def test_a_mangled_offer_is_refused_or_its_answer_holds_no_line_of_its_own_making(data: st.DataObject) -> None:
    lines = CHROMIUM.splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        index = data.draw(st.integers(0, len(lines) - 1))
        line, at = lines[index], data.draw(st.integers(0, len(lines[index])))
        lines[index] = line[:at] + data.draw(st.binary(max_size=6)) + line[at + data.draw(st.integers(0, 3)) :]
    try:
        offer: Offer = parse_offer(b"\n".join(lines), audio=True)
    except Invalid:
        return
    answer = build_answer(offer, OURS).decode()
    for said in answer.split("\r\n")[:-1]:
        assert said[1] == "="
        assert said.isprintable()


@given(st.binary(max_size=300))
def test_noise_is_refused(data: bytes) -> None:
    assert code_of(data) in {"bad-offer", "offer-without-h264"}


def test_a_fragment_is_read_and_ours_is_one() -> None:
    assert parse_fragment(FRAGMENT).ice == Credentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    assert parse_fragment(build_fragment(OURS)).ice == ICE
    assert parse_fragment(build_fragment(OURS)).candidates == 2


@given(st.binary(max_size=100))
def test_a_fragment_of_noise_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        parse_fragment(data)
