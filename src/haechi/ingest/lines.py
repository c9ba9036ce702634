"""Which camera that dials out has which connection: the meeting point of those who dial and those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog
from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import NS_PER_MS, Clock
from haechi.base.ids import CameraId
from haechi.ingest.rounds import Ended, Receive
from haechi.ingest.voice import Voice
from haechi.ingest.wire import Wire
from haechi.media.reverse.greeting import Answer
from haechi.media.reverse.wire import Later, Welcome

log = structlog.get_logger(__name__)

RIVAL_LOOKS = 30
RIVAL_S = 3.0
"""A connection from which nothing came for this long gives way to a new one of the same camera."""
UNREAD_NS = 100 * NS_PER_MS
"""What came before somebody else dialled may be read this much later."""
HOLD_S = 8.0
"""How long a connection waits for the camera's intake, which may be in a short pause."""
RIVAL_AGAIN_S = 15
NOT_READY_AGAIN_S = 5


class Line(Wire, Protocol):
    """A connection whose camera has proved who it is, and which has not been answered yet."""

    @property
    def peer(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def heard_ns(self) -> int: ...

    def hand_over(self, receive: Receive, ended: Ended) -> None:
        """Whoever calls this gets what comes from now on, and is told of the end."""

    def answer(self, word: Answer) -> None:
        """Say the last word of the greeting; hang up unless it is `Welcome`."""

    def give_up(self, reason: str) -> None:
        """End it, telling whoever uses it why."""


class Door(Struct, frozen=True):
    """Where cameras dial.

    Attributes:
        pin: SHA-256 of our certificate, 64 hexadecimal digits.
    """

    host: str
    port: int
    pin: str


class DialStatus(Struct, frozen=True):
    """What is known of a camera's dialling.

    Attributes:
        peer: Address from which it dialled last; empty: never yet.
        connected_ns: Wall time at which the present connection began; 0: there is none.
        rivals: How often somebody else with this camera's token was sent away while it was connected.
        rival_peer, rival_ns: From where and when that happened last.
        sent_to, sent_ns: The media server to which it was sent last, and when; it is here now, or was since: empty.
    """

    peer: str = ""
    connected_ns: int = 0
    rivals: int = 0
    rival_peer: str = ""
    rival_ns: int = 0
    sent_to: str = ""
    sent_ns: int = 0


class DialCounts(Struct):
    """What became of those who dialled, since the process started."""

    welcomed: int = 0
    refused: int = 0
    throttled: int = 0
    redirected: int = 0
    malformed: int = 0
    cut: int = 0


class _Post:
    """One camera's place."""

    def __init__(self) -> None:
        self.waiter: asyncio.Future[Line] | None = None
        self.held: Line | None = None
        self.line: Line | None = None
        self.voice: Voice | None = None
        self.status = DialStatus()


class Lines:
    """All places. One event loop owns it.

    Attributes:
        door: Where we listen; None while we do not.
        counts: Those who dialled, by what became of them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._posts: dict[CameraId, _Post] = {}
        self.door: Door | None = None
        self.counts = DialCounts()

    async def next(self, camera: CameraId) -> Line:
        """Wait for the camera to dial; welcome it. Whoever asks hands the line back by `done`."""
        post = self._post(camera)
        line, post.held = post.held, None
        if line is None or line.is_closing():
            waiter = post.waiter = asyncio.get_running_loop().create_future()
            try:
                line = await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    waiter.result().answer(Later("not-ready", NOT_READY_AGAIN_S))
                raise
            finally:
                post.waiter = None
        post.line = line
        post.status = replace(_connected(post.status, line.peer, self._clock.wall_ns()), sent_to="", sent_ns=0)
        line.answer(Welcome(self._clock.wall_ns()))
        return line

    def lend(self, camera: CameraId, voice: Voice) -> None:
        """Whoever wants to may speak to the camera, as long as its line lasts."""
        self._post(camera).voice = voice

    def voice(self, camera: CameraId) -> Voice | None:
        """By what a camera that dialled can be spoken to; None: it is not here, or takes no sound."""
        post = self._posts.get(camera)
        voice = post.voice if post is not None and post.line is not None else None
        return voice if voice is not None and voice.spoken is not None else None

    def done(self, camera: CameraId, line: Line) -> None:
        """The line is over."""
        line.close()
        post = self._posts.get(camera)
        if post is not None and post.line is line:
            post.voice = None
            post.line = None
            post.status = _connected(post.status, post.status.peer, 0)

    async def offer(self, camera: CameraId, line: Line) -> None:
        """Take a line of a camera that proved who it is, or send it away.

        A line over which something comes keeps its place: a token that was copied does not take a camera over. One
        that has gone silent gives way, as a camera that lost its way to us must not be locked out by its own past.
        """
        post = self._post(camera)
        while (present := post.line) is not None and not present.is_closing():
            if await self._is_alive(present):
                post.status = _rivalled(post.status, line.peer, self._clock.wall_ns())
                log.warning("a second device dials as a camera that is connected", camera=camera, peer=line.peer)
                line.answer(Later("camera-connected", RIVAL_AGAIN_S))
                return
            if post.line is present:
                present.give_up("replaced by a newer connection of the same camera")
        if line.is_closing():
            return
        held, post.held = post.held, None
        if held is not None:
            held.answer(Later("camera-connected", RIVAL_AGAIN_S))
        if post.waiter is not None and not post.waiter.done():
            post.waiter.set_result(line)
            return
        post.held = line
        await self._clock.sleep(HOLD_S)
        if post.held is line:
            post.held = None
            line.answer(Later("not-ready", NOT_READY_AGAIN_S))

    def revoke(self, keys: Mapping[CameraId, bytes]) -> None:
        """End every line whose key is not the camera's any more."""
        for camera, post in self._posts.items():
            for line in (post.line, post.held):
                if line is not None and keys.get(camera) != line.key:
                    log.info("token withdrawn", camera=camera)
                    line.give_up("the camera's token was replaced")

    def sent_on(self, camera: CameraId, peer: str, server: str) -> None:
        """A camera that dialled was sent to another media server."""
        post = self._post(camera)
        post.status = replace(post.status, peer=peer, sent_to=server, sent_ns=self._clock.wall_ns())

    def present(self) -> Sequence[CameraId]:
        """Those that have a line."""
        return [camera for camera, post in self._posts.items() if post.line is not None]

    def send_off(self, camera: CameraId, reason: str) -> None:
        """End a camera's line, so that it dials again."""
        post = self._posts.get(camera)
        if post is not None and post.line is not None:
            post.line.give_up(reason)

    def status(self, camera: CameraId) -> DialStatus:
        """For people."""
        post = self._posts.get(camera)
        return post.status if post is not None else DialStatus()

    def rivals(self) -> int:
        """How often somebody with a camera's token was sent away while that camera was connected, of all cameras."""
        return sum(post.status.rivals for post in self._posts.values())

    def connected(self) -> int:
        """Cameras with a line."""
        return sum(post.line is not None for post in self._posts.values())

    def _post(self, camera: CameraId) -> _Post:
        return self._posts.setdefault(camera, _Post())

    async def _is_alive(self, line: Line) -> bool:
        """Whether anything comes over it within the next seconds."""
        asked_ns = self._clock.monotonic_ns()
        for _ in range(RIVAL_LOOKS):  # not by the clock: when we were held up ourselves, it had no chance to be heard
            await self._clock.sleep(RIVAL_S / RIVAL_LOOKS)
            if line.is_closing():
                return False
            if line.heard_ns > asked_ns + UNREAD_NS:
                return True
        return False


def _connected(before: DialStatus, peer: str, connected_ns: int) -> DialStatus:
    return replace(before, peer=peer, connected_ns=connected_ns)


def _rivalled(before: DialStatus, peer: str, now_ns: int) -> DialStatus:
    return replace(before, rivals=before.rivals + 1, rival_peer=peer, rival_ns=now_ns)
