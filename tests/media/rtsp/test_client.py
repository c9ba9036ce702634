"""The client machine against scripted cameras."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import Denied, HaechiError, Invalid, NotFound, PeerError, Unavailable
from haechi.media.rtsp.client import (
    ClientEvent,
    Closed,
    Described,
    Playing,
    RtcpReceived,
    RtpReceived,
    RtspClient,
    Wishes,
)
from haechi.media.rtsp.deframer import Deframer, frame
from haechi.media.rtsp.message import Request, Response

VIDEO = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:trackID=1\n"
AUDIO = "m=audio 0 RTP/AVP 8\na=control:trackID=2\n"
Answer = Callable[[Request], str]


class ScriptedCamera:
    """Answers by method; an answer may be text or a function of the request. Remembers what it was asked."""

    def __init__(self, sdp: str = VIDEO + AUDIO, **answers: str | Answer) -> None:
        self.asked: list[Request] = []
        self._deframer = Deframer()
        self._channel = 0
        self._answers: dict[str, str | Answer] = {
            "OPTIONS": "200 OK\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN",
            "DESCRIBE": f"200 OK\nContent-Base: rtsp://h/cam/\nContent-Length: {len(sdp)}\n\n{sdp}",
            "SETUP": lambda r: f"200 OK\nSession: 7;timeout=30\nTransport: {r.headers.get('Transport')};ssrc=1234ABCD",
            "PLAY": "200 OK\nSession: 7\nRTP-Info: url=trackID=1;seq=1;rtptime=2",
            "TEARDOWN": "200 OK",
            "GET_PARAMETER": "200 OK",
            **answers,
        }

    def answer(self, data: bytes) -> bytes:
        out = b""
        for request in self._deframer.feed(data):
            assert isinstance(request, Request)
            self.asked.append(request)
            script = self._answers[request.method]
            text = script if isinstance(script, str) else script(request)
            head, _, body = text.partition("\n\n")
            cseq = request.headers.get("CSeq")
            out += f"RTSP/1.0 {head}\nCSeq: {cseq}\n\n".replace("\n", "\r\n").encode() + body.encode()
        return out

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.asked]


def connect(client: RtspClient, camera: ScriptedCamera, step: int = 10_000) -> list[ClientEvent]:
    """Let both talk until nothing more is said; the camera's words arrive ``step`` bytes at a time."""
    events: list[ClientEvent] = []
    data = client.start()
    while data:
        answer = camera.answer(data)
        data = b""
        for at in range(0, len(answer), step):
            events += client.feed(answer[at : at + step])
            data += client.to_send()
    return events


def new_client(url: str = "rtsp://h/cam", **more: object) -> RtspClient:
    return RtspClient(url, **more)  # type: ignore[arg-type]


@given(st.integers(1, 500))
def test_from_the_address_to_playing_whatever_the_chunks(step: int) -> None:
    client, camera = new_client(), ScriptedCamera()
    described, playing = connect(client, camera, step)
    assert camera.methods == ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY"]
    assert isinstance(described, Described)
    assert isinstance(playing, Playing)
    assert [track.codec for track in playing.tracks] == ["H264", "PCMA"]
    assert playing.session_timeout_s == 30
    assert [transport.interleaved for transport in playing.transports] == [(0, 1), (2, 3)]
    assert playing.transports[0].ssrc == 0x1234ABCD
    assert [request.uri for request in camera.asked[2:]] == [
        "rtsp://h/cam/trackID=1",
        "rtsp://h/cam/trackID=2",
        "rtsp://h/cam/",
    ]
    assert [request.headers.get("Session") for request in camera.asked[2:]] == ["", "7", "7"]


def test_packets_are_given_by_track_and_unknown_channels_are_counted() -> None:
    client = new_client()
    connect(client, ScriptedCamera())
    events = client.feed(frame(0, b"v") + frame(3, b"r") + frame(9, b"?") + frame(2, b"a"))
    assert events == [RtpReceived(0, b"v"), RtcpReceived(1, b"r"), RtpReceived(1, b"a")]
    assert client.ignored_packets == 1


def test_media_that_comes_before_the_answer_to_play_is_taken() -> None:
    client = new_client()
    camera = ScriptedCamera()
    data = client.start()
    while b"PLAY" not in data:
        client.feed(camera.answer(data))
        data = client.to_send()
    events = client.feed(frame(0, b"early") + camera.answer(data))
    assert events[0] == RtpReceived(0, b"early")
    assert isinstance(events[1], Playing)


def test_a_camera_that_chooses_other_channels_is_followed() -> None:
    client = new_client(wishes=Wishes(audio=False))
    connect(client, ScriptedCamera(SETUP="200 OK\nSession: 7\nTransport: RTP/AVP/TCP;unicast;interleaved=4-5"))
    assert client.feed(frame(4, b"v") + frame(0, b"?")) == [RtpReceived(0, b"v")]


def test_a_camera_that_does_not_know_options_or_repeat_the_transport_is_played() -> None:
    for status in ("400 Bad Request", "404 Not Found", "501 Not Implemented"):
        camera = ScriptedCamera(OPTIONS=status, SETUP="200 OK\nSession: 7")
        client = new_client()
        assert isinstance(connect(client, camera)[-1], Playing)
        assert client.feed(frame(2, b"a")) == [RtpReceived(1, b"a")]


def test_audio_is_left_out_when_it_is_not_wanted_refused_or_not_carried() -> None:
    refusing = ScriptedCamera(
        SETUP=lambda r: (
            "500 No" if "trackID=2" in r.uri else f"200 OK\nSession: 7\nTransport: {r.headers.get('Transport')}"
        )
    )
    strange = ScriptedCamera(VIDEO + "m=audio 0 RTP/AVP 97\na=rtpmap:97 G726-32/8000\n")
    for camera, wishes in ((ScriptedCamera(), Wishes(audio=False)), (refusing, Wishes()), (strange, Wishes())):
        playing = connect(new_client(wishes=wishes), camera)[-1]
        assert isinstance(playing, Playing)
        assert [track.codec for track in playing.tracks] == ["H264"]


def test_over_udp_the_ports_are_asked_for_and_those_of_the_camera_told() -> None:
    client = new_client(transport="udp", client_ports=[(5000, 5001), (5002, 5003)])
    camera = ScriptedCamera(
        SETUP=lambda r: (
            f"200 OK\nSession: 7\nTransport: {r.headers.get('Transport')};server_port=6000-6001;source=10.0.0.9"
        )
    )
    playing = connect(client, camera)[-1]
    assert isinstance(playing, Playing)
    assert [transport.client_ports for transport in playing.transports] == [(5000, 5001), (5002, 5003)]
    assert (playing.transports[0].server_ports, playing.transports[0].source) == ((6000, 6001), "10.0.0.9")


def test_keep_alive_is_what_the_camera_offers_and_falls_back_to_options() -> None:
    client, camera = new_client(), ScriptedCamera(GET_PARAMETER="501 Not Implemented")
    connect(client, camera)
    client.feed(camera.answer(client.keep_alive()))
    client.feed(camera.answer(client.keep_alive()))
    assert camera.methods[-2:] == ["GET_PARAMETER", "OPTIONS"]
    plain = ScriptedCamera(OPTIONS="200 OK\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY")
    client = new_client()
    connect(client, plain)
    client.feed(plain.answer(client.keep_alive()))
    assert plain.methods[-1] == "OPTIONS"
    assert client.awaiting_answers == 0


def test_a_keep_alive_that_finds_the_session_gone_says_so() -> None:
    client, camera = new_client(), ScriptedCamera(GET_PARAMETER="454 Session Not Found")
    connect(client, camera)
    answer = camera.answer(client.keep_alive())
    with pytest.raises(Unavailable) as caught:
        client.feed(answer)
    assert caught.value.code == "rtsp-session-lost"


def test_teardown_ends_with_closed() -> None:
    client, camera = new_client(), ScriptedCamera()
    connect(client, camera)
    assert client.feed(camera.answer(client.teardown())) == [Closed(by_peer=False)]


def test_what_the_camera_asks_mid_stream_is_answered() -> None:
    client = new_client()
    connect(client, ScriptedCamera())
    asked = b"OPTIONS * RTSP/1.0\r\nCSeq: 900\r\n\r\n" + frame(0, b"v") + b"FOO * RTSP/1.0\r\nCSeq: 901\r\n\r\n"
    assert client.feed(asked) == [RtpReceived(0, b"v")]
    answers = Deframer().feed(client.to_send())
    assert [(a.status, a.headers.get("CSeq")) for a in answers if isinstance(a, Response)] == [
        (200, "900"),
        (501, "901"),
    ]
    assert client.feed(b"TEARDOWN * RTSP/1.0\r\nCSeq: 902\r\n\r\n") == [Closed(by_peer=True)]


def error_of(camera: ScriptedCamera, url: str = "rtsp://user:pw-canary@h/cam") -> HaechiError:
    with pytest.raises(HaechiError) as caught:
        connect(new_client(url), camera)
    assert "canary" not in f"{caught.value} {caught.value.context}"
    return caught.value


DIGEST = 'WWW-Authenticate: Digest realm="r", nonce="{}", algorithm=MD5'


@pytest.mark.parametrize(
    ("camera", "kind", "code"),
    [
        (ScriptedCamera(DESCRIBE=f"401 Unauthorized\n{DIGEST}"), Denied, "rtsp-unauthorized"),
        (ScriptedCamera(DESCRIBE="401 Unauthorized\nWWW-Authenticate: Negotiate"), Denied, "rtsp-unauthorized"),
        (ScriptedCamera(DESCRIBE='401 Unauthorized\nWWW-Authenticate: Basic realm="r"'), Denied, "rtsp-basic-refused"),
        (ScriptedCamera(DESCRIBE="403 Forbidden"), Denied, "rtsp-unauthorized"),
        (ScriptedCamera(DESCRIBE="404 Not Found"), NotFound, "rtsp-not-found"),
        (ScriptedCamera(DESCRIBE="302 Moved\nLocation: rtsp://10.0.0.1/"), Invalid, "rtsp-redirect"),
        (ScriptedCamera(OPTIONS="301 Moved\nLocation: rtsp://10.0.0.1/"), Invalid, "rtsp-redirect"),
        (ScriptedCamera(SETUP="461 Unsupported Transport"), Unavailable, "rtsp-transport"),
        (ScriptedCamera(SETUP="200 OK\nTransport: RTP/AVP;unicast;client_port=1-2"), Unavailable, "rtsp-transport"),
        (ScriptedCamera(PLAY="503 Busy"), Unavailable, "rtsp-server-error"),
        (ScriptedCamera(PLAY="453 Not Enough Bandwidth"), Unavailable, "rtsp-busy"),
        (ScriptedCamera(PLAY="455 No"), PeerError, "rtsp-refused"),
        (ScriptedCamera("v=0\n"), Invalid, "no-video-track"),
        (ScriptedCamera(AUDIO), Invalid, "no-video-track"),
        (ScriptedCamera("m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000\n"), Invalid, "unsupported-codec"),
        (ScriptedCamera("hello"), PeerError, "sdp-malformed"),
    ],
)
def test_each_failure_is_an_error_of_its_own(camera: ScriptedCamera, kind: type[HaechiError], code: str) -> None:
    error = error_of(camera)
    assert (type(error), error.code) == (kind, code)


def test_an_unsupported_codec_is_named() -> None:
    assert "AV1" in str(error_of(ScriptedCamera("m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000\n")))


def test_a_wrong_password_is_tried_once_only() -> None:
    camera = ScriptedCamera(DESCRIBE="401 Unauthorized\n" + DIGEST.format("n"))
    error_of(camera)
    assert camera.methods == ["OPTIONS", "DESCRIBE", "DESCRIBE"]


def logs_in(nonces: list[str], url: str = "rtsp://h/cam") -> Answer:
    """Answers 401 with each nonce in turn, marked stale after the first, before it lets the client in."""
    turns = iter(nonces)

    def answer(request: Request) -> str:
        nonce = next(turns, None)
        if nonce is None:
            assert f'nonce="{nonces[-1]}"' in request.headers.get("Authorization")
            return f"200 OK\nContent-Length: {len(VIDEO)}\n\n{VIDEO}"
        return f"401 No\n{DIGEST.format(nonce)}" + (", stale=true" if nonce != nonces[0] else "")

    return answer


def test_basic_is_answered_over_tls() -> None:
    camera = ScriptedCamera(
        VIDEO,
        DESCRIBE=lambda r: (
            f"200 OK\nContent-Length: {len(VIDEO)}\n\n{VIDEO}"
            if r.headers.get("Authorization") == "Basic dTpw"
            else '401 No\nWWW-Authenticate: Basic realm="r"'
        ),
    )
    assert isinstance(connect(RtspClient("rtsps://u:p@h/cam"), camera)[-1], Playing)


def test_a_stale_nonce_is_replaced_once() -> None:
    client = RtspClient("rtsp://h/cam", "u", "p")
    assert isinstance(connect(client, ScriptedCamera(DESCRIBE=logs_in(["a", "b"])))[-1], Playing)
    with pytest.raises(Denied):
        connect(RtspClient("rtsp://h/cam", "u", "p"), ScriptedCamera(DESCRIBE=logs_in(["a", "b", "c"])))


def test_the_log_in_is_carried_by_each_request_after_it() -> None:
    camera = ScriptedCamera(VIDEO, DESCRIBE=logs_in(["a"]))
    connect(RtspClient("rtsp://u:p@h/cam"), camera)
    uris = [re.search(r'uri="([^"]*)"', request.headers.get("Authorization")) for request in camera.asked[2:]]
    assert [match[1] if match else None for match in uris] == [request.uri for request in camera.asked[2:]]


def test_a_camera_that_leaves_cseq_out_is_understood() -> None:
    client = new_client()
    client.start()
    client.feed(b"RTSP/1.0 200 OK\r\nPublic: DESCRIBE\r\n\r\n")
    assert client.to_send().startswith(b"DESCRIBE ")


def test_an_answer_that_nobody_waits_for_is_passed_over() -> None:
    client = new_client()
    client.start()
    assert client.feed(b"RTSP/1.0 200 OK\r\nCSeq: 77\r\n\r\n") == []
    assert client.to_send() == b""


@given(st.lists(st.sampled_from(["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]), max_size=3), st.binary(max_size=60))
def test_noise_in_place_of_an_answer_is_a_haechi_error_or_silence(methods: list[str], noise: bytes) -> None:
    text = noise.decode("latin-1")
    camera = ScriptedCamera(
        **dict.fromkeys(methods, f"200 OK\nSession: {text}\nTransport: {text}\nContent-Base: {text}")
    )
    try:
        connect(new_client(), camera)
    except HaechiError:
        return
