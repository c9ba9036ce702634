"""The client machine: from an address to playing tracks, bytes in and out, no sockets (RFC 2326).

The driver sends what `RtspClient.start` and `RtspClient.to_send` give, feeds what it receives, and reads the events.
Each failure is one distinct error; none of them ever holds the address's user info.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from haechi.base.errors import Invalid, Unavailable
from haechi.media import sdp
from haechi.media.rtsp import auth
from haechi.media.rtsp.deframer import Deframer, Interleaved, PacketRun, frame
from haechi.media.rtsp.message import Headers, Message, Request, Response, headers
from haechi.media.rtsp.refusal import refusal
from haechi.media.rtsp.tracks import BACK_CHANNEL, Talk, choose_tracks
from haechi.media.rtsp.transport import Pair, Transport
from haechi.media.sdp import MediaTrack
from haechi.media.url import Url, without_user_info

USER_AGENT = "Haechi"
DEFAULT_SESSION_TIMEOUT_S = 60.0


class Described(Struct, frozen=True):
    """The camera told what it has; these will be set up: video, perhaps audio, what else `Wishes` names."""

    tracks: tuple[MediaTrack, ...]


class Playing(Struct, frozen=True):
    """Media flows. An audio track that the camera refused to set up is left out; indexes are those of ``tracks``.

    Attributes:
        session_timeout_s: A keep-alive is due well before this has passed since the last request.
        transports: As agreed on, one per track; over UDP with the camera's ports.
    """

    tracks: tuple[MediaTrack, ...]
    session_timeout_s: float
    transports: tuple[Transport, ...]


class RtpReceived(Struct, frozen=True, gc=False):
    """An RTP packet of a track (over TCP only). It may come before `Playing`, but not before `Described`."""

    track_index: int
    data: bytes


class RtcpReceived(Struct, frozen=True, gc=False):
    """An RTCP packet of a track (over TCP only)."""

    track_index: int
    data: bytes


class Closed(Struct, frozen=True):
    """The session is over, by the camera's wish or ours; nothing follows."""

    by_peer: bool


ClientEvent = Described | Playing | RtpReceived | RtcpReceived | Closed


class Wishes(Struct, frozen=True):
    """What the caller wants of a connection.

    Attributes:
        audio: Set up an audio track too, if there is one that we carry.
        basic_in_clear: Send the password over a connection that is not TLS when the camera offers nothing better.
        application: Encoding name of a track that is neither video nor audio, to be set up too where there is one.
        talk: Set up the way by which we speak to the camera: ``too``, where there is one; or ``only`` that.
    """

    audio: bool = True
    basic_in_clear: bool = False
    application: str = ""
    talk: Talk = ""


DEFAULT_WISHES = Wishes()


class _Pending(Struct):
    """A request that waits for its answer. ``refused`` counts the 401s that it got."""

    method: str
    uri: str
    fields: tuple[tuple[str, str], ...]
    refused: int = 0
    body: bytes = b""


class RtspClient:
    """One connection to one camera.

    Attributes:
        uri: The address without user info.
        ignored_packets: Interleaved packets of channels that nobody set up.
    """

    def __init__(
        self,
        url: str,
        username: str = "",
        password: str = "",
        *,
        transport: Literal["tcp", "udp"] = "tcp",
        client_ports: Sequence[Pair] = (),
        wishes: Wishes = DEFAULT_WISHES,
    ) -> None:
        """``client_ports``: over UDP, a bound (RTP, RTCP) pair of ports per wanted track, video first."""
        if transport == "udp" and not client_ports:
            raise ValueError("over UDP, each track needs a pair of bound ports")
        parsed = Url.parse(url)
        self.uri = parsed.uri
        self.ignored_packets = 0
        self._who = auth.Credentials(username or parsed.username, password or parsed.password)
        self._is_udp = transport == "udp"
        self._client_ports = client_ports
        self._wishes = wishes
        self._allow_basic = wishes.basic_in_clear or parsed.is_tls
        self._deframer = Deframer()
        self._out = bytearray()
        self._pending: dict[int, _Pending] = {}
        self._cseq = 0
        self._challenge: auth.Challenge | None = None
        self._nonce_count = 0
        self._public: frozenset[str] = frozenset()
        self._base = self.uri
        self._aggregate = self.uri
        self._session = ""
        self._timeout_s = DEFAULT_SESSION_TIMEOUT_S
        self._tracks: tuple[MediaTrack, ...] = ()
        self._agreed: list[tuple[MediaTrack, Transport]] = []
        self._setting_up = 0
        self._channels: dict[int, tuple[bool, int]] = {}
        self._runs: dict[int, PacketRun] = {}
        self._is_playing = False
        self._is_closed = False

    # -- the driver's side -------------------------------------------------------------------------------------------
    def start(self) -> bytes:
        """The first request."""
        self._request("OPTIONS", self.uri)
        return self.to_send()

    def to_send(self) -> bytes:
        """What is to be sent now; call it after each `feed`. Empty when nothing is."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def keep_alive(self) -> bytes:
        """A request that keeps the session open: GET_PARAMETER where the camera offers it, else OPTIONS."""
        self._request("GET_PARAMETER" if "GET_PARAMETER" in self._public else "OPTIONS", self._aggregate)
        return self.to_send()

    def set_parameter(self, body: bytes) -> bytes:
        """A request that tells the camera something (``text/parameters``)."""
        self._send(_Pending("SET_PARAMETER", self._aggregate, (("Content-Type", "text/parameters"),), body=body))
        return self.to_send()

    @property
    def awaiting_answers(self) -> int:
        """Requests, keep-alives among them, that the camera has not answered."""
        return len(self._pending)

    def teardown(self) -> bytes:
        """The request that ends the session. Its answer need not be waited for."""
        if self._session:
            self._request("TEARDOWN", self._aggregate)
        return self.to_send()

    def rtcp_to_send(self, track_index: int, data: bytes) -> bytes:
        """``data`` framed for the RTCP channel of a track (over TCP); empty when the track has none."""
        if track_index >= len(self._agreed):
            return b""
        channels = self._agreed[track_index][1].interleaved
        return frame(channels[1], data) if channels else b""

    def rtp_to_send(self, track_index: int, data: bytes) -> bytes:
        """The same for the RTP channel: what we say to the camera."""
        channels = self._agreed[track_index][1].interleaved if track_index < len(self._agreed) else None
        return frame(channels[0], data) if channels else b""

    def feed(self, data: bytes) -> list[ClientEvent]:
        """Take received bytes; give what they complete.

        Raises:
            HaechiError: See `events`.
        """
        return list(self.events(data))

    def hand_over(self, runs: Sequence[PacketRun]) -> None:
        """Once it plays: RTP packets of track number n go to ``runs[n]`` as they lie, and no longer into events."""
        self._runs = {channel: runs[index] for channel, (is_rtcp, index) in self._channels.items() if not is_rtcp}

    def events(self, data: bytes) -> Iterator[ClientEvent]:
        """Take received bytes; yield what they complete, in order. Iterate to the end.

        Raises:
            PeerError: Not RTSP (``rtsp-not-rtsp``, ``rtsp-header-too-long``, ``rtsp-bad-message``), an answer out of
                place (``rtsp-refused``), or a broken session description (``sdp-malformed``).
            Denied: ``rtsp-unauthorized``, ``rtsp-basic-refused``.
            NotFound: ``rtsp-not-found``.
            Invalid: ``rtsp-redirect``, ``no-video-track``, ``unsupported-codec``.
            Unavailable: ``rtsp-transport`` (try the other one), ``rtsp-session-lost``, ``rtsp-server-error``.
        """
        for event in self._deframer.events(data, self._runs):
            if isinstance(event, Interleaved):
                meaning = self._channels.get(event.channel)
                if meaning is None:
                    self.ignored_packets += 1
                elif meaning[0]:
                    yield RtcpReceived(meaning[1], event.data)
                else:
                    yield RtpReceived(meaning[1], event.data)
            else:
                out: list[ClientEvent] = []
                self._on_message(event, out)
                yield from out

    # -- requests ----------------------------------------------------------------------------------------------------
    def _request(self, method: str, uri: str, *fields: tuple[str, str]) -> None:
        self._send(_Pending(method, uri, fields))

    def _send(self, pending: _Pending) -> None:
        self._cseq += 1
        self._pending[self._cseq] = pending
        fields = [("CSeq", str(self._cseq)), ("User-Agent", USER_AGENT), *pending.fields]
        if self._session:
            fields.append(("Session", self._session))
        if self._wishes.talk and pending.method in ("DESCRIBE", "SETUP", "PLAY"):
            fields.append(("Require", BACK_CHANNEL))
        if self._challenge is not None:
            self._nonce_count += 1
            value = auth.authorization(
                self._challenge,
                self._who,
                pending.method,
                pending.uri,
                cnonce=auth.client_nonce(self._challenge, self._who, self._nonce_count),
                count=self._nonce_count,
            )
            fields.append(("Authorization", value))
        self._out += Request(pending.method, pending.uri, headers(fields), pending.body).serialise()

    def _authenticate(self, pending: _Pending, response: Response) -> None:
        """Answer a challenge, or say why not. A request is repeated once, twice when the first nonce was stale."""
        pending.refused += 1
        challenges = auth.parse_challenges(response.headers.all("WWW-Authenticate"))
        self._challenge = auth.chosen(challenges, self._who, pending.refused, allow_basic=self._allow_basic)
        self._nonce_count = 0
        self._send(pending)

    # -- messages ----------------------------------------------------------------------------------------------------
    def _on_message(self, message: Message, out: list[ClientEvent]) -> None:
        if isinstance(message, Request):
            self._on_request(message, out)
            return
        pending = self._match(message)
        if pending is None or message.status < 200:
            return
        if message.status == 401:
            self._authenticate(pending, message)
        elif message.status < 300:
            self._on_success(pending, message, out)
        else:
            self._on_refusal(pending, message, out)

    def _match(self, response: Response) -> _Pending | None:
        """The request that is answered; a camera that leaves CSeq out answers the oldest one."""
        text = response.headers.get("CSeq")
        cseq = int(text) if text.isdecimal() and len(text) < 10 else next(iter(self._pending), 0)
        if response.status < 200:
            return self._pending.get(cseq)
        return self._pending.pop(cseq, None)

    def _on_success(self, pending: _Pending, response: Response, out: list[ClientEvent]) -> None:
        self._note_session(response.headers)
        match pending.method:
            case "OPTIONS" if not self._tracks:
                names = ",".join(response.headers.all("Public"))
                self._public = frozenset(name.strip().upper() for name in names.split(","))
                self._request("DESCRIBE", self.uri, ("Accept", "application/sdp"))
            case "DESCRIBE":
                self._on_described(response, out)
            case "SETUP":
                self._on_set_up(response.headers.get("Transport"))
            case "PLAY":
                self._is_playing = True
                tracks, transports = zip(*self._agreed, strict=True)
                out.append(Playing(tracks, self._timeout_s, transports))
            case "TEARDOWN":
                self._close(out, by_peer=False)
            case _:
                """A keep-alive: being answered is all that it is for."""

    def _note_session(self, fields: Headers) -> None:
        name, _, rest = fields.get("Session").partition(";")
        if not name.strip() or len(name) > 256:
            return
        self._session = name.strip()
        timeout = rest.lower().replace(" ", "").partition("timeout=")[2].partition(";")[0]
        if timeout.isdecimal() and 0 < len(timeout) < 7 and int(timeout) > 0:
            self._timeout_s = float(int(timeout))

    def _on_described(self, response: Response, out: list[ClientEvent]) -> None:
        if self._tracks:
            return
        session = sdp.parse(response.body)
        base = response.headers.get("Content-Base") or response.headers.get("Content-Location")
        self._base = without_user_info(base) if "://" in base else self.uri
        self._aggregate = without_user_info(sdp.resolve_control(self._base, session.control))
        wishes = self._wishes
        self._tracks = choose_tracks(session, want_audio=wishes.audio, application=wishes.application, talk=wishes.talk)
        if self._is_udp:
            self._tracks = self._tracks[: len(self._client_ports)]
        out.append(Described(self._tracks))
        self._set_up_next()

    def _set_up_next(self) -> None:
        """Ask for the next track; when all are there, ask to play."""
        index = self._setting_up
        if index >= len(self._tracks):
            self._request("PLAY", self._aggregate, ("Range", "npt=0.000-"))
            return
        track = self._tracks[index]
        uri = without_user_info(sdp.resolve_control(self._base, track.control))
        if self._is_udp:
            wanted = Transport(is_tcp=False, client_ports=self._client_ports[index])
        else:
            wanted = Transport(is_tcp=True, interleaved=(2 * index, 2 * index + 1))
            self._map_channels(2 * index, 2 * index + 1)
        self._request("SETUP", uri, ("Transport", wanted.serialise()))

    def _on_set_up(self, header: str) -> None:
        """Note what was agreed on; a camera that does not repeat the transport has taken ours."""
        transport = Transport.parse(header) if header else Transport(is_tcp=not self._is_udp)
        if transport.is_tcp == self._is_udp:
            raise Unavailable("the camera chose another transport than it was asked for", code="rtsp-transport")
        index = len(self._agreed)
        if not self._is_udp:
            channels = transport.interleaved or (2 * self._setting_up, 2 * self._setting_up + 1)
            self._unmap_channels(index)
            self._map_channels(*channels)
            transport = Transport(is_tcp=True, interleaved=channels, ssrc=transport.ssrc)
        self._agreed.append((self._tracks[self._setting_up], transport))
        self._setting_up += 1
        self._set_up_next()

    def _map_channels(self, rtp: int, rtcp: int) -> None:
        index = len(self._agreed)
        self._channels[rtp] = (False, index)
        self._channels[rtcp] = (True, index)

    def _unmap_channels(self, index: int) -> None:
        for channel in [channel for channel, meaning in self._channels.items() if meaning[1] == index]:
            del self._channels[channel]

    def _on_refusal(self, pending: _Pending, response: Response, out: list[ClientEvent]) -> None:
        if pending.method == "TEARDOWN":
            self._close(out, by_peer=False)
        elif pending.method == "OPTIONS" and not self._tracks and response.status >= 400:
            self._request("DESCRIBE", self.uri, ("Accept", "application/sdp"))
        elif response.status == 551 and self._wishes.talk == "too":
            self._wishes = replace(self._wishes, talk="")
            self._send(pending)
        elif self._is_playing and response.status != 454:
            self._public = self._public - {pending.method}
        elif pending.method == "SETUP" and self._agreed:
            self._unmap_channels(len(self._agreed))
            self._setting_up += 1
            self._set_up_next()
        else:
            raise refusal(pending.method, response)

    def _on_request(self, request: Request, out: list[ClientEvent]) -> None:
        """Answer what the camera asks of us; it may keep us alive, or say good-bye."""
        fields = headers([("CSeq", request.headers.get("CSeq", "0")), ("Session", request.headers.get("Session"))])
        known = request.method in ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "TEARDOWN", "REDIRECT")
        self._out += Response(200 if known else 501, "OK" if known else "Not Implemented", fields).serialise()
        if request.method == "REDIRECT":
            raise Invalid("the camera redirects to another address; enter that one", code="rtsp-redirect")
        if request.method == "TEARDOWN":
            self._close(out, by_peer=True)

    def _close(self, out: list[ClientEvent], *, by_peer: bool) -> None:
        if not self._is_closed:
            self._is_closed = True
            out.append(Closed(by_peer))
