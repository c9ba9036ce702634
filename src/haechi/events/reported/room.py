"""The room that listens to what cameras notice by themselves, and makes events of it.

One subscription for each camera that is linked over ONVIF and switched on for it. A camera that goes away is listened
to again when it is back; what went on then is cut, because nobody knows whether it still does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Literal, Protocol, get_args

import structlog
from msgspec import Struct
from msgspec.structs import replace

from haechi.base.clock import Clock
from haechi.base.errors import Denied, HaechiError
from haechi.base.ids import CameraId
from haechi.base.supervise import Backoff, supervise
from haechi.events.docket import Note
from haechi.events.reported.book import Book
from haechi.events.reported.moments import Moments
from haechi.events.reported.wishes import Wish, WishStore
from haechi.fleet.cameras import Camera
from haechi.fleet.onvif.control import OnvifControl
from haechi.fleet.onvif.events import events
from haechi.fleet.onvif.links import Link

log = structlog.get_logger(__name__)

LOOK_S = 2.0
"""How often it is looked whether cameras, links or wishes changed elsewhere."""
TICK_S = 0.5
MOST_CAMERAS = 512
REFUSED_WAIT_S = 60.0
"""Asking faster locks accounts on many cameras."""
UNSUPPORTED_WAIT_S = 600.0
ListenState = Literal["off", "unlinked", "connecting", "listening", "failed"]


class Cameras(Protocol):
    """Who knows the cameras (`haechi.fleet.cameras.CameraRegistry` does)."""

    async def list(self) -> Sequence[Camera]: ...


class Desk(Protocol):
    """Who keeps events (`haechi.events.centre.EventCentre` does)."""

    def take_report(self, note: Note) -> None: ...


class Listening(Struct, frozen=True):
    """How it stands with one camera.

    Attributes:
        since_ns: Wall time at which ``state`` began.
        heard: Reports of wanted kinds since the process started.
        last_ns, last_topic: The newest of them.
    """

    state: ListenState = "off"
    since_ns: int = 0
    error_code: str = ""
    error_message: str = ""
    heard: int = 0
    last_ns: int = 0
    last_topic: str = ""


class _Ear(Struct, frozen=True):
    """What a listener was started for: another `key`, another listener."""

    camera: Camera
    link: Link
    wish: Wish

    @property
    def key(self) -> object:
        """A camera that only got another name goes on being heard."""
        return self.camera.address, self.link, self.wish


class ReportRoom:
    """One for the whole server.

    Attributes:
        wishes: What is wanted of which camera.
    """

    def __init__(
        self, control: OnvifControl, cameras: Cameras, wishes: WishStore, desk: Desk, moments: Moments, clock: Clock
    ) -> None:
        self.wishes = wishes
        self._control = control
        self._cameras = cameras
        self._desk = desk
        self._moments = moments
        self._clock = clock
        self._listeners: dict[CameraId, tuple[_Ear, asyncio.Task[None]]] = {}
        self._books: dict[CameraId, Book] = {}
        self._status: dict[CameraId, Listening] = {}
        self._heard = self._unseen = 0
        self._changed = asyncio.Event()
        self._busy = asyncio.Event()
        wishes.on_change(self._changed.set)
        control.links.on_change(self._changed.set)

    def status(self, camera: CameraId) -> Listening:
        """How it stands with a camera."""
        return self._status.get(camera, Listening())

    def listening(self) -> int:
        """Cameras that are heard at the moment."""
        return self.states()["listening"]

    def states(self) -> Mapping[ListenState, int]:
        """How many cameras are in each state, of those for which somebody wants it."""
        found = Counter(one.state for one in self._status.values())
        return {state: found[state] for state in get_args(ListenState) if state != "off"}

    @property
    def heard(self) -> int:
        """Reports of wanted kinds since the process started."""
        return self._heard

    @property
    def unseen(self) -> int:
        """Those that became no event, because the camera showed no picture near that moment."""
        return self._unseen + sum(book.unseen for book in self._books.values())

    async def run(self) -> None:
        """Listen until cancelled. While the list of cameras cannot be read, what runs goes on (CONTRACT D4)."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                await supervise("reports of cameras", partial(self._follow, group), clock=self._clock)
        finally:
            self._listeners.clear()

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        while True:
            self._changed.clear()
            await self._reconcile(await self._wanted(), group)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _wanted(self) -> Mapping[CameraId, _Ear]:
        wishes, links = await self.wishes.all(), await self._control.links.all()
        wanted: dict[CameraId, _Ear] = {}
        known: set[CameraId] = set()
        for camera in await self._cameras.list():
            known.add(camera.id)
            wish, link = wishes.get(camera.id, Wish()), links.get(camera.id)
            if not wish.enabled or not camera.enabled:
                self._set(camera.id, "off")
            elif link is None:
                self._set(camera.id, "unlinked")
            elif len(wanted) < MOST_CAMERAS:
                wanted[camera.id] = _Ear(camera, link, wish)
        for gone in self._status.keys() - known:
            del self._status[gone]
        return wanted

    async def _reconcile(self, wanted: Mapping[CameraId, _Ear], group: asyncio.TaskGroup) -> None:
        over = [
            camera
            for camera, (ear, _) in self._listeners.items()
            if camera not in wanted or wanted[camera].key != ear.key
        ]
        ending = [self._listeners.pop(camera)[1] for camera in over]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for camera, ear in wanted.items():
            if camera not in self._listeners:
                self._listeners[camera] = (ear, group.create_task(self._listen(ear)))

    async def _listen(self, ear: _Ear) -> None:
        """One camera, until cancelled."""
        camera, backoff = ear.camera, Backoff(1.0, 60.0)
        book = self._books[camera.id] = Book(camera.id, ear.wish, self._moments, self._desk.take_report)
        try:
            while True:
                self._set(camera.id, "connecting")
                try:
                    await self._hear(ear, book, backoff)
                except HaechiError as error:
                    await book.lose(self._clock.wall_ns())
                    await self._clock.sleep(self._failed(camera.id, error, backoff))
        finally:
            await book.lose(self._clock.wall_ns())
            self._unseen += book.unseen
            del self._books[camera.id]

    async def _hear(self, ear: _Ear, book: Book, backoff: Backoff) -> None:
        """Until it fails.

        Raises:
            HaechiError: Why it ended.
        """
        camera = ear.camera.id
        session = await self._control.open(ear.camera, ear.link)
        async with aclosing(events(session, self._clock)) as stream:
            async for event in stream:
                self._set(camera, "listening")
                backoff.reset()
                if event is not None and await book.take(event):
                    self._heard += 1
                    now = self._status[camera]
                    self._status[camera] = replace(
                        now, heard=now.heard + 1, last_ns=event.at_ns, last_topic=event.topic
                    )
                    self._busy.set()

    async def _tick(self) -> None:
        """Time passes for what goes on, or is on."""
        while True:
            await self._busy.wait()
            await self._clock.sleep(TICK_S)
            now_ns = self._clock.wall_ns()
            for book in list(self._books.values()):
                await book.settle(now_ns)
            if all(book.is_resting for book in self._books.values()):
                self._busy.clear()

    def _failed(self, camera: CameraId, error: HaechiError, backoff: Backoff) -> float:
        """Note it; how long to wait, in seconds."""
        if self.status(camera).error_code != error.code:
            log.warning("a camera's own reports are not heard", camera=camera, code=error.code)
        self._set(camera, "failed", error)
        if isinstance(error, Denied):
            return REFUSED_WAIT_S
        return UNSUPPORTED_WAIT_S if error.code == "onvif-unsupported" else backoff.next_s()

    def _set(self, camera: CameraId, state: ListenState, error: HaechiError | None = None) -> None:
        before = self.status(camera)
        if before.state == "failed" and state == "connecting":
            return  # the reason stays to be read until it is over
        if before.state != state or error is not None:
            if state == "listening":
                log.info("a camera's own reports are heard", camera=camera)
            is_same = before.state == state
            self._status[camera] = replace(
                before,
                state=state,
                since_ns=before.since_ns if is_same else self._clock.wall_ns(),
                error_code=error.code if error is not None else "",
                error_message=error.message if error is not None else "",
            )
