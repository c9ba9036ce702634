"""The client's side of RTMP, up to playing a stream (RTMP specification 1.0, sections 5.2 and 7.2); pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from haechi.base.errors import Denied, HaechiError, NotFound, PeerError, Unavailable
from haechi.media.rtmp.amf import Value, decode, encode
from haechi.media.rtmp.chunks import MOST_CHUNK_BYTES, ChunkReader, Message, write_message

VERSION = 3
HANDSHAKE_BYTES = 1536
BUFFER_MS = 1000
_SET_CHUNK, _ACK, _CONTROL, _WINDOW, _BANDWIDTH = 1, 3, 4, 5, 6
_AUDIO, _VIDEO, _AMF3_COMMAND, _COMMAND, _AGGREGATE = 8, 9, 17, 20, 22
_STREAM_EOF, _BUFFER, _PING, _PONG = 1, 3, 6, 7
_CONNECT, _CREATE = 1.0, 2.0
_OVER = frozenset(("NetStream.Play.Stop", "NetStream.Play.Complete", "NetStream.Play.UnpublishNotify"))
_TAG_BYTES = 11


class Tag(Struct, frozen=True):
    """What the body of an FLV tag would be. ``time_ms`` goes on beyond 32 bits."""

    is_video: bool
    time_ms: int
    data: bytes


class StreamPlace(Struct, frozen=True):
    """What to ask for. ``app`` and ``path`` are the two halves that RTMP makes of an address's path."""

    url: str
    app: str
    path: str


def place_in(url: str, target: str) -> StreamPlace:
    """Application and stream in ``target`` (path and query): with three parts and more the first two are the
    application, as players have it.

    Args:
        url: Scheme, host and port, without a slash at the end.
    """
    path, mark, query = target.lstrip("/").partition("?")
    parts = path.split("/")
    cut = 1 if len(parts) < 3 else 2
    app = "/".join(parts[:cut])
    return StreamPlace(f"{url}/{app}", app, "/".join(parts[cut:]) + mark + query)


class RtmpClient:
    """Bytes in, tags out, answers in between.

    Attributes:
        is_playing: The server said that it plays, or has sent something.
    """

    def __init__(self, place: StreamPlace) -> None:
        self._place = place
        self._reader = ChunkReader()
        self._greeting = bytearray()
        self._is_greeted = self._is_echoed = False
        self._out = bytearray()
        self._window = 0
        self._told = 0
        self._stream = 0
        self._time: int | None = None
        self.is_playing = False

    def start(self) -> bytes:
        """The first bytes: version and our half of the handshake."""
        return bytes((VERSION,)) + bytes(8) + bytes(range(256)) * 5 + bytes(range(248))

    def to_send(self) -> bytes:
        """What is to be answered."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def feed(self, data: bytes) -> Iterator[Tag]:
        """Add ``data``; yields pictures and sound in order.

        Raises:
            NotFound: ``rtmp-not-found``: there is no such stream.
            Denied: ``rtmp-refused``: the server refuses the application or the stream.
            Unavailable: ``camera-closed``: the stream is over.
            PeerError: ``rtmp-not-rtmp``, ``rtmp-bad-message``.
        """
        if not self._is_greeted:
            data = self._greet(data)
        for message in self._reader.feed(data) if self._is_greeted else ():
            yield from self._take(message)
        if self._window and self._reader.received - self._told >= self._window // 2:
            self._told = self._reader.received
            self._send(_ACK, (self._told & 0xFFFF_FFFF).to_bytes(4, "big"), lane=2)

    def _greet(self, data: bytes) -> bytes:
        """The handshake; what follows it."""
        self._greeting += data
        if self._greeting[:1] not in (b"", bytes((VERSION,))):
            message = "what answers there does not speak RTMP; is the port right?"
            raise PeerError(message, offset=0, code="rtmp-not-rtmp")
        whole = 1 + 2 * HANDSHAKE_BYTES
        if not self._is_echoed and len(self._greeting) > HANDSHAKE_BYTES:
            self._is_echoed = True
            self._out += self._greeting[1 : 1 + HANDSHAKE_BYTES]
        if len(self._greeting) < whole:
            return b""
        self._is_greeted = True
        about: dict[str, Value] = {
            "app": self._place.app,
            "flashVer": "LNX 9,0,124,2",
            "tcUrl": self._place.url,
            "fpad": False,
            "capabilities": 15.0,
            "audioCodecs": 4071.0,
            "videoCodecs": 252.0,
            "videoFunction": 1.0,
            "fourCcList": ["avc1", "hvc1"],
        }
        self._command("connect", _CONNECT, about)
        return bytes(self._greeting[whole:])

    def _take(self, message: Message) -> Iterator[Tag]:
        match message.kind:
            case 1:
                size = int.from_bytes(message.data[:4], "big") & 0x7FFF_FFFF
                if not 0 < size <= MOST_CHUNK_BYTES:
                    raise PeerError("the server wants impossible chunks", offset=0, code="rtmp-bad-message")
                self._reader.chunk_bytes = size
            case 4:
                self._control(message.data)
            case 5:
                self._window = int.from_bytes(message.data[:4], "big")
            case 6:
                self._send(_WINDOW, message.data[:4], lane=2)
            case 8 | 9:
                yield self._tag(message.kind == _VIDEO, message.time_ms, message.data)
            case 17 | 20:
                self._answer(decode(message.data[1:] if message.kind == _AMF3_COMMAND else message.data))
            case 22:
                yield from self._aggregate(message)
            case _:
                return

    def _control(self, data: bytes) -> None:
        event = int.from_bytes(data[:2], "big")
        if event == _PING:
            self._send(_CONTROL, _PONG.to_bytes(2, "big") + data[2:6], lane=2)
        elif event == _STREAM_EOF and self.is_playing:
            raise Unavailable("the stream is over", code="camera-closed")

    def _answer(self, values: list[Value]) -> None:
        name, number = (*values, None, None)[:2]
        about = next((one for one in reversed(values) if isinstance(one, Mapping)), {})
        if name == "_error":
            raise self._refusal(about)
        if name == "_result" and number == _CONNECT:
            self._command("createStream", _CREATE, None)
        elif name == "_result" and number == _CREATE:
            told = values[-1]
            self._stream = int(told) if isinstance(told, float) and 0 <= told < 1 << 31 else 1
            self._command("play", 0.0, None, self._place.path, -2000.0, stream=self._stream)
            ask = _BUFFER.to_bytes(2, "big") + self._stream.to_bytes(4, "big") + BUFFER_MS.to_bytes(4, "big")
            self._send(_CONTROL, ask, lane=2)
        elif name == "onStatus":
            self._status(about)

    def _status(self, about: Mapping[str, Value]) -> None:
        code = about.get("code")
        if code == "NetStream.Play.Start":
            self.is_playing = True
        elif code in _OVER:
            raise Unavailable("the stream is over", code="camera-closed")
        elif about.get("level") == "error":
            raise self._refusal(about)

    def _refusal(self, about: Mapping[str, Value]) -> HaechiError:
        code = str(about.get("code") or "")[:80]
        if "NotFound" in code:
            message = "the server has no such stream; is the path right, and is somebody sending?"
            return NotFound(message, code="rtmp-not-found", status=code)
        message = "the server refuses the application or the stream; is the path right, with its key?"
        return Denied(message, code="rtmp-refused", status=code)

    # -- pictures and sound ------------------------------------------------------------------------------------------
    def _tag(self, is_video: bool, time_ms: int, data: bytes) -> Tag:
        self.is_playing = True
        if self._time is None:
            self._time = time_ms
        step = (time_ms - self._time + (1 << 31)) % (1 << 32) - (1 << 31)
        self._time += step
        return Tag(is_video, self._time, data)

    def _aggregate(self, message: Message) -> Iterator[Tag]:
        """FLV tags one after the other; their times count from the message's (section 7.1.6)."""
        data, at, first = message.data, 0, -1
        while at + _TAG_BYTES <= len(data):
            size = int.from_bytes(data[at + 1 : at + 4], "big")
            time_ms = data[at + 7] << 24 | int.from_bytes(data[at + 4 : at + 7], "big")
            first = time_ms if first < 0 else first
            body = data[at + _TAG_BYTES : at + _TAG_BYTES + size]
            if len(body) == size and data[at] in (_AUDIO, _VIDEO):
                yield self._tag(data[at] == _VIDEO, (message.time_ms + time_ms - first) & 0xFFFF_FFFF, body)
            at += _TAG_BYTES + size + 4

    # -- what is said ------------------------------------------------------------------------------------------------
    def _command(self, name: str, number: float, *values: Value, stream: int = 0) -> None:
        self._send(_COMMAND, encode(name, number, *values), lane=8 if stream else 3, stream=stream)

    def _send(self, kind: int, data: bytes, *, lane: int, stream: int = 0) -> None:
        self._out += write_message(Message(kind, 0, data, stream), lane)
