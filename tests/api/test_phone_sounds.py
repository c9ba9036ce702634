"""A phone that says that it is loud: an event with a beginning and an end, where there is a picture of that moment."""

from __future__ import annotations

import asyncio

from haechi.api.phone_sounds import COOLDOWN_S, TICK_S, TOPIC, LoudSounds
from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.ids import CameraId, StreamId
from haechi.events.docket import Kind, Note
from haechi.events.reported.moments import Moment, Moments
from haechi.fleet.phones.messages import PhoneState
from haechi.media.access_unit import UnitRef

CAMERA = CameraId("cam_cat")


class Pictures(Moments):
    """A recording that has a picture of every moment, or of none."""

    def __init__(self, *, has_some: bool) -> None:
        self.has_some = has_some

    async def nearest(self, stream: StreamId, at_ns: int) -> Moment | None:
        return Moment(UnitRef(stream, 1, at_ns // NS_PER_S), at_ns) if self.has_some else None


class Scene:
    """A phone that is there, and the notes that come of what it says."""

    def __init__(self, *, is_recorded: bool = True) -> None:
        self.clock = SimulatedClock()
        self.notes: list[Note] = []
        self.sounds = LoudSounds(CAMERA, Pictures(has_some=is_recorded), self.notes.append, self.clock)

    def say(self, loud: bool | None) -> None:
        self.sounds.told(PhoneState(loud=loud), self.clock.wall_ns())

    async def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            await _turns()
            self.clock.advance(round(TICK_S * NS_PER_S))
        await _turns()

    def kinds(self) -> list[Kind]:
        return [note.kind for note in self.notes]


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_bark_is_one_event_that_ends_when_it_is_still_again() -> None:
    async def play() -> None:
        scene = Scene()
        task = asyncio.create_task(scene.sounds.run())
        for loud in (None, False, True, True):
            scene.say(loud)
            await scene.pass_s(1)
        event = scene.notes[0].event
        assert (event.camera, event.label, event.rule_name) == (CAMERA, "sound", TOPIC)
        assert event.end_ns is None
        scene.say(False)
        await scene.pass_s(2)
        assert [scene.kinds()[0], scene.kinds()[-1]] == [Kind.OPENED, Kind.CLOSED]
        assert scene.notes[-1].event.id == event.id
        scene.say(True)
        await scene.pass_s(1)
        assert scene.kinds().count(Kind.OPENED) == 1, "it was just told"
        await scene.pass_s(COOLDOWN_S)
        assert scene.kinds().count(Kind.OPENED) == 2
        await ended(task)

    asyncio.run(play())


def test_a_phone_that_goes_while_it_is_loud_leaves_no_event_open() -> None:
    async def play() -> None:
        scene = Scene()
        task = asyncio.create_task(scene.sounds.run())
        scene.say(True)
        await scene.pass_s(1)
        await ended(task)
        assert scene.kinds()[-1] is Kind.CLOSED
        assert scene.notes[-1].event.is_cut

    asyncio.run(play())


def test_a_phone_that_is_not_recorded_makes_no_events() -> None:
    async def play() -> None:
        scene = Scene(is_recorded=False)
        task = asyncio.create_task(scene.sounds.run())
        scene.say(True)
        await scene.pass_s(3)
        await ended(task)
        assert scene.notes == []

    asyncio.run(play())
