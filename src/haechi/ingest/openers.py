"""How a camera of each kind is opened. The manager knows no kinds; the app says which there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from haechi.base.clock import Clock
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId
from haechi.ingest.camera import CameraIngest, DialledIngest
from haechi.ingest.lines import Lines
from haechi.ingest.memory import Memories
from haechi.ingest.probe import Note
from haechi.ingest.reach import Reach
from haechi.ingest.reverse_rtsp import ReverseSource
from haechi.ingest.rtp_push.berths import Berths, PushOpener
from haechi.ingest.rtsp import RtspSource, RtspTarget
from haechi.ingest.source import Sink, Source
from haechi.ingest.voice import Voice
from haechi.ingest.wish import CameraPlace, CameraWish


class Opener(Protocol):
    """Makes the sources of one kind of camera."""

    @property
    def intake(self) -> type[CameraIngest]:
        """What keeps such a camera connected: `CameraIngest` where we connect, `DialledIngest` where it does."""

    def open(self, wish: CameraWish, note: Note) -> Source:
        """A source for one connection; ``note`` is told the name of each hop when it begins."""

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """The same, to try an address that may belong to no camera.

        Raises:
            Invalid: Such a camera cannot be tried from here; the message says what to do instead.
        """


@runtime_checkable
class Spoken(Protocol):
    """An `Opener` whose cameras come to us, and are spoken to over the very line by which they came."""

    def is_here(self, camera: CameraId) -> bool:
        """Whether the camera is connected."""

    def voice(self, camera: CameraId) -> Voice | None:
        """By what it is spoken to; None: it is not here, or takes no sound."""


class RtspOpener:
    """Cameras that speak RTSP and that we connect to."""

    intake = CameraIngest

    def __init__(self, clock: Clock, reach: Reach) -> None:
        self._clock = clock
        self._reach = reach

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        target = target_of(wish.address, wish.transport, audio=wish.audio)
        return RtspSource(target, self._clock, note=note, reach=self._reach)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return self.open(wish, note)


class ReverseOpener:
    """Cameras that connect to us, and are spoken to by RTSP then."""

    intake = DialledIngest

    def __init__(self, lines: Lines, memories: Memories, clock: Clock) -> None:
        self._lines = lines
        self._memories = memories
        self._clock = clock

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return ReverseSource(wish.id, self._lines, self._clock, audio=wish.audio, memories=self._memories)

    def is_here(self, camera: CameraId) -> bool:
        """See `Spoken`."""
        return self._lines.status(camera).connected_ns > 0

    def voice(self, camera: CameraId) -> Voice | None:
        """See `Spoken`."""
        return self._lines.voice(camera)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`; there is nothing to connect to."""
        message = "a camera that dials out cannot be tried from here; add it, and start it with its token"
        raise Invalid(message, code="camera-dials-out")


class NoOpener:
    """For a kind that nobody here opens. The camera says so as its error, and the others do not notice."""

    intake = CameraIngest

    def open(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        return _Unsupported(wish.address.kind)

    def trial(self, wish: CameraWish, note: Note) -> Source:
        """See `Opener`."""
        raise unsupported(wish.address.kind)


class _Unsupported:
    def __init__(self, kind: str) -> None:
        self._kind = kind

    async def run(self, sink: Sink) -> None:
        raise unsupported(self._kind)


def unsupported(kind: str) -> Invalid:
    """The error for a kind of camera that nobody here opens."""
    return Invalid("this server cannot take in cameras of this kind", code="source-unsupported", kind=kind)


class Openers:
    """Who opens which kind of camera.

    Args:
        more: By `CameraPlace.kind`, beside RTSP both ways, which needs nothing but ourselves.
        reach: Where cameras may be; when left out, where they may be by default.

    Attributes:
        lines: Where cameras that dial out come in.
        memories: What is known of the memories that such cameras have.
        berths: Where streams that clients push become cameras.
        reach: Where cameras may be.
    """

    def __init__(self, clock: Clock, more: Mapping[str, Opener] | None = None, *, reach: Reach | None = None) -> None:
        reach = reach or Reach()
        self.lines = Lines(clock)
        self.memories = Memories(clock)
        self.berths = Berths()
        self.reach = reach
        rtsp: dict[str, Opener] = {
            "rtsp": RtspOpener(clock, reach),
            "reverse": ReverseOpener(self.lines, self.memories, clock),
        }
        self._by_kind = {**rtsp, "push": PushOpener(self.berths), **(more or {})}

    def of(self, place: CameraPlace) -> Opener:
        """Who opens what is at ``place``; `NoOpener` when nobody does."""
        return self._by_kind.get(place.kind) or NoOpener()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that somebody opens."""
        return frozenset(self._by_kind)


def target_of(place: CameraPlace, transport: str, *, audio: bool = True) -> RtspTarget:
    """The parts of a camera's address that an RTSP connection needs."""
    return RtspTarget(
        url=place.url,
        host=place.host,
        port=place.port,
        is_tls=place.is_tls,
        username=place.username,
        password=place.password,
        transport=transport,
        audio=audio,
    )
