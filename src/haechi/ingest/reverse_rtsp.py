"""Reverse RTSP: cameras dial us over TLS and say who they are; then we speak RTSP, as the client, on that socket.

The listener knows no cameras: whom to let in, and whom to send elsewhere, is asked of the `Gatekeeper`.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from typing import Protocol

import structlog

from haechi.base.clock import Clock
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId
from haechi.base.throttle import Allowance, Throttle, address_key
from haechi.ingest.dialled import DialledLine
from haechi.ingest.lines import Lines
from haechi.ingest.memory import Memories
from haechi.ingest.recollection import Recollection
from haechi.ingest.session import RtspSession, no_note
from haechi.ingest.source import Sink
from haechi.media.reverse.edge import Role
from haechi.media.reverse.greeting import Claim
from haechi.media.reverse.wire import Elsewhere, Later, Refused
from haechi.media.reverse.words import TRACK_NAME
from haechi.media.rtsp.client import RtspClient, Wishes

log = structlog.get_logger(__name__)

URI = "rtsp://camera/main"
"""What we ask the camera for; there is one thing at the other end."""
GREETING_S = 10.0
"""From the connection to the proof."""
MOST_STRANGERS = 256
"""Connections that have not said who they are. Beyond it the one that has taken longest is cut."""
BACKLOG = 256
BUSY_AGAIN_S = 5
WRONG_CAMERA = Allowance(burst=5, refill_s=30)
"""Wrong proofs for one camera from one address. A token cannot be guessed; this keeps the log and the CPU."""
WRONG_ADDRESS = Allowance(burst=200, refill_s=3)
"""The same for all cameras: a site of a hundred cameras shares one address."""


class Gatekeeper(Protocol):
    """Who knows the cameras (`haechi.fleet.dialling.DialKeys` does)."""

    async def admits(self, camera: CameraId, message: bytes, signature: bytes) -> bytes | None:
        """The key that made the signature, if it is this camera's."""


class Placement(Protocol):
    """Spreads cameras over media servers. It gets cameras that have proved who they are, once per connection."""

    def place(self, camera: CameraId, now_ns: int) -> Elsewhere | None:
        """Where the camera is to dial instead (asked at a monotonic time); None: it is right here."""


class ReverseListener:
    """Listens, checks who dials, and offers the lines of cameras that are who they say."""

    def __init__(self, gatekeeper: Gatekeeper, lines: Lines, clock: Clock, placement: Placement | None = None) -> None:
        self._gatekeeper = gatekeeper
        self._lines = lines
        self._clock = clock
        self._placement = placement
        self._strangers: dict[DialledLine, asyncio.TimerHandle] = {}
        self._open: set[DialledLine] = set()
        self._wrong_camera = Throttle(WRONG_CAMERA, clock)
        self._wrong_address = Throttle(WRONG_ADDRESS, clock)
        self.counts = lines.counts

    async def serve(self, listener: socket.socket, context: ssl.SSLContext, fingerprint: bytes) -> None:
        """Take connections on a bound socket until cancelled; then end all of them.

        Args:
            fingerprint: SHA-256 of the certificate in ``context`` (DER).
        """
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:

            def claimed(line: DialledLine, claim: Claim) -> None:
                self._known(line)
                group.create_task(self._judge(line, claim))

            def came() -> DialledLine:
                line = DialledLine(context, fingerprint, self._clock, claimed, self._gone)
                self._came(line, loop)
                return line

            server = await loop.create_server(came, sock=listener, backlog=BACKLOG)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()
                for line in list(self._open):
                    line.give_up("the server stops")

    def _came(self, line: DialledLine, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._strangers) >= MOST_STRANGERS:
            self._cut(next(iter(self._strangers)))
        self._open.add(line)
        self._strangers[line] = loop.call_later(GREETING_S, self._cut, line)

    def _cut(self, line: DialledLine) -> None:
        """Its time is over."""
        self._known(line)
        self.counts.cut += 1
        line.abort()

    def _known(self, line: DialledLine) -> None:
        timer = self._strangers.pop(line, None)
        if timer is not None:
            timer.cancel()

    def _gone(self, line: DialledLine) -> None:
        self._known(line)
        self._open.discard(line)
        if line.trouble and not line.key:
            self.counts.malformed += 1
            log.info("no camera dialled", peer=line.peer, code=line.trouble)

    async def _judge(self, line: DialledLine, claim: Claim) -> None:
        """Answer a claim. Whether the camera exists shows in nothing that the other side can see."""
        camera = CameraId(claim.camera)
        address = address_key(line.peer)
        wait_s = max(self._wrong_camera.wait_s(f"{address} {camera}"), self._wrong_address.wait_s(address))
        if wait_s > 0:
            self.counts.throttled += 1
            line.answer(Later("too-many-tries", min(3600, math.ceil(wait_s))))
            return
        try:
            key = await self._gatekeeper.admits(camera, claim.message, claim.signature)
        except (HaechiError, OSError) as error:
            log.warning("cameras that dial cannot be checked", error=str(error))
            line.answer(Later("busy", BUSY_AGAIN_S))
            return
        if key is None:
            self._wrong_camera.take(f"{address} {camera}")
            self._wrong_address.take(address)
            self.counts.refused += 1
            log.warning("a camera dials with a wrong token", camera=camera, peer=line.peer, software=claim.software)
            line.answer(Refused("unknown"))
            return
        line.key = key
        now_ns = self._clock.monotonic_ns()
        elsewhere = self._placement.place(camera, now_ns) if self._placement is not None else None
        if elsewhere is not None:
            self.counts.redirected += 1
            self._lines.sent_on(camera, line.peer, f"{elsewhere.host}:{elsewhere.port}")
            line.answer(elsewhere)
            return
        self.counts.welcomed += 1
        await self._lines.offer(camera, line)


class ReverseSource:
    """A `Source` for a camera that dials: waits for its line, then pulls over it.

    Args:
        memories: Where what the camera kept while it could not reach us is brought in.
    """

    def __init__(
        self,
        camera: CameraId,
        lines: Lines,
        clock: Clock,
        *,
        audio: bool = True,
        memories: Memories | None = None,
    ) -> None:
        self._camera = camera
        self._lines = lines
        self._clock = clock
        self._audio = audio
        self._memories = memories

    async def run(self, sink: Sink) -> None:
        """See `Source`.

        Raises:
            HaechiError: Why the connection ended; see `haechi.ingest.rtsp.RtspSource`.
        """
        line = await self._lines.next(self._camera)
        recollection = self._recollection()
        wishes = Wishes(audio=self._audio, application=TRACK_NAME if recollection is not None else "", talk="too")
        session = RtspSession(RtspClient(URI, wishes=wishes), sink, self._clock, None, recollection)
        try:
            line.hand_over(session.data_received, session.connection_lost)
            session.adopt(line)
            await session.negotiate(no_note)
            self._lines.lend(self._camera, session)
            if recollection is None:
                await session.play()
            else:
                await self._play_and_remember(session, recollection)
        finally:
            session.close()
            self._lines.done(self._camera, line)

    def _recollection(self) -> Recollection | None:
        memories = self._memories
        if memories is None or memories.store is None:
            return None
        roles: tuple[Role, ...] = ("main", "audio") if self._audio else ("main",)
        return Recollection(memories, memories.store, memories.of(self._camera), roles)

    async def _play_and_remember(self, session: RtspSession, recollection: Recollection) -> None:
        remembering = asyncio.create_task(recollection.run(self._clock))
        try:
            await session.play()
        finally:
            remembering.cancel()
            (end,) = await asyncio.gather(remembering, return_exceptions=True)
            recollection.ended()
            if isinstance(end, Exception):
                raise end
