"""From a camera on a real socket that notices something to the event that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec import structs

from haechi.base.clock import NS_PER_S, SystemClock
from haechi.base.errors import Invalid, NotFound
from haechi.base.ids import CameraId, StreamId, stream_of
from haechi.bus.frames import FrameBus, GapCause, Run, RunEnded
from haechi.camera.virtual.onvif.model import Quirks, VirtualProfile
from haechi.camera.virtual.onvif.server import Listening, VirtualOnvif
from haechi.camera.virtual.onvif.users import Users
from haechi.events.docket import Kind, Note
from haechi.events.event import Event, Report
from haechi.events.reported.moments import MOST_AWAY_NS, Moments
from haechi.events.reported.room import ReportRoom
from haechi.events.reported.wishes import Wish, WishStore
from haechi.fleet.address import parse_address
from haechi.fleet.cameras import Camera
from haechi.fleet.onvif.control import OnvifControl
from haechi.fleet.onvif.links import LinkStore
from haechi.media.access_unit import AccessUnit, UnitRef
from haechi.record.playback.footage import UnitRange
from haechi.store.database import Database
from tests.cameras import until
from tests.reach import resolve
from tests.streams import h264_stream

STREAM = VirtualProfile("main", "rtsp://127.0.0.1:8554/yard")
CAMERA = Camera(CameraId("cam_test"), "Yard", parse_address("rtsp://me:secret@127.0.0.1:8554/yard"))
WISH = Wish(enabled=True, kinds=("motion", "line", "input"), severity="alert", cooldown_s=1.0)
LINE, INPUT = "RuleEngine/LineDetector/Crossed", "Device/Trigger/DigitalInput"
PATIENCE_S = 60
CLOCK = SystemClock()


class Nothing:
    """A recording in which there is nothing."""

    async def unit_at(self, stream: StreamId, captured_ns: int) -> UnitRange:
        raise NotFound("nothing is recorded at that time", code="unit-not-recorded", stream=stream, at=captured_ns)

    async def units(self, stream: StreamId, run: int, first_seq: int, last_seq: int) -> UnitRange:
        raise NotFound("nothing", code="unit-not-recorded", at=f"{stream} {run} {first_seq} {last_seq}")

    async def clip(self, stream: StreamId, start_ns: int, end_ns: int) -> Path:
        raise NotFound("nothing", code="unit-not-recorded", at=f"{stream} {start_ns} {end_ns}")

    async def pin(self, stream: StreamId, start_ns: int, end_ns: int, reason: str) -> None:
        """There is nothing to keep."""

    async def unpin(self, reason: str) -> None:
        """There is nothing to let go of."""


@dataclass
class Home:
    """The room, and what came of it."""

    bus: FrameBus
    links: LinkStore
    room: ReportRoom
    cameras: list[Camera]
    notes: list[Note] = field(default_factory=list)

    async def list(self) -> Sequence[Camera]:
        return list(self.cameras)

    def take_report(self, note: Note) -> None:
        self.notes.append(note)

    def events(self, kind: Kind) -> Sequence[Event]:
        return [note.event for note in self.notes if note.kind is kind]

    async def until_heard(self, device: VirtualOnvif, states: int = 1) -> None:
        """The camera is listened to, and has said how it stands."""
        await until(lambda: self.room.status(CAMERA.id).state == "listening", PATIENCE_S)
        await until(lambda: self.room.status(CAMERA.id).heard >= states, PATIENCE_S)
        await until(lambda: bool(device.pulls.open), PATIENCE_S)


Play = Callable[[VirtualOnvif, Home], Awaitable[None]]


def with_room(folder: Path, play: Play, quirks: Quirks = Quirks(), wish: Wish = WISH) -> None:  # noqa: B008
    database = Database.at(folder / "haechi.db")
    database.migrate()

    async def run() -> None:
        async with VirtualOnvif([STREAM], users=Users("me", "secret"), quirks=quirks) as device:
            links = LinkStore(database)
            control = OnvifControl(links, resolve, CLOCK)
            bus = FrameBus()
            home = Home(bus, links, None, [CAMERA])  # type: ignore[arg-type]
            home.room = ReportRoom(control, home, WishStore(database), home, Moments(bus, Nothing()), CLOCK)
            await control.link(CAMERA, device.url, "main")
            await home.room.wishes.put(CAMERA.id, wish)
            task = asyncio.create_task(home.room.run())
            try:
                await play(device, home)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    database.close()


def shows(bus: FrameBus, seconds: Sequence[float]) -> list[AccessUnit]:
    """The camera shows pictures that were taken so many seconds from now."""
    stream = stream_of(CAMERA.id)
    params, coded = h264_stream(frames=2, gop=2)
    now_ns = CLOCK.wall_ns()
    units = [
        AccessUnit(UnitRef(stream, 1, seq), seq, seq, now_ns + round(at * NS_PER_S), seq == 0, 0, coded[0].data)
        for seq, at in enumerate(seconds)
    ]
    bus.channel(stream).open_run(Run(stream, 1, units[0].captured_ns, [params]))
    for unit in units:
        bus.channel(stream).publish(unit)
    return units


@pytest.mark.slow
def test_what_a_camera_notices_begins_and_ends_an_event_with_the_unit_that_is_nearest(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        units = shows(home.bus, [-5, -0.5, 0, 60])
        await home.until_heard(device)
        assert home.notes == []
        device.notice(is_on=True)
        await until(lambda: bool(home.notes), PATIENCE_S)
        (opened,) = home.events(Kind.OPENED)
        assert (opened.label, opened.severity, opened.camera) == ("motion", "alert", CAMERA.id)
        assert (opened.rule_name, opened.is_reported) == ("RuleEngine/CellMotionDetector/Motion", True)
        assert abs(opened.start_ns - CLOCK.wall_ns()) < PATIENCE_S * NS_PER_S
        nearest = min(units, key=lambda unit: abs(unit.captured_ns - opened.start_ns))
        assert (opened.first_ref, opened.best_ref, opened.best_ns) == (nearest.ref, nearest.ref, nearest.captured_ns)
        report = home.notes[0].basis
        assert isinstance(report, Report)
        assert ("IsMotion", "true") in report.items
        device.notice(is_on=False)
        await until(lambda: bool(home.events(Kind.CLOSED)), PATIENCE_S)
        (closed,) = home.events(Kind.CLOSED)
        assert (closed.id, closed.is_cut) == (opened.id, False)
        assert (closed.end_ns or 0) >= closed.start_ns

    with_room(tmp_path, play, Quirks(clock_off_s=-7000))


@pytest.mark.slow
def test_a_line_that_was_crossed_ends_by_itself_and_what_is_not_wanted_is_passed_over(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        shows(home.bus, [-1, 0, 60])
        await home.until_heard(device)
        device.report("RuleEngine/TamperDetector/Tamper", (("IsTamper", "true"),))
        device.report("Monitoring/ProcessorUsage", (("Value", "90"),))
        device.report(LINE, (("ObjectId", "1"),))
        await until(lambda: bool(home.events(Kind.CLOSED)), PATIENCE_S)
        assert {note.event.label for note in home.notes} == {"line"}
        assert [note.kind for note in home.notes if note.kind is not Kind.WENT] == [Kind.OPENED, Kind.CLOSED]

    with_room(tmp_path, play)


def test_a_flood_of_reports_is_one_event_within_the_cool_down(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        shows(home.bus, [-1, 0, 60])
        await home.until_heard(device)
        for _ in range(40):
            device.report(INPUT, (("LogicalState", "true"),))
            device.report(INPUT, (("LogicalState", "false"),))
        await until(lambda: home.room.status(CAMERA.id).heard >= 81, PATIENCE_S)
        assert len(home.events(Kind.OPENED)) == 1
        assert len(home.events(Kind.CLOSED)) == 1

    with_room(tmp_path, play, wish=Wish(enabled=True, kinds=("motion", "input"), cooldown_s=3600.0))


@pytest.mark.slow
def test_when_the_subscription_is_lost_the_event_is_cut_and_the_camera_is_heard_again(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        shows(home.bus, [-1, 0, 60])
        await home.until_heard(device)
        device.notice(is_on=True)
        await until(lambda: bool(home.events(Kind.OPENED)), PATIENCE_S)
        device.pulls.forget()
        device.pulls.wake()
        await until(lambda: bool(home.events(Kind.CLOSED)), PATIENCE_S)
        assert home.events(Kind.CLOSED)[0].is_cut
        await until(lambda: len(home.events(Kind.OPENED)) == 2, PATIENCE_S)
        assert home.room.status(CAMERA.id).state == "listening"

    with_room(tmp_path, play)


@pytest.mark.slow
def test_switching_off_says_good_bye_cuts_and_switching_on_begins_again(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        shows(home.bus, [-1, 0, 60])
        await home.until_heard(device)
        device.notice(is_on=True)
        await until(lambda: bool(home.events(Kind.OPENED)), PATIENCE_S)
        await home.room.wishes.put(CAMERA.id, Wish())
        await until(lambda: home.room.status(CAMERA.id).state == "off", PATIENCE_S)
        await until(lambda: not device.pulls.open, PATIENCE_S)
        assert home.events(Kind.CLOSED)[0].is_cut
        await home.links.forget(CAMERA.id)
        await home.room.wishes.put(CAMERA.id, WISH)
        await until(lambda: home.room.status(CAMERA.id).state == "unlinked", PATIENCE_S)
        home.cameras.clear()
        await until(lambda: home.room.status(CAMERA.id).since_ns == 0, PATIENCE_S)

    with_room(tmp_path, play)


@pytest.mark.parametrize(
    ("quirks", "code"), [(Quirks(no_events=True), "onvif-unsupported"), (Quirks(garbage=True), "onvif-nothing")]
)
def test_a_camera_that_cannot_be_heard_says_why(tmp_path: Path, quirks: Quirks, code: str) -> None:
    async def play(_device: VirtualOnvif, home: Home) -> None:
        await until(lambda: home.room.status(CAMERA.id).state == "failed", PATIENCE_S)
        assert home.room.status(CAMERA.id).error_code == code
        assert home.room.listening() == 0

    with_room(tmp_path, play, quirks)


def test_without_a_picture_near_the_moment_there_is_no_event(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        units = shows(home.bus, [-3600])
        home.bus.channel(units[0].ref.stream).close_run(
            RunEnded(units[0].ref.stream, 1, GapCause.UNREACHABLE, "", CLOCK.wall_ns())
        )
        await home.until_heard(device)
        device.notice(is_on=True)
        await until(lambda: home.room.status(CAMERA.id).heard == 2, PATIENCE_S)
        assert home.notes == []
        await until(lambda: home.room.unseen == 1, PATIENCE_S)
        assert home.room.heard == 2
        assert home.room.states() == {"unlinked": 0, "connecting": 0, "listening": 1, "failed": 0}
        moments = Moments(home.bus, Nothing())
        first_ns = units[0].captured_ns
        assert await moments.nearest(units[0].ref.stream, first_ns + MOST_AWAY_NS + 1) is None
        assert await moments.nearest(StreamId("cam_none/main"), first_ns) is None
        found = await moments.nearest(units[0].ref.stream, first_ns + MOST_AWAY_NS)
        assert found is not None
        assert found.ref == units[0].ref

    with_room(tmp_path, play)


def test_a_wish_is_kept_in_order_and_one_that_cannot_be_is_refused(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "haechi.db")
    database.migrate()
    store = WishStore(database)

    async def play() -> None:
        assert await store.get(CAMERA.id) == Wish()
        assert not Wish().enabled
        kept = await store.put(CAMERA.id, Wish(True, ("line", "motion", "line"), "alert", 5.0))
        assert kept == Wish(True, ("motion", "line"), "alert", 5.0)
        assert await store.all() == {CAMERA.id: kept}
        for bad in (Wish(True, ()), Wish(cooldown_s=0.5), Wish(cooldown_s=float("nan"))):
            with pytest.raises(Invalid):
                await store.put(CAMERA.id, bad)
        await store.forget(CAMERA.id)
        assert await store.all() == {}

    asyncio.run(play())
    database.close()


def test_a_camera_that_only_got_another_name_goes_on_being_heard(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        shows(home.bus, [-1, 0, 60])
        await home.until_heard(device)
        other = structs.replace(CAMERA, id=CameraId("cam_other"))
        home.cameras[:] = [structs.replace(CAMERA, name="Back yard"), other]
        await home.room.wishes.put(other.id, WISH)
        await until(lambda: home.room.status(other.id).state == "unlinked", PATIENCE_S)
        device.notice(is_on=True)
        await until(lambda: bool(home.events(Kind.OPENED)), PATIENCE_S)
        assert device.asked.count("CreatePullPointSubscription") == 1

    with_room(tmp_path, play)


def test_a_device_that_started_anew_is_heard_again(tmp_path: Path) -> None:
    async def play(device: VirtualOnvif, home: Home) -> None:
        shows(home.bus, [-1, 0, 60])
        await home.until_heard(device)
        await device.__aexit__()
        await until(lambda: home.room.status(CAMERA.id).state == "failed", PATIENCE_S)
        async with VirtualOnvif([STREAM], users=Users("me", "secret"), listening=Listening(port=device.port)) as again:
            await until(lambda: home.room.status(CAMERA.id).state == "listening", PATIENCE_S)
            again.notice(is_on=True)
            await until(lambda: bool(home.events(Kind.OPENED)), PATIENCE_S)

    with_room(tmp_path, play)
