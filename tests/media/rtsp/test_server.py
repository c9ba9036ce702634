"""The server machine: against our client machine without a socket, and against clients that break the rules."""

import secrets
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.errors import HaechiError, PeerError
from haechi.media.access_unit import CodecParams
from haechi.media.packetise import track_for
from haechi.media.rtsp import auth
from haechi.media.rtsp.client import ClientEvent, Closed, Playing, RtpReceived, RtspClient, Wishes
from haechi.media.rtsp.deframer import Deframer, frame
from haechi.media.rtsp.message import Headers, Request, Response
from haechi.media.rtsp.server import (
    LoginFailed,
    PauseRequested,
    PlayRequested,
    ReportReceived,
    RtspServer,
    ServerEvent,
    ServerPolicy,
    TornDown,
    interleave,
)
from haechi.media.sdp import SessionDescription
from tests.streams import aac_stream, h264_stream

TOKENS = partial(secrets.token_hex, 8)
PATHS = ("/main", "/cam/realmonitor?channel=1&subtype=0")


def find(path: str) -> SessionDescription | None:
    if path not in PATHS:
        return None
    params: tuple[CodecParams, ...] = (h264_stream(frames=1)[0], aac_stream()[0])
    return SessionDescription(tuple(track_for(one, 96 + n, f"trackID={n}") for n, one in enumerate(params)))


def talk(
    client: RtspClient, server: RtspServer, cuts: tuple[int, ...] = ()
) -> tuple[list[ClientEvent], list[ServerEvent]]:
    """Let both machines talk until nothing more is said."""
    heard: list[ClientEvent] = []
    asked: list[ServerEvent] = []
    data = client.start()
    while data:
        edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
        for a, b in pairwise(edges):
            asked += server.feed(data[a:b])
        heard += client.feed(server.to_send())
        data = client.to_send()
    return heard, asked


@given(
    st.sampled_from(PATHS),
    st.sampled_from(["MD5", "SHA-256", "Basic"]),
    st.booleans(),
    st.tuples(st.integers(0, 400), st.integers(0, 400)),
)
def test_our_client_comes_to_play_whatever_the_log_in_and_the_chunks(
    path: str, algorithm: str, qop: bool, cuts: tuple[int, ...]
) -> None:
    server = RtspServer(find, ServerPolicy("u", 'p"\\w', algorithm, qop), TOKENS)
    client = RtspClient(f"rtsp://h{path}", "u", 'p"\\w', wishes=Wishes(basic_in_clear=True))
    heard, asked = talk(client, server, cuts)
    assert isinstance(heard[-1], Playing)
    (play,) = asked
    assert isinstance(play, PlayRequested)
    assert (play.path, [index for index, _ in play.transports]) == (path, [0, 1])
    media = interleave(play.transports[1][1], b"sound")
    assert client.feed(media) == [RtpReceived(1, b"sound")]
    assert server.feed(client.rtcp_to_send(0, b"report")) == [ReportReceived(0, b"report")]
    server.feed(client.keep_alive())
    assert client.feed(server.to_send()) == []
    assert client.awaiting_answers == 0
    assert server.feed(client.teardown()) == [TornDown()]
    assert client.feed(server.to_send()) == [Closed(by_peer=False)]


class Peer:
    """A client that says what it likes."""

    def __init__(self, policy: ServerPolicy = ServerPolicy()) -> None:  # noqa: B008 - immutable
        self.server = RtspServer(find, policy, TOKENS)
        self.events: list[ServerEvent] = []

    def ask(self, method: str, uri: str = "rtsp://h/main", **fields: str) -> Response:
        pairs = tuple((name.replace("_", "-"), value) for name, value in fields.items())
        self.events += self.server.feed(Request(method, uri, Headers((("CSeq", "1"), *pairs))).serialise())
        (answer,) = Deframer().feed(self.server.to_send())
        assert isinstance(answer, Response)
        return answer

    def set_up(self, track: int = 0, session: str = "") -> str:
        more = {"Session": session} if session else {}
        answer = self.ask(
            "SETUP", f"rtsp://h/main/trackID={track}", Transport="RTP/AVP/TCP;unicast;interleaved=0-1", **more
        )
        assert answer.status == 200
        return answer.headers.get("Session").partition(";")[0]


def test_a_session_of_another_connection_is_not_found() -> None:
    stolen = Peer().set_up()
    peer = Peer()
    assert peer.ask("PLAY", Session=stolen).status == 454
    own = peer.set_up()
    assert own != stolen
    for method in ("PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER"):
        assert peer.ask(method, Session=stolen).status == 454
    assert peer.ask("SETUP", "rtsp://h/main/trackID=1", Session=stolen, Transport="RTP/AVP/TCP").status == 454
    assert peer.events == []


def test_methods_out_of_order_are_refused() -> None:
    peer = Peer()
    assert peer.ask("PLAY").status == 455
    session = peer.set_up()
    assert peer.ask("PLAY").status == 454
    assert peer.ask("PLAY", Session=session).status == 200
    assert peer.ask("SETUP", "rtsp://h/main/trackID=1", Session=session, Transport="RTP/AVP/TCP").status == 455
    assert peer.ask("PAUSE", Session=session).status == 200
    assert peer.ask("PLAY", Session=session).status == 200
    assert [type(event) for event in peer.events] == [PlayRequested, PauseRequested, PlayRequested]
    assert peer.ask("TEARDOWN", Session=session).status == 200
    assert peer.ask("PLAY", Session=session).status == 454


def test_tracks_of_two_streams_do_not_mix_in_a_session() -> None:
    peer = Peer()
    session = peer.set_up()
    other = f"rtsp://h{PATHS[1]}/trackID=1"
    assert peer.ask("SETUP", other, Session=session, Transport="RTP/AVP/TCP").status == 455


@pytest.mark.parametrize(
    ("offer", "policy", "status", "taken"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5", ServerPolicy(), 200, "interleaved=4-5"),
        ("RTP/AVP/TCP;unicast", ServerPolicy(), 200, "interleaved=0-1"),
        ("RTP/AVP;multicast;client_port=1-2,RTP/AVP/TCP", ServerPolicy(), 200, "interleaved=0-1"),
        ("RTP/AVP;unicast;client_port=1-2", ServerPolicy(), 461, ""),
        ("RTP/AVP/TCP", ServerPolicy(tcp=False, udp=True, server_ports=(8, 9)), 461, ""),
        ("RTP/AVP;unicast;client_port=1-2", ServerPolicy(udp=True, server_ports=(8, 9)), 200, "server_port=8-9"),
        (
            "RTP/AVP/TCP,RTP/AVP;client_port=1-2",
            ServerPolicy(tcp=False, udp=True, server_ports=(8, 9)),
            200,
            "client_port=1-2",
        ),
        ("", ServerPolicy(), 461, ""),
        ("RTP/AVP/TCP;interleaved=999-1000", ServerPolicy(), 200, "interleaved=0-1"),
    ],
)
def test_the_first_transport_that_is_possible_is_taken(
    offer: str, policy: ServerPolicy, status: int, taken: str
) -> None:
    answer = Peer(policy).ask("SETUP", "rtsp://h/main/trackID=0", Transport=offer)
    assert answer.status == status
    assert taken in answer.headers.get("Transport")


def test_two_tracks_never_share_a_channel() -> None:
    peer = Peer()
    session = peer.set_up(0)
    answer = peer.ask("SETUP", "rtsp://h/main/trackID=1", Session=session, Transport="RTP/AVP/TCP;interleaved=0-1")
    assert "interleaved=2-3" in answer.headers.get("Transport")


@pytest.mark.parametrize("uri", ["rtsp://h/none", "rtsp://h/", "rtsp://h/main/../etc", "*", "rtsp://[", "x"])
def test_what_is_not_there_is_not_found(uri: str) -> None:
    assert Peer().ask("DESCRIBE", uri).status == 404
    assert Peer().ask("SETUP", f"{uri}/trackID=0", Transport="RTP/AVP/TCP").status == 404


def test_everything_but_options_wants_the_log_in_and_a_wrong_one_is_told() -> None:
    peer = Peer(ServerPolicy("u", "p"))
    assert peer.ask("OPTIONS").status == 200
    for method in ("DESCRIBE", "SETUP", "PLAY", "PAUSE", "GET_PARAMETER", "TEARDOWN", "ANNOUNCE"):
        assert peer.ask(method).status == 401
    assert peer.events == []
    (challenge,) = auth.parse_challenges([peer.ask("DESCRIBE").headers.get("WWW-Authenticate")])
    wrong = auth.authorization(challenge, auth.Credentials("u", "x"), "DESCRIBE", "rtsp://h/main")
    right = auth.authorization(challenge, auth.Credentials("u", "p"), "DESCRIBE", "rtsp://h/main", count=2)
    assert peer.ask("DESCRIBE", Authorization=wrong).status == 401
    assert peer.events == [LoginFailed()]
    assert peer.ask("DESCRIBE", Authorization=right).status == 200


def test_a_log_in_for_another_connection_or_another_method_is_worth_nothing() -> None:
    first, second = Peer(ServerPolicy("u", "p")), Peer(ServerPolicy("u", "p"))
    (challenge,) = auth.parse_challenges([first.ask("DESCRIBE").headers.get("WWW-Authenticate")])
    header = auth.authorization(challenge, auth.Credentials("u", "p"), "DESCRIBE", "rtsp://h/main")
    assert second.ask("DESCRIBE", Authorization=header).status == 401
    assert first.ask("SETUP", Authorization=header).status == 401
    assert first.ask("DESCRIBE", Authorization=header).status == 200


def test_an_unknown_method_is_not_implemented() -> None:
    assert Peer().ask("RECORD").status == 501


@given(st.lists(st.one_of(st.binary(max_size=60), st.binary(max_size=20).map(lambda data: frame(1, data))), max_size=5))
def test_noise_is_a_peer_error_or_an_answer(chunks: list[bytes]) -> None:
    server = RtspServer(find, ServerPolicy("u", "p"), TOKENS)
    for chunk in chunks:
        try:
            server.feed(chunk)
        except PeerError:
            return


METHODS = st.sampled_from(["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "X-Y"])
URIS = st.sampled_from(["rtsp://h/main", "rtsp://h/main/trackID=0", "rtsp://h/main/trackID=1", "*"])


@given(st.lists(st.tuples(METHODS, URIS, st.booleans(), st.booleans()), max_size=12))
def test_media_flows_only_in_a_session_that_was_set_up(steps: list[tuple[str, str, bool, bool]]) -> None:
    peer, session, tracks = Peer(), "none", set[str]()
    for method, uri, names_session, offers in steps:
        fields = {"Session": session} if names_session else {}
        fields |= {"Transport": "RTP/AVP/TCP"} if offers else {}
        try:
            answer = peer.ask(method, uri, **fields)
        except HaechiError:
            return  # a method of a form that RTSP has not
        if answer.status == 200 and method == "SETUP":
            session = answer.headers.get("Session").partition(";")[0]
            tracks.add(uri)
        if answer.status == 200 and method == "TEARDOWN":
            tracks.clear()
        assert not (peer.server.is_playing and not tracks)
