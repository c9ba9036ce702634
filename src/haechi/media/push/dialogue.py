"""The server's side of one connection as a machine: bytes in, events out. No socket, no clock."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from haechi.base.errors import PeerError
from haechi.media.push.wire import SERVER_LIMITS, STRANGER_LIMITS, Deframer, Frame, Kind
from haechi.media.push.words import Announce, Fault, Goodbye, Hello, Request, read, say


class Announced(Struct, frozen=True):
    """A stream is to begin: accept or refuse it."""

    number: int
    wish: Announce


class Packets(Struct, frozen=True, gc=False):
    """RTP packets of a stream, each after ``$``, a channel and its length (RFC 2326 10.12)."""

    number: int
    data: bytes


class Requested(Struct, frozen=True):
    """Results are wanted."""

    number: int
    module: str


class Ended(Struct, frozen=True):
    """Nothing more comes of a stream."""

    number: int


class Left(Struct, frozen=True):
    """The client goes."""

    reason: str


Event = Hello | Announced | Packets | Requested | Ended | Left
MOST_NUMBER = 0xFFFF
LONGEST_PING = 64
MOST_PONG_BYTES = 4096


class ServerDialogue:
    """Who may say what when. The driver answers `Hello` by `welcome`, and `Announced` by `accept` or `refuse`."""

    def __init__(self) -> None:
        self._deframer = Deframer(STRANGER_LIMITS)
        self._said_hello = False
        self._is_known = False
        self._waiting: set[int] = set()
        self._open: set[int] = set()
        self._pongs = bytearray()

    @property
    def streams(self) -> int:
        """Streams that are announced or open."""
        return len(self._waiting) + len(self._open)

    def welcome(self) -> None:
        """The client is who it says."""
        self._is_known = True
        self._deframer.limits = SERVER_LIMITS

    def accept(self, number: int) -> None:
        """An announced stream may begin."""
        self._waiting.discard(number)
        self._open.add(number)

    def refuse(self, number: int) -> None:
        """An announced stream may not begin, or one that was open is over."""
        self._waiting.discard(number)
        self._open.discard(number)

    def pongs(self) -> bytes:
        """Answers to pings; ask after `feed`."""
        pongs = bytes(self._pongs)
        self._pongs.clear()
        return pongs

    def feed(self, data: bytes) -> Iterator[Event]:
        """Add ``data`` and yield what it says; iterate to the end.

        Raises:
            PeerError: The client sent nonsense, broke a limit, or said something out of turn (``push-out-of-turn``).
        """
        for frame in self._deframer.feed(data):
            event = self._event(frame)
            if event is not None:
                yield event

    def _event(self, frame: Frame) -> Event | None:
        if not self._is_known:
            return self._stranger(frame)
        event: Event | None = None
        match frame.kind:
            case Kind.PACKETS:
                event = Packets(frame.stream, frame.body) if frame.stream in self._open else None
            case Kind.ANNOUNCE:
                event = self._announced(frame)
            case Kind.REQUEST:
                event = self._requested(frame)
            case Kind.END:
                event = Ended(frame.stream) if frame.stream in self._open else None
                self._open.discard(frame.stream)
            case Kind.PING:
                self._ping(frame)
            case Kind.BYE:
                event = Left(read(frame, Goodbye).reason if frame.body else "")
            case Kind.PONG:
                pass
            case _:
                raise _out_of_turn(frame)
        return event

    def _stranger(self, frame: Frame) -> Hello:
        if self._said_hello or frame.kind is not Kind.HELLO:
            raise _out_of_turn(frame)
        self._said_hello = True
        return read(frame, Hello)

    def _announced(self, frame: Frame) -> Announced:
        number = frame.stream
        if not 0 < number <= MOST_NUMBER or number in self._waiting or number in self._open:
            raise _out_of_turn(frame)
        self._waiting.add(number)
        return Announced(number, read(frame, Announce))

    def _requested(self, frame: Frame) -> Requested | None:
        """A stream that has just been refused or ended may still be asked about: the two crossed on the way."""
        if frame.stream in self._waiting:
            raise _out_of_turn(frame)
        wish = read(frame, Request)
        return Requested(frame.stream, wish.module) if frame.stream in self._open else None

    def _ping(self, frame: Frame) -> None:
        if len(frame.body) <= LONGEST_PING and len(self._pongs) < MOST_PONG_BYTES:
            self._pongs += Frame(Kind.PONG, frame.body, frame.stream, frame.run, frame.seq).serialise()


def fault(code: str, message: str, number: int = 0, modules: tuple[str, ...] = ()) -> bytes:
    """An ``ERROR`` message."""
    return say(Fault(code[:80], message[:400], modules), number)


def _out_of_turn(frame: Frame) -> PeerError:
    message = "the client said something out of turn"
    return PeerError(message, offset=0, code="push-out-of-turn", type=frame.kind.name, stream=frame.stream)
