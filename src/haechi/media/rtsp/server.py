"""The server machine of one connection, bytes in and out, no sockets (RFC 2326). For the virtual camera and re-serving.

A session lives and dies with its connection: a session id from elsewhere is answered 454, a method out of order 455.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, structs

from haechi.media import sdp
from haechi.media.rtsp import auth
from haechi.media.rtsp.deframer import Deframer, Interleaved, frame
from haechi.media.rtsp.message import Message, Request, Response, headers
from haechi.media.rtsp.tracks import BACK_CHANNEL, is_back_channel
from haechi.media.rtsp.transport import Pair, Transport, parse_alternatives
from haechi.media.sdp import SessionDescription

METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
    551: "Option not supported",
}


class ServerPolicy(Struct, frozen=True):
    """How a server behaves.

    Attributes:
        username, password: Who may come in; an empty name lets anyone.
        algorithm: ``MD5`` or ``SHA-256`` for Digest, or ``Basic``.
        qop: Offer ``qop="auth"`` with Digest (old cameras do not).
        tcp, udp: Which transports are accepted.
        server_ports: The bound (RTP, RTCP) pair of UDP ports that media is sent from.
    """

    username: str = ""
    password: str = ""
    algorithm: str = "MD5"
    qop: bool = True
    realm: str = "Haechi"
    tcp: bool = True
    udp: bool = False
    server_ports: Pair | None = None
    session_timeout_s: int = 60


class Doorman(Protocol):
    """Who is let in, where it is not one user with one password."""

    def challenges(self) -> tuple[str, ...]:
        """The values of ``WWW-Authenticate`` for who is not."""

    def admits(self, request: Request) -> bool:
        """Whether the request may be answered."""


class First(Struct, frozen=True):
    """The numbers of the first packet of a track: its sequence number, and its timestamp where it is known yet."""

    sequence: int
    ticks: int | None = None


class PlayRequested(Struct, frozen=True):
    """The client wants media now: for each track that it set up, by index, how to send it."""

    path: str
    transports: tuple[tuple[int, Transport], ...]


class PauseRequested(Struct, frozen=True):
    """The client wants no media for now."""


class TornDown(Struct, frozen=True):
    """The session is over. The connection may go on."""


class LoginFailed(Struct, frozen=True):
    """A request came with wrong credentials (not: with none)."""


class ReportReceived(Struct, frozen=True):
    """An RTCP packet from the client, over TCP."""

    track_index: int
    data: bytes


class SoundReceived(Struct, frozen=True):
    """An RTP packet from the client, over TCP: it speaks to the camera, if this track is the way back."""

    track_index: int
    data: bytes


class ParametersSet(Struct, frozen=True):
    """The client tells us something of its own; what it means is not RTSP's affair."""

    body: bytes


ServerEvent = PlayRequested | PauseRequested | TornDown | LoginFailed | ReportReceived | SoundReceived | ParametersSet


class RtspServer:
    """One client's connection. ``find`` gives the description of what is at a path (query included), or None.

    Every track of a description needs a control of its own that is no absolute address.
    """

    def __init__(
        self,
        find: Callable[[str], SessionDescription | None],
        policy: ServerPolicy,
        new_token: Callable[[], str],
        doorman: Doorman | None = None,
        first: Callable[[str, int], First | None] | None = None,
    ) -> None:
        """``new_token`` gives words that nobody can guess, for session ids and nonces. With a ``doorman`` the policy's
        user, password and algorithm are not asked. ``first`` is asked, by path and track, with what the media begins.
        """
        self._find = find
        self._policy = policy
        self._deframer = Deframer()
        self._out = bytearray()
        self._session = ""
        self._path = ""
        self._set_up: dict[int, Transport] = {}
        self._back: set[int] = set()
        self._is_playing = False
        self._new_token = new_token
        self._first = first
        self._doorman = doorman or _OneUser(policy, new_token())

    def to_send(self) -> bytes:
        """What is to be sent now; call it after each `feed`, before any media."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def is_playing(self) -> bool:
        """Whether media may be sent."""
        return self._is_playing

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Take received bytes; give what they ask for. The answers are in `to_send`.

        Raises:
            PeerError: The client does not speak RTSP or exceeds a limit.
        """
        return [event for one in self.receive(data) for event in self.take(one)]

    def receive(self, data: bytes) -> list[Interleaved | Message]:
        """Take received bytes; give what is complete. For who must look something up before `take` can answer.

        Raises:
            PeerError: The client does not speak RTSP or exceeds a limit.
        """
        return self._deframer.feed(data)

    def take(self, one: Interleaved | Message) -> list[ServerEvent]:
        """Act on something that was received; the answer is in `to_send`."""
        out: list[ServerEvent] = []
        if isinstance(one, Interleaved):
            self._on_packet(one, out)
        else:
            self._on_message(one, out)
        return out

    def refuse(self, request: Request, status: int, *fields: tuple[str, str]) -> None:
        """Answer a request that was received with an error, in place of `take`."""
        self._answer(request, status, *fields)

    def _on_packet(self, packet: Interleaved, out: list[ServerEvent]) -> None:
        for index, transport in self._set_up.items():
            if transport.interleaved and packet.channel == transport.interleaved[1]:
                out.append(ReportReceived(index, packet.data))
            elif index in self._back and transport.interleaved and packet.channel == transport.interleaved[0]:
                out.append(SoundReceived(index, packet.data))

    def _on_message(self, message: Message, out: list[ServerEvent]) -> None:
        if isinstance(message, Response):
            return
        if message.method != "OPTIONS" and not self._doorman.admits(message):
            if message.headers.get("Authorization"):
                out.append(LoginFailed())
            self._answer(message, 401, *(("WWW-Authenticate", text) for text in self._doorman.challenges()))
            return
        match message.method:
            case "OPTIONS":
                self._answer(message, 200, ("Public", METHODS))
            case "DESCRIBE":
                self._describe(message)
            case "SETUP":
                self._on_setup(message)
            case "PLAY" | "PAUSE" | "TEARDOWN":
                self._on_control(message, out)
            case "GET_PARAMETER" | "SET_PARAMETER":
                is_ours = self._owns_session(message)
                self._answer(message, 200 if is_ours else 454)
                if is_ours and message.body and message.method == "SET_PARAMETER":
                    out.append(ParametersSet(message.body))
            case _:
                self._answer(message, 501, ("Public", METHODS))

    def _describe(self, request: Request) -> None:
        session = self._find(path_of(request.uri))
        if session is None:
            self._answer(request, 404)
            return
        wanted = request.headers.get("Require")
        has_back = any(is_back_channel(track) for track in session.tracks)
        if wanted and not (wanted.strip() == BACK_CHANNEL and has_back):
            self._answer(request, 551, ("Unsupported", wanted))
            return
        if not wanted and has_back:
            heard = tuple(track for track in session.tracks if not is_back_channel(track))
            session = structs.replace(session, tracks=heard)
        base = request.uri if request.uri.endswith("/") else f"{request.uri}/"
        fields = (("Content-Base", base), ("Content-Type", "application/sdp"))
        self._answer(request, 200, *fields, body=sdp.build(session))

    def _on_setup(self, request: Request) -> None:
        asked_session = request.headers.get("Session").partition(";")[0].strip()
        if asked_session and asked_session != self._session:
            self._answer(request, 454)
            return
        found = self._track_at(path_of(request.uri))
        if found is None:
            self._answer(request, 404)
            return
        path, index, is_back = found
        if self._is_playing or (self._path and path != self._path):
            self._answer(request, 455)
            return
        transport = self._choose(parse_alternatives(request.headers.get("Transport")))
        if transport is None:
            self._answer(request, 461)
            return
        self._session = self._session or self._new_token()
        self._path = path
        self._set_up[index] = transport
        if is_back:
            self._back.add(index)
        self._answer(request, 200, ("Transport", transport.serialise()))

    def _track_at(self, path: str) -> tuple[str, int, bool] | None:
        """Which track of which description a SETUP address means, and whether it is the way back."""
        base, _, control = path.rpartition("/")
        session = self._find(base) if base else None
        for index, track in enumerate(session.tracks if session else ()):
            if track.control == control:
                return base, index, is_back_channel(track)
        session = self._find(path)
        heard = [one for one in session.tracks if not is_back_channel(one)] if session is not None else []
        return (path, 0, False) if len(heard) == 1 else None

    def _choose(self, offers: list[Transport]) -> Transport | None:
        """The first offer that we can take, completed with our side."""
        policy = self._policy
        for offer in offers:
            if offer.is_multicast:
                continue
            if offer.is_tcp and policy.tcp:
                used = {channel for one in self._set_up.values() for channel in one.interleaved or ()}
                free = next(channel for channel in range(0, 256, 2) if channel not in used)
                wanted = offer.interleaved
                return Transport(
                    is_tcp=True, interleaved=(free, free + 1) if not wanted or used & {*wanted} else wanted
                )
            if not offer.is_tcp and policy.udp and policy.server_ports and offer.client_ports:
                return Transport(is_tcp=False, client_ports=offer.client_ports, server_ports=policy.server_ports)
        return None

    def _on_control(self, request: Request, out: list[ServerEvent]) -> None:
        if not self._session:
            self._answer(request, 454 if request.headers.get("Session") else 455)
            return
        if not self._owns_session(request):
            self._answer(request, 454)
            return
        self._answer(request, 200, *(self._played(request) if request.method == "PLAY" else ()))
        if request.method == "PLAY":
            if not self._is_playing:
                out.append(PlayRequested(self._path, tuple(sorted(self._set_up.items()))))
            self._is_playing = True
        elif request.method == "PAUSE":
            self._is_playing = False
            out.append(PauseRequested())
        else:
            self._end_session(out)

    def _played(self, request: Request) -> list[tuple[str, str]]:
        """What the answer to PLAY says of the media that comes (RFC 2326 section 12.33)."""
        session = self._find(self._path)
        base = request.uri.partition("#")[0].rstrip("/")
        told: list[str] = []
        for index in sorted(self._set_up) if session is not None and not self._is_playing else ():
            first = self._first(self._path, index) if self._first is not None else None
            if first is not None and session is not None and index not in self._back:
                stamp = "" if first.ticks is None else f";rtptime={first.ticks}"
                told.append(f"url={base}/{session.tracks[index].control};seq={first.sequence}{stamp}")
        return [("Range", "npt=0.000-"), *([("RTP-Info", ",".join(told))] if told else [])]

    def _end_session(self, out: list[ServerEvent]) -> None:
        self._is_playing = False
        self._session = self._path = ""
        self._set_up = {}
        self._back.clear()
        out.append(TornDown())

    def _owns_session(self, request: Request) -> bool:
        """Whether the request names our session; keep-alives may name none."""
        named = request.headers.get("Session").partition(";")[0].strip()
        return named == self._session or (not named and request.method == "GET_PARAMETER")

    def _answer(self, request: Request, status: int, *fields: tuple[str, str], body: bytes = b"") -> None:
        session = f"{self._session};timeout={self._policy.session_timeout_s}" if self._session else ""
        lines = [("CSeq", request.headers.get("CSeq", "0")), ("Server", "Haechi"), *fields]
        if status == 200 and request.method not in ("OPTIONS", "DESCRIBE"):
            lines.append(("Session", session))
        self._out += Response(status, _REASONS[status], headers(lines), body).serialise()


class _OneUser:
    """The doorman of a policy with a user name, or of one without, who lets everybody in."""

    def __init__(self, policy: ServerPolicy, nonce: str) -> None:
        self._who = auth.Credentials(policy.username, policy.password)
        self._challenge = _challenge(policy, nonce)

    def challenges(self) -> tuple[str, ...]:
        """See `Doorman`."""
        return (challenge_text(self._challenge),)

    def admits(self, request: Request) -> bool:
        """See `Doorman`."""
        header = request.headers.get("Authorization")
        return not self._who.username or (
            bool(header) and auth.verify(header, self._challenge, self._who, request.method)
        )


def path_of(uri: str) -> str:
    """The path and query of an address, without the slash that aggregated addresses end in."""
    scheme, separator, rest = uri.partition("://")
    path = "/" + rest.partition("/")[2] if separator and scheme.lower().startswith("rtsp") else uri
    return path.partition("#")[0].rstrip("/") or "/"


def _challenge(policy: ServerPolicy, nonce: str) -> auth.Challenge:
    if policy.algorithm == "Basic":
        return auth.Challenge("basic", policy.realm)
    qop = "auth" if policy.qop else ""
    return auth.Challenge("digest", policy.realm, nonce, policy.algorithm, "", qop)


def challenge_text(challenge: auth.Challenge) -> str:
    """The value of a ``WWW-Authenticate`` header."""
    if challenge.scheme == "basic":
        return f'Basic realm="{challenge.realm}"'
    qop = ', qop="auth"' if challenge.qop else ""
    return f'Digest realm="{challenge.realm}", nonce="{challenge.nonce}", algorithm={challenge.algorithm}{qop}'


def interleave(transport: Transport, data: bytes, *, is_rtcp: bool = False) -> bytes:
    """A media or report packet framed for a track that was set up over TCP; empty for one that was not."""
    return frame(transport.interleaved[is_rtcp], data) if transport.interleaved else b""
