"""Which modules look at which camera now, what they say, and how both meet what the house sees."""

import asyncio
from pathlib import Path

import pytest

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.errors import Invalid
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.base.week import Hours, Week
from haechi.bus.frames import FrameBus
from haechi.media.access_unit import AccessUnit, Codec, UnitRef, VideoParams
from haechi.media.push.words import Box
from haechi.store.database import Database
from haechi.vision.modules.choices import Choice, ChoiceStore
from haechi.vision.modules.contract import Score, Spec
from haechi.vision.modules.joining import Joining
from haechi.vision.modules.messages import HostSetup, Saw
from haechi.vision.modules.room import ModuleRoom
from haechi.vision.modules.sampling import Mark, Sampler
from haechi.vision.modules.scores import KEPT_NS, ScoreRoom
from haechi.vision.programme import DEFAULT, KNOWN
from haechi.vision.result import Detection, FrameResult
from tests.api.fakes_house import FakeVision
from tests.cameras import until

YARD = CameraId("cam_yard")
STREAM = stream_of(YARD)
MONDAY_NOON_NS = 1_764_590_400 * NS_PER_S
"""2025-12-01T12:00Z."""
MORNINGS = Week((Hours((0, 1, 2, 3, 4), 8 * 60, 12 * 60 + 1),))


class Here:
    """A machine with all of our own modules and none of others."""

    own: tuple[str, ...] = KNOWN
    detectors: tuple[str, ...] = ("picodet-s",)
    deadline_s = 5.0

    def setup(self, name: str) -> HostSetup:
        return HostSetup(name, "", (), 0)


async def utc() -> str:
    return "UTC"


def room_in(folder: Path) -> tuple[ModuleRoom, FakeVision, SimulatedClock]:
    database = Database.at(folder / "haechi.db")
    database.migrate()
    clock, vision = SimulatedClock(MONDAY_NOON_NS), FakeVision()
    return ModuleRoom(ChoiceStore(database), vision, FrameBus(), clock, Here(), utc), vision, clock


def test_a_module_looks_within_its_hours_by_the_clock_of_the_site_and_rests_beyond(tmp_path: Path) -> None:
    async def scenario() -> None:
        room, vision, clock = room_in(tmp_path)
        running = asyncio.create_task(room.run())
        await room.put(YARD, [Choice(YARD, "pose", True, MORNINGS)])
        await until(lambda: STREAM in vision.programmes)
        assert vision.programmes[STREAM] == tuple(name for name in KNOWN if name in {*DEFAULT, "pose"})
        clock.advance(61 * NS_PER_S)
        await until(lambda: "pose" not in vision.programmes[STREAM])
        (at,) = [one for one in await room.at(YARD) if one.choice.module == "pose"]
        assert at.state == "resting"
        await room.put(YARD, [Choice(YARD, "pose", True), Choice(YARD, "objects", False)])
        await until(lambda: "pose" in vision.programmes[STREAM])
        assert "objects" in vision.programmes[STREAM], "joints are of boxes that somebody found"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_what_nobody_has_cannot_be_chosen_and_what_is_chosen_is_kept_without_the_rest(tmp_path: Path) -> None:
    async def scenario() -> None:
        room, _, _ = room_in(tmp_path)
        with pytest.raises(Invalid) as caught:
            await room.put(YARD, [Choice(YARD, "smoke", True)])
        assert caught.value.code == "module-unknown"
        await room.put(YARD, [Choice(YARD, "pose", True, MORNINGS)])
        await room.put(YARD, [Choice(YARD, "people", True)])
        assert [(one.module, one.week) for one in await room.choices.list(YARD)] == [
            ("people", None),
            ("pose", MORNINGS),
        ]
        with pytest.raises(Invalid):
            await room.put(YARD, [Choice(YARD, "pose", True), Choice(YARD, "pose", False)])
        with pytest.raises(Invalid):
            await room.put(YARD, [Choice(YARD, "pose", True, Week(()))])
        await room.choices.put(YARD, [Choice(YARD, "gone", True)])
        assert {one.choice.module: one.state for one in await room.at(YARD)}["gone"] == "missing"
        await room.forget(YARD)
        assert await room.choices.list() == []

    asyncio.run(scenario())


def test_scores_of_five_minutes_are_kept_by_module_and_name_and_listeners_hear_them() -> None:
    clock, heard = SimulatedClock(10 * KEPT_NS), list[str]()
    room = ScoreRoom(clock)
    room.on_scores(lambda camera, module, scores: heard.append(f"{camera} {module} {len(scores)}"))
    now_ns = clock.wall_ns()
    old_ns = now_ns - KEPT_NS - 1
    room.note(YARD, "m", [Score("fire", 0.2, old_ns, old_ns), Score("fire", 0.4, now_ns, now_ns)])
    room.note(YARD, "m", [Score("smoke", 0.5, now_ns - 5, now_ns, ("grey",))])
    room.note(YARD, "m", [])
    assert [(one.module, one.name, one.points, one.reasons) for one in room.of(YARD)] == [
        ("m", "fire", ((now_ns, 0.4),), ()),
        ("m", "smoke", ((now_ns, 0.5),), ("grey",)),
    ]
    assert heard == ["cam_yard m 2", "cam_yard m 1"]
    clock.advance(301 * NS_PER_S)
    assert room.of(YARD) == []
    room.forget(YARD)
    assert room.of(YARD) == []


def result_at(at_ns: int, run: int = 1) -> FrameResult:
    person = Detection("person", 0.9, 0.1, 0.1, 0.2, 0.2)
    return FrameResult(UnitRef(STREAM, run, 1), at_ns, (person,), 64, 48, 0.1, *("a" * 64,) * 5, 0)


def test_what_a_module_saw_goes_to_the_results_that_follow_for_a_while_and_says_whose_it_is() -> None:
    joining = Joining()
    box = Box("smoke", 0.8, 0.1, 0.2, 0.3, 0.4)
    joining.note(STREAM, "smoke", Saw(STREAM, 1, 5, 10 * NS_PER_S, (box,), 64, 48), fps=2.0)
    (_, smoke) = joining.joined(result_at(10 * NS_PER_S + 1)).detections
    assert (smoke.label, smoke.by, smoke.track, smoke.h) == ("smoke", "smoke", None, 0.4)
    for other in (result_at(9 * NS_PER_S), result_at(12 * NS_PER_S), result_at(10 * NS_PER_S + 1, run=2)):
        assert joining.joined(other) is other
    joining.keep("smoke", frozenset())
    assert len(joining.joined(result_at(10 * NS_PER_S + 1)).detections) == 1


def test_a_worker_cannot_say_that_a_module_of_others_saw_something() -> None:
    joining, mine = Joining(), result_at(0)
    joining.note(STREAM, "x", Saw(STREAM, 1, 0, 0, (Box("cat", 0.5, 0.1, 0.1, 0.1, 0.1),), 64, 48), fps=5.0)
    assert mine.is_sound()
    assert not joining.joined(mine).is_sound()


def unit_at(at_s: float, *, is_sync: bool = False, run: int = 1) -> AccessUnit:
    return AccessUnit(UnitRef(StreamId("s"), run, 0), 0, 0, int(at_s * NS_PER_S), is_sync, 0, b"")


H264, JPEG = VideoParams(Codec.H264, 64, 48), VideoParams(Codec.MJPEG, 64, 48)


def test_a_frame_module_is_given_all_units_and_shown_as_many_pictures_as_it_asks_for() -> None:
    sampler = Sampler(Spec("m", fps=2.0))
    marks = [sampler.mark(unit_at(n / 10, is_sync=n == 0), H264) for n in range(11)]
    assert [n for n, mark in enumerate(marks) if mark is not None and mark.is_shown] == [0, 5, 10]
    assert None not in marks
    jpegs = [Sampler(Spec("m", fps=2.0)).mark(unit_at(0, is_sync=True), JPEG)]
    assert jpegs == [Mark(is_shown=True, is_last=False)]


def test_a_new_run_is_shown_at_once_and_a_client_of_the_socket_is_shown_everything() -> None:
    sampler = Sampler(Spec("m", fps=1.0))
    marks = [sampler.mark(unit_at(0.1, run=run), H264) for run in (1, 1, 2)]
    assert marks == [Mark(True, False), Mark(False, False), Mark(True, False)]
    eager = Sampler(Spec("m", fps=1.0), every_picture=True)
    assert all(eager.mark(unit_at(n / 60), H264) == Mark(True, False) for n in range(5))


def test_a_key_frame_module_is_given_sync_units_only_and_each_alone() -> None:
    sampler = Sampler(Spec("m", kind="keyframe", every_s=3.0))
    marks = [sampler.mark(unit_at(n, is_sync=n % 2 == 0), H264) for n in range(7)]
    assert [n for n, mark in enumerate(marks) if mark is not None] == [0, 4]
    assert marks[0] == Mark(is_shown=True, is_last=True)
    assert Sampler(Spec("m", kind="track")).mark(unit_at(0, is_sync=True), H264) is None
