"""News for open pages: events, states of cameras, detections of those that a page watches.

One feed reads the house; each page has a bounded queue. A page that does not keep up loses detections first, counted;
when even events do not fit, its connection is closed, and it reads the lists again when it comes back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import structlog

from haechi.api.shapes.cameras import CameraMessage, CameraOut
from haechi.api.shapes.events import ActivityMessage, BoxOut, DetectionsMessage, EventMessage, EventOut
from haechi.api.shapes.exports import ExportMessage, ExportOut
from haechi.api.shapes.modules import ScoreOut, ScoresMessage
from haechi.base.clock import NS_PER_S
from haechi.base.errors import HaechiError
from haechi.base.ids import CameraId, camera_of
from haechi.base.supervise import supervise

if TYPE_CHECKING:
    from haechi.api.auth.principal import Principal
    from haechi.api.metrics import Metrics
    from haechi.api.services import Services
    from haechi.fleet.cameras import Camera
    from haechi.record.exports.store import Export
    from haechi.vision.result import FrameResult, Moved, Score

log = structlog.get_logger(__name__)

LIMIT = 256
LIMIT_DETECTIONS = 64
STATES_S = 1.0
ACTIVITY_S = 10.0
"""Pages hear of what moves before a camera no more often than this."""
MOVED_SHARE = 0.02

Topic = Literal["event", "camera", "detections", "scores", "export", "activity"]
WATCHABLE: frozenset[Topic] = frozenset({"detections", "scores"})
"""What a page asks for camera by camera, and loses first when it does not keep up."""


class Page:
    """One open page: what it watches, and what waits for it.

    Attributes:
        watched: Topics of each camera.
        follows: Whether it wants to know before which cameras something moves.
    """

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.watched: dict[CameraId, frozenset[Topic]] = {}
        self.follows = False
        self.is_too_slow = False
        self.dropped = 0
        self._messages: deque[tuple[CameraId, str]] = deque()
        self._wake = asyncio.Event()

    def know(self, principal: Principal) -> None:
        """Rights changed: from now on these count, also for what waits already."""
        self.principal = principal

    def wants(self, camera: CameraId, topic: Topic) -> bool:
        """Whether it watches this."""
        return topic in self.watched.get(camera, ())

    def offer(self, topic: Topic, camera: CameraId, text: str) -> bool:
        """Take a message or drop it; False when it was dropped. Returns at once."""
        if not self.principal.may_view(camera) or (topic in WATCHABLE and not self.wants(camera, topic)):
            return True
        if topic == "activity" and not self.follows:
            return True
        if topic in WATCHABLE and len(self._messages) >= LIMIT_DETECTIONS:
            self.dropped += 1
            return False
        if len(self._messages) >= LIMIT:
            self.is_too_slow = True
            self._wake.set()
            return False
        self._messages.append((camera, text))
        self._wake.set()
        return True

    async def next(self) -> str | None:
        """The next message that may still be seen by then; None when this page is too slow to go on."""
        while True:
            if self.is_too_slow:
                return None
            while self._messages:
                camera, text = self._messages.popleft()
                if self.principal.may_view(camera):
                    return text
            self._wake.clear()
            await self._wake.wait()


class Push:
    """Reads the house once and hands the news to every page that may have it."""

    _ACTIVITY_NS = int(ACTIVITY_S * NS_PER_S)

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._pages: list[Page] = []
        self._states: dict[CameraId, CameraOut] = {}
        self._names: dict[CameraId, str] = {}
        self._active_ns: dict[tuple[CameraId, bool], int] = {}
        services.vision.on_result(self.on_result)
        services.vision.on_moved(self.on_moved)
        services.modules.scores.on_scores(self.on_scores)
        services.keeping.exports.on_change(self.on_export)

    async def run(self) -> None:
        """Read until cancelled. A room that does not answer for a while costs its own news, and nothing else."""
        keep = partial(supervise, clock=self._services.clock, expected=(HaechiError, OSError))
        async with asyncio.TaskGroup() as group:
            group.create_task(keep("news of events", self._events))
            group.create_task(keep("news of cameras", self._cameras))

    def open(self, principal: Principal) -> Page:
        """A page came."""
        page = Page(principal)
        self._pages.append(page)
        return page

    def close(self, page: Page) -> None:
        """It went."""
        self._pages.remove(page)

    def on_result(self, result: FrameResult) -> None:
        """Vision has seen a frame."""
        camera = camera_of(result.ref.stream)
        if result.detections:
            self._active(camera, tracked=True)
        if not any(page.wants(camera, "detections") for page in self._pages):
            return
        message = DetectionsMessage(
            camera=camera,
            ref=str(result.ref),
            captured_ns=str(result.captured_ns),
            boxes=[BoxOut.of(found) for found in result.detections],
        )
        self._publish("detections", camera, message.model_dump_json())

    def on_scores(self, camera: CameraId, module: str, scores: Sequence[Score]) -> None:
        """A module said something of a camera."""
        if any(page.wants(camera, "scores") for page in self._pages):
            message = ScoresMessage(camera=camera, module=module, scores=[ScoreOut.of(one) for one in scores])
            self._publish("scores", camera, message.model_dump_json())

    def on_moved(self, moved: Moved) -> None:
        """Part of a picture moved."""
        if moved.share >= MOVED_SHARE:
            self._active(camera_of(moved.ref.stream), tracked=False)

    def _active(self, camera: CameraId, *, tracked: bool) -> None:
        """News for every page that may see the camera, for walls: not each time, it goes on for a while."""
        now_ns = self._services.clock.monotonic_ns()
        if (
            not any(page.follows for page in self._pages)
            or now_ns - self._active_ns.get((camera, tracked), -self._ACTIVITY_NS) < self._ACTIVITY_NS
        ):
            return
        self._active_ns[camera, tracked] = now_ns
        self._publish("activity", camera, ActivityMessage(camera=camera, tracked=tracked).model_dump_json())

    def on_export(self, export: Export) -> None:
        """An export moved on: news for who asked for it."""
        text = ExportMessage(export=ExportOut.of(export)).model_dump_json()
        for page in self._pages:
            if page.principal.user.id == export.owner and not page.offer("export", export.camera, text):
                self._metrics.push_dropped.labels("export").inc()

    async def _events(self) -> None:
        async for event in self._services.events.subscribe():
            if event.camera not in self._names:
                await self._read_names()
            out = EventOut.of(event, self._names.get(event.camera, ""))
            self._publish("event", event.camera, EventMessage(event=out).model_dump_json())

    async def _cameras(self) -> None:
        while True:
            if self._pages:
                await self._compare_states()
            await self._services.clock.sleep(STATES_S)

    async def _compare_states(self) -> None:
        cameras = await self._read_names()
        for camera in cameras:
            out = CameraOut.of(camera, self._services.ingest.status(camera.id))
            before = self._states.get(camera.id)
            self._states[camera.id] = out
            if before is not None and _settled(before) != _settled(out):
                self._publish("camera", camera.id, CameraMessage(camera=out).model_dump_json())
        for gone in self._states.keys() - self._names.keys():
            del self._states[gone]

    async def _read_names(self) -> Sequence[Camera]:
        cameras = await self._services.registry.list()
        self._names = {camera.id: camera.name for camera in cameras}
        return cameras

    def _publish(self, topic: Topic, camera: CameraId, text: str) -> None:
        for page in self._pages:
            if not page.offer(topic, camera, text):
                self._metrics.push_dropped.labels(topic).inc()


def _settled(camera: CameraOut) -> CameraOut:
    """Without the numbers that change every second: pages ask for those with the list."""
    calm = camera.status.model_copy(update={"fps": None, "bitrate_bps": None})
    return camera.model_copy(update={"status": calm})
