"""Gives pushed streams their berths: their own, or that of the camera that the client is registered as."""

from __future__ import annotations

from collections.abc import Callable

from haechi.base.clock import Clock
from haechi.base.errors import Conflict, HaechiError, Invalid
from haechi.base.ids import CameraId, StreamId
from haechi.bus.frames import FrameBus
from haechi.ingest.rtp_push.berths import Berth, Berths, OwnBerth
from haechi.ingest.rtp_push.link import Client, PushLink
from haechi.ingest.rtp_push.stream import PushedStream, offered
from haechi.ingest.runs import RunNumbers
from haechi.ingest.stamp import RunTime
from haechi.media.push.words import Announce

USES = ("", "camera", "judge")


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
        self._mooring: set[CameraId] = set()
        self._cameras: dict[CameraId, tuple[PushLink, PushedStream]] = {}
        self.berths = berths or Berths()

    @property
    def streams(self) -> int:
        """Streams that are open, or about to be."""
        return len(self._names) + len(self._cameras) + len(self._mooring)

    def camera_for(self, link: PushLink, client: Client, wish: Announce) -> CameraId | None:
        """Which camera a stream is to be; None: it is judged only.

        A client has one camera. Its newest connection has it: the one before may be dead without our knowing.

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
        other = self._cameras.get(camera)
        if camera in self._mooring or (other is not None and other[0] is link):
            if wish.use == "camera":
                raise Conflict("another stream of this client is its camera", code="push-camera-busy")
            return None
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

    async def of_camera(self, camera: CameraId, wish: Announce) -> Berth:
        """The berth of a camera. Whoever has it leaves.

        Raises:
            HaechiError: The camera takes nothing at present.
        """
        self._mooring.add(camera)
        try:
            other = self._cameras.get(camera)
            if other is not None:
                message = "another connection of this client has taken its camera over"
                other[0].break_off(other[1], Conflict(message, code="push-replaced"))
            gone: Callable[[HaechiError], None] = lambda error: self._gone(camera, error)  # noqa: E731
            return await self.berths.moor(camera, offered(wish), gone)
        finally:
            self._mooring.discard(camera)

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
