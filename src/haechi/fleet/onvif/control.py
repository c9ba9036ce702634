"""The room that speaks ONVIF with the cameras of the house: what they are now, moving them, and stopping them.

A camera that is moved and hears no more stops after `HOLD_S`, whatever became of the person, the page or the network
between; not every camera heeds the limit that it is given.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, NotFound, PeerError
from haechi.base.ids import CameraId
from haechi.fleet.cameras import Camera
from haechi.fleet.onvif.clock import ClockSet, set_clock
from haechi.fleet.onvif.device import Description, describe
from haechi.fleet.onvif.discovery import GROUP, PORT, Found, discover
from haechi.fleet.onvif.find import FIND_S, find
from haechi.fleet.onvif.http import Resolve
from haechi.fleet.onvif.links import Link, LinkStore, link_for
from haechi.fleet.onvif.place import Place
from haechi.fleet.onvif.ptz import Preset, Ptz, Vector
from haechi.fleet.onvif.session import Session
from haechi.fleet.onvif.topics import topics_of
from haechi.fleet.onvif.xml import inert
from haechi.fleet.sub_streams import SubStream
from haechi.media.rtsp.auth import Credentials

log = structlog.get_logger(__name__)

HOLD_S = 2.0
"""A move goes on for so long unless it is said again."""
LOOK_S = 0.25
FAREWELL_S = 2.0
"""When the server ends, so long is waited for cameras that are still moving."""
KEEP_S = 300.0
"""What is known of a device (its clock, its services) is asked again after this."""
MOST_SESSIONS = 256


class Standing(Struct, frozen=True):
    """A camera of the house over ONVIF, as it is now. ``presets`` is empty when it cannot move."""

    manufacturer: str
    model: str
    firmware: str
    serial: str
    has_ptz: bool
    presets: Sequence[Preset]
    clock_difference_s: float | None


class _Known:
    """A conversation that is open, and for whom."""

    def __init__(self, key: object, session: Session, opened_ns: int) -> None:
        self.key, self.session, self.opened_ns = key, session, opened_ns


class OnvifControl:
    """Speaks with cameras.

    Args:
        resolve: Name to checked address; see `haechi.ingest.network.resolve`.
        targets: Who is asked in a search: everybody on the networks of this machine.
    """

    def __init__(
        self, links: LinkStore, resolve: Resolve, clock: Clock, targets: Sequence[tuple[str, int]] = ((GROUP, PORT),)
    ) -> None:
        self.links = links
        self.targets = targets
        self._resolve = resolve
        self._clock = clock
        self._known: dict[CameraId, _Known] = {}
        self._turns: dict[CameraId, asyncio.Lock] = {}
        self._moving: dict[CameraId, tuple[Camera, int]] = {}
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Stop what nobody moves any more, until cancelled; then what is still moving."""
        try:
            while True:
                await self._moved.wait()
                await self._clock.sleep(LOOK_S)
                await self._stop_all(self._clock.monotonic_ns())
                if not self._moving:
                    self._moved.clear()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._stop_all(sys.maxsize)

    def discover(self, seconds: float) -> AsyncGenerator[Found]:
        """See `discover`."""
        return discover(seconds, self.targets)

    async def describe(self, place: Place, who: Credentials) -> Description:
        """See `describe`."""
        return await describe(place, who, self._resolve, self._clock)

    async def standing(self, camera: Camera) -> Standing | None:
        """What a camera is now; None when it was not added over ONVIF.

        Raises:
            HaechiError: It does not answer, or not as it should.
        """
        link = await self.links.get(camera.id)
        if link is None:
            return None
        async with self._speaking(camera.id):
            session = await self._session(camera, link, fresh=True)
            info = await session.call("device", "<tds:GetDeviceInformation/>")
            presets = await self._presets(session, link.profile)
        return Standing(
            manufacturer=inert(info.text_at("Manufacturer"), 80),
            model=inert(info.text_at("Model"), 80),
            firmware=inert(info.text_at("FirmwareVersion"), 80),
            serial=inert(info.text_at("SerialNumber"), 80),
            has_ptz=presets is not None,
            presets=presets or (),
            clock_difference_s=session.clock_difference_s,
        )

    async def move(self, camera: Camera, speed: Vector) -> None:
        """Move, for `HOLD_S` unless it is said again or stopped.

        Raises:
            NotFound: ``no-onvif``.
            HaechiError: The camera does not take it.
        """
        async with self._speaking(camera.id):
            self._moving[camera.id] = (camera, self._clock.monotonic_ns() + round(HOLD_S * NS_PER_S))
            self._moved.set()
            await (await self._ptz(camera)).move(speed, HOLD_S)

    async def stop(self, camera: Camera) -> None:
        """Stand still. Raises as `move` does."""
        async with self._speaking(camera.id):
            await (await self._ptz(camera)).stop()
            self._moving.pop(camera.id, None)

    async def step(self, camera: Camera, by: Vector) -> None:
        """Move by so much. Raises as `move` does."""
        async with self._speaking(camera.id):
            await (await self._ptz(camera)).step(by)

    async def go_to_preset(self, camera: Camera, token: str) -> None:
        """Go to a remembered place. Raises as `move` does."""
        async with self._speaking(camera.id):
            self._moving.pop(camera.id, None)
            await (await self._ptz(camera)).go_to_preset(token)

    async def remember(self, camera: Camera, name: str) -> str:
        """Remember where it looks; the token. Raises as `move` does."""
        async with self._speaking(camera.id):
            return await (await self._ptz(camera)).remember(name)

    async def link(self, camera: Camera, url: str, profile: str, sub: SubStream | None = None) -> None:
        """From now on the camera is spoken with over ONVIF.

        Raises:
            Invalid: See `link_for`.
        """
        link = link_for(url, profile, camera.address.host)
        await self.links.put(camera.id, link)
        await self.links.sub_streams.put(camera.id, sub)

    async def find(self, camera: Camera, url: str = "") -> Description:
        """Look for the device that a camera's stream comes from, and ask it with the camera's user: at ``url``, or
        where it answers a search, or at the ports where makers put it.

        Raises:
            Invalid: ``onvif-other-host``: ``url`` is elsewhere; ``no-host``: the camera has no address.
        """
        return await find(camera, url, self.describe, partial(discover, FIND_S, self.targets), self._resolve)

    async def topics(self, camera: Camera) -> Sequence[str]:
        """What a camera says that it can notice. Raises as `move` does."""
        async with self._speaking(camera.id):
            return await topics_of(await self._session(camera, await self._link(camera)))

    async def set_clock(self, camera: Camera) -> ClockSet:
        """Set the camera's clock to ours. Raises as `move` does."""
        async with self._speaking(camera.id):
            session = await self._session(camera, await self._link(camera), fresh=True)
            return await set_clock(session, self._clock)

    async def open(self, camera: Camera, link: Link) -> Session:
        """A conversation of its own with a camera, for who has much to ask.

        Raises:
            HaechiError: What `Session.reach` and `Session.open` raise.
        """
        who = Credentials(camera.address.username, camera.address.password)
        session = Session(link.place(camera), who, self._resolve, self._clock)
        await session.reach()
        await session.open()
        return session

    async def forget(self, camera: CameraId) -> None:
        """The camera was deleted, or is not spoken with over ONVIF any more."""
        self._known.pop(camera, None)
        self._moving.pop(camera, None)
        self._turns.pop(camera, None)
        await self.links.forget(camera)

    @asynccontextmanager
    async def _speaking(self, camera: CameraId) -> AsyncIterator[None]:
        """One question at a time for each camera: what is said last is done last. One that fails is met anew."""
        async with self._turns.setdefault(camera, asyncio.Lock()):
            try:
                yield
            except HaechiError:
                self._known.pop(camera, None)
                raise

    async def _stop_all(self, until_ns: int) -> None:
        """Stop those whose time is over by ``until_ns``, all at once: one that does not answer holds up no other."""
        left = [camera for camera, ends_ns in self._moving.values() if ends_ns <= until_ns]
        await asyncio.gather(*(self._stop_left(camera) for camera in left))

    async def _stop_left(self, camera: Camera) -> None:
        self._moving.pop(camera.id, None)
        try:
            await self.stop(camera)
        except HaechiError as error:
            log.warning("a camera may still be moving", camera=camera.id, code=error.code)

    async def _presets(self, session: Session, profile: str) -> Sequence[Preset] | None:
        """None when the camera cannot be moved."""
        if "ptz" not in session.services:
            return None
        try:
            return await Ptz(session, profile).presets()
        except PeerError as error:
            return () if error.code == "onvif-unsupported" else None

    async def _ptz(self, camera: Camera) -> Ptz:
        link = await self._link(camera)
        return Ptz(await self._session(camera, link), link.profile)

    async def _link(self, camera: Camera) -> Link:
        link = await self.links.get(camera.id)
        if link is None:
            raise NotFound("this camera is not linked over ONVIF", code="no-onvif")
        return link

    async def _session(self, camera: Camera, link: Link, *, fresh: bool = False) -> Session:
        """The conversation with a camera: begun anew when its address changed, when it is old, or when asked."""
        key, now_ns = (link, camera.address), self._clock.monotonic_ns()
        known = self._known.get(camera.id)
        if known is not None and not fresh and known.key == key and now_ns - known.opened_ns < KEEP_S * NS_PER_S:
            return known.session
        self._known.pop(camera.id, None)
        session = await self.open(camera, link)
        if len(self._known) >= MOST_SESSIONS:
            self._known.pop(next(iter(self._known)))
        self._known[camera.id] = _Known(key, session, now_ns)
        return session
