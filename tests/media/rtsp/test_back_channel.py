"""The way back: who asks for it gets it, who does not is not bothered, and old cameras are met as they are."""

from __future__ import annotations

import secrets
from functools import partial

import pytest

from haechi.base.errors import Invalid
from haechi.camera.virtual.ears import Ears
from haechi.media import sdp
from haechi.media.access_unit import Codec, CodecParams
from haechi.media.packetise import track_for
from haechi.media.rtsp.client import Described, Playing, RtspClient, Wishes
from haechi.media.rtsp.message import Headers, Request, Response
from haechi.media.rtsp.server import RtspServer, ServerPolicy, SoundReceived
from haechi.media.rtsp.tracks import BACK_CHANNEL, Talk, back_channel_of, choose_tracks
from haechi.media.sdp import MediaTrack, SessionDescription
from tests.media.rtsp.test_server import talk
from tests.streams import aac_stream, h264_stream

TOKENS = partial(secrets.token_hex, 8)
PARAMS: tuple[CodecParams, ...] = (h264_stream(frames=1)[0], aac_stream()[0])
MEDIA = tuple(track_for(one, 96 + n, f"trackID={n}") for n, one in enumerate(PARAMS))
WORDS = MediaTrack("application", 99, "X-WORDS", 1000, control="words")
URL = "rtsp://192.0.2.20/main"


def serving(*tracks: MediaTrack) -> RtspServer:
    return RtspServer(
        lambda path: SessionDescription(tracks) if path == "/main" else None,
        ServerPolicy(username="me", password="x"),
        TOKENS,
    )


def playing(client: RtspClient, server: RtspServer) -> tuple[MediaTrack, ...]:
    heard, _ = talk(client, server)
    return next(event for event in heard if isinstance(event, Playing)).tracks


def client_that(talks: Talk, application: str = "") -> RtspClient:
    return RtspClient(URL, "me", "x", wishes=Wishes(talk=talks, application=application))


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_who_asks_for_the_way_back_has_it_last_and_is_heard(codec: Codec) -> None:
    server = serving(*MEDIA, Ears(codec).track(), WORDS)
    client = client_that("too", "X-WORDS")
    tracks = playing(client, server)
    assert [one.kind for one in tracks] == ["video", "audio", "application", "audio"]
    assert (tracks[3].direction, tracks[3].codec) == ("sendonly", codec.value.upper())
    (event,) = server.feed(client.rtp_to_send(3, b"hello"))
    assert event == SoundReceived(2, b"hello")
    assert server.feed(client.rtp_to_send(0, b"hello")) == [], "nobody speaks where it listens"


def test_who_only_speaks_sets_up_nothing_else() -> None:
    server = serving(*MEDIA, Ears().track())
    client = client_that("only")
    assert [one.direction for one in playing(client, server)] == ["sendonly"]
    assert server.feed(client.rtp_to_send(0, b"hello")) == [SoundReceived(2, b"hello")]
    assert client.rtp_to_send(1, b"hello") == b""


def test_who_does_not_ask_is_not_told_of_it() -> None:
    server = serving(MEDIA[0], Ears().track())
    assert [one.kind for one in playing(client_that(""), server)] == ["video"]


def test_a_camera_without_one_is_pulled_all_the_same_and_cannot_be_spoken_to() -> None:
    assert [one.kind for one in playing(client_that("too"), serving(*MEDIA))] == ["video", "audio"]
    with pytest.raises(Invalid) as caught:
        talk(client_that("only"), serving(*MEDIA))
    assert caught.value.code == "no-back-channel"


def test_another_feature_that_is_required_is_refused_by_name() -> None:
    server = RtspServer(lambda _: SessionDescription(MEDIA), ServerPolicy(), TOKENS)
    server.feed(Request("DESCRIBE", URL, Headers((("CSeq", "1"), ("Require", "flying")))).serialise())
    answer = server.to_send()
    assert answer.startswith(b"RTSP/1.0 551 ")
    assert b"Unsupported: flying" in answer


def test_a_camera_that_passes_over_the_question_has_none() -> None:
    """Most old ones do: they tell what they always tell."""
    client = client_that("only")
    client.start()
    client.feed(Response(200, "OK", Headers((("CSeq", "1"),))).serialise())
    assert f"Require: {BACK_CHANNEL}".encode() in client.to_send()
    with pytest.raises(Invalid) as caught:
        client.feed(Response(200, "OK", Headers((("CSeq", "2"),)), sdp.build(SessionDescription(MEDIA))).serialise())
    assert caught.value.code == "no-back-channel"


def described(*sections: str) -> SessionDescription:
    return sdp.parse("\r\n".join(("v=0", "s=-", *sections)).encode())


VIDEO = ("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", "a=control:v")


def test_g711_is_spoken_where_a_camera_takes_several() -> None:
    session = described(
        *VIDEO, "a=recvonly", "m=audio 0 RTP/AVP 0", "a=recvonly", "a=control:a",
        "m=audio 0 RTP/AVP 97 8", "a=rtpmap:97 MPEG4-GENERIC/16000", "a=sendonly", "a=control:back",
    )  # fmt: skip
    back = back_channel_of(session)
    assert back is not None
    assert (back.payload_type, back.codec, back.control) == (8, "PCMA", "back")
    assert [one.control for one in choose_tracks(session, want_audio=True)] == ["v", "a"]


def test_a_way_back_without_g711_is_none() -> None:
    session = described(*VIDEO, "m=audio 0 RTP/AVP 97", "a=rtpmap:97 OPUS/48000/2", "a=sendonly", "a=control:back")
    assert back_channel_of(session) is None
    assert len(choose_tracks(session, want_audio=True)) == 1


def test_a_camera_that_writes_sendonly_of_all_that_it_sends_is_understood() -> None:
    session = described(*VIDEO, "a=sendonly", "m=audio 0 RTP/AVP 0", "a=sendonly", "a=control:a")
    assert back_channel_of(session) is None
    assert [one.control for one in choose_tracks(session, want_audio=True)] == ["v", "a"]


def test_the_tracks_are_told_before_they_are_set_up() -> None:
    heard, _ = talk(client_that("too"), serving(*MEDIA, Ears().track()))
    assert len(next(event for event in heard if isinstance(event, Described)).tracks) == 3
