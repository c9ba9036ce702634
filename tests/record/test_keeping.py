"""Which class a recording is of, which go first, what a plan says; nothing protected ever goes (CONTRACT D5)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct

from haechi.base.clock import NS_PER_S, SimulatedClock
from haechi.base.ids import CameraId, RecordingId, StreamId, UserId, camera_of, stream_of
from haechi.bus.ledger import Ledger
from haechi.record.accounts import Accounts
from haechi.record.bookmarks import AROUND_NS, Author, BookmarkChange, BookmarkStore, Draft
from haechi.record.choice import Why, Wishes, expired
from haechi.record.forecast import Past, look_ahead
from haechi.record.index import RecordIndex
from haechi.record.judge import MOTION_FROM, SETTLE_NS
from haechi.record.pins import pins_over
from haechi.record.policies import NS_PER_DAY, Keep, Kept, PinKind, Policy
from haechi.record.retention import Retention, RetentionReport, RetentionSettings
from haechi.record.tables import recordings
from haechi.record.volume import Space, Volume
from haechi.store.database import Database
from tests.record.archive import _empty_database
from tests.streams import START_NS

MINUTE_NS = 60 * NS_PER_S
FRONT, YARD = CameraId("cam_front"), CameraId("cam_yard")
SIZE = 1_000


class Room(Volume):
    """A volume with so much room for files of nothing, of which the index says how large they are."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.capacity = 1 << 40
        self.used = 0
        self.sizes: dict[str, int] = {}

    def space(self) -> Space:
        return Space(self.capacity, self.capacity - self.used)

    def remove(self, relative: str) -> None:
        assert self.path_of(relative).exists(), "deleted twice"
        self.used -= self.sizes.pop(relative)
        super().remove(relative)


class Shelf:
    """Recordings of whole minutes, put there by hand: rows and files, as a recorder leaves them."""

    def __init__(self, root: Path, at_ns: int = START_NS) -> None:
        (root / "haechi.db").write_bytes(_empty_database())
        self.database = Database.at(root / "haechi.db")
        self.clock = SimulatedClock(at_ns)
        self.index = RecordIndex(self.database)
        self.volume = Room(root / "record")
        asyncio.run(self.volume.claim(self.database, self.clock))
        self.retention = Retention(self.index, self.volume, self.clock, RetentionSettings(min_free_bytes=0))
        self.bookmarks = BookmarkStore(self.database, self.clock)
        self._count = 0

    def close(self) -> None:
        self.database.close()

    def record(self, stream: StreamId, start_ns: int, *, size: int = SIZE, is_open: bool = False) -> RecordingId:
        """A minute of footage."""
        self._count += 1
        number = self._count
        row = {
            "volume": self.volume.id,
            "stream": stream,
            "run": 1,
            "params": 0,
            "path": f"{camera_of(stream)}/{number}.mp4",
            "start_ns": start_ns,
            "end_ns": start_ns + MINUTE_NS,
            "first_seq": number * 10,
            "last_seq": number * 10 + 9,
            "init_bytes": 1,
            "size_bytes": size,
            "is_open": is_open,
        }
        path = self.volume.path_of(str(row["path"]))
        path.parent.mkdir(exist_ok=True)
        path.touch()
        self.volume.sizes[str(row["path"])] = size
        self.volume.used += size
        key = self.database.write_now(lambda c: c.execute(recordings.insert().values(row)).inserted_primary_key)
        assert key is not None
        return RecordingId(key[0])

    def minutes(self, camera: CameraId, count: int, *, days_ago: float = 0.0, size: int = SIZE) -> list[RecordingId]:
        """Minutes in a row that ended so long before now."""
        start_ns = self.clock.wall_ns() - int(days_ago * NS_PER_DAY) - count * MINUTE_NS
        return [self.record(stream_of(camera), start_ns + n * MINUTE_NS, size=size) for n in range(count)]

    def moved(self, camera: CameraId, recording: RecordingId, motion: int = MOTION_FROM) -> None:
        """Something moved in a recording, as the accounts tell."""
        start_ns = self.row(recording).start_ns
        put_motion(self.database, stream_of(camera), start_ns + MINUTE_NS // 2, motion)

    def pin(self, camera: CameraId, recording: RecordingId, reason: str, kind: PinKind) -> None:
        start_ns = self.row(recording).start_ns
        asyncio.run(self.index.pin(stream_of(camera), start_ns + NS_PER_S, start_ns + 2 * NS_PER_S, reason, kind))

    def row(self, recording: RecordingId) -> sa.Row[tuple[object, ...]]:
        return self.database.read_now(
            lambda c: c.execute(sa.select(recordings).where(recordings.c.id == recording)).one()
        )

    def left(self) -> list[RecordingId]:
        query = sa.select(recordings.c.id).order_by(recordings.c.id)
        return self.database.read_now(lambda c: [RecordingId(one) for one in c.execute(query).scalars()])

    def kept(self) -> dict[RecordingId, int | None]:
        query = sa.select(recordings.c.id, recordings.c.kept_as)
        return self.database.read_now(lambda c: {RecordingId(row.id): row.kept_as for row in c.execute(query)})

    def once(self) -> RetentionReport:
        return asyncio.run(self.retention.once())


def put_motion(database: Database, stream: StreamId, at_ns: int, motion: int) -> None:
    """Let the ledger count motion in a minute, and put it into the database as the recorder does."""
    ledger = Ledger()
    ledger.moved(stream, at_ns, motion / 255)
    asyncio.run(Accounts(ledger, database, SimulatedClock(at_ns)).flush())


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.close()


def test_a_recording_is_kept_as_the_highest_class_that_it_belongs_to(shelf: Shelf) -> None:
    plain, moving, event, kept, both = shelf.minutes(FRONT, 5, days_ago=1)
    for one in (moving, event, kept, both):
        shelf.moved(FRONT, one)
    shelf.moved(FRONT, plain, MOTION_FROM - 1)
    shelf.pin(FRONT, event, "event:evt_1", PinKind.EVENT)
    shelf.pin(FRONT, kept, "case:1", PinKind.PROTECTED)
    shelf.pin(FRONT, both, "event:evt_2", PinKind.EVENT)
    shelf.pin(FRONT, both, "case:1", PinKind.PROTECTED)
    shelf.once()
    assert shelf.kept() == {plain: 0, moving: 1, event: 2, kept: 3, both: 3}


def test_sound_is_kept_as_what_its_camera_saw_and_other_cameras_are_not(shelf: Shelf) -> None:
    (picture,) = shelf.minutes(FRONT, 1, days_ago=1)
    sound = shelf.record(stream_of(FRONT, "audio"), shelf.row(picture).start_ns)
    other = shelf.record(stream_of(YARD), shelf.row(picture).start_ns)
    shelf.pin(FRONT, picture, "event:evt_1", PinKind.EVENT)
    shelf.once()
    assert shelf.kept() == {picture: 2, sound: 2, other: 0}


def test_each_class_goes_when_its_own_time_has_come(shelf: Shelf) -> None:
    found = {days: shelf.minutes(FRONT, 4, days_ago=days) for days in (1, 4, 8, 15)}
    for _, moving, event, kept in found.values():
        shelf.moved(FRONT, moving)
        shelf.pin(FRONT, event, f"event:evt_{event}", PinKind.EVENT)
        shelf.pin(FRONT, kept, f"case:{kept}", PinKind.PROTECTED)
    shelf.retention.settings = RetentionSettings(3, 0, motion_days=7, event_days=14)
    report = shelf.once()
    left = {days: [one in shelf.left() for one in four] for days, four in found.items()}
    assert left == {
        1: [True, True, True, True],
        4: [False, True, True, True],
        8: [False, False, True, True],
        15: [False, False, False, True],
    }
    assert (report.expired, report.freed_bytes) == (6, 6 * SIZE)


def test_footage_of_a_higher_class_never_goes_before_that_of_a_lower_one() -> None:
    keep = Keep(continuous_days=30, motion_days=5, event_days=1)
    assert [keep.days(kept) for kept in (Kept.CONTINUOUS, Kept.MOTION, Kept.EVENT)] == [30, 30, 30]


def test_nothing_is_deleted_before_it_is_known_what_happened_in_it(shelf: Shelf) -> None:
    shelf.retention.settings = RetentionSettings(0, 0, motion_days=0, event_days=0)
    shelf.minutes(FRONT, 3)
    assert shelf.once().expired == 0
    assert set(shelf.kept().values()) == {None}
    shelf.clock.advance(SETTLE_NS)
    assert shelf.once().expired == 0
    assert set(shelf.kept().values()) == {0}
    shelf.clock.advance(3600 * NS_PER_S)
    assert shelf.once().expired == 3


def test_a_camera_has_no_more_than_its_limit_and_loses_continuous_then_motion_then_events(shelf: Shelf) -> None:
    ones = shelf.minutes(FRONT, 8, days_ago=1)
    others = shelf.minutes(YARD, 8, days_ago=1)
    shelf.pin(FRONT, ones[0], "case:1", PinKind.PROTECTED)
    shelf.pin(FRONT, ones[1], "event:evt_1", PinKind.EVENT)
    for moving in (ones[2], ones[3]):
        shelf.moved(FRONT, moving)
    limits = (
        (8, set(ones)),
        (6, {*ones[:4], *ones[6:]}),
        (3, {*ones[:2], ones[3]}),
        (2, set(ones[:2])),
        (1, {ones[0]}),
    )
    for most, left in limits:
        asyncio.run(shelf.index.set_policy(FRONT, Policy(max_bytes=most * SIZE)))
        shelf.once()
        assert set(shelf.left()) == {*left, *others}, most
    asyncio.run(shelf.index.set_policy(FRONT, Policy(max_bytes=1)))
    assert shelf.once().for_size == 0
    assert ones[0] in shelf.left()


def test_a_pin_that_is_set_while_a_pass_chooses_wins(shelf: Shelf) -> None:
    first, second = shelf.minutes(FRONT, 2, days_ago=40)
    asyncio.run(shelf.retention._judge(shelf.clock.wall_ns()))
    wishes = asyncio.run(shelf.retention._wishes())
    chosen = shelf.database.read_now(lambda c: expired(c, wishes, shelf.clock.wall_ns(), 10))
    shelf.pin(FRONT, first, "case:1", PinKind.PROTECTED)
    asyncio.run(shelf.retention._delete(chosen))
    assert (shelf.left(), second in [one.id for one in chosen]) == ([first], True)
    shelf.once()
    assert shelf.kept() == {first: 3}


def test_a_bookmark_that_keeps_keeps_until_it_is_let_go_of(shelf: Shelf) -> None:
    before, at, after = shelf.minutes(FRONT, 3, days_ago=40)
    start_ns = shelf.row(at).start_ns + AROUND_NS
    made = asyncio.run(shelf.bookmarks.add(Draft(FRONT, start_ns, None, "a fox", True), Author(UserId("usr_1"), "Ann")))
    assert shelf.once().expired == 2
    assert shelf.left() == [at]
    asyncio.run(shelf.bookmarks.change(made.id, BookmarkChange(keep=False)))
    assert shelf.once().expired == 1
    assert {before, after}.isdisjoint(shelf.left())


def test_pins_of_events_go_with_their_footage_and_those_of_people_do_not(shelf: Shelf) -> None:
    old, new = shelf.minutes(FRONT, 1, days_ago=40)[0], shelf.minutes(FRONT, 1, days_ago=1)[0]
    start_ns = shelf.row(old).start_ns
    for one in (old, new):
        shelf.pin(FRONT, one, f"event:evt_{one}", PinKind.EVENT)
    asyncio.run(shelf.index.pin(stream_of(FRONT), start_ns - NS_PER_DAY, start_ns - 1, "case:1", PinKind.PROTECTED))
    shelf.once()
    left = shelf.database.read_now(lambda c: pins_over(c, FRONT, 0, 1 << 62))
    assert {pin.reason for pin in left} == {f"event:evt_{new}", "case:1"}


def test_a_gap_in_the_middle_of_kept_footage_is_one_of_retention(shelf: Shelf) -> None:
    ones = shelf.minutes(FRONT, 6, days_ago=40)
    shelf.pin(FRONT, ones[2], "case:1", PinKind.PROTECTED)
    shelf.once()
    gaps = asyncio.run(shelf.index.gaps(stream_of(FRONT), 0, 1 << 62))
    start_ns = shelf.row(ones[2]).start_ns
    assert [(gap.start_ns, gap.end_ns) for gap in gaps] == [
        (start_ns - 2 * MINUTE_NS, start_ns),
        (start_ns + MINUTE_NS, start_ns + 4 * MINUTE_NS),
    ]


def test_a_plan_says_what_would_go_and_why_and_deletes_nothing(shelf: Shelf) -> None:
    old, new = shelf.minutes(FRONT, 3, days_ago=40), shelf.minutes(FRONT, 4, days_ago=1)
    yard = shelf.minutes(YARD, 2, days_ago=2)
    shelf.moved(FRONT, new[3])
    asyncio.run(shelf.index.set_policy(FRONT, Policy(max_bytes=2 * SIZE)))
    plan = asyncio.run(shelf.retention.plan())
    front = plan.cameras[0]
    assert [(one.kept, one.why, one.recordings, one.bytes) for one in front.classes] == [
        (Kept.CONTINUOUS, Why.AGE, 3, 3 * SIZE),
        (Kept.CONTINUOUS, Why.SIZE, 2, 2 * SIZE),
    ]
    assert (front.classes[0].oldest_ns, front.classes[0].newest_ns) == (
        shelf.row(old[0]).start_ns,
        shelf.row(old[-1]).end_ns,
    )
    assert len(shelf.left()) == 9
    wished = asyncio.run(shelf.retention.plan(Keep(1.5, 1.5, 1.5), {FRONT: Policy(continuous_days=0.5)}))
    assert [(camera.camera, sum(one.recordings for one in camera.classes)) for camera in wished.cameras] == [
        (FRONT, 6),
        (YARD, len(yard)),
    ]


class Plan(Struct, frozen=True):
    """What a plan came to."""

    recordings: int
    bytes: int


class Deletion(RuleBasedStateMachine):
    """Footage, motion, pins, wishes and disks of any size, in any order: what is protected stays, and a pass deletes
    what the plan just before it said, in the order of D5."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.shelf = Shelf(Path(self._folder.name), START_NS + 400 * NS_PER_DAY)
        self.pins: dict[str, tuple[RecordingId, PinKind]] = {}
        self.open: set[RecordingId] = set()

    def teardown(self) -> None:
        self.shelf.close()
        self._folder.cleanup()

    @initialize()
    def some(self) -> None:
        for camera in (FRONT, YARD):
            self.shelf.minutes(camera, 3, days_ago=2)

    @rule(camera=st.sampled_from([FRONT, YARD]), days=st.floats(0.1, 90), size=st.integers(2, 5000))
    def comes(self, camera: CameraId, days: float, size: int) -> None:
        start_ns = self.shelf.clock.wall_ns() - int(days * NS_PER_DAY)
        self.shelf.record(stream_of(camera), start_ns // MINUTE_NS * MINUTE_NS, size=size)

    @rule(camera=st.sampled_from([FRONT, YARD]))
    def is_written(self, camera: CameraId) -> None:
        now_ns = self.shelf.clock.wall_ns()
        self.open.add(self.shelf.record(stream_of(camera), now_ns - MINUTE_NS, is_open=True))

    @precondition(lambda self: self.shelf.left())
    @rule(data=st.data(), kind=st.sampled_from(PinKind), reason=st.sampled_from("abc"))
    def is_pinned(self, data: st.DataObject, kind: PinKind, reason: str) -> None:
        one = data.draw(st.sampled_from(self.shelf.left()))
        row = self.shelf.row(one)
        self.shelf.pin(camera_of(StreamId(str(row.stream))), one, f"{reason}{one}", kind)
        self.pins[f"{reason}{one}"] = (one, kind)

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def is_let_go(self, data: st.DataObject) -> None:
        reason = data.draw(st.sampled_from(sorted(self.pins)))
        asyncio.run(self.shelf.index.unpin(reason))
        del self.pins[reason]

    @precondition(lambda self: self.shelf.left())
    @rule(data=st.data())
    def moves(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.shelf.left()))
        self.shelf.moved(camera_of(StreamId(str(self.shelf.row(one).stream))), one)

    @rule(days=st.lists(st.floats(0, 60), min_size=3, max_size=3), free=st.integers(0, 20_000))
    def is_wished(self, days: list[float], free: int) -> None:
        self.shelf.retention.settings = RetentionSettings(days[0], free, days[1], days[2])

    @rule(camera=st.sampled_from([FRONT, YARD]), most=st.none() | st.integers(1, 20_000))
    def is_limited(self, camera: CameraId, most: int | None) -> None:
        asyncio.run(self.shelf.index.set_policy(camera, Policy(max_bytes=most)))

    @rule(room=st.integers(0, 30_000))
    def disk_is_small(self, room: int) -> None:
        self.shelf.volume.capacity = self.shelf.volume.used + room

    @rule(days=st.floats(0, 3))
    def time_passes(self, days: float) -> None:
        self.shelf.clock.advance(int(days * NS_PER_DAY))

    @rule()
    def a_pass(self) -> None:
        shelf = self.shelf
        before = {one: shelf.row(one) for one in shelf.left()}
        now_ns = shelf.clock.wall_ns()
        plan = asyncio.run(shelf.retention.plan())
        kept = shelf.kept()
        report = shelf.once()
        gone = before.keys() - set(shelf.left())
        unjudged = {one for one in before if kept[one] is None}
        if not gone & unjudged:  # for want of space, what ended just now is judged at once
            assert Plan(plan.total_recordings, plan.total_bytes) == Plan(
                len(gone), sum(int(str(before[one].size_bytes)) for one in gone)
            )
        assert report.freed_bytes == sum(int(str(before[one].size_bytes)) for one in gone)
        wishes = asyncio.run(shelf.retention._wishes())
        left = [one for one in shelf.left() if kept[one] in (0, 1, 2)]
        for one in left:
            row = before[one]
            keep = wishes.of(camera_of(StreamId(str(row.stream))))
            assert int(str(row.end_ns)) > keep.horizon_ns(Kept(int(str(kept[one]))), now_ns), "its time had come"
        if report.only_protected:
            assert left == []

    @invariant()
    def protected_footage_is_there_with_its_file(self) -> None:
        left = set(self.shelf.left())
        assert {one for one, kind in self.pins.values() if kind is PinKind.PROTECTED} <= left
        assert self.open <= left
        assert len(self.shelf.volume.sizes) == len(left)


Deletion.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestDeletion = pytest.mark.slow(Deletion.TestCase)


def past(sizes: dict[int, int], oldest_days: int, now_ns: int) -> Past:
    return Past(sizes, now_ns - oldest_days * NS_PER_DAY)


def test_the_forecast_says_when_the_disk_is_full_or_where_it_settles() -> None:
    now_ns = START_NS
    pasts = {(FRONT, Kept.CONTINUOUS): past(dict.fromkeys(range(10), 100), 10, now_ns)}
    wishes = Wishes(Keep(30, 30, 30), {})
    rate = pasts[FRONT, Kept.CONTINUOUS].per_day(30, now_ns)
    assert rate == pytest.approx(100)
    rates = {(FRONT, Kept.CONTINUOUS): rate}
    full_ns, steady = look_ahead(pasts, rates, wishes, 500)
    assert full_ns is not None
    assert full_ns / NS_PER_DAY == pytest.approx(5)
    assert steady is None
    never, settled = look_ahead(pasts, rates, wishes, 5000)
    assert never is None
    assert settled == pytest.approx(3000, rel=0.05)
    limited = Wishes(Keep(30, 30, 30, max_bytes=1200), {})
    assert look_ahead(pasts, rates, limited, 500) == (None, 1200)
    assert look_ahead({}, {}, wishes, 500) == (None, 0)


def test_a_forecast_of_real_rows_counts_each_camera(shelf: Shelf) -> None:
    for day in range(1, 11):
        shelf.minutes(FRONT, 1, days_ago=day - 0.5, size=1000)
    shelf.pin(YARD, shelf.minutes(YARD, 1, days_ago=3, size=700)[0], "case:1", PinKind.PROTECTED)
    shelf.volume.capacity = shelf.volume.used + 5_000
    shelf.once()
    found = asyncio.run(shelf.retention.forecast())
    assert [(one.camera, one.bytes) for one in found.cameras] == [(FRONT, 10_000), (YARD, 700)]
    assert found.cameras[0].bytes_per_day == pytest.approx(1000, rel=0.01)
    assert found.full_ns is not None
    assert (found.full_ns - shelf.clock.wall_ns()) / NS_PER_DAY == pytest.approx(5, abs=0.6)
