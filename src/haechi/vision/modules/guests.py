"""Modules of others on cameras: one process for each, for all cameras that have it switched on.

They are given the units as they come from the bus and decode for themselves, so that nothing that they do touches what
the house looks at; what they need to know of boxes and tracks is sent along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Set
from functools import partial

import structlog
from msgspec import Struct

from haechi.base.clock import NS_PER_S, Clock
from haechi.base.errors import HaechiError, Unavailable
from haechi.base.ids import StreamId
from haechi.bus.frames import FrameBus, RunEnded
from haechi.media.access_unit import UnitRef, VideoParams
from haechi.vision.modules.attending import Attending
from haechi.vision.modules.contract import About, Spec, Thing
from haechi.vision.modules.hosted import Hosted
from haechi.vision.modules.messages import HostSetup, Saw
from haechi.vision.result import Detection, FrameResult

log = structlog.get_logger(__name__)

TRY_AGAIN_S = 5.0
LOOK_FOR_S = 0.5
COST_WEIGHT = 0.1
FAREWELL_S = 2.0
"""For a module to say what it knows before its process is ended."""


Found = Callable[[StreamId, str, Saw], None]
"""Who hears what a module, by its name, saw of a camera."""


class Post(Struct):
    """One module at one camera.

    Attributes:
        cost_ns: Processor time that it took of late, as a running mean in ns per second.
    """

    attending: Attending | None = None
    looks: int = 0
    cost_ns: float = 0.0
    looked_ns: int = 0
    task: asyncio.Task[None] | None = None


class Guest:
    """One module.

    Args:
        found: Takes what it sees.
    """

    def __init__(self, name: str, hosted: Hosted, bus: FrameBus, clock: Clock, found: Found) -> None:
        self.name = name
        self.hosted = hosted
        self._bus = bus
        self._clock = clock
        self._found = found
        self.posts: dict[StreamId, Post] = {}
        self._process: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None

    def wanted(self, streams: Set[StreamId], group: asyncio.TaskGroup) -> None:
        """Look at these streams from now on, and at no others."""
        for stream in [one for one in self.posts if one not in streams]:
            task = self.posts.pop(stream).task
            if task is not None:
                task.cancel()
        for stream in streams - self.posts.keys():
            post = self.posts[stream] = Post()
            post.task = group.create_task(self._attend(stream, post))
        if streams and self._process is None:
            self._process = group.create_task(self._serve(self._leaving))
        elif not streams and self._process is not None:
            process, self._process = self._process, None
            self._leaving = group.create_task(self._farewell(process))

    def ended(self) -> None:
        """All its tasks are over: whoever wants it anew begins anew. Its counts and states stay."""
        self.posts.clear()
        self._process = self._leaving = None

    def followed(self, result: FrameResult) -> None:
        """What the house sees in a picture, for a module that needs to know."""
        post, spec = self.posts.get(result.ref.stream), self.hosted.spec
        if post is None or post.attending is None or spec is None or not (spec.needs or spec.kind == "track"):
            return
        ref = result.ref
        about = About(ref.stream, ref.run, ref.seq, 0, result.captured_ns, result.width_px, result.height_px)
        things = tuple(_thing(found, spec) for found in result.detections if not found.by)
        post.attending.follow(about, things, is_look=spec.kind == "track")

    async def _attend(self, stream: StreamId, post: Post) -> None:
        """One camera, until it is cancelled."""
        while True:
            try:
                spec = await self.hosted.prepare()
            except Unavailable as error:
                log.debug("a module is not ready", module=self.name, reason=error.code)
                await self._clock.sleep(TRY_AGAIN_S)
                continue
            over = asyncio.Event()
            post.attending = self.hosted.attend(stream, stream, spec, _Ear(self, stream, post, over))
            try:
                await self._pass_on(stream, post.attending, spec, over)
            finally:
                if not over.is_set():
                    post.attending.end()
                post.attending = None

    async def _pass_on(self, stream: StreamId, attending: Attending, spec: Spec, over: asyncio.Event) -> None:
        """Units of the bus, until the module is given up."""
        while not over.is_set():
            if spec.kind == "track":
                await over.wait()
                return
            if stream not in self._bus.streams():
                await self._clock.sleep(LOOK_FOR_S)
                continue
            subscription = self._bus.watch(stream)
            closing = asyncio.ensure_future(_close_after(over, subscription.close))
            try:
                async for item in subscription:
                    if isinstance(item, RunEnded):
                        continue
                    params = subscription.params_of(item)
                    if isinstance(params, VideoParams):
                        attending.unit(item, params)
            finally:
                closing.cancel()
                subscription.close()

    async def _serve(self, before: asyncio.Task[None] | None) -> None:
        """A process, once the one before it is gone."""
        if before is not None:
            await asyncio.wait([before])
        await self.hosted.run()

    async def _farewell(self, process: asyncio.Task[None]) -> None:
        until_ns = self._clock.monotonic_ns() + int(FAREWELL_S * NS_PER_S)
        while self.hosted.is_attending and self._clock.monotonic_ns() < until_ns:
            await self._clock.sleep(0.05)
        process.cancel()
        await asyncio.wait([process])

    def saw(self, stream: StreamId, post: Post, saw: Saw) -> None:
        """It looked at a unit."""
        now_ns = self._clock.monotonic_ns()
        if post.looked_ns:
            share = saw.cpu_ns / max(1, now_ns - post.looked_ns)
            post.cost_ns += COST_WEIGHT * (share * NS_PER_S - post.cost_ns)
        post.looked_ns = now_ns
        post.looks += 1
        self._found(stream, self.name, saw)


class Visitors:
    """All modules of others that somebody wants.

    Args:
        made: Gives the first message for a module's process; may read files.
        deadline_s: After it a look that has not ended costs the process.
    """

    def __init__(
        self, bus: FrameBus, clock: Clock, made: Callable[[str], HostSetup], deadline_s: float, found: Found
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._made = made
        self._deadline_s = deadline_s
        self._found = found
        self.guests: dict[str, Guest] = {}

    def want(self, wanted: Mapping[str, Set[StreamId]], group: asyncio.TaskGroup) -> None:
        """Which module looks at which streams from now on; those that are not named look at none."""
        for name in {*wanted, *self.guests}:
            if name not in self.guests:
                hosted = Hosted(name, partial(self._made, name), self._clock, self._deadline_s)
                self.guests[name] = Guest(name, hosted, self._bus, self._clock, self._found)
            self.guests[name].wanted(wanted.get(name, frozenset()), group)

    def followed(self, result: FrameResult) -> None:
        """What the house sees in a picture."""
        for guest in self.guests.values():
            guest.followed(result)

    def ended(self) -> None:
        """The task group that all of them ran in is over."""
        for guest in self.guests.values():
            guest.ended()

    def forget(self, stream: StreamId) -> None:
        """The camera was deleted."""
        for guest in self.guests.values():
            guest.hosted.forget_stream(stream)


class _Ear:
    """Hears what the module says of one camera."""

    def __init__(self, guest: Guest, stream: StreamId, post: Post, over: asyncio.Event) -> None:
        self._guest = guest
        self._stream = stream
        self._post = post
        self._over = over

    def saw(self, _ref: UnitRef, saw: Saw) -> None:
        """See `haechi.vision.modules.attending.Sink`."""
        self._guest.saw(self._stream, self._post, saw)

    def ended(self) -> None:
        """See `Sink`."""
        self._over.set()

    def failed(self, kind: str) -> None:
        """See `Sink`; `Hosted` counts them."""

    def broke_off(self, error: HaechiError) -> None:
        """See `Sink`."""
        log.warning("a module is given up for a while", module=self._guest.name, stream=self._stream, reason=str(error))
        self._over.set()


async def _close_after(over: asyncio.Event, close: Callable[[], None]) -> None:
    await over.wait()
    close()


def _thing(found: Detection, spec: Spec) -> Thing:
    """What a module needs to know of an object, and no more."""
    track = found.track if "tracks" in spec.needs or spec.kind == "track" else None
    points = found.points if "pose" in spec.needs else ()
    embedding = found.embedding if "embedding" in spec.needs else b""
    return Thing(found.label, found.score, (found.x, found.y, found.w, found.h), track, points, embedding)
