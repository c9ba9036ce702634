"""The history of a view, zones of a moment, and what people decide."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.base.clock import SystemClock
from haechi.base.errors import Conflict, NotFound
from haechi.base.ids import CameraId, StreamId, ZoneId
from haechi.media.access_unit import UnitRef
from haechi.store.database import Database
from haechi.vision.result import Score
from haechi.vision.view.align import Estimate
from haechi.vision.view.book import Course, View, ViewBook
from haechi.vision.view.follow import Ask, Asked, Moved, Settled
from haechi.vision.view.geometry import IDENTITY, Transform
from haechi.vision.view.judge import Finding, Referenced, Sick, Well
from haechi.vision.view.placing import clipped, placed_in, redrawn, shown
from haechi.vision.view.room import ViewRoom
from haechi.vision.view.state import ViewState, packed, read
from haechi.vision.view.words import scored
from haechi.vision.zones import Zone, checked
from tests.cameras import until

A = CameraId("cam_abc")
STREAM = StreamId("cam_abc/main")
RIGHT: Transform = (1.0, 0.0, 0.1, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
FURTHER: Transform = (1.0, 0.0, 0.25, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
SQUARE = ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))
COURSE = Course(((1000, RIGHT), (2000, FURTHER)))


def zone(points: tuple[tuple[float, float], ...] = SQUARE, drawn_ns: int = 0, number: str = "zon_a") -> Zone:
    return Zone(A, "Door", points, id=ZoneId(number), drawn_ns=drawn_ns)


def lefts(one: Zone) -> float:
    return round(min(x for x, _ in one.points), 6)


def test_a_zone_lies_where_the_view_lay_at_each_moment() -> None:
    drawn_first, drawn_between = zone(), zone(drawn_ns=1500)
    assert [lefts(placed_in(COURSE, drawn_first, at)) for at in (999, 1000, 1999, 2000, None)] == [
        0.4,
        0.5,
        0.5,
        0.65,
        0.65,
    ]
    assert [lefts(placed_in(COURSE, drawn_between, at)) for at in (999, 1000, 2000)] == [0.3, 0.4, 0.55]


def test_a_view_that_never_moved_changes_nothing() -> None:
    assert placed_in(Course(), zone()) is not None
    assert placed_in(None, zone()) == placed_in(Course(), zone()) == zone()


def test_who_sends_back_what_was_shown_has_drawn_nothing_anew() -> None:
    told = shown(COURSE, zone())
    (again,) = redrawn(COURSE, [zone()], [told], 3000)
    assert again == zone()


def test_what_was_touched_is_drawn_in_the_view_of_now() -> None:
    told = shown(COURSE, zone())
    touched = Zone(A, "Door", (*told.points[:3], (0.7, 0.7)), id=told.id)
    (again,) = redrawn(COURSE, [zone()], [touched], 3000)
    assert (again.points, again.drawn_ns) == (touched.points, 3000)
    assert placed_in(COURSE, again).points == touched.points


def test_of_a_zone_that_left_the_picture_in_part_the_rest_is_shown() -> None:
    told = shown(Course(((1000, FURTHER),)), zone(((0.6, 0.4), (0.9, 0.4), (0.9, 0.6), (0.6, 0.6))))
    assert checked(told).name == "Door"
    assert max(x for x, _ in told.points) == 1.0
    assert lefts(told) == 0.85


@given(st.lists(st.tuples(st.floats(-2, 3), st.floats(-2, 3)), min_size=3, max_size=12))
def test_what_is_cut_lies_in_the_picture(points: list[tuple[float, float]]) -> None:
    assert all(-1e-9 <= x <= 1 + 1e-9 and -1e-9 <= y <= 1 + 1e-9 for x, y in clipped(points))


class FakePool:
    """Says what it is told to say, and remembers what it is given."""

    def __init__(self) -> None:
        self.restored: list[tuple[StreamId, str, bytes]] = []
        self.tell: Callable[[StreamId, str, Score], None]
        self.save: Callable[[StreamId, str, bytes], None]

    def on_scored(self, callback: Callable[[StreamId, str, Score], None]) -> None:
        self.tell = callback

    def on_saved(self, callback: Callable[[StreamId, str, bytes], None]) -> None:
        self.save = callback

    def restore(self, stream: StreamId, module: str, state: bytes) -> None:
        self.restored.append((stream, module, state))

    async def picture(self, ref: UnitRef, width_px: int | None = None, quality: int = 80) -> bytes:
        return b"\xff\xd8" + str(ref.seq).encode()


class Rig:
    """A room over a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        database = Database.at(folder / "haechi.db")
        database.migrate()
        self.pool = FakePool()
        self.book = ViewBook(database)
        self.room = ViewRoom(self.book, self.pool, folder / "views", SystemClock())
        self.told: list[tuple[str, str]] = []
        self.room.on_told(lambda one: self.told.append((one.word, one.detail)))
        self._seq = 0

    def find(self, finding: Finding, at_ns: int) -> None:
        self._seq += 1
        self.pool.tell(STREAM, "view", scored(finding, at_ns, UnitRef(STREAM, 1, self._seq), (640, 360)))

    async def settled(self) -> None:
        """When everything was written down."""
        await until(lambda: not self.room._found and not self.room._to_keep, 60)


def moved(transform: Transform) -> Moved:
    return Moved(transform, Estimate(transform, 80, 0.5, 0.7, 0.4))


def play(folder: Path, script: Callable[[Rig], Awaitable[None]]) -> Rig:
    async def run() -> Rig:
        rig = Rig(folder)
        task = asyncio.create_task(rig.room.run())
        await until(lambda: rig.room._is_restored, 60)
        try:
            await script(rig)
        finally:
            task.cancel()
        return rig

    return asyncio.run(run())


def test_a_move_is_written_down_with_pictures_of_before_and_after(tmp_path: Path) -> None:
    async def script(rig: Rig) -> None:
        rig.find(Referenced("day"), 500)
        rig.find(moved(RIGHT), 1000)
        await rig.settled()
        (view,) = await rig.book.list(A)
        assert (view.kind, view.status, view.at_ns, view.inliers) == ("moved", "applied", 1000, 80)
        assert (await rig.book.course(A)).at(999) == IDENTITY
        assert (await rig.book.course(A)).now == RIGHT
        assert await rig.room.still(A, view.id, "before") == b"\xff\xd81"
        assert await rig.room.still(A, view.id, "after") == b"\xff\xd82"
        assert rig.told == [("moved", "moved")]
        rig.find(moved(RIGHT), 1100)
        await rig.settled()
        assert len(await rig.book.list(A)) == 1, "a judge that was taken back finds the same again"

    play(tmp_path, script)


def test_a_move_that_a_person_undoes_never_was_and_the_view_is_learnt_anew(tmp_path: Path) -> None:
    async def script(rig: Rig) -> None:
        rig.pool.save(STREAM, "view", packed(ViewState()))
        rig.find(moved(RIGHT), 1000)
        rig.find(moved(FURTHER), 2000)
        await rig.settled()
        newest, older = await rig.book.list(A)
        with pytest.raises(Conflict):
            await rig.room.undo(A, older.id, "kim")
        undone = await rig.room.undo(A, newest.id, "kim")
        assert (undone.status, undone.decided_by) == ("undone", "kim")
        assert (await rig.book.course(A)).turns == ((1000, RIGHT),)
        stream, module, state = rig.pool.restored[-1]
        assert (stream, module, read(state).course.transform) == (STREAM, "view", RIGHT)
        with pytest.raises(NotFound):
            await rig.room.accept(A, "vew_nothing", "kim")
        with pytest.raises(NotFound):
            await rig.room.accept(CameraId("cam_xyz"), older.id, "kim")

    play(tmp_path, script)


def test_a_proposal_moves_nothing_until_a_person_agrees_and_then_from_when_it_was_seen(tmp_path: Path) -> None:
    async def script(rig: Rig) -> None:
        rig.find(Asked(Ask("far", FURTHER)), 1000)
        await rig.settled()
        (view,) = await rig.book.list(A)
        assert (view.kind, view.status, (await rig.book.course(A)).now) == ("asked", "open", IDENTITY)
        await rig.room.accept(A, view.id, "kim")
        assert (await rig.book.course(A)).turns == ((1000, FURTHER),)
        assert read(rig.pool.restored[-1][2]).course.trusted == FURTHER

    play(tmp_path, script)


def test_a_question_that_went_away_is_settled_and_a_lost_view_can_be_made_the_normal_one(tmp_path: Path) -> None:
    async def script(rig: Rig) -> None:
        rig.find(Asked(Ask("lost")), 1000)
        rig.find(Settled(), 1500)
        rig.find(Asked(Ask("lost")), 2000)
        await rig.settled()
        assert [view.status for view in await rig.book.list(A)] == ["open", "settled"]
        with pytest.raises(Conflict):
            await rig.room.accept(A, (await rig.book.list(A))[0].id, "kim")
        await rig.room.renew(A, "kim")
        assert [(view.kind, view.status) for view in await rig.book.list(A)] == [
            ("renewed", "applied"),
            ("asked", "settled"),
            ("asked", "settled"),
        ]
        assert (await rig.book.course(A)).now == IDENTITY

    play(tmp_path, script)


def test_a_sick_picture_is_known_until_it_is_well_also_over_a_restart(tmp_path: Path) -> None:
    async def script(rig: Rig) -> None:
        rig.find(Sick("covered"), 1000)
        rig.find(Sick("blurred"), 1100)
        rig.find(Well("blurred"), 1200)
        rig.pool.tell(STREAM, "view", Score("sick", 1.0, 1, 1, ("<b>",)))
        await rig.settled()
        assert dict(rig.room.troubles(A)) == {"covered": 1000}
        assert rig.told == [("sick", "covered"), ("sick", "blurred"), ("well", "blurred")]

    play(tmp_path, script)


def test_what_a_judge_knows_is_given_back_after_a_restart_and_forgotten_with_the_camera(tmp_path: Path) -> None:
    body = packed(ViewState())

    async def first(rig: Rig) -> None:
        rig.pool.save(STREAM, "view", body)
        rig.find(moved(RIGHT), 1000)
        await rig.settled()

    async def second(rig: Rig) -> None:
        assert rig.pool.restored == [(STREAM, "view", body)]
        assert (await rig.book.course(A)).now == RIGHT
        await rig.room.forget(A)
        assert await rig.book.list(A) == []
        assert await rig.book.state(A) == b""
        assert list((tmp_path / "views").iterdir()) == []

    play(tmp_path, first)
    play(tmp_path, second)


def test_the_oldest_of_too_many_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haechi.vision.view.book.MOST_VIEWS", 3)

    async def script(rig: Rig) -> None:
        for number in range(5):
            await rig.book.add(View("", A, "moved", "applied", number + 1, RIGHT))
        assert [view.at_ns for view in await rig.book.list(A)] == [5, 4, 3]

    play(tmp_path, script)
