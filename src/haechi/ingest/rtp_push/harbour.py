"""Gives pushed streams their berths: their own, or that of the camera that the client is registered as."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from haechi.base.clock import Clock
from haechi.base.errors import Conflict, HaechiError, Invalid
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus
from haechi.ingest.rtp_push.berths import Berth, Berths, OwnBerth
from haechi.ingest.rtp_push.link import Client, PushLink
from haechi.ingest.rtp_push.stream import PushedStream, offered
from haechi.ingest.runs import RunNumbers
from haechi.ingest.stamp import RunTime
from haechi.media.push.wire import Frame, Kind
from haechi.media.push.words import Announce

log = structlog.get_logger(__name__)

USES = ("", "camera", "judge")
RIVAL_S = 3.0
"""A connection of which nothing is heard for so long gives its camera to a new one of the same client."""
RIVAL_LOOKS = 30


class Harbour:
    """See the module.

    Args:
        berths: Of the cameras; its own when left out, with no camera in it.
    """

    def __init__(self, runs: RunNumbers, clock: Clock, berths: Berths | None = None) -> None:
        self._runs = runs
        self._clock = clock
        self._bus = FrameBus()
        self._names: set[StreamId] = set()
        self._mooring: dict[CameraId, PushLink] = {}
        self._cameras: dict[CameraId, tuple[PushLink, PushedStream]] = {}
        self.berths = berths or Berths()

    @property
    def streams(self) -> int:
        """Streams that are open, or about to be."""
        return len(self._names) + len(self._cameras) + len(self._mooring)

    def camera_for(self, link: PushLink, client: Client, wish: Announce) -> CameraId | None:
        """Which camera a stream is to be; None: it is judged only.

        A client has one camera. See `of_camera` for two connections that want it.

        Raises:
            Invalid: ``push-bad-use``, ``push-no-camera``.
            Conflict: ``push-camera-busy``: another stream of this connection is the camera.
        """
        if wish.use not in USES:
            raise Invalid("a stream is used as camera, or to judge", code="push-bad-use")
        if not client.camera:
            if wish.use == "camera":
                message = "this client is registered for results only; an administrator can make it a camera"
                raise Invalid(message, code="push-no-camera")
            return None
        if wish.use == "judge":
            return None
        camera = CameraId(client.camera)
        holds = self._cameras.get(camera)
        mooring = self._mooring.get(camera)
        if mooring is link or (holds is not None and holds[0] is link):
            if wish.use == "camera":
                raise Conflict("another stream of this client is its camera", code="push-camera-busy")
            return None
        if mooring is not None:
            raise Conflict("another connection is about to be this camera", code="push-camera-busy")
        return camera

    def reserve_own(self, client: str) -> StreamId:
        """A name for a stream that is judged only; `leave` gives it back."""
        slot = 1
        while (name := StreamId(f"{client}/{slot}")) in self._names:
            slot += 1
        self._names.add(name)
        return name

    async def own(self, name: StreamId, wish: Announce) -> Berth:
        """A berth under a reserved name.

        Raises:
            HaechiError: There is no run number at present.
        """
        (run,) = await self._runs.next([name], self._clock.wall_ns())
        channel = self._bus.channel(name)
        time = RunTime(
            self._clock.wall_ns(), self._clock.monotonic_ns(), channel.last.captured_ns if channel.last else 0
        )
        return OwnBerth(channel, run, wish.clock_hz, time)

    async def of_camera(self, camera: CameraId, wish: Announce, link: PushLink) -> Berth:
        """The berth of a camera. Whoever has it leaves if nothing is heard of it: it may be dead without our knowing.

        Raises:
            Conflict: ``push-camera-busy``: another connection has it and is alive. A copied token takes nothing over.
            HaechiError: The camera takes nothing at present.
        """
        self._mooring[camera] = link
        try:
            await self._look_at_rival(camera)
            gone: Callable[[HaechiError], None] = lambda error: self._gone(camera, error)  # noqa: E731
            return await self.berths.moor(camera, offered(wish), gone)
        finally:
            if self._mooring.get(camera) is link:
                del self._mooring[camera]

    async def _look_at_rival(self, camera: CameraId) -> None:
        asked_ns, waited = self._clock.monotonic_ns(), 0
        other = self._cameras.get(camera)
        if other is None:
            return
        link, stream = other
        link.write(Frame(Kind.PING).serialise())
        while waited < RIVAL_LOOKS and self._cameras.get(camera) is other:
            if link.heard_ns > asked_ns:
                log.warning("two connections want one pushed camera", camera=camera, has=link.peer)
                message = "another connection of this client is its camera; if it is not yours, its token was copied"
                raise Conflict(message, code="push-camera-busy")
            await self._clock.sleep(RIVAL_S / RIVAL_LOOKS)
            waited += 1
        if self._cameras.get(camera) is other:
            message = "another connection of this client has taken its camera over, as nothing was heard of this one"
            link.break_off(stream, Conflict(message, code="push-replaced"))

    def moored(self, camera: CameraId, link: PushLink, stream: PushedStream) -> None:
        """A stream is the camera now."""
        self._cameras[camera] = (link, stream)

    def leave(self, name: StreamId) -> None:
        """A stream is over."""
        camera = CameraId(name.partition("/")[0])
        if name in self._names:
            self._names.discard(name)
            self._bus.remove(name)
        else:
            self._cameras.pop(camera, None)

    def _gone(self, camera: CameraId, error: HaechiError) -> None:
        """A camera was switched off or removed."""
        held = self._cameras.get(camera)
        if held is not None:
            held[0].break_off(held[1], error)
