"""Which modules look at which camera now: what people chose, by the clock of the site, followed while the server runs.

Our own look in the live workers, as each stream's programme; those of others in processes of their own (`guests`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Literal, Protocol

import structlog
from msgspec import Struct, structs

from haechi.base.clock import Clock
from haechi.base.errors import Invalid, Unavailable
from haechi.base.ids import CameraId, StreamId, camera_of, stream_of
from haechi.base.week import zone_named
from haechi.bus.frames import FrameBus
from haechi.vision import programme
from haechi.vision.messages import Use
from haechi.vision.modules.choices import Choice, ChoiceStore
from haechi.vision.modules.contract import Score, Spec, installed
from haechi.vision.modules.guests import Guest, Visitors
from haechi.vision.modules.joining import Joining
from haechi.vision.modules.messages import HostSetup, Saw
from haechi.vision.modules.scores import ScoreRoom
from haechi.vision.result import MOST_LABEL, FrameResult
from haechi.vision.track import TrackerState

log = structlog.get_logger(__name__)

CHECK_S = 5.0
"""How often the clock on the wall is looked at: hours begin and end on the minute."""
Where = Literal["worker", "process"]
State = Literal["off", "resting", "starting", "running", "failing", "missing"]


class Looker(Protocol):
    """The pool of live workers, as far as modules go. ``others`` adds what is seen besides to each result."""

    others: Callable[[FrameResult], FrameResult]

    def programme(self, stream: StreamId, modules: tuple[str, ...]) -> None:
        """Which of our own modules look at a stream."""

    def module_failures(self) -> Mapping[str, str]:
        """Which of our own cannot look, and why."""

    def uses(self) -> Mapping[str, Use]:
        """What our own did since the start."""

    def on_tracked(self, callback: Callable[[FrameResult, TrackerState], None]) -> None:
        """What the house sees."""

    def on_scored(self, callback: Callable[[StreamId, str, Score], None]) -> None:
        """What our own modules say besides."""


class Host(Protocol):
    """What this machine is to look with, and how processes of modules of others are started.

    Attributes:
        own: Our own modules that it has, by name; none where detection is switched off.
        detectors: Of the server, by their names in the manifest.
        deadline_s: See `Visitors`.
    """

    own: tuple[str, ...]
    detectors: tuple[str, ...]
    deadline_s: float

    def setup(self, name: str) -> HostSetup:
        """The first message for one; may read files."""


class Known(Struct, frozen=True):
    """A module that there is.

    Attributes:
        spec: As far as it is known; a module of others tells it when it is loaded first.
        error: What went wrong last; empty: nothing.
        cameras: At how many cameras it looks now.
        looks, late, missed, failures: See `haechi.vision.modules.hosted.Tally`.
    """

    name: str
    where: Where
    spec: Spec
    weights: tuple[str, ...] = ()
    is_loaded: bool = False
    error: str = ""
    cameras: int = 0
    looks: int = 0
    late: int = 0
    missed: int = 0
    failures: tuple[tuple[str, int], ...] = ()
    quarantined: int = 0


class AtCamera(Struct, frozen=True):
    """A module at a camera, and what it does there now; ``cost_ns``: of a second, None where nobody measured."""

    choice: Choice
    state: State
    error: str = ""
    cost_ns: int | None = None


class ModuleRoom:
    """See the module.

    Args:
        zone: Name of the site's time zone.
    """

    def __init__(
        self,
        choices: ChoiceStore,
        looker: Looker,
        bus: FrameBus,
        clock: Clock,
        host: Host,
        zone: Callable[[], Awaitable[str]],
    ) -> None:
        self._looker = looker
        self._clock = clock
        self._host = host
        self._zone = zone
        self._installed: dict[str, EntryPoint] = {}
        self._changed = asyncio.Event()
        self._own: dict[StreamId, tuple[str, ...]] = {}
        self._resting: frozenset[tuple[CameraId, str]] = frozenset()
        self._is_listening = False
        self.choices = choices
        self.scores = ScoreRoom(clock)
        self.joining = Joining()
        self.visitors = Visitors(bus, clock, host.setup, host.deadline_s, self._found)

    async def run(self) -> None:
        """Follow what is chosen until cancelled; may be called again after that."""
        self._installed = await asyncio.to_thread(installed)
        if not self._is_listening:
            self._is_listening = True
            self.choices.on_change(self._changed.set)
            self._looker.on_tracked(self._seen)
            self._looker.on_scored(self._scored)
            self._looker.others = self.joining.joined
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._changed.clear()
                    try:
                        await self._follow(group)
                    except Unavailable as error:
                        log.debug("which modules are wanted cannot be read now", reason=str(error))
                    await self._changed_or_later()
        finally:
            self.visitors.ended()

    async def put(self, camera: CameraId, choices: Sequence[Choice]) -> None:
        """Change what looks at a camera.

        Raises:
            Invalid: ``module-unknown``, and those of `ChoiceStore.put`.
        """
        names = {known.name for known in self.known()}
        before = {choice.module for choice in await self.choices.list(camera)}
        for choice in choices:
            if choice.module not in names | before:
                raise Invalid("there is no such module here", code="module-unknown", module=choice.module)
        await self.choices.put(camera, choices)

    async def forget(self, camera: CameraId) -> None:
        """The camera was deleted."""
        await self.choices.forget(camera)
        self.scores.forget(camera)
        self.joining.forget(stream_of(camera))
        self.visitors.forget(stream_of(camera))

    def known(self) -> list[Known]:
        """Every module that there is, ours first."""
        return [
            *(self._ours(name) for name in self._host.own),
            *(self._guest(name) for name in {**self._installed, **self.visitors.guests}),
        ]

    async def at(self, camera: CameraId) -> list[AtCamera]:
        """All modules at one camera, switched on or not."""
        chosen = {choice.module: choice for choice in await self.choices.list(camera)}
        known = {one.name: one for one in self.known()}
        names = [*known, *(name for name in chosen if name not in known)]
        return [
            self._at(camera, chosen.get(name, Choice(camera, name, name in programme.DEFAULT)), known.get(name))
            for name in names
        ]

    def _at(self, camera: CameraId, choice: Choice, known: Known | None) -> AtCamera:
        if known is None:
            return AtCamera(choice, "missing", "the package of this module is not installed any more")
        if not choice.enabled:
            return AtCamera(choice, "off")
        if (camera, choice.module) in self._resting:
            return AtCamera(choice, "resting")
        if known.where == "worker":
            return AtCamera(choice, "failing" if known.error else "running", known.error)
        return self._of_guest(camera, choice)

    def _of_guest(self, camera: CameraId, choice: Choice) -> AtCamera:
        guest = self.visitors.guests.get(choice.module)
        if guest is None:
            return AtCamera(choice, "starting")
        post = guest.posts.get(stream_of(camera))
        if guest.hosted.is_given_up:
            return AtCamera(choice, "failing", guest.hosted.reason)
        is_here = post is not None and post.attending is not None and guest.hosted.link.is_loaded
        cost_ns = round(post.cost_ns) if post is not None and post.looks else None
        return AtCamera(choice, "running" if is_here else "starting", guest.hosted.reason, cost_ns)

    def _ours(self, name: str) -> Known:
        use = self._looker.uses().get(name, Use(name))
        weights = self._host.detectors if name == programme.OBJECTS else programme.WEIGHTS.get(name, ())
        error = self._looker.module_failures().get(name, "")
        failures = (("error", use.failed),) if use.failed else ()
        cameras = sum(name in modules for modules in self._own.values())
        return Known(
            name, "worker", Spec(name), weights, use.looks > 0, error, cameras, use.looks, use.missed, 0, failures
        )

    def _guest(self, name: str) -> Known:
        """A module of others: what its package says, and what it said itself once it was loaded."""
        guest, point = self.visitors.guests.get(name), self._installed.get(name)
        spec = guest.hosted.spec if guest is not None else None
        if guest is None or spec is None:
            known = Known(name, "process", _packaged(name, point), error=guest.hosted.reason if guest else "")
            return known if guest is None else self._counted(known, guest)
        packaged = _packaged(name, point)
        spec = structs.replace(spec, version=spec.version or packaged.version, licence=spec.licence or packaged.licence)
        return self._counted(Known(name, "process", spec, error=guest.hosted.reason), guest)

    def _counted(self, known: Known, guest: Guest) -> Known:
        tally = guest.hosted.tally
        return structs.replace(
            known,
            is_loaded=guest.hosted.link.is_loaded,
            cameras=len(guest.posts),
            looks=tally.looks,
            late=tally.late,
            missed=tally.missed,
            failures=tuple(sorted(tally.failures.items())),
            quarantined=guest.hosted.place.suspects.held(),
        )

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Compare what is wanted with what looks."""
        choices = [choice for choice in await self.choices.list() if choice.enabled or choice.module in programme.KNOWN]
        zone, now_ns = zone_named(await self._zone()), self._clock.wall_ns()
        stopped = await self.choices.stopped()
        due = {
            one
            for one in choices
            if one.enabled and one.camera not in stopped and (one.week is None or one.week.holds(now_ns, zone))
        }
        self._resting = frozenset((one.camera, one.module) for one in choices if one.enabled and one not in due)
        guests: dict[str, set[StreamId]] = {}
        for choice in due:
            if choice.module in self._installed:
                guests.setdefault(choice.module, set()).add(stream_of(choice.camera))
        self._set_own(choices, due, guests)
        self.visitors.want(guests, group)
        for name, streams in guests.items():
            self.joining.keep(name, streams)
        for name in self.visitors.guests.keys() - guests.keys():
            self.joining.keep(name, frozenset())

    def _set_own(self, choices: Iterable[Choice], due: set[Choice], guests: dict[str, set[StreamId]]) -> None:
        """The programme of each stream that somebody chose something for, with what guests need to know."""
        chosen: dict[StreamId, set[str]] = {}
        for choice in choices:
            if choice.module in programme.KNOWN:
                modules = chosen.setdefault(stream_of(choice.camera), set(programme.DEFAULT))
                (modules.add if choice in due else modules.discard)(choice.module)
        for name, streams in guests.items():
            for stream in streams:
                chosen.setdefault(stream, set(programme.DEFAULT)).update(self._needed(name))
        for stream in {*self._own, *chosen}:
            wanted = programme.programme(chosen.get(stream, programme.DEFAULT))
            if self._own.get(stream) != wanted:
                self._looker.programme(stream, wanted)
        self._own = {stream: programme.programme(modules) for stream, modules in chosen.items()}

    def _needed(self, name: str) -> set[str]:
        """Our own modules without which one of others cannot judge."""
        guest = self.visitors.guests.get(name)
        spec = guest.hosted.spec if guest is not None else None
        if spec is None:
            return set()
        needs = {need for need in ("pose", "embedding") if need in spec.needs}
        return needs | ({programme.OBJECTS} if spec.needs or spec.kind == "track" else set())

    def _seen(self, result: FrameResult, _before: TrackerState) -> None:
        """The house saw something: what it is sure of, by label, is a score of its own."""
        self.visitors.followed(result)
        best = _best((found.label, found.score) for found in result.detections if not found.by)
        self.scores.note(camera_of(result.ref.stream), programme.OBJECTS, _scores(best, result.captured_ns))

    def _scored(self, stream: StreamId, module: str, score: Score) -> None:
        self.scores.note(camera_of(stream), module, [score])

    def _found(self, stream: StreamId, module: str, saw: Saw) -> None:
        """A module of others looked: its things go to the rules, its scores to whoever watches."""
        guest = self.visitors.guests.get(module)
        fps = guest.hosted.spec.fps if guest is not None and guest.hosted.spec is not None else 1.0
        self.joining.note(stream, module, saw, fps)
        best = _best((box.label[:MOST_LABEL], box.score) for box in saw.boxes)
        self.scores.note(camera_of(stream), module, saw.scores or _scores(best, saw.captured_ns))

    async def _changed_or_later(self) -> None:
        tasks = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._clock.sleep(CHECK_S))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


def _best(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The best score of each label."""
    best: dict[str, float] = {}
    for label, score in found:
        best[label] = max(best.get(label, 0.0), score)
    return best


def _scores(best: dict[str, float], at_ns: int) -> tuple[Score, ...]:
    """A module that finds things and says no more: how sure it was of each kind of thing."""
    return tuple(Score(label, value, at_ns, at_ns) for label, value in best.items())


def _packaged(name: str, point: EntryPoint | None) -> Spec:
    """What the package of a module says of it; nothing of its code is run."""
    if point is None or point.dist is None:
        return Spec(name)
    about = point.dist.metadata
    licences = [about[key] for key in ("License-Expression", "License") if key in about]
    licence = next((one.splitlines()[0] for one in licences if one.strip()), "")
    return Spec(name, str(point.dist.version)[:80], licence[:80])
